//! What a person may be sent in a day holds whoever judges: each text that is not urgent is judged by all that were
//! committed to before.

use crate::batch::batch;
use crate::clocks::alert;
use crate::delivery::notice;
use crate::for_each_database;
use crate::many_hosts::{client, same_database};
use crate::support::{ANA, TestHost};
use chrono::TimeDelta;
use serde_json::json;
use std::sync::Arc;
use tidings::crash::{Crash, Point};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// A host that has judged one text, and has not gone on yet.
struct Judging {
    go_on: Arc<Semaphore>,
    life: JoinHandle<()>,
}

impl Judging {
    async fn one_of(host: &TestHost) -> Self {
        let (judged, go_on) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (reached, gate) = (judged.clone(), go_on.clone());
        let slow = same_database(host, client(host), |settings| {
            settings.permits.normal = 1;
            settings.crash = Crash::hooked(move |point| {
                let (reached, gate) = (reached.clone(), gate.clone());
                Box::pin(async move {
                    if point == Point::Judged {
                        reached.add_permits(1);
                        gate.acquire().await.unwrap().forget();
                    }
                })
            });
        });
        let life = tokio::spawn(async move {
            slow.tick().await.unwrap();
        });
        judged.acquire().await.unwrap().forget();
        Self { go_on, life }
    }

    async fn ends(self) {
        // What is judged anew, and not sent then, comes by once more.
        self.go_on.add_permits(2);
        self.life.await.unwrap();
    }
}

for_each_database! {
    /// The policy lets six of them out in a day.
    async fn a_cap_holds_where_two_hosts_judge_two_texts_of_one_person_at_the_same_moment(start: Start) {
        let host = start.host().await;
        for _ in 0..5 {
            host.message(notice(ANA)).await;
        }
        host.run().await;
        let both = [host.message(notice(ANA)).await, host.message(notice(ANA)).await];
        let judging = Judging::one_of(&host).await;
        host.run().await;
        assert_eq!(host.texts_to(ANA).len(), 6);
        judging.ends().await;
        host.run().await;
        assert_eq!(host.texts_to(ANA).len(), 6);
        let mut waiting = Vec::new();
        for id in &both {
            let story = host.story(id).await;
            waiting.extend((story["state"] == "planned").then(|| story.to_string()));
        }
        assert!(waiting.len() == 1 && waiting[0].contains("sent another text, while the message was judged"), "{waiting:?}");
    }

    /// More of them than a policy is told texts.
    async fn texts_that_left_for_nobody_hide_none_from_a_cap(start: Start) {
        let host = start.host().await;
        batch(&host, (0..6).map(|_| notice(ANA)).collect()).await;
        host.run().await;
        let mut useless = notice(ANA);
        useless["expires_at"] = json!(host.clock_now() + TimeDelta::minutes(1));
        for _ in 0..6 {
            batch(&host, vec![useless.clone(); 100]).await;
        }
        host.run_after(TimeDelta::minutes(2)).await;
        assert_eq!(host.number("SELECT COUNT(*) FROM messages WHERE state = 'expired'").await, 600);
        let seventh = host.message(notice(ANA)).await;
        host.run().await;
        assert_eq!(host.texts_to(ANA).len(), 6);
        let story = host.story(&seventh).await;
        let told = story["decisions"][0]["input"]["recent"].as_array().unwrap();
        assert_eq!(told.iter().filter(|text| text["outcome"] == "expired").count(), 500);
    }

    async fn an_alert_waits_for_nobody_and_counts_for_what_is_judged_beside_it(start: Start) {
        let host = start.host().await;
        let text = host.message(notice(ANA)).await;
        let judging = Judging::one_of(&host).await;
        for _ in 0..2 {
            host.message(alert(ANA, &host)).await;
        }
        host.run().await;
        assert_eq!(host.texts_to(ANA).len(), 2);
        judging.ends().await;
        host.run().await;
        let story = host.story(&text).await;
        assert!(story.to_string().contains("judged-again"), "{story}");
        assert_eq!((&story["state"], host.texts_to(ANA).len()), (&"delivered".into(), 3), "{story}");
    }
}
