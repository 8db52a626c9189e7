//! The wire format, the page and the API for tests, over real sockets.

use super::*;
use crate::clock::ManualClock;
use axum::http::{Method, StatusCode};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

const PATIENT: &str = "+12025550143";

struct Bench {
    sandbox: Sandbox,
    http: Client,
}

impl Bench {
    async fn new() -> Self {
        let now = DateTime::from_timestamp_millis(1_692_853_305_000).unwrap();
        let clock = Arc::new(ManualClock::at(now));
        let sandbox = Sandbox::start(SandboxSettings::immediate(), clock, Chance::seeded(7)).await.unwrap();
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let http = Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap();
        Self { sandbox, http }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let account = self.sandbox.account_sid();
        let url = if path.starts_with('/') {
            format!("{}{path}", self.sandbox.base_url())
        } else {
            format!("{}/2010-04-01/Accounts/{account}/Messages{path}", self.sandbox.base_url())
        };
        self.http.request(method, url).basic_auth(account, Some(self.sandbox.auth_token().expose()))
    }

    async fn create(&self, params: &[(&str, &str)]) -> Response {
        self.request(Method::POST, ".json").form(params).send().await.unwrap()
    }

    async fn text(&self, to: &str) -> Value {
        let response = self.create(&[("To", to), ("From", "+15005550006"), ("Body", "Hi")]).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        response.json().await.unwrap()
    }

    async fn update(&self, sid: &str, params: &[(&str, &str)]) -> (StatusCode, Value) {
        let request = self.request(Method::POST, &self.path(sid)).form(params);
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    fn path(&self, sid: &str) -> String {
        wire::path(self.sandbox.account_sid(), Some(sid))
    }

    /// The phones and the API, mounted as a host mounts them.
    async fn host(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = self.sandbox.phone_page();
        tokio::spawn(async move { axum::serve(listener, router).await });
        base
    }
}

#[tokio::test]
async fn a_created_text_looks_like_twilios() {
    let bench = Bench::new().await;
    let response = bench.create(&[("To", PATIENT), ("From", "+15005550006"), ("Body", "Hi")]).await;
    assert!(response.headers()["twilio-request-id"].to_str().unwrap().starts_with("RQ"));
    let text: Value = response.json().await.unwrap();
    let account = bench.sandbox.account_sid();
    let sid = text["sid"].as_str().unwrap();
    assert_eq!(
        text,
        json!({
            "body": "Hi",
            "num_segments": "1",
            "direction": "outbound-api",
            "from": "+15005550006",
            "date_updated": "Thu, 24 Aug 2023 05:01:45 +0000",
            "price": null,
            "error_message": null,
            "uri": bench.path(sid),
            "account_sid": account,
            "num_media": "0",
            "to": PATIENT,
            "date_created": "Thu, 24 Aug 2023 05:01:45 +0000",
            "status": "queued",
            "sid": sid,
            "date_sent": null,
            "messaging_service_sid": null,
            "error_code": null,
            "price_unit": "USD",
            "api_version": "2010-04-01",
            "subresource_uris": { "media": bench.path(sid).replace(".json", "/Media.json") },
        })
    );
    bench.sandbox.until_quiet().await;
    let text: Value =
        bench.request(Method::GET, &bench.path(sid)).send().await.unwrap().json().await.unwrap();
    assert_eq!((&text["status"], &text["price"]), (&json!("delivered"), &json!("-0.00750")));
}

#[tokio::test]
async fn a_call_that_lacks_something_is_refused_with_its_code() {
    let bench = Bench::new().await;
    let long = "a".repeat(1601);
    let from = ("From", "+15005550006");
    let body = ("Body", "Hi");
    let to = ("To", PATIENT);
    for (params, code) in [
        (vec![from, body], 21604),
        (vec![to, body], 21603),
        (vec![to, from], 21602),
        (vec![to, from, ("Body", &long)], 21617),
        (vec![to, from, body, ("StatusCallback", "http://a_b.example/")], 21609),
        (vec![to, from, body, ("ValidityPeriod", "36001")], 21624),
        (vec![to, body, ("MessagingServiceSid", "MG1")], 21705),
        (vec![("To", "12025550143"), from, body], 21211),
        (vec![("To", "+33142685300"), from, body], 21614),
        (vec![("To", "+15005550006"), from, body], 21211),
    ] {
        let response = bench.create(&params).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{code}");
        let error: Value = response.json().await.unwrap();
        assert_eq!((&error["code"], &error["status"]), (&json!(code), &json!(400)));
        assert_eq!(error["more_info"], json!(format!("https://www.twilio.com/docs/errors/{code}")));
    }
    assert!(bench.sandbox.texts().is_empty());
}

#[tokio::test]
async fn nobody_comes_in_without_credentials() {
    let bench = Bench::new().await;
    let url = format!("{}{}", bench.sandbox.base_url(), bench.path("SM1"));
    let response = bench.http.get(url).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let other = format!("/2010-04-01/Accounts/AC{}/Messages.json", "0".repeat(32));
    let response = bench.request(Method::GET, &other).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_list_is_paged_and_filtered_like_twilios() {
    let bench = Bench::new().await;
    for _ in 0..5 {
        bench.text(PATIENT).await;
    }
    bench.text("+15005550118").await;
    bench.sandbox.until_quiet().await;
    let get = async |query: &str| -> Value {
        let path = if query.starts_with('/') { query.to_owned() } else { format!(".json?{query}") };
        bench.request(Method::GET, &path).send().await.unwrap().json().await.unwrap()
    };
    let length = |page: &Value| page["messages"].as_array().unwrap().len();
    let mut page = get("To=%2B12025550143&PageSize=2").await;
    assert_eq!((&page["page_size"], &page["start"], &page["end"]), (&json!(2), &json!(0), &json!(1)));
    let mut lengths = vec![length(&page)];
    bench.text(PATIENT).await;
    while let Some(next) = page["next_page_uri"].as_str().map(str::to_owned) {
        page = get(&next).await;
        lengths.push(length(&page));
    }
    assert_eq!(lengths, [2, 2, 1], "a new text does not move the pages");
    bench.sandbox.until_quiet().await;
    for (query, found) in [
        ("From=%2B15005550006", 7),
        ("DateSent=2023-08-24", 6),
        ("DateSent%3E=2023-08-25T00:00:00Z", 0),
        ("DateSent%3C=2023-08-24", 6),
        ("To=%2B15005550118", 1),
    ] {
        assert_eq!(length(&get(query).await), found, "{query}");
    }
}

#[tokio::test]
async fn a_text_is_changed_only_as_twilio_allows() {
    let bench = Bench::new().await;
    let waiting = bench.text("+15005550118").await["sid"].as_str().unwrap().to_owned();
    let sent = bench.text(PATIENT).await["sid"].as_str().unwrap().to_owned();
    bench.sandbox.until(|texts| texts[1].status == "delivered").await;
    let code = async |sid: &str, params: &[(&str, &str)]| bench.update(sid, params).await.1["code"].clone();
    assert_eq!(code(&waiting, &[("Body", "")]).await, json!(20009));
    assert_eq!(code(&sent, &[("Body", "new words")]).await, json!(30400));
    assert_eq!(code(&sent, &[("Body", ""), ("Status", "canceled")]).await, json!(30400));
    assert_eq!(code(&sent, &[("Status", "canceled")]).await, json!(30409));
    let (status, text) = bench.update(&waiting, &[("Status", "canceled")]).await;
    assert_eq!((status, &text["status"]), (StatusCode::OK, &json!("canceled")));
    let (status, text) = bench.update(&sent, &[("Body", "")]).await;
    assert_eq!((status, &text["body"]), (StatusCode::OK, &json!("")));
    assert_eq!(bench.sandbox.texts()[1].body, "Hi", "the record keeps what was accepted");
    for expected in [StatusCode::NO_CONTENT, StatusCode::NOT_FOUND] {
        let response = bench.request(Method::DELETE, &bench.path(&sent)).send().await.unwrap();
        assert_eq!(response.status(), expected);
    }
}

#[tokio::test]
async fn a_text_is_missing_from_the_list_while_it_lags() {
    let now = DateTime::from_timestamp_millis(1_692_853_305_000).unwrap();
    let clock = Arc::new(ManualClock::at(now));
    let settings = SandboxSettings { list_lag: TimeDelta::seconds(5), ..SandboxSettings::immediate() };
    let mut bench = Bench::new().await;
    bench.sandbox = Sandbox::start(settings, clock.clone(), Chance::seeded(8)).await.unwrap();
    bench.text(PATIENT).await;
    for (seconds, found) in [(0, 0), (5, 1)] {
        clock.advance(TimeDelta::seconds(seconds));
        let page: Value = bench.request(Method::GET, ".json").send().await.unwrap().json().await.unwrap();
        assert_eq!(page["messages"].as_array().unwrap().len(), found);
    }
}

#[tokio::test]
async fn the_page_shows_conversations_and_no_text_becomes_markup() {
    let bench = Bench::new().await;
    let base = bench.host().await;
    let words =
        [("To", PATIENT), ("From", "+15005550006"), ("Body", "<script>alert('x')</script> & \"more\"")];
    bench.create(&words).await;
    let response = bench.http.get(format!("{base}/sandbox")).send().await.unwrap();
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let page = response.text().await.unwrap();
    assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;more&quot;"));
    assert!(!page.contains("<script>alert"));
    for (number, ..) in fault::NUMBERS {
        assert!(page.contains(number));
    }
}

#[tokio::test]
async fn another_site_can_neither_reply_nor_set_faults() {
    let bench = Bench::new().await;
    let base = bench.host().await;
    for path in ["reply", "fault", "api/reset", "api/release"] {
        let form = [("from", PATIENT), ("body", "x"), ("to", ""), ("fault", "reset"), ("when", "always")];
        let request = bench.http.post(format!("{base}/sandbox/{path}")).form(&form);
        let response = request.header("sec-fetch-site", "cross-site").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn the_api_for_tests_sets_faults_lists_texts_and_forgets_them() {
    let bench = Bench::new().await;
    let base = bench.host().await;
    let post = async |path: &str, body: Value| {
        bench.http.post(format!("{base}/sandbox/api/{path}")).json(&body).send().await.unwrap().status()
    };
    let faults = json!({ "to": PATIENT, "next": ["error-500"], "always": "undelivered-30003" });
    assert_eq!(post("faults", faults).await, StatusCode::NO_CONTENT);
    assert_eq!(post("faults", json!({ "next": ["explode"] })).await, StatusCode::UNPROCESSABLE_ENTITY);
    let words = [("To", PATIENT), ("From", "+15005550006"), ("Body", "Hi")];
    assert_eq!(bench.create(&words).await.status(), StatusCode::INTERNAL_SERVER_ERROR);
    bench.text(PATIENT).await;
    bench.sandbox.until_quiet().await;
    let url = format!("{base}/sandbox/api/texts?phone=%2B12025550143");
    let texts: Value = bench.http.get(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!((&texts["calls"], &texts["items"][0]["error_code"]), (&json!(2), &json!(30003)));
    let reply = json!({ "from": PATIENT, "body": "C" });
    assert_eq!(post("replies", reply).await, StatusCode::UNPROCESSABLE_ENTITY, "no host to be told");
    assert_eq!(post("reset", json!({})).await, StatusCode::NO_CONTENT);
    let texts: Value = bench.http.get(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!(texts, json!({ "calls": 0, "items": [] }));
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_who_is_never_answered() {
    let bench = Bench::new().await;
    bench.sandbox.always("*", Fault::AcceptThenSilence);
    let pending = bench.request(Method::POST, ".json");
    let pending = pending.form(&[("To", PATIENT), ("From", "+15005550006"), ("Body", "Hi")]);
    let waiting = tokio::spawn(async move { pending.send().await.map(|response| response.status()) });
    bench.sandbox.until(|texts| texts.len() == 1).await;
    bench.sandbox.shut_down().await;
    assert_eq!(waiting.await.unwrap().unwrap(), StatusCode::SERVICE_UNAVAILABLE);
}
