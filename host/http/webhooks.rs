//! Webhooks: what Twilio tells us. A request is believed when its signature fits the address it was
//! called at, over every parameter it carries; everything else is answered 403 and leaves no trace.

use super::Api;
use super::problem::Problem;
use crate::domain::keyword::Keyword;
use crate::measure;
use crate::service::{Inbound, Receipt, Received};
use crate::store::ProviderEventSource;
use crate::twilio::signature::{Body, HEADER, Verifier, called_url};
use crate::twilio::webhook::{InboundText, NO_REPLY, OptOutType, REPLY_TYPE, StatusCallback, pairs};
use axum::body::Bytes;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::NaiveDateTime;
use std::sync::Arc;

/// Twilio tells how a text fares
///
/// Signed by Twilio (`X-Twilio-Signature`); callbacks may come in any order, repeatedly, and before our
/// own call has returned.
#[utoipa::path(post, path = "/webhooks/twilio/status", tag = "twilio",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 204, description = "Taken in"), (status = 403, description = "Not signed by Twilio", body = Problem),
        (status = 404, description = "About no text of ours", body = Problem)))]
pub(super) async fn status(
    State(api): State<Api>,
    uri: OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let (parameters, _) = signed(&api, &uri, &headers, &body)?;
    let malformed = |detail: String| Problem::plain(StatusCode::BAD_REQUEST, "malformed-body", detail);
    let callback = StatusCallback::read(&parameters).map_err(|error| malformed(error.to_string()))?;
    let Ok(status) = callback.status else {
        // Twilio adds words without notice: nothing follows from one that we do not know.
        tracing::warn!("a status callback with an unknown word");
        return Ok(StatusCode::NO_CONTENT);
    };
    let tagged = uri.query().and_then(|query| api.callbacks()?.read(query).ok());
    let attempt = match tagged {
        Some((_, attempt)) => Some(attempt),
        // The older address carries no tag: the text is known by its identifier.
        None => api.attempt_of_sid(&callback.sid).await?,
    };
    let unknown = || Problem::not_found("this callback is about no text of ours");
    let receipt = Receipt {
        attempt: attempt.ok_or_else(unknown)?,
        sid: callback.sid,
        status,
        error_code: callback.error_code,
        raw_date: callback.carrier_done_at,
        source: ProviderEventSource::Callback,
    };
    // `Twilio: RawDlrDoneDate` is the carrier's minute, YYMMDDhhmm in UTC.
    let done_at = receipt.raw_date.as_deref().map(|raw| NaiveDateTime::parse_from_str(raw, "%y%m%d%H%M"));
    if let Some(Ok(done_at)) = done_at {
        measure::callback_heard(done_at.and_utc(), api.now());
    }
    match api.receive(&receipt).await? {
        Received::New | Received::Repeated => Ok(StatusCode::NO_CONTENT),
        Received::Unknown => Err(unknown()),
    }
}

/// Twilio tells how a text fares, at the older address
///
/// The same as `/webhooks/twilio/status`; the signature is taken over this address.
#[utoipa::path(post, path = "/api/v1/sms/status-callback", tag = "twilio",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 204, description = "Taken in"), (status = 403, description = "Not signed by Twilio", body = Problem),
        (status = 404, description = "About no text of ours", body = Problem)))]
pub(super) async fn status_by_older_name(
    state: State<Api>,
    uri: OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    status(state, uri, headers, body).await
}

/// A patient texts us
///
/// Answered at once with an empty response; what we say to it goes the way of every message.
#[utoipa::path(post, path = "/webhooks/twilio/inbound", tag = "twilio",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "Taken in", body = String, content_type = "text/xml"),
        (status = 403, description = "Not signed by Twilio", body = Problem)))]
pub(super) async fn inbound(
    State(api): State<Api>,
    uri: OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let (parameters, test) = signed(&api, &uri, &headers, &body)?;
    let inbound = InboundText::read(&parameters)
        .map_err(|error| Problem::plain(StatusCode::BAD_REQUEST, "malformed-body", error.to_string()))?;
    let nothing = || ([(header::CONTENT_TYPE, REPLY_TYPE)], NO_REPLY).into_response();
    let Ok(from) = inbound.from_phone() else {
        tracing::info!("a text from a short code or a name; there is nobody to answer");
        return Ok(nothing());
    };
    let reply = Inbound {
        sid: inbound.sid,
        from,
        text: inbound.body.expose().to_owned(),
        answered: inbound.opt_out.map(|word| match word {
            OptOutType::Stop => Keyword::Stop,
            OptOutType::Start => Keyword::Start,
            OptOutType::Help => Keyword::Help,
        }),
        media: inbound.media,
        test,
    };
    api.accept_reply(&reply).await?;
    Ok(nothing())
}

/// The parameters of a request that Twilio has signed, and whether it was the sandbox.
fn signed(
    api: &Api,
    uri: &OriginalUri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(Vec<(String, String)>, bool), Problem> {
    let refuse = |why: &'static str| {
        tracing::warn!(path = uri.path(), why, "a webhook is refused");
        measure::forged_webhook();
        Problem::forbidden("the request is not signed by Twilio")
    };
    let signature =
        headers.get(HEADER).and_then(|value| value.to_str().ok()).ok_or_else(|| refuse("no signature"))?;
    let target = uri.path_and_query().map_or(uri.path(), |target| target.as_str());
    let parameters = pairs(body);
    let fits = |verifier: &Option<Arc<Verifier>>, base: &Option<String>| {
        verifier.as_ref().zip(base.as_deref()).map(|(verifier, base)| {
            verifier.verify(&called_url(base, target), Body::Form(&parameters), signature).is_ok()
        })
    };
    match fits(&api.verifier, &api.settings.public_url) {
        Some(true) => Ok((parameters, api.providers.live.is_none())),
        // The sandbox beside the account signs with a token of its own, for an address of this machine.
        _ if fits(&api.test_verifier, &api.settings.test_url) == Some(true) => Ok((parameters, true)),
        Some(false) => Err(refuse("the signature does not fit")),
        None => Err(refuse("no auth token, or no public address, is configured")),
    }
}
