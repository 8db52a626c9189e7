//! What texts cost: counted once for each call that may be billed, kept when people are erased, and
//! held against what the clinic will spend.

use crate::delivery::{BO, another, code, notice};
use crate::for_each_database;
use crate::our_webhooks::receiver::Receiver;
use crate::support::{ANA, TestHost};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tidings::config::{BudgetFuse, FusePer};
use tidings::sandbox::Fault;
use tidings::store::{UsageRow, UsageTotal};

async fn total(host: &TestHost) -> Value {
    host.get("/api/v1/usage").await["total"].clone()
}

fn fuse(kind: Option<&str>, segments: u32) -> BudgetFuse {
    BudgetFuse {
        kind: kind.map(str::to_owned),
        country: None,
        per: FusePer::Hour,
        segments: Some(segments),
        cost: None,
    }
}

for_each_database! {
    async fn each_call_that_may_be_billed_counts_and_no_other(start: Start) {
        let host = start.host().await;
        host.sandbox.script(ANA, [Fault::Refuse(30007), Fault::TooManyRequests(Some(1))]);
        host.message(notice(ANA)).await;
        host.message(notice(ANA)).await;
        host.message(notice(BO)).await;
        host.run().await;
        for _ in 0..6 {
            host.run_after(TimeDelta::minutes(10)).await;
        }
        let sent = host.texts_to(ANA).len() + host.texts_to(BO).len();
        assert_eq!(total(&host).await["messages"], json!(sent));
    }

    async fn many_at_once_are_counted_right_and_stay_when_people_are_erased(start: Start) {
        let host = start.host().await;
        for n in 10..50 {
            host.message(notice(&format!("+120255501{n}"))).await;
        }
        host.run().await;
        let counted = total(&host).await;
        let sent = host.sandbox.texts();
        let segments: u32 = sent.iter().map(|text| text.segments).sum();
        assert_eq!((&counted["messages"], &counted["segments"]), (&json!(40), &json!(segments)));
        host.run_after(TimeDelta::hours(2)).await;
        for _ in 0..3 {
            host.host.sweep().await.unwrap();
        }
        let priced = total(&host).await;
        assert_eq!(priced["priced"], json!(sent.len()));
        assert_eq!(host.request("DELETE", "/api/v1/recipients/%2B12025550110", None).await.0, 200);
        assert_eq!(total(&host).await, priced);
    }

    async fn a_blown_fuse_holds_its_type_until_the_next_hour_and_tells_once(start: Start) {
        let mut start = start;
        start.config.budget.fuses = vec![fuse(Some("prescription-ready"), 2)];
        let host = start.host().await;
        let mut ids = Vec::new();
        for n in 0..4 {
            let to = format!("+1202555015{n}");
            ids.push(host.message(notice(&to)).await);
            host.run().await;
        }
        let story = host.story(&ids[3]).await;
        assert_eq!((&story["state"], &story["reason"]["code"]), (&json!("held"), &json!("budget-blown")), "{story}");
        assert_eq!(host.get("/readyz").await["fuses_blown"], json!(["prescription-ready to all countries per hour"]));
        let left = host.get("/api/v1/usage").await["budget"][0].clone();
        assert_eq!((&left["segments_used"], &left["segments_left"]), (&json!(2), &json!(0)));
        // Neither one that is no longer set, nor one of live texts where none are sent.
        let unlimited = another(&host, |config| config.budget.fuses.clear());
        assert_eq!(unlimited.fuses_blown().await, Vec::<String>::new());
        let mut tx = host.host.store.begin().await.unwrap();
        let (now, until) = (host.clock_now(), host.clock_now() + TimeDelta::hours(5));
        assert!(tx.blow_fuse("prescription-ready to all countries per hour", false, until, now).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(host.get("/readyz").await["fuses_blown"].as_array().map(Vec::len), Some(1));
        // Another type goes on, and the next hour this one too.
        host.message(code(BO)).await;
        host.run().await;
        assert_eq!(host.texts_to(BO).len(), 1);
        host.run_after(TimeDelta::hours(1)).await;
        assert_eq!(host.story(&ids[2]).await["state"], "delivered");
        assert_eq!(host.get("/readyz").await["fuses_blown"], json!([]));
    }

    async fn a_preview_knows_that_the_budget_is_used_up_and_blows_nothing(start: Start) {
        let mut start = start;
        start.config.budget.fuses = vec![fuse(Some("prescription-ready"), 2)];
        let host = start.host().await;
        for n in 0..2 {
            host.message(notice(&format!("+1202555015{n}"))).await;
            host.run().await;
        }
        let (status, preview) = host.post("/api/v1/preview", notice("+12025550155")).await;
        assert_eq!(status, 200, "{preview}");
        let outcomes: Vec<_> = preview["decisions"].as_array().unwrap().iter().map(|d| (&d["outcome"], &d["reason"]["code"])).collect();
        assert_eq!(outcomes[0], (&json!("hold"), &json!("budget-blown")), "{preview}");
        assert_eq!(preview["would_send_at"], "2026-11-24T16:00:00Z", "{preview}");
        assert_eq!(preview["hours"][0]["outcome"], "send", "the next hour has a budget of its own: {preview}");
        // Nobody was told, and nothing is blown, by looking.
        assert_eq!(host.get("/readyz").await["fuses_blown"], json!([]));
        let id = host.message(notice("+12025550155")).await;
        host.run().await;
        assert_eq!(host.story(&id).await["reason"]["code"], "budget-blown");
    }

    async fn texts_that_are_ready_at_the_same_time_do_not_use_more_than_there_is(start: Start) {
        let mut start = start;
        start.config.budget.fuses = vec![fuse(None, 5)];
        start.config.budget.reserve = 0;
        let host = start.host().await;
        for n in 0..14 {
            host.message(notice(&format!("+120255501{}", 50 + n))).await;
        }
        let other = another(&host, |_| {});
        let (one, two) = tokio::join!(host.host.tick(), other.tick());
        one.unwrap();
        two.unwrap();
        host.run().await;
        assert_eq!((host.sandbox.texts().len(), total(&host).await["segments"].as_u64()), (5, Some(5)));
        let held = host.get("/api/v1/messages?state=held").await["items"].as_array().unwrap().len();
        assert_eq!(held, 9);
        let story = host.get("/api/v1/messages?state=held&limit=1").await["items"][0].clone();
        let story = host.story(story["id"].as_str().unwrap()).await;
        assert_eq!((&story["reason"]["code"], &story["decisions"][0]["outcome"]), (&json!("budget-blown"), &json!("send")));
        // The next hour has room for five more.
        host.run_after(TimeDelta::hours(1)).await;
        assert_eq!(host.sandbox.texts().len(), 10);
    }

    async fn a_limit_in_money_holds_a_country_and_tells_the_operator_once(start: Start) {
        let mut start = start;
        start.config.webhooks.allow_networks = vec!["127.0.0.0/8".parse().unwrap()];
        // Two texts of one segment each, at 0.0075.
        let france = BudgetFuse { country: Some("FR".to_owned()), segments: None, cost: Some(15_000), ..fuse(None, 0) };
        start.config.budget.fuses = vec![BudgetFuse { per: FusePer::Day, ..france }];
        start.config.budget.reserve = 0;
        let host = start.host().await;
        let receiver = Receiver::start().await;
        let (status, made) = host.post("/api/v1/webhook-endpoints", json!({"url": receiver.url(), "events": ["budget.*"]})).await;
        assert_eq!(status, 201, "{made}");
        for n in 0..5 {
            host.message(notice(&format!("+3361234567{n}"))).await;
        }
        host.message(notice(BO)).await;
        host.run().await;
        let french = host.sandbox.texts().iter().filter(|text| text.to.starts_with("+33")).count();
        assert_eq!((french, host.texts_to(BO).len()), (2, 1), "another country has a budget of its own");
        host.host.call_out_round().await.unwrap();
        let told = receiver.taken();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((&told[0].body["type"], &told[0].body["data"]["fuse"]), (&json!("budget.blown"), &json!("all types to FR per day")));
        let left = host.get("/api/v1/usage").await["budget"][0].clone();
        assert_eq!((&left["country"], &left["cost_left"]), (&json!("FR"), &json!("0.000000")), "{left}");
        // The day is the clinic's: it ends at midnight in New York.
        host.clock.set("2026-11-25T14:00:00Z".parse().unwrap());
        host.run_after(TimeDelta::zero()).await;
        assert_eq!(host.sandbox.texts().iter().filter(|text| text.to.starts_with("+33")).count(), 4);
    }

    async fn a_fuse_of_a_type_and_a_country_holds_both_together_and_neither_alone(start: Start) {
        let mut start = start;
        start.config.budget.fuses =
            vec![BudgetFuse { country: Some("FR".to_owned()), ..fuse(Some("prescription-ready"), 1) }];
        let host = start.host().await;
        let french = ["+33612345670", "+33612345671"];
        for to in french {
            host.message(notice(to)).await;
            host.run().await;
        }
        let alert = json!({"type": "follow-up", "to": {"phone": french[1]}});
        for other in [alert, notice(BO)] {
            host.message(other).await;
        }
        host.run().await;
        let got: Vec<usize> = [french[0], french[1], BO].iter().map(|to| host.texts_to(to).len()).collect();
        assert_eq!(got, [1, 1, 1], "the second French notice waits; another type there, and the type elsewhere, go");
        let held = host.get("/api/v1/messages?state=held").await["items"].clone();
        assert_eq!((held.as_array().unwrap().len(), &held[0]["type"]), (1, &json!("prescription-ready")));
        assert_eq!(host.get("/readyz").await["fuses_blown"], json!(["prescription-ready to FR per hour"]));
    }

    async fn a_fuse_of_a_day_counts_segments_until_midnight_at_the_clinic(start: Start) {
        let mut start = start;
        start.config.budget.fuses = vec![BudgetFuse { per: FusePer::Day, ..fuse(Some("prescription-ready"), 3) }];
        let host = start.host().await;
        // An hour apart: hours do not matter.
        for n in 0..5 {
            host.message(notice(&format!("+1202555015{n}"))).await;
            host.run_after(TimeDelta::hours(1)).await;
        }
        assert_eq!(host.sandbox.texts().len(), 3);
        let left = host.get("/api/v1/usage").await["budget"][0].clone();
        assert_eq!((&left["until"], &left["segments_used"]), (&json!("2026-11-25T05:00:00Z"), &json!(3)), "{left}");
        host.clock.set("2026-11-25T04:59:00Z".parse().unwrap());
        host.run_after(TimeDelta::zero()).await;
        assert_eq!(host.sandbox.texts().len(), 3, "a minute to midnight in New York");
        host.clock.set("2026-11-25T14:00:00Z".parse().unwrap());
        host.run_after(TimeDelta::zero()).await;
        assert_eq!(host.sandbox.texts().len(), 5);
    }

    async fn what_a_trial_account_has_spent_is_what_was_counted(start: Start) {
        let mut start = start;
        start.config.twilio.trial = true;
        let host = start.host().await;
        host.sandbox.script(ANA, [Fault::Refuse(30007)]);
        for to in [ANA, BO, "+33612345670"] {
            host.message(notice(to)).await;
        }
        host.run().await;
        // Some are priced by then, some are not; one was taken back.
        for hours in [1, 2, 20] {
            host.run_after(TimeDelta::hours(hours)).await;
            host.message(notice(BO)).await;
            host.run().await;
            let mut tx = host.host.store.read().await.unwrap();
            let rows = tx.usage(true, chrono::DateTime::UNIX_EPOCH, host.clock_now() + TimeDelta::days(1)).await.unwrap();
            let sum = |of: fn(&UsageRow) -> i64| rows.iter().map(of).sum::<i64>();
            let total = tx.usage_total(true).await.unwrap();
            let counted = UsageTotal {
                texts: sum(|row| row.texts),
                estimated_micros: sum(|row| row.estimated_micros),
                priced: sum(|row| row.priced),
                actual_micros: sum(|row| row.actual_micros),
                priced_estimate_micros: sum(|row| row.priced_estimate_micros),
            };
            assert_eq!(total, counted);
            assert!(total.texts >= 3, "{total:?}");
        }
    }

    async fn what_is_spent_is_the_price_where_it_is_known_and_the_estimate_where_it_is_not(start: Start) {
        let mut start = start;
        start.config.twilio.trial = true;
        let most = BudgetFuse { per: FusePer::Day, segments: None, cost: Some(10_000_000), ..fuse(None, 0) };
        start.config.budget.fuses = vec![most];
        start.config.budget.reserve = 0;
        let host = start.host().await;
        // One segment, and then several: the price of the first says nothing of the others.
        host.message(notice(ANA)).await;
        host.run().await;
        let first = total(&host).await["segments"].as_i64().unwrap();
        host.clock.advance(TimeDelta::seconds(1));
        let long = json!({"text": "The practice is closed today. ".repeat(9)});
        host.message(json!({"type": "urgent-alert", "to": {"id": BO, "phone": BO, "language": "en"}, "variables": long})).await;
        host.run().await;
        let spent = async || {
            let usage = host.get("/api/v1/usage").await;
            let segments = usage["total"]["segments"].as_i64().unwrap();
            (segments, usage["trial"]["spent"].clone(), usage["budget"][0]["cost_used"].clone())
        };
        let (segments, before, _) = spent().await;
        assert!(segments > 2 * first, "{first} of {segments}");
        let mut tx = host.host.store.begin().await.unwrap();
        let calls = tx.attempts_without_price(true, host.clock_now() + TimeDelta::hours(2), 10).await.unwrap();
        assert_eq!(calls.len(), 2);
        tx.set_price(calls[0].0, 7_900, None).await.unwrap();
        tx.commit().await.unwrap();
        let known = 7_900 + (segments - first) * 7_500;
        let known = json!(format!("0.{known:06}"));
        assert_ne!(before, known);
        assert_eq!(spent().await, (segments, known.clone(), known));
    }

    async fn what_is_kept_for_urgent_texts_is_theirs(start: Start) {
        let mut start = start;
        start.config.budget.reserve = 50;
        start.config.budget.fuses = vec![fuse(None, 4)];
        let host = start.host().await;
        let mut states = Vec::new();
        for n in 0..3 {
            let id = host.message(notice(&format!("+1202555015{n}"))).await;
            host.run().await;
            states.push(host.story(&id).await["state"].as_str().unwrap().to_owned());
        }
        assert_eq!(states, ["delivered", "delivered", "held"]);
        host.message(code(BO)).await;
        host.run().await;
        assert_eq!(host.texts_to(BO).len(), 1);
    }

    async fn a_question_that_makes_no_sense_is_named(start: Start) {
        let host = start.host().await;
        for query in ["by=week", "since=2026-12-01&until=2026-11-01", "since=2020-01-01", "from=2026-11-01"] {
            assert_eq!(host.request("GET", &format!("/api/v1/usage?{query}"), None).await.0, 422, "{query}");
        }
        assert_eq!(host.get("/api/v1/usage?by=type").await["items"], json!([]));
    }
}

/// Of the settings alone: once is enough.
#[tokio::test]
async fn a_trial_account_counts_twilios_own_words_and_says_what_is_left() {
    let mut start = crate::support::Start::sqlite();
    start.config.twilio.trial = true;
    start.config.twilio.trial_credit = 20_000;
    start.config.webhooks.allow_networks = vec!["127.0.0.0/8".parse().unwrap()];
    let host = start.host().await;
    let receiver = Receiver::start().await;
    let hook = json!({"url": receiver.url(), "events": ["budget.*"]});
    assert_eq!(host.post("/api/v1/webhook-endpoints", hook).await.0, 201);
    let before = host.get("/api/v1/usage").await["trial"].clone();
    assert_eq!((&before["credit"], &before["texts_left"]), (&json!("0.020000"), &json!(2)));
    let id = host.message(notice(ANA)).await;
    host.run().await;
    // 38 characters more than the text itself.
    let story = host.story(&id).await;
    let body = story["text"]["body"].as_str().unwrap();
    let alone = tidings::domain::segments::count(body).parts;
    let both = tidings::domain::segments::count(&format!("{}{body}", tidings::twilio::TRIAL_PREFIX)).parts;
    assert_eq!(
        (story["text"]["segments"].as_u64(), tidings::twilio::TRIAL_PREFIX.len()),
        (Some(u64::from(both)), 38)
    );
    assert!(alone <= both);
    host.message(notice(BO)).await;
    host.run().await;
    host.message(notice("+12025550145")).await;
    host.run().await;
    assert_eq!(host.get("/api/v1/usage").await["trial"]["texts_left"], json!(0));
    let ready = host.get("/readyz").await;
    assert_eq!((&ready["fuses_blown"], &ready["trial_texts_left"]), (&json!([]), &json!(0)));
    // Warned of at 80 percent, once, however many texts follow.
    host.host.call_out_round().await.unwrap();
    let told = receiver.taken();
    assert_eq!((told.len(), &told[0].body["type"]), (1, &json!("budget.warning")), "{told:?}");
    assert_eq!(told[0].body["data"]["what"], "trial credit");
    // An account with more to spend, and one that pays, have nothing to be warned of; the larger credit is warned
    // of in its turn.
    let paid = another(&host, |config| config.twilio.trial = false);
    let larger = another(&host, |config| config.twilio.trial_credit = 30_000);
    assert_eq!((paid.trial_texts_left().await, larger.trial_texts_left().await), (None, None));
    host.message(notice("+12025550146")).await;
    larger.tick().await.unwrap();
    host.host.call_out_round().await.unwrap();
    assert_eq!((receiver.taken().len(), larger.trial_texts_left().await), (2, Some(0)));
}

/// The 38 characters are billed with the text: one of 123 to 160 fits into a segment, and costs two.
#[tokio::test]
async fn a_text_that_fits_alone_costs_two_segments_on_a_trial_account() {
    for (trial, length, segments) in
        [(true, 122, 1), (true, 123, 2), (true, 160, 2), (false, 160, 1), (false, 161, 2)]
    {
        let mut start = crate::support::Start::sqlite();
        start.config.twilio.trial = trial;
        let home = crate::support::home();
        let template = "description = \"As long as it is asked for.\"\npriority = \"high\"\nscope = \"prescriptions\"\n\
            expires_after = \"1h\"\n\n[max_parts]\ndefault = 3\n\n[variables.words]\ntype = \"text\"\n\
            required = true\nmax = 200\nsamples = [\"Hello\"]\n";
        std::fs::write(home.path().join("templates/words.toml"), template).unwrap();
        std::fs::write(home.path().join("templates/words.j2"), "{{ words }}\n").unwrap();
        start.words = Some(home.path().to_owned());
        let host = start.host().await;
        let words = "a".repeat(length);
        let to = json!({"phone": ANA, "language": "en"});
        let id = host.message(json!({"type": "words", "to": to, "variables": {"words": words}})).await;
        host.run().await;
        let story = host.story(&id).await;
        assert_eq!(story["text"]["body"].as_str().map(str::len), Some(length), "{story}");
        assert_eq!(story["text"]["segments"], json!(segments), "{length} characters, trial: {trial}");
        let usage = host.get("/api/v1/usage").await;
        assert_eq!((&usage["total"]["segments"], usage["trial"].is_null()), (&json!(segments), !trial));
        if trial {
            // Settings left alone: 15 USD at 0.0075 USD a segment are 2,000 of them.
            let trial = (&usage["trial"]["credit"], &usage["trial"]["texts_left"]);
            assert_eq!(trial, (&json!("15.000000"), &json!(2000 - segments)), "{usage}");
        }
    }
}

/// Twilio's own answer to a number that a trial account has not verified.
#[tokio::test]
async fn a_trial_account_is_told_why_a_number_cannot_be_reached() {
    let mut start = crate::support::Start::sqlite();
    start.config.twilio.trial = true;
    let host = start.host().await;
    host.sandbox.always(BO, Fault::Refuse(21608));
    let id = host.message(notice(BO)).await;
    host.run().await;
    let story = host.story(&id).await;
    assert_eq!(story["error_code"], 21608, "{story}");
    let help = story["error_help"].as_str().unwrap();
    assert!(help.contains("only text to verified numbers") && help.ends_with("/docs/errors/21608"), "{help}");
    assert_eq!(
        host.get("/api/v1/usage").await["trial"]["texts_left"],
        json!(2000),
        "15 USD at 0.0075 USD, nothing spent"
    );
}
