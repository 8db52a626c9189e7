//! What operators measure: every figure of `/metrics`, with its name, unit and labels. Labels are words of
//! ours (types, states, codes, routes), never a person's.

use chrono::{DateTime, Utc};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static MEASURED: AtomicBool = AtomicBool::new(false);

/// Whether figures are kept: what only they need is not looked up otherwise.
#[must_use]
pub fn is_measured() -> bool {
    MEASURED.load(Ordering::Relaxed)
}

/// The target of spans that are made for traces.
pub const SPANS: &str = "tidings::span";

/// Seconds, from a commit to a carrier's slow hour.
const SECONDS: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0, 3600.0];

/// The figures cannot be kept: another recorder was installed, or a bucket is wrong.
#[derive(Debug, thiserror::Error)]
#[error("the figures cannot be kept")]
pub struct MeasureError(#[from] metrics_exporter_prometheus::BuildError);

/// What is measured, ready to be read.
#[derive(Clone)]
pub struct Figures(PrometheusHandle);

impl Figures {
    /// Installs the process's recorder. Without it nothing is measured, and measuring costs nothing.
    ///
    /// # Errors
    ///
    /// There is a recorder already.
    pub fn install() -> Result<Self, MeasureError> {
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
            .set_buckets_for_metric(
                Matcher::Full("tidings_policy_fuel".to_owned()),
                &[1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7, 1e8],
            )?
            .set_buckets_for_metric(
                Matcher::Full("tidings_commit_units".to_owned()),
                &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0],
            )?
            .install_recorder()?;
        describe();
        MEASURED.store(true, Ordering::Relaxed);
        Ok(Self(handle))
    }

    /// In Prometheus' text format.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }
}

fn describe() {
    describe_counter!("tidings_messages_total", "Messages that came into a state, by type, state and lane");
    describe_counter!("tidings_reasons_total", "Why messages were suppressed, held, failed or expired");
    describe_counter!(
        "tidings_provider_errors_total",
        "Texts that the provider refused or failed, by its error code"
    );
    describe_counter!(
        "tidings_outcomes_total",
        "What became of texts at the carrier, by type, outcome, the provider's error and the number's country"
    );
    describe_counter!("tidings_unknown_outcomes_total", "Calls whose outcome was not seen");
    describe_counter!(
        "tidings_locale_fallbacks_total",
        "Messages in another language than their reader's, each once, however often it is tried"
    );
    describe_counter!("tidings_segments_total", "Segments handed to the provider");
    describe_counter!("tidings_cost_micros_total", "Estimated cost, in millionths of the currency");
    describe_histogram!("tidings_due_to_provider_seconds", "From the moment a message was due to its call");
    describe_histogram!(
        "tidings_due_to_delivered_seconds",
        "From the moment a message was due to its delivery"
    );
    describe_histogram!(
        "tidings_accepted_to_delivered_seconds",
        "From the provider's yes to the text's delivery"
    );
    describe_histogram!("tidings_policy_seconds", "Time a policy took to answer");
    describe_histogram!("tidings_policy_fuel", "Fuel a policy burnt for an answer");
    describe_counter!(
        "tidings_policy_faults_total",
        "Questions that a policy did not answer, by the fault's code"
    );
    describe_counter!("tidings_forged_webhooks_total", "Webhooks refused because Twilio did not sign them");
    describe_histogram!("tidings_callback_lag_seconds", "From a carrier's receipt to our hearing of it");
    describe_histogram!("tidings_commit_units", "Units of work that shared a commit on SQLite");
    describe_counter!("tidings_refusals_total", "Requests that a limit refused, by route");
    describe_counter!(
        "tidings_refused_connections_total",
        "Connections closed because their address had as many as it may have"
    );
    describe_counter!("tidings_requests_total", "Requests, by route, method and status");
    describe_histogram!("tidings_request_seconds", "Time to answer a request, by route");
    describe_gauge!("tidings_oldest_due_seconds", "How long the oldest due message of a lane has waited");
    describe_gauge!("tidings_sending_paused", "1 while the account is refused or rests and nothing is sent");
    describe_gauge!("tidings_policies", "Loaded policies");
    describe_gauge!(
        "tidings_faulty_files",
        "Templates, locales and policies that run on their last good version"
    );
}

/// A message that has come into a state, and the commit is on the disk.
#[derive(Clone, Debug)]
pub struct Moved {
    /// The message's type.
    pub kind: String,
    /// Its lane.
    pub lane: &'static str,
    /// The state it is in now.
    pub state: &'static str,
    /// Why, where the state is an end or a hold.
    pub reason: Option<String>,
    /// The provider's error, where there was one.
    pub error_code: Option<i64>,
    /// When it was due: what came later counts from there.
    pub due_at: DateTime<Utc>,
    /// When it moved.
    pub at: DateTime<Utc>,
    /// What is handed over, for a message that goes out now.
    pub handed: Option<Handed>,
    /// The attempt whose end it is.
    pub ended: Option<Ended>,
}

/// The end of an attempt.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The attempt.
    pub attempt: uuid::Uuid,
    /// ISO 3166 alpha-2 of the number; filled in when the unit of work is written.
    pub country: Option<String>,
    /// When the provider took it; filled in likewise.
    pub accepted_at: Option<DateTime<Utc>>,
    /// The provider's error, where there was one.
    pub error_code: Option<i64>,
}

/// A text that is handed to the provider.
#[derive(Clone, Debug)]
pub struct Handed {
    /// Segments.
    pub segments: u32,
    /// Estimate, in millionths.
    pub cost_micros: i64,
    /// The languages asked for and sent, where they differ and the message goes out for the first time.
    pub fallback: Option<(String, String)>,
}

/// Counts a transition.
pub fn moved(moved: &Moved) {
    let Moved { kind, lane, state, .. } = moved;
    counter!("tidings_messages_total", "type" => kind.clone(), "state" => *state, "lane" => *lane)
        .increment(1);
    let since_due = (moved.at - moved.due_at).to_std().unwrap_or_default().as_secs_f64();
    match *state {
        "sending" => {
            histogram!("tidings_due_to_provider_seconds", "lane" => *lane).record(since_due);
            if let Some(handed) = &moved.handed {
                counter!("tidings_segments_total", "type" => kind.clone()).increment(handed.segments.into());
                let cost = u64::try_from(handed.cost_micros).unwrap_or(0);
                counter!("tidings_cost_micros_total", "type" => kind.clone()).increment(cost);
                if let Some((asked, sent)) = &handed.fallback {
                    counter!("tidings_locale_fallbacks_total", "asked" => asked.clone(), "sent" => sent.clone())
                        .increment(1);
                }
            }
        }
        "delivered" => histogram!("tidings_due_to_delivered_seconds", "lane" => *lane).record(since_due),
        "unknown" => counter!("tidings_unknown_outcomes_total", "type" => kind.clone()).increment(1),
        _ => {}
    }
    if let Some(reason) = &moved.reason {
        counter!("tidings_reasons_total", "type" => kind.clone(), "state" => *state, "reason" => reason.clone())
            .increment(1);
    }
    if let Some(ended) = &moved.ended {
        let code = ended.error_code.map(|code| code.to_string()).unwrap_or_default();
        let country = ended.country.clone().unwrap_or_default();
        counter!("tidings_outcomes_total", "type" => kind.clone(), "outcome" => *state, "error" => code,
            "country" => country)
        .increment(1);
        if let (Some(accepted), "delivered") = (ended.accepted_at, *state) {
            histogram!("tidings_accepted_to_delivered_seconds", "lane" => *lane)
                .record((moved.at - accepted).to_std().unwrap_or_default().as_secs_f64());
        }
    }
    if let (Some(code), "failed" | "undelivered" | "planned") = (moved.error_code, *state) {
        counter!("tidings_provider_errors_total", "code" => code.to_string()).increment(1);
    }
}

/// A policy answered, or did not.
pub fn policy_asked(policy: &str, question: &'static str, took: Duration, fuel: Result<u64, &'static str>) {
    histogram!("tidings_policy_seconds", "policy" => policy.to_owned(), "question" => question)
        .record(took.as_secs_f64());
    match fuel {
        #[expect(clippy::cast_precision_loss, reason = "fuel is far below 2^52")]
        Ok(fuel) => histogram!("tidings_policy_fuel", "policy" => policy.to_owned()).record(fuel as f64),
        Err(code) => {
            counter!("tidings_policy_faults_total", "policy" => policy.to_owned(), "code" => code)
                .increment(1);
        }
    }
}

/// A webhook was not signed by Twilio.
pub fn forged_webhook() {
    counter!("tidings_forged_webhooks_total").increment(1);
}

/// A carrier's receipt of `at` was heard of now.
pub fn callback_heard(at: DateTime<Utc>, now: DateTime<Utc>) {
    histogram!("tidings_callback_lag_seconds").record((now - at).to_std().unwrap_or_default().as_secs_f64());
}

/// So many units of work shared a commit.
pub fn committed(units: u32) {
    histogram!("tidings_commit_units").record(units);
}

/// A connection was closed: its address had as many as it may have.
pub fn connection_refused() {
    counter!("tidings_refused_connections_total").increment(1);
}

/// A request was answered.
pub fn answered(route: &str, method: &str, status: u16, took: Duration) {
    let (route, method) = (route.to_owned(), method.to_owned());
    histogram!("tidings_request_seconds", "route" => route.clone()).record(took.as_secs_f64());
    if status == 429 {
        counter!("tidings_refusals_total", "route" => route.clone()).increment(1);
    }
    counter!("tidings_requests_total", "route" => route, "method" => method, "status" => status.to_string())
        .increment(1);
}

/// How things stand at this moment.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Lane by lane: how long the oldest due message has waited, zero when none is due.
    pub oldest_due: Vec<(&'static str, Duration)>,
    /// Nothing is sent: the account is refused, or rests.
    pub paused: bool,
    /// Loaded policies.
    pub policies: usize,
    /// Files that run on their last good version.
    pub faults: usize,
}

/// Sets the gauges.
pub fn stands(standing: &Standing) {
    for (lane, waited) in &standing.oldest_due {
        gauge!("tidings_oldest_due_seconds", "lane" => *lane).set(waited.as_secs_f64());
    }
    gauge!("tidings_sending_paused").set(if standing.paused { 1.0 } else { 0.0 });
    #[expect(clippy::cast_precision_loss, reason = "files in a folder")]
    let (policies, faults) = (standing.policies as f64, standing.faults as f64);
    gauge!("tidings_policies").set(policies);
    gauge!("tidings_faulty_files").set(faults);
}
