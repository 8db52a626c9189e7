//! Short links: a code leads to an address of the clinic's. Opening one changes nothing, whoever opens
//! it: networks and telephones look at links before people do.

use super::Api;
use super::body::Id;
use super::problem::Problem;
use crate::service::Followed;
use axum::extract::State;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

/// Follow a short link
///
/// No personal data is in either address, none is passed on (`Referrer-Policy`), and nothing is kept in the
/// browser.
#[utoipa::path(get, path = "/l/{code}", tag = "links",
    params(("code" = String, Path, description = "As it stands in a text")),
    responses((status = 302, description = "It leads there"), (status = 404, description = "No such link"),
        (status = 410, description = "The link is over")))]
pub(super) async fn follow(
    State(api): State<Api>,
    method: Method,
    Id(code): Id,
) -> Result<Response, Problem> {
    let clinic = &api.settings.clinic;
    let call = clinic.phone.as_deref().map_or_else(
        || format!("Please contact {}.", escaped(&clinic.name)),
        |phone| format!("Please call {} at {}.", escaped(&clinic.name), escaped(phone)),
    );
    let mut response = match api.follow_link(&code, method == Method::GET).await? {
        Followed::To(address) => {
            let address =
                HeaderValue::from_str(&address).map_err(|_| Problem::not_found("this link leads nowhere"))?;
            (StatusCode::FOUND, [(header::LOCATION, address)]).into_response()
        }
        Followed::Over => page(StatusCode::GONE, "This link is over", &call),
        Followed::Unknown => page(StatusCode::NOT_FOUND, "There is no such link", &call),
    };
    let headers = response.headers_mut();
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex, nofollow"));
    Ok(response)
}

fn page(status: StatusCode, title: &str, text: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>body{{font:18px/1.5 system-ui;max-width:32rem;\
         margin:4rem auto;padding:0 1rem}}</style><h1>{title}</h1><p>{text}</p></html>"
    );
    (status, Html(html)).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
