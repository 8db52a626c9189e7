//! A host that starts without a network: nobody tells it whether its clock is right, and nothing is lost for that.

use crate::clocks::{alert, at_work};
use crate::delivery::{BO, notice, state};
use crate::for_each_database;
use crate::many_hosts::{client, machine};
use crate::our_webhooks::receiver::Receiver;
use crate::support::{ANA, TestHost, booked};
use crate::versions::{day, version};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tidings::clock::ManualClock;
use tidings::domain::failure::{ListedText, SendOutcome};
use tidings::domain::phone::PhoneNumber;
use tidings::service::{EventStory, Host};
use tidings::store::EventState;
use tidings::twilio::{BoxFuture, LookUpError, Outgoing, Provider, TwilioClient};

/// A provider that is out of reach until the network is back.
struct Away {
    real: Arc<dyn Provider>,
    nobody: Arc<dyn Provider>,
    is_back: AtomicBool,
}

impl Away {
    fn before(host: &TestHost) -> Arc<Self> {
        let mut elsewhere = host.start.config.twilio.clone();
        "http://127.0.0.1:9".clone_into(&mut elsewhere.base_url);
        let nobody = Arc::new(TwilioClient::new(&elsewhere).unwrap());
        Arc::new(Self { real: client(host), nobody, is_back: AtomicBool::new(false) })
    }

    fn comes_back(&self) {
        self.is_back.store(true, Ordering::Relaxed);
    }

    fn reached(&self) -> &dyn Provider {
        if self.is_back.load(Ordering::Relaxed) { &*self.real } else { &*self.nobody }
    }
}

/// It makes no codes.
impl tidings::twilio::verify::Verify for Away {}

impl Provider for Away {
    fn send<'a>(&'a self, text: &'a Outgoing) -> BoxFuture<'a, SendOutcome> {
        self.reached().send(text)
    }

    fn fetch<'a>(&'a self, sid: &'a str) -> BoxFuture<'a, Result<Option<ListedText>, LookUpError>> {
        self.reached().fetch(sid)
    }

    fn list<'a>(
        &'a self,
        to: &'a PhoneNumber,
        since: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Vec<ListedText>, LookUpError>> {
        self.reached().list(to, since)
    }

    fn date(&self) -> BoxFuture<'_, Option<DateTime<Utc>>> {
        self.reached().date()
    }

    fn redact<'a>(&'a self, sid: &'a str) -> BoxFuture<'a, Result<(), LookUpError>> {
        self.reached().redact(sid)
    }
}

/// A host that has begun, and nobody has told it the time.
pub(crate) async fn begun(host: &TestHost, provider: Arc<dyn Provider>, clock: &Arc<ManualClock>) -> Host {
    let begun = machine(host, provider, clock.clone(), |_| ());
    begun.begin().await.unwrap();
    Box::pin(begun.keep_house(std::future::ready(()))).await;
    begun
}

/// A host that has seen its clock leap by a month.
async fn leapt(host: &TestHost) -> (Host, Arc<ManualClock>) {
    let (leapt, clock) = at_work(host).await;
    clock.leap(TimeDelta::days(30));
    leapt.tick().await.unwrap();
    (leapt, clock)
}

/// A version of a visit, posted at this host.
pub(crate) async fn post_version(host: &TestHost, at: &Host, number: i64, data: &Value) -> EventStory {
    let caller = host.host.caller(&host.key).await.unwrap();
    let body = number.to_string();
    let posted = at.post_event(&caller, None, body.as_bytes(), version(number, data));
    Box::pin(posted).await.unwrap().0.unwrap()
}

/// A host at work, for a while.
pub(crate) async fn work(host: &TestHost, alone: &Host, clock: &ManualClock, minutes: i64) {
    for _ in 0..minutes * 2 {
        clock.advance(TimeDelta::seconds(30));
        host.clock.advance(TimeDelta::seconds(30));
        alone.sweep().await.unwrap();
        alone.tick().await.unwrap();
        host.sandbox.until_quiet().await;
    }
}

for_each_database! {
    async fn what_is_over_by_a_clock_that_nobody_confirms_has_not_ended(start: Start) {
        let host = start.host().await;
        let mut reminder = notice(ANA);
        reminder["expires_at"] = json!(host.clock_now() + TimeDelta::hours(2));
        let reminder = host.message(reminder).await;
        let mut urgent = alert(BO, &host);
        urgent["expires_at"] = json!(host.clock_now() + TimeDelta::hours(2));
        let urgent = host.message(urgent).await;
        let provider = Away::before(&host);
        let clock = Arc::new(ManualClock::at(host.clock_now() + TimeDelta::days(1)));
        let alone = begun(&host, provider.clone(), &clock).await;
        work(&host, &alone, &clock, 5).await;
        assert_eq!((state(&host, &reminder).await.as_str(), state(&host, &urgent).await.as_str()), ("planned", "held"));
        // The first answer says that it is wrong.
        provider.comes_back();
        work(&host, &alone, &clock, 2).await;
        assert!(alone.doubts_clock());
        clock.leap(-TimeDelta::days(1));
        work(&host, &alone, &clock, 2).await;
        assert!(!alone.doubts_clock());
        assert_eq!((host.texts_to(ANA).len(), host.texts_to(BO).len()), (1, 1));
    }

    async fn a_host_that_starts_without_a_network_works_when_it_is_back(start: Start) {
        let host = start.host().await;
        let (reminder, urgent) = (host.message(notice(ANA)).await, host.message(alert(BO, &host)).await);
        let provider = Away::before(&host);
        let clock = Arc::new(ManualClock::at(host.clock_now()));
        let alone = begun(&host, provider.clone(), &clock).await;
        work(&host, &alone, &clock, 5).await;
        assert_eq!((state(&host, &reminder).await.as_str(), state(&host, &urgent).await.as_str()), ("planned", "planned"));
        provider.comes_back();
        // The alert was tried by itself, at longer and longer intervals.
        work(&host, &alone, &clock, 15).await;
        assert!(!alone.doubts_clock());
        assert_eq!((host.texts_to(ANA).len(), host.texts_to(BO).len()), (1, 1));
    }

    async fn a_reminder_that_only_a_wrong_clock_finds_too_late_is_planned_when_it_is_right(start: Start) {
        let host = start.host().await;
        let (astray, clock) = at_work(&host).await;
        post_version(&host, &astray, 1, &day(3)).await;
        let planned = || host.number("SELECT COUNT(*) FROM messages WHERE kind = 'appointment-reminder' AND state = 'planned'");
        assert_eq!(planned().await, 2);
        // By this clock both visits are over.
        clock.leap(TimeDelta::days(30));
        astray.tick().await.unwrap();
        let story = post_version(&host, &astray, 2, &day(4)).await;
        assert_eq!(story.state, EventState::Accepted);
        assert_eq!(planned().await, 0, "what a version that is over has planned does not wait: {story:?}");
        clock.leap(-TimeDelta::days(30));
        work(&host, &astray, &clock, 2).await;
        assert!(!astray.doubts_clock());
        let waiting = host.get("/api/v1/messages?type=appointment-reminder&state=planned").await;
        let versions: Vec<_> = waiting["items"].as_array().unwrap().iter().map(|it| &it["subject"]["version"]).collect();
        assert_eq!(versions, [2, 2], "{waiting}");
    }

    async fn what_is_to_go_out_at_once_goes_out_when_a_wrong_clock_is_right(start: Start) {
        let host = start.host().await;
        let (astray, clock) = leapt(&host).await;
        let caller = host.host.caller(&host.key).await.unwrap();
        let visit = json!({"starts_at": "2027-03-01T14:30:00-05:00", "location": "12 Main St"});
        Box::pin(astray.post_event(&caller, None, b"1", version(1, &visit))).await.unwrap();
        clock.leap(-TimeDelta::days(30));
        work(&host, &astray, &clock, 2).await;
        assert_eq!(host.texts_to(ANA).len(), 1, "the confirmation");
    }

    /// By which it is night, and the visit over before the morning.
    async fn an_alert_that_a_wrong_clock_would_not_send_is_decided_again_when_it_is_right(start: Start) {
        let host = start.host().await;
        host.event(booked(1, "2026-11-25T07:00:00-05:00")).await;
        host.run().await;
        let subject = json!({"type": "appointment", "id": "9", "version": 2});
        host.event(json!({"type": "appointment.canceled", "subject": subject})).await;
        let list = host.get("/api/v1/messages?type=cancellation-alert").await;
        let id = list["items"][0]["id"].as_str().unwrap();
        let clock = Arc::new(ManualClock::at(host.clock_now() + TimeDelta::hours(13)));
        let astray = begun(&host, client(&host), &clock).await;
        astray.tick().await.unwrap();
        let story = host.story(id).await;
        assert_eq!((&story["state"], &story["reason"]["code"]), (&json!("held"), &json!("clock-doubted")));
        clock.leap(-TimeDelta::hours(13));
        work(&host, &astray, &clock, 2).await;
        assert_eq!(state(&host, id).await, "delivered");
    }

    async fn the_house_is_kept_by_a_clock_that_is_sure(start: Start) {
        let mut start = start;
        start.config.webhooks.allow_networks = vec!["127.0.0.0/8".parse().unwrap()];
        let (host, receiver) = (start.host().await, Receiver::start().await);
        let (status, _) = host.post("/api/v1/webhook-endpoints", json!({"url": receiver.url()})).await;
        assert_eq!(status, 201);
        host.message(notice(ANA)).await;
        host.run().await;
        let kept = async || {
            let events = host.number("SELECT COUNT(*) FROM webhook_events").await;
            (host.number("SELECT COUNT(*) FROM messages WHERE text_sealed IS NOT NULL").await, events > 0)
        };
        assert_eq!(kept().await, (1, true));
        let clock = Arc::new(ManualClock::at(host.clock_now() + TimeDelta::days(4000)));
        let alone = begun(&host, Away::before(&host), &clock).await;
        // For as long as somebody looks again and again: either would be gone after a few steps.
        let look = async || {
            for _ in 0..100 {
                assert_eq!(kept().await, (1, true));
            }
        };
        Box::pin(alone.keep_house(look())).await;
        assert!(alone.doubts_clock());
    }
}
