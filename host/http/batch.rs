//! Many texts in one request, each with an answer of its own.

use super::Api;
use super::auth::{Key, allow};
use super::body::{Json, idempotency_key};
use super::messages::NewMessage;
use super::problem::Problem;
use super::views::MessageView;
use crate::domain::id::MessageId;
use crate::domain::kind::TypeName;
use crate::service::{Caller, Host, PostedMessage};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use tokio::task::JoinSet;
use utoipa::ToSchema;

/// The most texts in one request.
const MOST: usize = 1000;

/// So many are committed at once: what is posted singly waits behind no more.
const AT_ONCE: usize = 100;

/// Many texts.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"messages": [
    {"type": "prescription-ready", "to": {"id": "ana", "phone": "+12025550143", "language": "es"}},
    {"type": "prescription-ready", "to": {"id": "ben", "phone": "+12025550144"}}
]}))]
pub(super) struct Batch {
    /// 1 to 1,000 texts.
    #[schema(min_items = 1, max_items = 1000)]
    messages: Vec<NewMessage>,
}

/// What became of each text, in the order of the request.
#[derive(Serialize, ToSchema)]
pub(super) struct BatchAnswer {
    /// So many are committed.
    accepted: usize,
    /// So many are not.
    refused: usize,
    /// One for each text.
    items: Vec<BatchItem>,
}

/// A text that is committed, or what is wrong with it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum BatchItem {
    /// It is committed.
    Message(Box<MessageView>),
    /// It is not: mend it and post it again.
    Problem(Problem),
}

/// Post many texts
///
/// Up to 1,000; each is answered by itself, so that one wrong number holds nobody up. They go in the
/// lane `bulk`, behind what is posted singly, but for types that are urgent. A request that is repeated
/// under its `Idempotency-Key` goes on where it broke off: what is committed already is answered as it
/// was.
#[utoipa::path(post, path = "/api/v1/messages/batch", tag = "messages", security(("api_key" = ["messages:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Bound to the body; a repeated request gets the same answer")),
    request_body = Batch,
    responses((status = 202, description = "Each text is committed or refused", body = BatchAnswer),
        (status = 401, body = Problem), (status = 403, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, description = "Not a list of texts", body = Problem)))]
pub(super) async fn post(
    State(api): State<Api>,
    key: Key,
    headers: HeaderMap,
    body: Json<Batch>,
) -> Result<(StatusCode, axum::Json<BatchAnswer>), Problem> {
    let caller = key.with_some("messages:write")?;
    let idempotency = idempotency_key(&headers)?;
    let new = body.value.messages;
    if !(1..=MOST).contains(&new.len()) {
        return Err(Problem::field("/messages", "holds not 1 to 1,000 texts"));
    }
    let request = Sha256::digest(&body.bytes).to_vec();
    let mut answers: Vec<Option<Result<MessageId, Problem>>> = new.iter().map(|_| None).collect();
    let mut accepting = JoinSet::new();
    for (place, message) in new.into_iter().enumerate() {
        if accepting.len() >= AT_ONCE {
            keep(&mut answers, accepting.join_next().await);
        }
        let key = idempotency.as_ref().map(|key| format!("{key}#{place}"));
        let (host, caller, request) = (api.host.clone(), caller.clone(), request.clone());
        accepting.spawn(async move { (place, accept(&host, &caller, key, &request, message.into()).await) });
    }
    while let Some(done) = accepting.join_next().await {
        keep(&mut answers, Some(done));
    }
    let ids: Vec<MessageId> =
        answers.iter().flatten().filter_map(|answer| answer.as_ref().ok().copied()).collect();
    let mut committed: HashMap<MessageId, _> =
        api.messages(&ids).await?.into_iter().map(|message| (message.id, message)).collect();
    let lost =
        || Problem::plain(StatusCode::INTERNAL_SERVER_ERROR, "host-failed", "the text was not taken in");
    let items: Vec<BatchItem> = answers
        .into_iter()
        .map(|answer| match answer.unwrap_or_else(|| Err(lost())) {
            Ok(id) => committed.remove(&id).map_or_else(
                || BatchItem::Problem(lost()),
                |message| {
                    BatchItem::Message(Box::new(MessageView::new(&message, &api.settings.currency, None)))
                },
            ),
            Err(problem) => BatchItem::Problem(problem),
        })
        .collect();
    let accepted = ids.len();
    let refused = items.len() - accepted;
    Ok((StatusCode::ACCEPTED, axum::Json(BatchAnswer { accepted, refused, items })))
}

type Done = (usize, Result<MessageId, Problem>);

/// A task that panicked has left its place empty.
fn keep(
    answers: &mut [Option<Result<MessageId, Problem>>],
    done: Option<Result<Done, tokio::task::JoinError>>,
) {
    if let Some(Ok((place, answer))) = done {
        answers[place] = Some(answer);
    }
}

async fn accept(
    host: &Host,
    caller: &Caller,
    key: Option<String>,
    request: &[u8],
    posted: PostedMessage,
) -> Result<MessageId, Problem> {
    allow(caller, "messages:write", &TypeName(posted.kind.clone()))?;
    Ok(host.accept_bulk(caller, key.as_deref(), request, posted).await?.id)
}
