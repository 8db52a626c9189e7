//! What a policy of a clinic's own may make of a reply, through the whole host.

use crate::drop_in::begin;
use crate::for_each_database;
use crate::guest::{Asked, Decides, Guest, Plans, Replies};
use crate::hostile::without_end;
use crate::our_webhooks::receiver::Receiver;
use crate::replies::{items, of_type, replies, requests, say, word};
use crate::support::{ANA, Folder, Start, TestHost, home};
use serde_json::json;

const TYPE: &str = "prescription-ready";

/// A host on which another policy than the bundled one reads what is answered to a prescription.
async fn with_policy(start: Start, home: &Folder, reads: Replies) -> TestHost {
    let guest = Guest {
        message_type: TYPE,
        events: &["prescription.ready"],
        plans: Plans::One,
        replies: reads,
        ..Guest::new(Decides::Send)
    };
    std::fs::write(home.path().join("plugins/prescription-ready.toml"), "").unwrap();
    std::fs::write(home.path().join("plugins/prescription-ready.wasm"), guest.component()).unwrap();
    begin(start, home).await
}

/// A type of the clinic's own: where to go.
fn directions(home: &Folder) {
    let written = "description = \"Says where to go.\"\npriority = \"high\"\nscope = \"prescriptions\"\nexpires_after = \"1h\"\n\n[max_parts]\ndefault = 3\n\n\
        [variables.where]\ntype = \"text\"\nrequired = true\nfrom = \"data.where\"\nsamples = [\"12 Main St\"]\n";
    std::fs::write(home.path().join("templates/directions.toml"), written).unwrap();
    std::fs::write(home.path().join("templates/directions.j2"), "{{ where }}\n").unwrap();
}

/// Ana's prescription is ready, here: one text.
async fn is_ready(host: &TestHost, place: Option<&str>) -> String {
    let answer = host
        .event(json!({
            "type": "prescription.ready",
            "subject": {"type": "prescription", "id": "7", "version": 1},
            "people": [{"id": "ana", "phone": ANA, "language": "en", "time_zone": "America/New_York"}],
            "data": {"where": place},
        }))
        .await;
    host.run().await;
    assert_eq!(host.texts_to(ANA).len(), 1, "{answer}");
    word(&answer["messages"][0], "id").to_owned()
}

fn staff(reason: &str) -> (String, String) {
    ("hand_to_staff".to_owned(), reason.to_owned())
}

for_each_database! {
    async fn an_answer_that_a_policy_chooses_knows_what_it_answers(start: Start) {
        let home = home();
        directions(&home);
        let host = with_policy(start, &home, Replies::Answer("directions")).await;
        let asked = is_ready(&host, Some("40 Oak Ave")).await;
        for n in 1..3 {
            say(&host, n, ANA, "where?").await;
            assert_eq!(host.texts_to(ANA).pop().unwrap(), "40 Oak Ave");
        }
        let answers = of_type(&host, "directions").await;
        assert_eq!((answers.len(), word(&answers[0]["subject"], "id")), (2, "7"), "{answers:?}");
        let list = host.get("/api/v1/replies").await;
        let reply = &items(&list["items"])[0];
        assert_eq!((word(reply, "message"), word(reply, "answer")), (asked.as_str(), word(&answers[0], "id")));
        assert_eq!((word(reply, "meaning"), word(reply, "reason")), ("answer", "said-so"));
    }

    async fn an_answer_that_cannot_be_written_is_for_staff(start: Start) {
        let home = home();
        directions(&home);
        let host = with_policy(start, &home, Replies::Answer("directions")).await;
        is_ready(&host, None).await;
        say(&host, 1, ANA, "where?").await;
        assert_eq!(replies(&host).await, [staff("answer-not-bound")]);
        assert_eq!(host.texts_to(ANA).len(), 1);
    }

    async fn an_answer_of_a_type_that_is_not_there_is_for_staff(start: Start) {
        let home = home();
        let host = with_policy(start, &home, Replies::Answer("directions")).await;
        is_ready(&host, None).await;
        say(&host, 1, ANA, "where?").await;
        assert_eq!((replies(&host).await, host.texts_to(ANA).len()), (vec![staff("answer-unknown")], 1));
    }

    async fn what_a_phone_is_not_answered_within_the_hour_is_for_staff_and_its_stop_is_confirmed(start: Start) {
        let mut start = start;
        start.config.twilio.opt_out_answers = tidings::domain::keyword::OptOutAnswers::Tidings;
        let home = home();
        directions(&home);
        let host = with_policy(start, &home, Replies::Answer("directions")).await;
        is_ready(&host, Some("40 Oak Ave")).await;
        for n in 1..8 {
            say(&host, n, ANA, "where?").await;
        }
        let told = replies(&host).await;
        assert_eq!(told[4], ("answer".to_owned(), "said-so".to_owned()));
        assert_eq!(told[5..], [staff("too-many-answers"), staff("too-many-answers")]);
        assert_eq!(host.texts_to(ANA).len(), 1 + 5);
        for n in 8..11 {
            say(&host, n, ANA, "STOP").await;
        }
        let texts = host.texts_to(ANA);
        assert!(texts.len() == 1 + 5 + 1 && texts[6].contains("no more texts"), "{texts:?}");
    }

    async fn a_policy_that_reads_a_stop_stops_all_texts_and_says_so_once(start: Start) {
        let home = home();
        let host = with_policy(start, &home, Replies::OptOut).await;
        is_ready(&host, None).await;
        for n in 1..4 {
            say(&host, n, ANA, "leave me alone").await;
        }
        assert_eq!(host.get("/api/v1/recipients/ana").await["opted_out"], true);
        let ledger = host.get("/api/v1/recipients/ana/consents").await;
        let first = items(&ledger["items"]).last().unwrap();
        assert_eq!((word(first, "source"), word(first, "wording")), ("reply", "leave me alone"));
        assert_eq!((of_type(&host, "reply-stopped").await.len(), host.texts_to(ANA).len()), (1, 2));
        // Twilio knows nothing of it: its word for START is none here.
        say(&host, 4, ANA, "YES").await;
        assert_eq!(host.get("/api/v1/recipients/ana").await["opted_out"], true);
    }

    async fn a_reply_that_a_policy_fails_on_is_for_staff_and_the_fault_is_in_the_record(start: Start) {
        let home = home();
        let host = with_policy(start, &home, Replies::Trap).await;
        let id = is_ready(&host, None).await;
        say(&host, 1, ANA, "hello").await;
        assert_eq!(replies(&host).await, [staff("policy-fault")]);
        let story = host.story(&id).await;
        let decision = items(&story["decisions"]).last().unwrap();
        assert_eq!((word(decision, "question"), &decision["answer"]["fault"]["code"]), ("on-reply", &json!("trap")), "{decision}");
    }

    async fn a_reply_is_for_staff_whatever_its_policy_does_about_it(start: Start) {
        let home = home();
        let host = with_policy(start, &home, Replies::Trap).await;
        let id = is_ready(&host, None).await;
        for (number, (decides, code)) in without_end().into_iter().enumerate() {
            let guest = Guest { message_type: TYPE, when: Asked::OnReply, ..Guest::new(decides) };
            std::fs::write(home.path().join("plugins/prescription-ready.toml"), "[limits]\nfuel = 5000000\n").unwrap();
            std::fs::write(home.path().join("plugins/prescription-ready.wasm"), guest.component()).unwrap();
            host.host.policies.reload().await;
            say(&host, number, ANA, "hello").await;
            assert_eq!(replies(&host).await[number], staff("policy-fault"), "{code}");
            let story = host.story(&id).await;
            let decision = items(&story["decisions"]).last().unwrap();
            assert_eq!((word(decision, "question"), &decision["answer"]["fault"]["code"]), ("on-reply", &json!(code)), "{decision}");
        }
    }

    async fn what_a_policy_hands_over_is_for_staff_with_its_own_code(start: Start) {
        let home = home();
        let host = with_policy(start, &home, Replies::HandToStaff).await;
        is_ready(&host, None).await;
        say(&host, 1, ANA, "hello").await;
        assert_eq!(replies(&host).await, [staff("said-so")]);
    }

    async fn a_request_by_a_name_of_the_policys_own_is_listed_and_announced(start: Start) {
        let mut start = start;
        start.config.webhooks.allow_networks = vec!["127.0.0.0/8".parse().unwrap()];
        let home = home();
        let host = with_policy(start, &home, Replies::Request("refill")).await;
        let receiver = Receiver::start().await;
        let hook = json!({"url": receiver.url(), "events": ["reply.requested"]});
        assert_eq!(host.post("/api/v1/webhook-endpoints", hook).await.0, 201);
        let id = is_ready(&host, None).await;
        say(&host, 1, ANA, "again please").await;
        assert_eq!(requests(&host).await, [("prescription.refill-requested".to_owned(), "7".to_owned(), "ana".to_owned())]);
        host.host.call_out_round().await.unwrap();
        let told = receiver.taken();
        assert_eq!(told.len(), 1, "{told:?}");
        let body = &told[0].body;
        assert_eq!((&body["type"], &body["data"]["request"], &body["data"]["message_id"]), (&json!("reply.requested"), &json!("refill"), &json!(id)), "{body}");
        assert_eq!(body["data"]["text"], "again please");
    }
}
