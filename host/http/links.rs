//! Short links: a code leads to an address of the clinic's. Opening one changes nothing, whoever opens
//! it: networks and telephones look at links before people do.

use super::Api;
use super::body::Id;
use super::problem::Problem;
use crate::render::{DeadLink, LinkPage};
use crate::service::Followed;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

/// Follow a short link
///
/// A link that leads nowhere any more shows a page in the language of its text, else in the browser's.
/// No personal data is in either address, none is passed on (`Referrer-Policy`), and nothing is kept in the
/// browser.
#[utoipa::path(get, path = "/l/{code}", tag = "links",
    params(("code" = String, Path, description = "As it stands in a text")),
    responses((status = 302, description = "It leads there"), (status = 404, description = "No such link"),
        (status = 410, description = "The link is over")))]
pub(super) async fn follow(
    State(api): State<Api>,
    method: Method,
    headers: HeaderMap,
    Id(code): Id,
) -> Result<Response, Problem> {
    let dead = |dead, of_text: Option<String>| {
        let languages: Vec<&str> = of_text.as_deref().into_iter().chain(wished(&headers)).collect();
        let clinic = &api.settings.clinic;
        let page = api.renderer.snapshot().link_page(dead, &languages, &clinic.name, clinic.phone.as_deref());
        let status = if dead == DeadLink::Over { StatusCode::GONE } else { StatusCode::NOT_FOUND };
        (status, Html(html(&page))).into_response()
    };
    let mut response = match api.follow_link(&code, method == Method::GET).await? {
        Followed::To(address) => {
            let address =
                HeaderValue::from_str(&address).map_err(|_| Problem::not_found("this link leads nowhere"))?;
            (StatusCode::FOUND, [(header::LOCATION, address)]).into_response()
        }
        Followed::Over(language) => dead(DeadLink::Over, language),
        Followed::Unknown => dead(DeadLink::Unknown, None),
    };
    let headers = response.headers_mut();
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex, nofollow"));
    Ok(response)
}

/// The languages that a browser's reader wishes for (RFC 9110, 12.5.4), the most wanted first.
fn wished(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let said = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut wished: Vec<(&str, f32)> = said
        .split(',')
        .take(MOST_LANGUAGES)
        .filter_map(|part| {
            let (tag, weight) = part.split_once(';').unwrap_or((part, "q=1"));
            let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse().ok());
            Some((tag.trim(), weight.filter(|weight| *weight > 0.0)?))
        })
        .collect();
    wished.sort_by(|a, b| b.1.total_cmp(&a.1));
    wished.into_iter().map(|(tag, _)| tag)
}

/// Of longer lists only the beginning is read.
const MOST_LANGUAGES: usize = 20;

fn html(page: &LinkPage) -> String {
    let (locale, title, text) = (escaped(&page.locale), escaped(&page.title), escaped(&page.text));
    format!(
        "<!doctype html><html lang=\"{locale}\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>body{{font:18px/1.5 system-ui;max-width:32rem;\
         margin:4rem auto;padding:0 1rem}}</style><h1 dir=\"auto\">{title}</h1><p dir=\"auto\">{text}</p></html>"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
