//! The documents: OpenAPI from the code, a page that reads it without the internet, and one page for
//! each type of problem.

use super::Api;
use super::problem::Problem;
use super::problem_types::TITLES;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

/// What stands above the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tidings",
        description = "A self-hosted SMS host for clinics. Services post facts or texts; the clinic's policies decide \
            whether and when; every text, sent or not, can be explained.",
    ),
    modifiers(&ApiKeys),
    tags(
        (name = "events", description = "Facts that other systems post"),
        (name = "messages", description = "Texts, and the story of each"),
        (name = "links", description = "Short links in texts"),
        (name = "usage", description = "What texts cost, and what is left"),
        (name = "webhooks", description = "How your own systems are told what happens"),
        (name = "recipients", description = "People, what they want and what they agreed to"),
        (name = "replies", description = "What patients text, and what they ask for"),
        (name = "twilio", description = "What Twilio calls"),
        (name = "operations", description = "Whether the host is well"),
    )
)]
pub(super) struct ApiDoc;

struct ApiKeys;

impl Modify for ApiKeys {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key: `tdg_live_…` or `tdg_test_…`, made by `tidings key create`"))
            .build();
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("The token of a patient or doctor, from the issuer that `[jwt]` names"))
            .build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("api_key", SecurityScheme::Http(scheme));
        components.add_security_scheme("sign_in", SecurityScheme::Http(token));
    }
}

pub(super) fn router() -> Router<Api> {
    Router::new()
        .route("/api/openapi.json", get(openapi))
        .route("/docs", get(page))
        .route("/docs/docs.js", get(script))
        .route("/docs/alerts.yml", get(alerts))
        .route("/docs/problems", get(problems))
        .route("/docs/problems/{code}", get(problem))
}

async fn openapi(State(api): State<Api>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], api.openapi.to_string())
}

async fn page() -> Html<&'static str> {
    Html(include_str!("docs.html"))
}

async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript")], include_str!("docs.js"))
}

/// Rules for Prometheus over the figures of `/metrics`.
async fn alerts() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/yaml")], include_str!("alerts.yml"))
}

async fn problems() -> Html<String> {
    let items: Vec<String> = TITLES
        .iter()
        .map(|(code, title, _)| format!("<li><a href=\"/docs/problems/{code}\">{code}</a>: {title}</li>"))
        .collect();
    Html(framed("Problems", &format!("<ul>{}</ul>", items.concat())))
}

async fn problem(Path(code): Path<String>) -> Result<Html<String>, Problem> {
    let (code, title, text) = TITLES
        .iter()
        .find(|(known, ..)| *known == code)
        .ok_or_else(|| Problem::not_found("there is no problem of this type"))?;
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    Ok(Html(framed(title, &format!("<p><code>/docs/problems/{code}</code></p><p>{text}</p>"))))
}

/// The titles and codes are our own words: nothing in these pages comes from outside.
fn framed(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>body{{font:16px/1.5 system-ui;max-width:44rem;\
         margin:3rem auto;padding:0 1rem}}</style><h1>{title}</h1>{body}<p><a href=\"/docs\">All of the API</a></p></html>"
    )
}
