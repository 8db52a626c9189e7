//! Recovering: a backup was put back that knows nothing of what was sent since.

use crate::clocks::alert;
use crate::delivery::{BO, after_seconds, another, notice, state};
use crate::for_each_database;
use crate::many_hosts::{client, machine};
use crate::support::{ANA, TestHost};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tidings::clock::ManualClock;
use tidings::domain::failure::{ListedText, SendOutcome};
use tidings::domain::phone::PhoneNumber;
use tidings::twilio::{BoxFuture, ListPage, LookUpError, Outgoing, Provider};

const CAM: &str = "+12025550145";
const DEE: &str = "+12025550146";

/// A provider whose list of texts has no end.
struct Endless(Arc<dyn Provider>);

/// It makes no codes.
impl tidings::twilio::verify::Verify for Endless {}

impl Provider for Endless {
    fn send<'a>(&'a self, text: &'a Outgoing) -> BoxFuture<'a, SendOutcome> {
        self.0.send(text)
    }

    fn fetch<'a>(&'a self, sid: &'a str) -> BoxFuture<'a, Result<Option<ListedText>, LookUpError>> {
        self.0.fetch(sid)
    }

    fn list<'a>(
        &'a self,
        _: &'a PhoneNumber,
        _: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Vec<ListedText>, LookUpError>> {
        Box::pin(std::future::ready(Err(LookUpError::Paging)))
    }

    fn date(&self) -> BoxFuture<'_, Option<DateTime<Utc>>> {
        self.0.date()
    }

    fn redact<'a>(&'a self, sid: &'a str) -> BoxFuture<'a, Result<(), LookUpError>> {
        self.0.redact(sid)
    }
}

/// A provider whose list of a phone is read in two pages, of which each takes its time.
struct Slow {
    real: Arc<dyn Provider>,
    clock: Arc<ManualClock>,
    page_takes: TimeDelta,
    /// The pages that were asked for: whose, and which.
    asked: Mutex<Vec<(String, Option<String>)>>,
}

impl Slow {
    fn before(host: &TestHost, seconds: i64) -> Arc<Self> {
        let (real, clock) = (client(host), host.clock.clone());
        Arc::new(Self { real, clock, page_takes: TimeDelta::seconds(seconds), asked: Mutex::default() })
    }

    fn asked(&self) -> Vec<(String, Option<String>)> {
        self.asked.lock().unwrap().clone()
    }
}

/// It makes no codes.
impl tidings::twilio::verify::Verify for Slow {}

impl Provider for Slow {
    fn send<'a>(&'a self, text: &'a Outgoing) -> BoxFuture<'a, SendOutcome> {
        self.real.send(text)
    }

    fn fetch<'a>(&'a self, sid: &'a str) -> BoxFuture<'a, Result<Option<ListedText>, LookUpError>> {
        self.real.fetch(sid)
    }

    fn list<'a>(
        &'a self,
        to: &'a PhoneNumber,
        since: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Vec<ListedText>, LookUpError>> {
        self.real.list(to, since)
    }

    fn list_page<'a>(
        &'a self,
        to: &'a PhoneNumber,
        from: Option<&'a str>,
    ) -> BoxFuture<'a, Result<ListPage, LookUpError>> {
        self.clock.advance(self.page_takes);
        // Ana's second page breaks off the first time.
        let page = (to.e164().to_owned(), from.map(str::to_owned));
        let is_given = page != (ANA.to_owned(), Some("two".to_owned())) || self.asked().contains(&page);
        self.asked.lock().unwrap().push(page);
        Box::pin(async move {
            match from {
                _ if !is_given => Err(LookUpError::Unreadable),
                None => Ok(ListPage { texts: Vec::new(), next: Some("two".to_owned()) }),
                Some(_) => self.real.list_page(to, None).await,
            }
        })
    }

    fn date(&self) -> BoxFuture<'_, Option<DateTime<Utc>>> {
        self.real.date()
    }

    fn redact<'a>(&'a self, sid: &'a str) -> BoxFuture<'a, Result<(), LookUpError>> {
        self.real.redact(sid)
    }
}

/// As the backup has it: planned, and none of what came after.
pub(crate) const FORGET: [&str; 4] = [
    "DELETE FROM provider_events",
    "DELETE FROM journal WHERE to_state NOT IN ('planned')",
    "UPDATE messages SET state = 'planned', attempt_id = NULL, attempts = 0, sid = NULL, sent_at = NULL,
        delivered_at = NULL, check_at = NULL, lease_host = NULL, lease_until = NULL, changes = 1,
        error_code = NULL, error_text = NULL, text_sealed = NULL, phone_sealed = NULL, phone_hash = NULL",
    "DELETE FROM attempts",
];

/// As a backup has it that was made before any of it was posted.
const KNOW_NOTHING: [&str; 5] = [
    "DELETE FROM provider_events",
    "DELETE FROM journal",
    "DELETE FROM decisions",
    "DELETE FROM attempts",
    "DELETE FROM messages",
];

for_each_database! {
    async fn what_was_sent_after_the_backup_is_taken_as_sent_and_the_rest_goes_out(start: Start) {
        let host = start.host().await;
        let since = host.clock_now();
        let mut sent = Vec::new();
        // Two of the same words to one phone stay two.
        for to in [ANA, ANA, BO] {
            sent.push(host.message(notice(to)).await);
        }
        host.run().await;
        let sids: Vec<Value> = {
            let mut sids = Vec::new();
            for id in &sent {
                sids.push(host.story(id).await["sid"].clone());
            }
            sids
        };
        let waiting = host.message(notice(CAM)).await;
        let mut later = notice(CAM);
        later["send_at"] = json!(host.clock_now() + TimeDelta::days(1));
        let future = host.message(later).await;
        for statement in FORGET {
            host.sql(statement).await;
        }
        let calls = host.sandbox.calls();
        host.clock.advance(TimeDelta::minutes(10));

        let recovering = another(&host, |_| ());
        let recovered = recovering.recover(since, true, |_| ()).await.unwrap();
        assert_eq!((recovered.looked_up, recovered.held), (4, 0));
        host.run().await;
        assert_eq!(host.sandbox.calls(), calls, "nothing goes out before it was looked up");
        after_seconds(&host, 0).await;
        for _ in 0..3 {
            after_seconds(&host, 31).await;
        }
        let mut found = Vec::new();
        for id in &sent {
            assert_eq!(state(&host, id).await, "delivered");
            found.push(host.story(id).await["sid"].clone());
        }
        let sorted = |mut sids: Vec<Value>| {
            sids.sort_by_key(ToString::to_string);
            sids
        };
        assert_eq!(sorted(found), sorted(sids));
        assert_eq!((state(&host, &waiting).await.as_str(), state(&host, &future).await.as_str()), ("delivered", "planned"));
        assert_eq!((host.texts_to(ANA).len(), host.texts_to(BO).len(), host.texts_to(CAM).len()), (2, 1, 1));
        assert_eq!(host.sandbox.calls(), calls + 1);
    }

    async fn what_was_posted_after_the_backup_and_is_posted_again_is_not_sent_again(start: Start) {
        let host = start.host().await;
        let since = host.clock_now();
        let mut sids = Vec::new();
        for to in [ANA, BO, CAM] {
            let id = host.message(notice(to)).await;
            host.run().await;
            sids.push(host.story(&id).await["sid"].clone());
        }
        for statement in KNOW_NOTHING {
            host.sql(statement).await;
        }
        host.clock.advance(TimeDelta::minutes(10));
        let recovered = another(&host, |_| ()).recover(since, true, |_| ()).await.unwrap();
        assert_eq!((recovered.looked_up, recovered.held), (0, 0));
        let calls = host.sandbox.calls();
        // The provider's list is behind for moments.
        let early = host.message(notice(DEE)).await;
        for seconds in [0, 30] {
            after_seconds(&host, seconds).await;
            assert_eq!((state(&host, &early).await.as_str(), host.sandbox.calls()), ("planned", calls));
        }
        after_seconds(&host, 30).await;
        assert_eq!((state(&host, &early).await.as_str(), host.sandbox.calls()), ("delivered", calls + 1));
        host.clock.advance(TimeDelta::hours(22));
        host.host.sweep().await.unwrap();
        let calls = host.sandbox.calls();

        // Where the provider cannot be asked, nothing goes out.
        let again = host.message(notice(ANA)).await;
        let astray = another(&host, |config| "http://127.0.0.1:9".clone_into(&mut config.twilio.base_url));
        astray.begin().await.unwrap();
        astray.tick().await.unwrap();
        let due = host.story(&again).await["due_at"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
        assert_eq!(due - host.clock_now(), TimeDelta::seconds(30));
        after_seconds(&host, 30).await;
        let other = host.message(notice(BO)).await;
        host.run().await;
        for (id, sid) in [(&again, &sids[0]), (&other, &sids[1])] {
            let story = host.story(id).await;
            assert_eq!((&story["state"], &story["sid"]), (&json!("delivered"), sid), "{story}");
            assert!(story.to_string().contains("a backup was put back, and Twilio had sent these very words"), "{story}");
        }
        assert_eq!(host.sandbox.calls(), calls, "none was sent again");

        // A second one of the same words is a second one, and other words are other words.
        host.message(notice(ANA)).await;
        host.message(json!({"type": "follow-up", "to": {"id": ANA}})).await;
        host.run().await;
        assert_eq!((host.texts_to(ANA).len(), host.texts_to(BO).len()), (3, 1));
        // Whoever posts the next day means a new one.
        host.run_after(TimeDelta::hours(4)).await;
        host.message(notice(CAM)).await;
        host.run().await;
        assert_eq!(host.texts_to(CAM).len(), 2);
    }

    async fn where_the_list_of_a_phone_has_no_end_a_person_looks_and_an_alert_goes_out_at_once(start: Start) {
        let host = start.host().await;
        another(&host, |_| ()).recover(host.clock_now(), true, |_| ()).await.unwrap();
        let astray = machine(&host, Arc::new(Endless(client(&host))), host.clock.clone(), |_| ());
        astray.begin().await.unwrap();
        let urgent = host.message(alert(ANA, &host)).await;
        let other = host.message(notice(BO)).await;
        astray.tick().await.unwrap();
        host.sandbox.until_quiet().await;
        assert_eq!((state(&host, &urgent).await.as_str(), state(&host, &other).await.as_str()), ("delivered", "planned"));

        host.clock.advance(TimeDelta::minutes(1));
        astray.tick().await.unwrap();
        let held = host.get("/api/v1/messages?state=held").await;
        let held = held["items"].as_array().unwrap();
        let held: Vec<_> = held.iter().map(|message| (&message["id"], &message["reason"]["code"])).collect();
        assert_eq!(held, [(&json!(other), &json!("endless-list"))]);
        host.clock.advance(TimeDelta::hours(1));
        astray.sweep().await.unwrap();
        astray.tick().await.unwrap();
        assert_eq!(state(&host, &other).await, "held", "nobody has looked yet");

        let (status, _) = host.post(&format!("/api/v1/messages/{other}/retry"), json!({})).await;
        assert_eq!(status, 200);
        astray.tick().await.unwrap();
        host.sandbox.until_quiet().await;
        assert_eq!((state(&host, &other).await.as_str(), host.sandbox.calls()), ("delivered", 2));
    }

    /// Longer than a lease, and with a page that breaks off.
    async fn a_list_that_takes_long_is_read_once_and_what_it_was_read_for_goes_out(start: Start) {
        let host = start.host().await;
        let since = host.clock_now();
        host.message(notice(BO)).await;
        host.run().await;
        for statement in KNOW_NOTHING {
            host.sql(statement).await;
        }
        host.clock.advance(TimeDelta::minutes(10));
        another(&host, |_| ()).recover(since, true, |_| ()).await.unwrap();
        host.clock.advance(TimeDelta::minutes(2));
        let slow = Slow::before(&host, 70);
        let machine = machine(&host, slow.clone(), host.clock.clone(), |_| ());
        machine.begin().await.unwrap();
        let calls = host.sandbox.calls();
        let (new, again) = (host.message(notice(ANA)).await, host.message(notice(BO)).await);
        machine.tick().await.unwrap();
        assert_eq!((state(&host, &new).await.as_str(), slow.asked().len()), ("planned", 4));
        // Both pages are read by now: each is read on where it broke off, and no text is judged by a moment long past.
        host.clock.advance(TimeDelta::seconds(30));
        machine.tick().await.unwrap();
        host.sandbox.until_quiet().await;
        assert_eq!(slow.asked().iter().filter(|(_, page)| page.is_none()).count(), 2, "once for each phone");
        assert_eq!((state(&host, &new).await.as_str(), state(&host, &again).await.as_str()), ("delivered", "delivered"));
        assert_eq!((host.sandbox.calls(), host.texts_to(BO).len()), (calls + 1, 1), "the other was sent before");
        // Known by now.
        let asked = slow.asked().len();
        let third = host.message(notice(ANA)).await;
        machine.tick().await.unwrap();
        host.sandbox.until_quiet().await;
        assert_eq!((state(&host, &third).await.as_str(), slow.asked().len()), ("delivered", asked));
    }

    async fn what_cannot_be_looked_up_after_a_backup_waits_for_a_person(start: Start) {
        let host = start.host().await;
        let id = host.message(notice(ANA)).await;
        host.sql("UPDATE messages SET payload_sealed = NULL").await;
        let recovered = another(&host, |_| ()).recover(host.clock_now(), true, |_| ()).await.unwrap();
        assert_eq!((recovered.looked_up, recovered.held), (0, 1));
        host.run_after(TimeDelta::hours(1)).await;
        let story = host.story(&id).await;
        assert_eq!((&story["state"], &story["reason"]["code"]), (&json!("held"), &json!("recovered")));
        assert_eq!(host.sandbox.calls(), 0);
    }
}
