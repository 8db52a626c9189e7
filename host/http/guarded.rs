//! What stands around every route: limits, headers that tell browsers to be careful, and a net for panics.

use super::{auth, peer, problem};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use ipnet::IpNet;
use std::sync::Arc;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

/// The same routes, guarded.
pub(super) fn guarded(
    router: Router,
    body_limit: usize,
    request_timeout: Duration,
    trusted: Arc<[IpNet]>,
    is_https: bool,
) -> Router {
    router
        .layer(DefaultBodyLimit::max(body_limit))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, request_timeout))
        .layer(middleware::from_fn(auth::tell_allowance))
        .layer(middleware::from_fn_with_state(trusted, peer::find_client))
        .layer(middleware::from_fn(problem::name_the_limits))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(middleware::from_fn_with_state(is_https, security))
}

/// What tells browsers to do nothing with our answers that we did not mean.
const SECURITY: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

async fn security(State(is_https): State<bool>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in SECURITY {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if is_https {
        let always = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(always);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::super::{Door, serve};
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn a_panic_is_answered_as_a_problem_and_stops_nothing() {
        let broken =
            |path: axum::http::Uri| async move { path.query().expect("a secret of the panic").to_owned() };
        let router = Router::new().route("/broken", get(broken)).route("/sound", get(|| async { "sound" }));
        let router = guarded(router, 1024, Duration::from_secs(5), Arc::default(), false);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, router, Door::default(), std::future::pending()));
        // On one connection, so that it is seen to live on.
        let mut stream = TcpStream::connect(address).await.unwrap();
        let both = "GET /broken HTTP/1.1\r\nhost: a\r\n\r\nGET /sound HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        stream.write_all(both.as_bytes()).await.unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).await.unwrap();
        let (broken, sound) = answers.split_once("HTTP/1.1 200 OK").unwrap();
        assert!(broken.starts_with("HTTP/1.1 500 "), "{answers}");
        assert!(
            broken.contains("application/problem+json") && broken.contains("/docs/problems/host-failed"),
            "{broken}"
        );
        assert!(broken.contains("x-content-type-options: nosniff") && !broken.contains("secret"), "{broken}");
        assert!(sound.ends_with("sound"), "{sound}");
    }
}
