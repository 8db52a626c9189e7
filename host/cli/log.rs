//! The log, on standard error, and traces for an OpenTelemetry collector.

use super::CliError;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use tracing_subscriber::filter::{Directive, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// The target of spans that are made for traces; the log leaves them out, its lines carry their ids.
const SPANS: &str = crate::measure::SPANS;

/// How much is logged where nobody says how much.
const USUAL: &str = "info";

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// What must be ended so that the last traces arrive.
pub(super) struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Sends what is left.
    pub(super) async fn end(self) {
        if let Some(provider) = self.0 {
            // It waits for the collector, and must not do so on a thread that serves.
            let ended = tokio::task::spawn_blocking(move || provider.shutdown()).await;
            if let Ok(Err(error)) = ended {
                tracing::warn!(error = &error as &dyn std::error::Error, "the last traces may be lost");
            }
        }
    }
}

/// `TIDINGS_LOG` says how much (`info`), `TIDINGS_LOG_FORMAT=json` how; traces go to `endpoint`.
pub(super) fn start(
    environment: &BTreeMap<String, String>,
    endpoint: Option<&str>,
) -> Result<Traces, CliError> {
    let (filter, mut faults) = filter(environment.get("TIDINGS_LOG").map_or(USUAL, String::as_str));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let format = environment.get("TIDINGS_LOG_FORMAT").map_or("text", String::as_str);
    if !matches!(format, "json" | "text" | "") {
        faults.push(format!("TIDINGS_LOG_FORMAT `{format}` is neither `text` nor `json`; it is text"));
    }
    let is_json = format == "json";
    let lines =
        if is_json { lines.json().boxed() } else { lines.with_ansi(std::io::stderr().is_terminal()).boxed() };
    let no_spans = filter_fn(|metadata| metadata.target() != SPANS);
    let provider = endpoint.map(provider).transpose()?;
    let traces = provider.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("tidings"))
            .with_filter(filter_fn(|metadata| metadata.is_span() && metadata.target() == SPANS))
    });
    tracing_subscriber::registry().with(lines.with_filter(no_spans).with_filter(filter)).with(traces).init();
    // A log that says more or less than was asked for says why; no host stays down for it.
    for fault in faults {
        tracing::warn!("{fault}");
    }
    Ok(Traces(provider))
}

/// What is logged, and what of it could not be understood: then the usual is.
fn filter(text: &str) -> (EnvFilter, Vec<String>) {
    let mut faults = Vec::new();
    for directive in text.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        // A word alone that is no level would be taken for the name of a module, and silence all others.
        let is_word = directive.chars().all(|c| c.is_ascii_alphanumeric());
        let is_level = LEVELS.iter().any(|level| directive.eq_ignore_ascii_case(level));
        let fault = match directive.parse::<Directive>() {
            Ok(_) if is_word && !is_level && directive != "tidings" => "is no level".to_owned(),
            Ok(_) => continue,
            Err(error) => error.to_string(),
        };
        let levels = LEVELS.join(", ");
        faults.push(format!(
            "TIDINGS_LOG cannot be used, `{USUAL}` is in force: `{directive}` {fault}; expected one of {levels}, or target=level"
        ));
    }
    let filter = if faults.is_empty() { EnvFilter::try_new(text).ok() } else { None };
    (filter.unwrap_or_else(|| EnvFilter::new(USUAL)), faults)
}

fn provider(endpoint: &str) -> Result<SdkTracerProvider, CliError> {
    // Somebody else may have chosen already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .build()
        .map_err(|error| CliError::failed(format!("traces cannot be sent to {endpoint}"), error))?;
    let resource = Resource::builder().with_service_name("tidings").build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_filter_is_named_and_the_usual_is_logged() {
        for good in ["debug", "WARN", "tidings=trace,info", "tidings::store=debug", "info,sqlx=off", ""] {
            assert!(filter(good).1.is_empty(), "{good}: {:?}", filter(good).1);
        }
        for (bad, named) in [
            ("inof", "`inof` is no level"),
            ("verbose,tidings=debug", "`verbose`"),
            ("tidings=lots", "`tidings=lots`"),
            ("info,=,", "`=`"),
        ] {
            let (used, faults) = filter(bad);
            assert!(faults.len() == 1 && faults[0].contains(named), "{bad}: {faults:?}");
            assert_eq!(used.to_string(), USUAL, "{bad}");
        }
    }
}
