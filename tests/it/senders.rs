//! Senders: each text goes out from the number or service that is meant for it, no faster than that takes
//! it, and nobody waits for somebody else's sender.

use crate::batch::batch;
use crate::delivery::{BO, after_seconds, another, code, notice, state};
use crate::for_each_database;
use crate::support::{ANA, Start, TestHost};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tidings::config::SenderSettings;
use tidings::domain::pace::Rate;
use tidings::sandbox::Fault;

const LONDON: &str = "+447400123456";
const TORONTO: &str = "+14165550143";
const FOR_CODES: &str = "+12065550100";
const SERVICE: &str = "MGaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn sender(from: &str, countries: &[&str], types: &[&str], rate: f64) -> SenderSettings {
    let service = from.starts_with("MG").then(|| from.to_owned());
    SenderSettings {
        from: service.is_none().then(|| from.to_owned()),
        messaging_service_sid: service,
        countries: countries.iter().map(|country| (*country).to_owned()).collect(),
        types: types.iter().map(|kind| (*kind).to_owned()).collect(),
        rate: Rate::per_second(rate),
    }
}

/// The account's own number takes so many segments in a second.
fn with_rate(mut start: Start, rate: f64) -> Start {
    start.config.twilio.rate = Rate::per_second(rate);
    start
}

fn one_of(number: usize) -> String {
    format!("+1202555{:04}", 100 + number)
}

async fn notices(host: &TestHost, count: usize) {
    for number in 0..count {
        let mut one = notice(&one_of(number));
        // In this order they are due.
        one["send_at"] =
            json!(host.host.now() - TimeDelta::milliseconds(1000 - i64::try_from(number).unwrap()));
        host.message(one).await;
    }
}

fn sent(host: &TestHost) -> usize {
    host.sandbox.texts().len()
}

fn froms(host: &TestHost, to: &str) -> Vec<String> {
    host.sandbox.texts_to(to).into_iter().map(|text| text.service.or(text.from).unwrap()).collect()
}

for_each_database! {
    async fn a_text_is_from_the_first_sender_that_is_meant_for_its_country_and_type(start: Start) {
        let mut start = start;
        start.config.senders = vec![
            sender(FOR_CODES, &[], &["otp"], 100.0),
            sender("CLINIC", &["GB"], &[], 100.0),
            sender(SERVICE, &["CA"], &[], 100.0),
        ];
        // Codes go to the clinic's own country alone, unless others are opened.
        start.config.otp.countries = ["US", "GB"].map(str::to_owned).into();
        let host = start.host().await;
        for text in [notice(ANA), notice(LONDON), notice(TORONTO), code(LONDON)] {
            host.message(text).await;
        }
        host.run().await;
        assert_eq!(froms(&host, ANA), ["+15005550006"]);
        assert_eq!(froms(&host, TORONTO), [SERVICE]);
        let mut to_london = froms(&host, LONDON);
        to_london.sort();
        assert_eq!(to_london, [FOR_CODES, "CLINIC"]);
    }

    async fn a_sender_gets_no_more_than_its_rate_and_in_order_of_due_time(start: Start) {
        let host = with_rate(start, 2.0).host().await;
        notices(&host, 30).await;
        host.run().await;
        let mut before = sent(&host);
        assert!((1..=4).contains(&before), "{before}");
        for _ in 0..13 {
            after_seconds(&host, 1).await;
            assert!(sent(&host) - before <= 2);
            before = sent(&host);
        }
        assert!(before >= 27, "{before}");
        after_seconds(&host, 2).await;
        let order: Vec<String> = host.sandbox.texts().into_iter().map(|text| text.to).collect();
        assert_eq!((order.len(), host.sandbox.calls()), (30, 30));
        // Those that go out in the same second go out together.
        for (place, to) in order.iter().enumerate() {
            let number: usize = to[8..].parse::<usize>().unwrap() - 100;
            assert!(number.abs_diff(place) <= 3, "{order:?}");
        }
    }

    async fn a_code_goes_out_at_once_however_busy_its_sender_is(start: Start) {
        let host = with_rate(start, 1.0).host().await;
        notices(&host, 20).await;
        host.run().await;
        let before = sent(&host);
        for _ in 0..3 {
            host.message(code(BO)).await;
        }
        host.run().await;
        assert_eq!((sent(&host), host.texts_to(BO).len()), (before + 3, 3));
        after_seconds(&host, 3).await;
        assert_eq!(sent(&host), before + 3, "the others wait the longer for it");
        after_seconds(&host, 1).await;
        assert_eq!(sent(&host), before + 4);
    }

    async fn texts_of_a_busy_sender_stand_in_nobodys_way(start: Start) {
        let mut start = with_rate(start, 1.0);
        start.config.lanes.normal = 2;
        start.config.senders = vec![sender("CLINIC", &["GB"], &[], 1000.0)];
        let host = start.host().await;
        notices(&host, 30).await;
        let of_london = host.message(notice(LONDON)).await;
        host.run().await;
        assert_eq!(state(&host, &of_london).await, "delivered");
        assert!(sent(&host) <= 4);
        for _ in 0..70 {
            after_seconds(&host, 1).await;
        }
        assert_eq!((sent(&host), host.sandbox.calls()), (31, 31));
    }

    async fn a_single_text_waits_behind_no_bulk_though_another_sender_is_idle(start: Start) {
        let mut start = with_rate(start, 1.0);
        start.config.senders = vec![sender("CLINIC", &["GB"], &[], 1000.0)];
        let host = start.host().await;
        let bulk = (10..130).map(|number| notice(&one_of(number))).collect();
        batch(&host, bulk).await;
        notices(&host, 3).await;
        host.run().await;
        let mut soon = notice(ANA);
        soon["expires_at"] = json!(host.host.now() + TimeDelta::seconds(60));
        let id = host.message(soon).await;
        for _ in 0..8 {
            after_seconds(&host, 1).await;
        }
        assert_eq!(state(&host, &id).await, "delivered");
    }

    async fn no_text_is_put_where_its_use_is_over(start: Start) {
        let mut start = with_rate(start, 0.1);
        start.config.senders = vec![sender("CLINIC", &["GB"], &[], 1000.0)];
        let host = start.host().await;
        notices(&host, 10).await;
        host.run().await;
        let mut soon = notice(ANA);
        let over = host.host.now() + TimeDelta::seconds(50);
        soon["expires_at"] = json!(over);
        let id = host.message(soon).await;
        for _ in 0..3 {
            after_seconds(&host, 1).await;
            let story = host.story(&id).await;
            assert_eq!(story["state"], "planned");
            let due: DateTime<Utc> = story["due_at"].as_str().unwrap().parse().unwrap();
            assert!(due < over, "{due} is too late");
        }
    }

    async fn hosts_share_the_rate_of_a_sender(start: Start) {
        let host = with_rate(start, 2.0).host().await;
        let others = [another(&host, |_| ()), another(&host, |_| ()), another(&host, |_| ())];
        notices(&host, 40).await;
        let mut before = 0;
        for second in 0..10 {
            let [a, b, c] = &others;
            let (a, b, c, d) = tokio::join!(a.tick(), b.tick(), c.tick(), host.host.tick());
            for ticked in [a, b, c, d] {
                ticked.unwrap();
            }
            host.sandbox.until_quiet().await;
            let more = sent(&host) - before;
            assert!(more <= if second == 0 { 4 } else { 2 }, "{more} in one second");
            before = sent(&host);
            host.clock.advance(TimeDelta::seconds(1));
        }
        assert!(before >= 15, "{before}");
    }

    async fn a_sender_that_is_asked_for_patience_is_slowed_down_on_all_hosts_and_recovers(start: Start) {
        let host = with_rate(start, 10.0).host().await;
        let other = another(&host, |_| ());
        host.sandbox.script(ANA, [Fault::TooManyRequests(None)]);
        host.message(notice(ANA)).await;
        host.run().await;
        let mut pace = host.host.store.read().await.unwrap().paces().await.unwrap();
        let pace = pace.remove("+15005550006").unwrap();
        assert_eq!(pace.speed(host.host.now()), 500);
        other.sweep().await.unwrap();
        host.clock.advance(TimeDelta::seconds(5));
        notices(&host, 60).await;
        other.tick().await.unwrap();
        host.sandbox.until_quiet().await;
        assert!((4..=7).contains(&sent(&host)), "five in a second, and no longer ten: {}", sent(&host));
        for _ in 0..90 {
            after_seconds(&host, 1).await;
        }
        assert_eq!((pace.speed(host.host.now()), sent(&host)), (1000, 61));
    }

    async fn what_waits_for_its_sender_ends_when_its_use_is_over(start: Start) {
        let host = with_rate(start, 0.01).host().await;
        let mut ids = Vec::new();
        for number in 0..4 {
            let mut soon = notice(&one_of(number));
            soon["expires_at"] = json!(host.host.now() + TimeDelta::seconds(250));
            ids.push(host.message(soon).await);
        }
        for _ in 0..30 {
            after_seconds(&host, 10).await;
        }
        let mut ends: Vec<String> = Vec::new();
        for id in &ids {
            ends.push(state(&host, id).await);
        }
        ends.sort();
        assert_eq!(ends, ["delivered", "delivered", "delivered", "expired"]);
    }

    async fn a_refused_account_stops_once_is_tried_by_one_text_and_goes_on_by_itself(start: Start) {
        let mut start = start;
        start.config.lanes.normal = 16;
        let host = start.host().await;
        host.sandbox.always("*", Fault::Refuse(20003));
        notices(&host, 20).await;
        host.run().await;
        let calls = host.sandbox.calls();
        assert!(calls <= 16, "those that were out when the first was refused: {calls}");
        let stopped = |ready: &Value| ready["sending_stopped"].as_array().unwrap().clone();
        let told = stopped(&host.get("/readyz").await);
        assert!(told.len() == 1 && told[0].as_str().unwrap().contains("20003"), "{told:?}");
        for round in 1..=3 {
            after_seconds(&host, 300).await;
            assert_eq!(host.sandbox.calls(), calls + round, "one text is tried at a time");
        }
        host.sandbox.always("*", Fault::None);
        // Another host hears of it in time, and does not try it before.
        let other = another(&host, |_| ());
        other.sweep().await.unwrap();
        assert_eq!(other.tick().await.unwrap().claimed, 0);
        after_seconds(&host, 300).await;
        assert_eq!(sent(&host), 20);
        assert_eq!(stopped(&host.get("/readyz").await), Vec::<Value>::new());
        let states = host.states().await;
        assert!(states.iter().all(|(.., state)| state == "delivered"), "{states:?}");
    }

    async fn a_provider_that_asks_for_a_day_is_asked_again_within_a_quarter_of_an_hour(start: Start) {
        let host = start.host().await;
        host.sandbox.script(ANA, [Fault::TooManyRequests(Some(86_400))]);
        let id = host.message(notice(ANA)).await;
        host.run().await;
        after_seconds(&host, 899).await;
        assert_eq!((state(&host, &id).await.as_str(), host.sandbox.calls()), ("planned", 1));
        after_seconds(&host, 1).await;
        assert_eq!((state(&host, &id).await.as_str(), host.sandbox.calls()), ("delivered", 2));
    }

    async fn a_host_that_is_started_anew_tries_a_refused_account_at_once(start: Start) {
        let host = start.host().await;
        host.sandbox.script(ANA, [Fault::Refuse(20003)]);
        let id = host.message(notice(ANA)).await;
        host.run().await;
        after_seconds(&host, 1).await;
        assert_eq!(state(&host, &id).await, "planned");
        let anew = another(&host, |_| ());
        anew.begin().await.unwrap();
        anew.tick().await.unwrap();
        host.sandbox.until_quiet().await;
        assert_eq!(state(&host, &id).await, "delivered");
    }
}
