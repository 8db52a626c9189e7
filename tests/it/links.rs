//! Short links: on the clinic's own domain, one for each text, unguessable, over in time, and harmless
//! when a scanner opens them.

use crate::for_each_database;
use crate::support::{ANA, Start, TestHost};
use chrono::TimeDelta;
use serde_json::{Value, json};

const PAGE: &str = "https://pay.lakeside.example/i/77?token=abc";

/// A host that lets texts link to the clinic's own pages.
async fn host(mut start: Start) -> TestHost {
    start.config.links.hosts = vec!["*.lakeside.example".to_owned()];
    start.config.clinic.phone = Some("+1 206 555 0100".to_owned());
    start.host().await
}

fn payment(to: &str, url: &str) -> Value {
    json!({"type": "payment-reminder", "to": {"id": to, "phone": ANA, "language": "en", "name": "Ana Lee"},
        "variables": {"amount": {"amount": "25.50", "currency": "USD"}, "url": url}})
}

/// The path of the link in a text.
fn path_in(host: &TestHost, text: &str) -> String {
    let link = text
        .split_whitespace()
        .find(|word| word.starts_with(&host.base))
        .unwrap_or_else(|| panic!("no link in {text}"));
    link.strip_prefix(&host.base).unwrap().to_owned()
}

/// Sends a payment reminder, and answers its id and the path of its link.
async fn sent(host: &TestHost) -> (String, String) {
    let id = host.message(payment("ana", PAGE)).await;
    host.run().await;
    let path = path_in(host, &host.texts_to(ANA).pop().unwrap());
    (id, path)
}

/// Status, where it leads, and the whole answer in words.
async fn opened(host: &TestHost, method: reqwest::Method, path: &str) -> (u16, Option<String>, String) {
    let client =
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = client.request(method, format!("{}{path}", host.base)).send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let location = headers.get("location").map(|value| value.to_str().unwrap().to_owned());
    (status, location, format!("{headers:?}\n{}", answer.text().await.unwrap()))
}

for_each_database! {
    async fn a_link_is_short_and_leads_to_the_page(start: Start) {
        let host = host(start).await;
        let (id, path) = sent(&host).await;
        assert_eq!(path.len(), "/l/".len() + 16, "{path}");
        let (status, location, said) = opened(&host, reqwest::Method::GET, &path).await;
        assert_eq!((status, location.as_deref()), (302, Some(PAGE)));
        assert!(said.contains("no-referrer") && said.contains("no-store") && said.contains("noindex"), "{said}");
        // What is counted is what is sent.
        let story = host.story(&id).await;
        assert_eq!(story["text"]["body"], json!(host.texts_to(ANA)[0]));
        assert_eq!(story["text"]["segments"], json!(host.sandbox.texts_to(ANA)[0].segments));
    }

    async fn each_text_has_a_link_of_its_own_and_a_text_sent_again_the_same(start: Start) {
        let host = host(start).await;
        host.sandbox.script(ANA, [tidings::sandbox::Fault::Error500]);
        let (_, first) = {
            let id = host.message(payment("ana", PAGE)).await;
            host.run().await;
            // Looked up twice, absent, and sent again.
            for _ in 0..4 {
                host.run_after(TimeDelta::minutes(2)).await;
            }
            (id, path_in(&host, &host.texts_to(ANA).pop().unwrap()))
        };
        let (_, second) = sent(&host).await;
        assert_ne!(first, second);
        for path in [first, second] {
            assert_eq!(opened(&host, reqwest::Method::GET, &path).await.0, 302);
        }
    }

    async fn who_opens_a_link_changes_nothing(start: Start) {
        let host = host(start).await;
        let (id, path) = sent(&host).await;
        let before = host.story(&id).await;
        for method in [reqwest::Method::HEAD, reqwest::Method::GET, reqwest::Method::GET] {
            assert_eq!(opened(&host, method, &path).await.0, 302);
        }
        assert_eq!(host.story(&id).await, before);
        assert_eq!(before["links"][0]["opened_at"], Value::Null);
        assert_eq!(opened(&host, reqwest::Method::POST, &path).await.0, 405);
    }

    async fn the_first_opening_is_written_down_where_the_clinic_wants_it(start: Start) {
        let mut start = start;
        start.config.links.record_opens = true;
        let host = host(start).await;
        let (id, path) = sent(&host).await;
        opened(&host, reqwest::Method::HEAD, &path).await;
        assert_eq!(host.story(&id).await["links"][0]["opened_at"], Value::Null);
        opened(&host, reqwest::Method::GET, &path).await;
        let first = host.story(&id).await["links"][0]["opened_at"].clone();
        host.clock.advance(TimeDelta::hours(1));
        opened(&host, reqwest::Method::GET, &path).await;
        assert!(first.is_string());
        assert_eq!(host.story(&id).await["links"][0]["opened_at"], first);
    }

    async fn a_link_is_over_in_time_and_when_its_person_is_erased(start: Start) {
        let host = host(start).await;
        let (_, path) = sent(&host).await;
        host.clock.advance(TimeDelta::days(29));
        assert_eq!(opened(&host, reqwest::Method::GET, &path).await.0, 302);
        host.clock.advance(TimeDelta::days(2));
        let (status, location, said) = opened(&host, reqwest::Method::GET, &path).await;
        assert_eq!((status, location), (410, None));
        assert!(said.contains("Lakeside Clinic") && said.contains("206 555 0100"), "{said}");
        let (_, path) = sent(&host).await;
        assert_eq!(opened(&host, reqwest::Method::GET, &path).await.0, 302);
        host.request("DELETE", "/api/v1/recipients/ana", None).await;
        assert_eq!(opened(&host, reqwest::Method::GET, &path).await.0, 410);
    }

    async fn a_link_that_leads_nowhere_says_so_in_the_readers_language(start: Start) {
        let host = host(start).await;
        let to = json!({"id": "eva", "phone": "+12025550146", "language": "es"});
        host.message(json!({"type": "payment-reminder", "to": to,
            "variables": {"amount": {"amount": "25.50", "currency": "USD"}, "url": PAGE}}))
            .await;
        host.run().await;
        let text = host.texts_to("+12025550146").pop().unwrap();
        let link = text.split_whitespace().find(|word| word.starts_with(&host.base)).unwrap().to_owned();
        let read = async |address: &str, wishes: &str| {
            let request = host.client.get(address).header("accept-language", wishes);
            request.send().await.unwrap().text().await.unwrap()
        };
        host.clock.advance(TimeDelta::days(31));
        // The language of the text, whatever the browser says.
        let said = read(&link, "fr").await;
        assert!(said.contains("lang=\"es\"") && said.contains("Este enlace ya no es") && said.contains("206 555 0100"), "{said}");
        let unknown = format!("{}/l/0123456789abcdef", host.base);
        for (wishes, lang, words) in [
            ("fr-CA,fr;q=0.8,en;q=0.5", "fr", "Ce lien n'existe pas"),
            ("en;q=0.5, ar", "ar", "لا يوجد"),
            ("zh-CN", "zh-Hans", "没有此链接"),
            ("xx, es;q=0, ;q=x, *", "en", "There is no such link"),
            ("", "en", "There is no such link"),
        ] {
            let said = read(&unknown, wishes).await;
            assert!(said.contains(&format!("lang=\"{lang}\"")) && said.contains(words), "{wishes}: {said}");
        }
    }

    async fn no_other_code_leads_anywhere(start: Start) {
        let host = host(start).await;
        let (_, path) = sent(&host).await;
        let swapped: String = path.chars().map(|c| if c == 'a' { 'b' } else if c.is_lowercase() && c != 'l' { 'a' } else { c }).collect();
        for path in [swapped.as_str(), "/l/", "/l/0123456789abcdef", "/l/%2e%2e%2f", "/l/aaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
            let (status, location, _) = opened(&host, reqwest::Method::GET, path).await;
            assert_eq!((status, location), (404, None), "{path}");
        }
    }

    async fn an_address_elsewhere_or_with_a_persons_data_is_refused_before_anything_is_planned(start: Start) {
        let host = host(start).await;
        for url in [
            "https://evil.example/pay",
            "http://pay.lakeside.example/",
            "https://pay.lakeside.example/?phone=12025550143",
            "https://pay.lakeside.example/ana-lee",
            "https://pay.lakeside.example/?mail=ana%40mail.example",
        ] {
            let (status, problem) = host.post("/api/v1/messages", payment("ana", url)).await;
            assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/variables/url")), "{url}: {problem}");
        }
        let event = json!({"type": "payment.pending", "subject": {"type": "invoice", "id": "7", "version": 1},
            "people": [{"id": "ana", "role": "patient", "phone": ANA}],
            "data": {"amount": {"amount": "25.50", "currency": "USD"}, "due_at": "2026-12-10T15:00:00Z", "link": "https://evil.example/"}});
        let (status, problem) = host.post("/api/v1/events", event).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/data/link")), "{problem}");
        assert_eq!(host.states().await, []);
    }

    async fn without_hosts_no_text_links_anywhere_and_the_answer_says_what_to_set(start: Start) {
        let host = start.host().await;
        let (status, problem) = host.post("/api/v1/messages", payment("ana", PAGE)).await;
        assert!(status == 422 && problem["detail"].as_str().unwrap().contains("links.hosts"), "{problem}");
    }

    async fn a_short_domain_of_its_own_stands_in_the_text(start: Start) {
        let mut start = start;
        start.config.links.base_url = Some("https://go.lakeside.example".to_owned());
        let host = host(start).await;
        host.message(payment("ana", PAGE)).await;
        host.run().await;
        let text = host.texts_to(ANA).pop().unwrap();
        assert!(text.contains(" https://go.lakeside.example/l/") && !text.contains("pay.lakeside"), "{text}");
    }
}
