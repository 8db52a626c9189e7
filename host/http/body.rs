//! Bodies: JSON that is refused by the name of the field, and the bytes it was read from, to which
//! an idempotency key is bound.

use super::problem::Problem;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

/// A JSON body and the bytes it was read from.
pub(crate) struct Json<T> {
    pub(crate) value: T,
    pub(crate) bytes: Bytes,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") && !essence.ends_with("+json") {
            let detail = "the body must be sent as `Content-Type: application/json`";
            return Err(Problem::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            let status = rejection.status();
            if status == StatusCode::PAYLOAD_TOO_LARGE {
                let detail = "the body is larger than this host takes; see server.body_limit";
                Problem::plain(status, "body-too-large", detail)
            } else {
                Problem::plain(StatusCode::BAD_REQUEST, "malformed-body", "the body could not be read")
            }
        })?;
        let value = read(&bytes)?;
        Ok(Self { value, bytes })
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let pointer = pointer(error.path());
        let inner = error.into_inner();
        if inner.is_data() {
            Problem::field(pointer, clean(&inner.to_string()))
        } else {
            let detail = format!("the body is not JSON: {inner}");
            Problem::plain(StatusCode::BAD_REQUEST, "malformed-body", detail)
        }
    })?;
    json.end().map_err(|_| {
        Problem::plain(StatusCode::BAD_REQUEST, "malformed-body", "the body goes on after its JSON has ended")
    })?;
    Ok(value)
}

/// serde's path as a JSON pointer: `people[0].phone` is `/people/0/phone`.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{key}"),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => String::new(),
        })
        .collect()
}

/// serde repeats what it found: `invalid type: string "+1202…", expected …`. A value may be personal, so
/// only what was expected stays; names of fields are the caller's own words and stay too.
fn clean(text: &str) -> String {
    let text = text.rsplit_once(" at line ").map_or(text, |(text, _)| text);
    let repeats = ["invalid type", "invalid value", "invalid length", "unknown variant"];
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => {
            let is_value = repeats.iter().any(|start| text.starts_with(start));
            if is_value { format!("is not what was expected: {expected}") } else { text.to_owned() }
        }
        // A text of our own, or of chrono and its like: none of them repeats what it read.
        None => text.to_owned(),
    }
}

/// The `Idempotency-Key` of a request.
///
/// # Errors
///
/// It is empty, too long, or not printable.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    match value.to_str() {
        Ok(key) if !key.is_empty() && key.len() <= 255 => Ok(Some(key.to_owned())),
        _ => Err(Problem::field("Idempotency-Key", "is not 1 to 255 printable characters long")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[expect(dead_code, reason = "only its errors matter")]
        people: Vec<u32>,
    }

    #[test]
    fn a_wrong_field_is_named_and_its_value_is_not_repeated() {
        let problem = format!("{:?}", read::<Body>(br#"{"people": ["+12025550143"]}"#).unwrap_err());
        assert!(problem.contains("/people/0") && !problem.contains("12025550143"), "{problem}");
        let problem = format!("{:?}", read::<Body>(br#"{"people": [-12025550143]}"#).unwrap_err());
        assert!(!problem.contains("12025550143"), "{problem}");
        let problem = format!("{:?}", read::<Body>(br#"{"peple": []}"#).unwrap_err());
        assert!(problem.contains("unknown field `peple`"), "{problem}");
    }
}
