//! `[telemetry]`.

use serde::Deserialize;

/// `[telemetry]`: where traces go.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// An OpenTelemetry collector that takes OTLP over HTTP, such as `http://127.0.0.1:4318`
    /// (`OTEL_EXPORTER_OTLP_ENDPOINT`); no traces when left out.
    pub otlp_endpoint: Option<String>,
}
