//! A provider that takes texts, and does not answer when it is asked about them: nothing else waits for it.

use crate::delivery::{BO, deaf, notice, sent_by, state};
use crate::for_each_database;
use crate::many_hosts::{client, same_database};
use crate::store::{claim, claimed, host_id};
use crate::support::ANA;
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;
use std::time::Duration;
use tidings::domain::failure::{ListedText, SendOutcome};
use tidings::domain::phone::PhoneNumber;
use tidings::sandbox::Fault;
use tidings::twilio::{BoxFuture, LookUpError, Outgoing, Provider};
use tokio::sync::Semaphore;

struct Hanging {
    real: Arc<dyn Provider>,
    /// One for each question.
    asked: Semaphore,
}

/// It makes no codes.
impl tidings::twilio::verify::Verify for Hanging {}

impl Provider for Hanging {
    fn send<'a>(&'a self, text: &'a Outgoing) -> BoxFuture<'a, SendOutcome> {
        self.real.send(text)
    }

    fn fetch<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<ListedText>, LookUpError>> {
        Box::pin(std::future::pending())
    }

    fn list<'a>(
        &'a self,
        _: &'a PhoneNumber,
        _: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Vec<ListedText>, LookUpError>> {
        self.asked.add_permits(1);
        Box::pin(std::future::pending())
    }

    fn date(&self) -> BoxFuture<'_, Option<DateTime<Utc>>> {
        self.real.date()
    }

    fn redact<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), LookUpError>> {
        Box::pin(std::future::pending())
    }
}

for_each_database! {
    async fn work_of_a_dead_host_is_taken_over_while_look_ups_hang(start: Start) {
        let host = start.host().await;
        host.sandbox.script(ANA, [Fault::AcceptThenSilence]);
        let lost = host.message(notice(ANA)).await;
        sent_by(&host, deaf).await;
        assert_eq!(state(&host, &lost).await, "unknown");
        host.message(notice(BO)).await;
        claimed(&host.host.store, &claim(host_id(), 1)).await;
        let hanging = Arc::new(Hanging { real: client(&host), asked: Semaphore::new(0) });
        let machine = same_database(&host, hanging.clone(), |settings| {
            (settings.patience.heartbeat, settings.poll) = (Duration::from_millis(20), Duration::from_millis(20));
        });
        machine.begin().await.unwrap();
        host.clock.advance(TimeDelta::seconds(60));
        let keeping = machine.clone();
        let keeping = tokio::spawn(async move { Box::pin(keeping.keep_house(std::future::pending())).await });
        // It asks about the clock, too; from here on the other is seen to be silent.
        let running = tokio::spawn(async move { machine.run(std::future::pending()).await });
        hanging.asked.acquire().await.unwrap().forget();
        host.clock.advance(TimeDelta::seconds(21));
        host.sandbox.until(|texts| texts.iter().any(|text| text.to == BO)).await;
        assert_eq!((state(&host, &lost).await.as_str(), host.texts_to(ANA).len()), ("unknown", 1));
        keeping.abort();
        running.abort();
    }
}
