//! Replies: what patients texted, what it was taken to mean, and what they ask the clinic for.

use super::Api;
use super::auth::Key;
use super::cursor;
use super::problem::Problem;
use crate::domain::phone::PhoneNumber;
use crate::service::{ReplyEntry, ReplyFilter};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Which replies.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// The clinic's id of the person.
    recipient: Option<String>,
    /// `stop`, `start`, `help`, `confirm`, `cancel`, `reschedule`, `request`, `which`, `answer`, `ignore` or
    /// `hand_to_staff`.
    meaning: Option<String>,
    /// Only those that ask the clinic for something.
    requests: Option<bool>,
    /// Received at or after.
    since: Option<DateTime<Utc>>,
    /// `masked`, or `whole` for a key with the scope `recipients:read`.
    numbers: Option<String>,
    /// From the page before.
    cursor: Option<String>,
    /// 1 to 200; 50, when left out.
    limit: Option<u32>,
}

/// A text that a patient sent.
#[derive(Serialize, ToSchema)]
pub(super) struct ReplyView {
    id: Uuid,
    received_at: DateTime<Utc>,
    /// `null` for a phone that is nobody's.
    recipient: Option<String>,
    /// The number of a phone that is nobody's, so that staff can answer it: masked, unless whole numbers were
    /// asked for; `null` for a person, and once `retention.phones` is over.
    #[schema(example = "+1•••••••143")]
    phone: Option<String>,
    /// `null` once the person was erased, or `retention.texts` is over.
    text: Option<String>,
    /// Pictures and the like that came with it; they stay at Twilio.
    media: u32,
    #[schema(example = "confirm")]
    meaning: String,
    /// Why it was taken so: `keyword`, `several-visits`, or the policy's own code.
    reason: String,
    /// The message that it answers.
    message: Option<Uuid>,
    /// The message that was planned to answer it.
    answer: Option<Uuid>,
    request: Option<RequestView>,
}

/// What a patient asks the clinic for. Nothing happens by itself: the clinic's system does it, or not.
#[derive(Serialize, ToSchema)]
pub(super) struct RequestView {
    id: Uuid,
    /// `appointment.confirm-requested`, `appointment.cancel-requested`, `appointment.reschedule-requested`; with
    /// a name that a policy of the clinic's own chose, `prescription.refill-requested`. Webhooks tell of the
    /// first three by these names, of all others as `reply.requested`.
    #[serde(rename = "type")]
    kind: String,
    subject: SubjectView,
}

/// What the request is about.
#[derive(Serialize, ToSchema)]
#[schema(as = RequestSubject)]
pub(super) struct SubjectView {
    #[serde(rename = "type")]
    #[schema(example = "appointment")]
    subject_type: String,
    id: String,
    /// The version that the patient was told of.
    version: i64,
}

/// A page of replies.
#[derive(Serialize, ToSchema)]
pub(super) struct ReplyList {
    /// The newest first.
    items: Vec<ReplyView>,
    /// Give it as `cursor` for the next page; `null` on the last.
    next_cursor: Option<String>,
}

impl ReplyView {
    fn new(entry: ReplyEntry, whole_numbers: bool) -> Self {
        let show = |phone: PhoneNumber| if whole_numbers { phone.e164().to_owned() } else { phone.masked() };
        Self {
            id: entry.id.0,
            received_at: entry.received_at,
            recipient: entry.recipient,
            phone: entry.phone.map(show),
            text: entry.text,
            media: entry.media,
            meaning: entry.meaning,
            reason: entry.reason_code,
            message: entry.message.map(|id| id.0),
            answer: entry.answer.map(|id| id.0),
            request: entry.request.map(|(id, name, subject)| RequestView {
                id: id.0,
                kind: format!("{}.{name}-requested", subject.subject_type),
                subject: SubjectView {
                    subject_type: subject.subject_type,
                    id: subject.id,
                    version: subject.version,
                },
            }),
        }
    }
}

/// Find replies
///
/// What patients texted, what it was taken to mean, and what they ask the clinic's system for
/// (`requests=true`). `meaning=hand_to_staff` is what a person should read; what came from a phone that is
/// nobody's has the phone beside it.
#[utoipa::path(get, path = "/api/v1/replies", tag = "replies", security(("api_key" = ["messages:read"])),
    params(Search),
    responses((status = 200, body = ReplyList), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 422, body = Problem)))]
pub(super) async fn list(
    State(api): State<Api>,
    key: Key,
    search: Result<Query<Search>, QueryRejection>,
) -> Result<axum::Json<ReplyList>, Problem> {
    let caller = key.with("messages:read")?;
    let Query(search) = search.map_err(|rejection| Problem::field("query", rejection.body_text()))?;
    for (name, value) in [("recipient", &search.recipient), ("meaning", &search.meaning)] {
        if value.as_ref().is_some_and(|value| value.chars().any(char::is_control)) {
            return Err(Problem::field(name, "holds what no text holds"));
        }
    }
    let limit = search.limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        return Err(Problem::field("limit", "is not 1 to 200"));
    }
    let whole = match search.numbers.as_deref() {
        None | Some("masked") => false,
        Some("whole") if caller.may("recipients:read") => true,
        Some("whole") => return Err(Problem::forbidden("the API key lacks the scope recipients:read")),
        Some(_) => return Err(Problem::field("numbers", "is neither masked nor whole")),
    };
    let filter = ReplyFilter {
        test: caller.test,
        recipient: search.recipient,
        meaning: search.meaning,
        requests: search.requests.unwrap_or(false),
        since: search.since,
        after: search.cursor.as_deref().map(cursor::read).transpose()?,
        limit,
    };
    let page = api.find_replies(&filter).await?;
    let last = page.replies.last().filter(|_| page.more);
    let next_cursor = last.map(|last| cursor::after(last.received_at, last.id.0));
    let items = page.replies.into_iter().map(|entry| ReplyView::new(entry, whole)).collect();
    Ok(axum::Json(ReplyList { items, next_cursor }))
}
