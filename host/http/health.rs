//! Whether the host is alive, and whether it can work.

use super::{Api, policies};
use crate::service::{self, Claiming};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// What the host can work with.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Whether all of it is well.
    ready: bool,
    /// `sqlite` or `postgres`, or what is wrong with it.
    database: String,
    /// `up to date`, or how the database's schema and this program differ. One that is behind is not ready; one
    /// that a newer program has brought on serves until this program is replaced.
    migrations: String,
    /// `at work`, or what keeps this host from taking what is due; one that was told to stop is not ready.
    claiming: String,
    /// What waits in each lane.
    lanes: Vec<LaneView>,
    /// The loaded policies: name, version and the start of the file's SHA-256.
    policies: Vec<String>,
    /// Policies that are not at work as they lie in the folder, with the reason; the last good version
    /// decides, where there is one.
    refused: Vec<String>,
    /// The languages there are texts in.
    locales: Vec<String>,
    /// Locales, and `templates`, that run on their last good version because of a fault.
    kept: Vec<String>,
    /// The faults of templates and locales: `file:line:column`, a sentence, the line and a caret.
    faults: Vec<String>,
    /// Whether there is somebody to send through.
    provider: bool,
    /// Webhook endpoints that are switched off because nothing came through: the id and why.
    webhooks_off: Vec<String>,
    /// Budgets that are used up: their texts are held.
    fuses_blown: Vec<String>,
    /// Of a trial account whose credit is four fifths used up: texts of one segment that it has left.
    #[serde(skip_serializing_if = "Option::is_none")]
    trial_texts_left: Option<i64>,
    /// Accounts that the provider refuses as a whole: since when, why, and when it is tried again. Their texts
    /// wait.
    sending_stopped: Vec<String>,
    /// Whether the clock has leapt and may be wrong: only urgent texts go out.
    clock_in_doubt: bool,
}

/// A lane at this moment. One that is full waits for texts in hand; that it waits long is for an alert to tell.
#[derive(Serialize, ToSchema)]
pub(crate) struct LaneView {
    /// `otp`, `urgent`, `normal` or `bulk`.
    lane: &'static str,
    /// How long its oldest due text has waited, in seconds.
    oldest_due_seconds: u64,
    /// So many more texts this host can have in hand.
    free: usize,
}

/// The process is alive.
#[utoipa::path(get, path = "/healthz", tag = "operations", responses((status = 200, body = String)))]
pub(crate) async fn healthz() -> &'static str {
    "alive"
}

/// The host can work: database, policies, languages, provider.
#[utoipa::path(get, path = "/readyz", tag = "operations",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
pub(crate) async fn readyz(State(api): State<Api>) -> (StatusCode, Json<Readiness>) {
    let found = api.host.readiness().await;
    let (database, migrations) = (database(&api, &found), migrations(&found));
    let claiming = claiming(found.claiming);
    let catalogue = api.renderer.snapshot();
    let ready = database.is_ok() && migrations.is_ok() && claiming.is_ok();
    let readiness = Readiness {
        ready,
        database: said(database),
        migrations: said(migrations),
        claiming: said(claiming),
        lanes: found
            .lanes
            .iter()
            .map(|lane| LaneView {
                lane: lane.lane.name(),
                oldest_due_seconds: lane.waits.as_secs(),
                free: lane.free,
            })
            .collect(),
        policies: api
            .policies
            .all()
            .iter()
            .map(|p| {
                let hash: String = p.hash.chars().take(12).collect();
                format!("{} {} {hash}", p.description.name, p.description.version)
            })
            .collect(),
        refused: api.policies.statuses().iter().flat_map(policies::not_at_work).collect(),
        locales: catalogue.locales().map(str::to_owned).collect(),
        kept: catalogue.kept().map(str::to_owned).collect(),
        faults: api.renderer.faults().iter().map(ToString::to_string).collect(),
        provider: api.providers.live.is_some() || api.providers.test.is_some(),
        webhooks_off: found.webhooks_off.clone(),
        fuses_blown: found.fuses_blown.clone(),
        trial_texts_left: found.trial_texts_left,
        sending_stopped: api.sending_stopped(),
        clock_in_doubt: api.doubts_clock(),
    };
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(readiness))
}

/// What is well, or what is wrong.
type Finding = Result<String, String>;

fn said(finding: Finding) -> String {
    finding.unwrap_or_else(|problem| problem)
}

fn database(api: &Api, found: &service::Readiness) -> Finding {
    match &found.schema {
        Err(error) => {
            tracing::error!(error = error as &dyn std::error::Error, "the database does not answer");
            Err("does not answer; see the log".to_owned())
        }
        Ok(_) if !found.writes => Err("answers, and takes no writes; see the log and the disk".to_owned()),
        Ok(_) => Ok(api.store.engine().to_owned()),
    }
}

fn migrations(found: &service::Readiness) -> Finding {
    match &found.schema {
        Err(_) => Err("not known".to_owned()),
        Ok(schema) if schema.behind > 0 => {
            Err(format!("{} steps behind this program: run `tidings migrate`", schema.behind))
        }
        Ok(schema) if schema.ahead > 0 => {
            Ok(format!("{} steps ahead of this program: replace it", schema.ahead))
        }
        Ok(_) => Ok("up to date".to_owned()),
    }
}

fn claiming(claiming: Claiming) -> Finding {
    match claiming {
        Claiming::Running | Claiming::ByHand => Ok("at work".to_owned()),
        Claiming::Stalled => Err("has not looked for what is due for 20 s; see the log".to_owned()),
        Claiming::Stopped => Err("was told to stop".to_owned()),
    }
}
