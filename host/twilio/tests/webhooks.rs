//! Callbacks and inbound texts: signed by the sandbox, believed by us.

use super::*;
use crate::domain::failure::ProviderStatus;
use crate::domain::id::{AttemptId, MessageId};
use crate::twilio::callback::Callbacks;
use crate::twilio::signature::{Body, Verifier, called_url};
use crate::twilio::webhook::{InboundText, StatusCallback, pairs};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::post;
use std::sync::Mutex;

/// One request that a host was sent.
#[derive(Clone)]
struct Heard {
    target: String,
    query: String,
    headers: HeaderMap,
    body: Vec<(String, String)>,
}

/// A host that writes down what it is told, and answers as it is told to.
struct Host {
    base: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    answers: Arc<Mutex<Vec<StatusCode>>>,
}

impl Host {
    async fn new() -> Self {
        type Shared = (Arc<Mutex<Vec<Heard>>>, Arc<Mutex<Vec<StatusCode>>>);
        async fn hear(
            State((heard, answers)): State<Shared>,
            uri: Uri,
            RawQuery(query): RawQuery,
            headers: HeaderMap,
            body: Bytes,
        ) -> StatusCode {
            let target = uri.path_and_query().unwrap().to_string();
            let query = query.unwrap_or_default();
            heard.lock().unwrap().push(Heard { target, query, headers, body: pairs(&body) });
            answers.lock().unwrap().pop().unwrap_or(StatusCode::OK)
        }
        let host: Shared = Shared::default();
        let router = Router::new()
            .route("/webhooks/twilio/status", post(hear))
            .route("/webhooks/twilio/inbound", post(hear))
            .with_state(host.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { base, heard: host.0, answers: host.1 }
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    fn statuses(&self) -> Vec<ProviderStatus> {
        self.heard().iter().map(|heard| StatusCallback::read(&heard.body).unwrap().status.unwrap()).collect()
    }

    fn callbacks(&self) -> Callbacks {
        Callbacks::new(&self.base, b"key of this home")
    }

    /// A text that will be heard of, and the identifiers it will be heard of by.
    fn text(&self, to: &str) -> (Outgoing, MessageId, AttemptId) {
        let chance = Chance::seeded(9);
        let now = DateTime::from_timestamp_millis(NOON).unwrap();
        let message = MessageId::new(now, &mut *chance.lock());
        let attempt = AttemptId::new(now, &mut *chance.lock());
        let status_callback = Some(self.callbacks().url(message, attempt));
        (Outgoing { status_callback, ..outgoing(to, "Hello") }, message, attempt)
    }
}

fn verifies(verifier: &Verifier, host: &Host, heard: &Heard) -> bool {
    let url = called_url(&host.base, &heard.target);
    let header = heard.headers[signature::HEADER].to_str().unwrap();
    verifier.verify(&url, Body::Form(&heard.body), header).is_ok()
}

#[tokio::test]
async fn callbacks_are_signed_and_lead_back_to_their_attempt() {
    let bench = Bench::new().await;
    let host = Host::new().await;
    let (text, message, attempt) = host.text(PATIENT);
    let sid = bench.accepted(&text).await;
    bench.sandbox.until_quiet().await;
    assert_eq!(host.statuses(), [ProviderStatus::Sent, ProviderStatus::Delivered]);
    let verifier = settings_for(&bench.sandbox).verifier();
    for heard in host.heard() {
        assert!(verifies(&verifier, &host, &heard));
        assert!(!verifies(&Verifier::new(Secret::new("another"), None), &host, &heard));
        assert_eq!(host.callbacks().read(&heard.query), Ok((message, attempt)));
        assert_eq!(StatusCallback::read(&heard.body).unwrap().sid, sid);
    }
}

#[tokio::test]
async fn a_callback_may_come_before_the_answer() {
    let bench = Bench::new().await;
    let host = Host::new().await;
    let (text, ..) = host.text("+15005550125");
    bench.accepted(&text).await;
    assert_eq!(host.statuses().last(), Some(&ProviderStatus::Delivered));
}

#[tokio::test]
async fn callbacks_go_astray_as_their_number_says() {
    use ProviderStatus::{Delivered, Sent, Undelivered};
    let bench = Bench::new().await;
    for (to, expected) in [
        ("+15005550121", vec![Sent, Sent, Delivered, Delivered]),
        ("+15005550122", vec![Delivered, Sent]),
        ("+15005550123", vec![]),
        ("+15005550111", vec![Sent, Undelivered]),
        ("+15005550117", vec![Sent]),
        ("+15005550119", vec![Sent, Undelivered, Delivered]),
    ] {
        let host = Host::new().await;
        bench.accepted(&host.text(to).0).await;
        bench.sandbox.until_quiet().await;
        assert_eq!(host.statuses(), expected, "{to}");
    }
}

#[tokio::test]
async fn late_callbacks_wait_until_they_are_released() {
    let bench = Bench::new().await;
    let host = Host::new().await;
    bench.accepted(&host.text("+15005550124").0).await;
    bench.sandbox.until(|texts| texts[0].status == "delivered").await;
    assert!(host.heard().is_empty());
    bench.sandbox.release_callbacks();
    bench.sandbox.until_quiet().await;
    assert_eq!(host.statuses(), [ProviderStatus::Sent, ProviderStatus::Delivered]);
}

#[tokio::test]
async fn a_callback_that_fails_is_made_again_with_the_same_token() {
    let bench = Bench::new().await;
    let host = Host::new().await;
    host.answers.lock().unwrap().extend([StatusCode::INTERNAL_SERVER_ERROR; 3]);
    bench.accepted(&host.text("+15005550117").0).await;
    bench.sandbox.until_quiet().await;
    let heard = host.heard();
    assert_eq!((heard.len(), bench.sandbox.texts()[0].callbacks[0].tries), (4, 4));
    let token = |heard: &Heard| heard.headers["i-twilio-idempotency-token"].clone();
    assert!(heard.iter().all(|one| token(one) == token(&heard[0])));
}

#[tokio::test]
async fn a_text_typed_on_a_phone_arrives_signed_and_whole() {
    let bench = Bench::new().await;
    let host = Host::new().await;
    bench.accepted(&outgoing("+33612345678", "Bonjour")).await;
    bench.sandbox.set_inbound_url(format!("{}{}", host.base, callback::INBOUND_PATH));
    let reply = bench.sandbox.reply("+33612345678", None, " Ça va 👍 ").await.unwrap();
    assert_eq!(reply.answer, Some(200));
    let heard = &host.heard()[0];
    assert!(verifies(&settings_for(&bench.sandbox).verifier(), &host, heard));
    let text = InboundText::read(&heard.body).unwrap();
    assert_eq!(
        (text.sid.clone(), text.to.as_str(), text.body.expose()),
        (reply.sid, "+15005550006", " Ça va 👍 ")
    );
    assert_eq!(text.from_phone().unwrap().e164(), "+33612345678");
    assert!(heard.body.len() >= 19, "as many parameters as Twilio sends");
}

#[tokio::test]
async fn a_phone_that_texts_stop_is_blocked_until_it_texts_start() {
    let bench = Bench::new().await;
    let host = Host::new().await;
    bench.sandbox.set_inbound_url(format!("{}{}", host.base, callback::INBOUND_PATH));
    bench.sandbox.reply(PATIENT, None, "Stop").await.unwrap();
    let outcome = bench.send(PATIENT).await;
    assert!(matches!(outcome, SendOutcome::Refused(error) if error.code == Some(21610)));
    bench.sandbox.reply(PATIENT, None, "START").await.unwrap();
    assert!(matches!(bench.send(PATIENT).await, SendOutcome::Accepted(_)));
    assert_eq!(host.heard().len(), 2, "both are forwarded all the same");
}
