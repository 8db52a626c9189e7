//! The policies: which are at work, and what became of the files in the folder.

use super::Api;
use super::auth::Key;
use super::problem::Problem;
use crate::domain::kind::TypeName;
use crate::policy::{Loaded, PolicyStatus, Refused, Removed};
use crate::store::Difference;
use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// All policies.
#[derive(Serialize, ToSchema)]
pub(super) struct PolicyList {
    /// In the order of their files.
    items: Vec<PolicyFile>,
}

/// One file of the folder.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "file": "appointment-reminder", "state": "live", "name": "appointment-reminder", "version": "1.0.0",
    "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "settings_hash": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    "message_types": ["appointment-reminder"], "events": ["appointment.booked"], "inputs": ["data.starts_at"],
    "faults": 0
}))]
pub(super) struct PolicyFile {
    /// Its name without extension.
    file: String,
    /// `live`, `shadow`, `off`, `removed`, or `refused` where no good version of it is known.
    state: &'static str,
    #[serde(flatten)]
    at_work: Option<AtWork>,
    /// Why what lies in the folder is not at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<RefusedView>,
    /// Of one that is removed, only a shadow now, or replaced by a version that does not describe them: the
    /// message types that it decided for and nobody decides for now; they follow `on_policy_failure`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    undecided: Vec<String>,
    /// Questions that it was asked as a shadow since it was loaded.
    shadowed: u64,
    /// Questions that the version at work did not answer since it was loaded.
    faults: u64,
    /// The code of the last of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_fault: Option<&'static str>,
}

/// The version at work.
#[derive(Serialize, ToSchema)]
pub(super) struct AtWork {
    name: String,
    version: String,
    summary: String,
    /// SHA-256 of the `.wasm`.
    hash: String,
    /// SHA-256 of the settings.
    settings_hash: String,
    /// Bytes of the `.wasm`.
    size: u64,
    message_types: Vec<String>,
    /// The events it plans.
    events: Vec<String>,
    /// The facts it is told.
    inputs: Vec<String>,
}

/// Why a file is not at work.
#[derive(Serialize, ToSchema)]
pub(super) struct RefusedView {
    /// Stable: `damaged`, `forbidden-import`, `config-invalid`, `rolled-back` and so on.
    code: &'static str,
    /// What is wrong, and where.
    text: String,
}

/// Which policies are at work, and what is wrong with those that are not.
#[utoipa::path(get, path = "/api/v1/policies", tag = "operations", security(("api_key" = ["messages:read"])),
    responses((status = 200, body = PolicyList), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(super) async fn list(State(api): State<Api>, key: Key) -> Result<Json<PolicyList>, Problem> {
    key.with_some("messages:read")?;
    Ok(Json(PolicyList { items: api.policies.statuses().into_iter().map(Into::into).collect() }))
}

/// What shadows would have said differently.
#[derive(Serialize, ToSchema)]
pub(super) struct DifferenceList {
    /// Newest first, at most 200.
    items: Vec<DifferenceView>,
}

/// One answer of a shadow that was not that of the policy at work.
#[derive(Serialize, ToSchema)]
pub(super) struct DifferenceView {
    at: DateTime<Utc>,
    /// The message or event that both were asked about.
    about: Option<Uuid>,
    /// `plan`, `decide`, `on-failure` or `on-reply`.
    question: String,
    /// `answer`, `reason` where only the reason differs, or `fault`.
    difference: String,
    /// The policy at work.
    live: SaidView,
    shadow: SaidView,
}

/// Who said what.
#[derive(Serialize, ToSchema)]
pub(super) struct SaidView {
    policy: String,
    /// SHA-256 of the `.wasm`.
    hash: String,
    /// `plan`; `send`, `defer`, `suppress`; `retry`, `give up`; `ignore`, `answer`, `request`, `hand to staff`,
    /// `opt out`; of a fault, its code.
    outcome: String,
    reason_code: String,
}

/// What policies in shadow mode would have said differently, of the last 90 days.
#[utoipa::path(get, path = "/api/v1/policies/differences", tag = "operations",
    security(("api_key" = ["messages:read"])),
    responses((status = 200, body = DifferenceList), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(super) async fn differences(State(api): State<Api>, key: Key) -> Result<Json<DifferenceList>, Problem> {
    key.with("messages:read")?;
    let items = api.differences(200).await?.into_iter().map(Into::into).collect();
    Ok(Json(DifferenceList { items }))
}

impl From<Difference> for DifferenceView {
    fn from(it: Difference) -> Self {
        Self {
            at: it.at,
            about: it.about,
            question: it.question,
            difference: it.kind,
            live: SaidView {
                policy: it.policy,
                hash: it.policy_hash,
                outcome: it.outcome,
                reason_code: it.reason_code,
            },
            shadow: SaidView {
                policy: it.shadow,
                hash: it.shadow_hash,
                outcome: it.shadow_outcome,
                reason_code: it.shadow_reason_code,
            },
        }
    }
}

/// Lines about a file that is not at work as it lies there, or leaves message types that it had.
pub(super) fn not_at_work(status: &PolicyStatus) -> Vec<String> {
    if let Some(Refused { code, text }) = &status.refused {
        return vec![format!("{} ({code}): {text}", status.file)];
    }
    let line = |removed: &Removed| {
        let types = names(&removed.message_types).join(" ");
        format!("{} (removed): {}; {types}", status.file, removed.why())
    };
    status.removed.iter().map(line).collect()
}

impl From<PolicyStatus> for PolicyFile {
    fn from(status: PolicyStatus) -> Self {
        Self {
            file: status.file,
            state: status.state,
            at_work: status.at_work.as_deref().map(AtWork::from),
            refused: status.refused.map(|Refused { code, text }| RefusedView { code, text }),
            undecided: status.removed.iter().flat_map(|removed| names(&removed.message_types)).collect(),
            shadowed: status.shadowed,
            faults: status.faults,
            last_fault: status.last_fault,
        }
    }
}

impl From<&Loaded> for AtWork {
    fn from(loaded: &Loaded) -> Self {
        let description = &loaded.description;
        Self {
            name: description.name.clone(),
            version: description.version.clone(),
            summary: description.summary.clone(),
            hash: loaded.hash.clone(),
            settings_hash: loaded.settings_hash.clone(),
            size: loaded.size,
            message_types: names(&description.message_types),
            events: description.events.clone(),
            inputs: description.inputs.clone(),
        }
    }
}

fn names(types: &[TypeName]) -> Vec<String> {
    types.iter().map(|name| name.0.clone()).collect()
}
