//! The door: slow, oversized and broken requests are answered or closed, and cost nobody else anything.

use crate::support::{Start, TestHost};
use std::time::Duration;
use tidings::policy::Span;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn connect(host: &TestHost) -> TcpStream {
    TcpStream::connect(host.base.strip_prefix("http://").unwrap()).await.unwrap()
}

/// What comes back until the other side closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_connection_that_does_not_say_what_it_wants_is_told_so_and_closed() {
    let mut start = Start::sqlite();
    start.config.server.header_timeout = Span(Duration::from_millis(200));
    start.config.server.connections = 4;
    let host = start.host().await;
    // A slow-loris attack: every place is taken by somebody who never ends the head of a request.
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut stream = connect(&host).await;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\nx-slow: ").await.unwrap();
        slow.push(stream);
    }
    assert_eq!(host.client.get(format!("{}/healthz", host.base)).send().await.unwrap().status(), 200);
    for stream in slow {
        let answer = rest(stream).await;
        let is_problem =
            answer.contains("application/problem+json") && answer.contains("/docs/problems/timeout");
        assert!(answer.starts_with("HTTP/1.1 408 ") && is_problem, "{answer}");
    }
    // One that is only idle has asked for nothing.
    let mut idle = connect(&host).await;
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let answer = rest(idle).await;
    assert!(answer.contains(" 200 ") && !answer.contains(" 408 "), "{answer}");
}

#[tokio::test]
async fn one_address_cannot_take_every_place_and_a_trusted_proxy_may() {
    for (trusted, open) in
        [(Vec::new(), 2), (vec!["127.0.0.1".parse::<std::net::IpAddr>().unwrap().into()], 5)]
    {
        let mut start = Start::sqlite();
        start.config.server.connections_per_address = 2;
        start.config.server.trusted_proxies = trusted;
        let host = start.host().await;
        let mut streams = Vec::new();
        for _ in 0..5 {
            let mut stream = connect(&host).await;
            let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
            streams.push(stream);
        }
        let mut answered = 0;
        for stream in &mut streams {
            let mut start = [0; 12];
            answered += usize::from(stream.read_exact(&mut start).await.is_ok() && start.ends_with(b"200"));
        }
        assert_eq!(answered, open);
        drop(streams);
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_as_a_problem_before_it_has_come() {
    let host = Start::sqlite().host().await;
    for head in ["content-length: 99999999", "transfer-encoding: chunked"] {
        let mut stream = connect(&host).await;
        let head = format!(
            "POST /api/v1/messages HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\n{head}\r\nconnection: close\r\n\r\n",
            host.key
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let chunk = format!("{:x}\r\n{}\r\n", 1 << 16, " ".repeat(1 << 16));
        for _ in 0..20 {
            if stream.write_all(chunk.as_bytes()).await.is_err() {
                break;
            }
        }
        let answer = rest(stream).await;
        assert!(answer.contains(" 413 ") && answer.contains("/docs/problems/body-too-large"), "{answer}");
    }
    assert_eq!(host.client.get(format!("{}/healthz", host.base)).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let host = Start::sqlite().host().await;
    let mut stream = connect(&host).await;
    let field = "a".repeat(50_000);
    let head = format!("x-long: {field}\r\n").repeat(12);
    let _ = stream.write_all(format!("GET /healthz HTTP/1.1\r\nhost: a\r\n{head}\r\n").as_bytes()).await;
    let answer = rest(stream).await;
    assert!(answer.contains(" 431 "), "{answer}");
    let mut stream = connect(&host).await;
    let many = "x-many: a\r\n".repeat(200);
    stream.write_all(format!("GET /healthz HTTP/1.1\r\nhost: a\r\n{many}\r\n").as_bytes()).await.unwrap();
    assert!(rest(stream).await.contains(" 431 "));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up_as_a_problem() {
    let mut start = Start::sqlite();
    start.config.server.request_timeout = Span(Duration::from_millis(300));
    let host = start.host().await;
    let mut stream = connect(&host).await;
    let head = format!(
        "POST /api/v1/messages HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{{",
        host.key
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = rest(stream).await;
    assert!(answer.contains(" 408 ") && answer.contains("/docs/problems/timeout"), "{answer}");
}

#[tokio::test]
async fn every_answer_tells_browsers_to_be_careful() {
    let host = Start::sqlite().host().await;
    for path in ["/docs", "/api/openapi.json", "/docs/problems", "/api/v1/messages", "/nothing", "/healthz"] {
        let answer = host.client.get(format!("{}{path}", host.base)).send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"), "{path}");
        assert_eq!(header("x-frame-options").as_deref(), Some("DENY"), "{path}");
        assert_eq!(header("referrer-policy").as_deref(), Some("no-referrer"), "{path}");
        let policy = header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'self'") && !policy.contains("script-src 'unsafe"), "{policy}");
        assert!(header("server").is_none() && header("strict-transport-security").is_none(), "{path}");
    }
    // The page needs nothing that this policy would refuse.
    let page = host.client.get(format!("{}/docs", host.base)).send().await.unwrap().text().await.unwrap();
    assert!(!page.contains("<script>") && !page.contains("//cdn") && !page.contains("https://"), "{page}");
}
