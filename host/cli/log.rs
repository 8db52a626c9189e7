//! The log, on standard error, and traces for an OpenTelemetry collector.

use super::CliError;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// The target of spans that are made for traces; the log leaves them out, its lines carry their ids.
const SPANS: &str = crate::measure::SPANS;

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
    let filter = environment.get("TIDINGS_LOG").map_or("info", String::as_str);
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let is_json = environment.get("TIDINGS_LOG_FORMAT").is_some_and(|format| format == "json");
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
    Ok(Traces(provider))
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
