//! Bodies: JSON that is refused by the name of the field, and the bytes it was read from, to which
//! an idempotency key is bound.

use super::problem::Problem;
use crate::domain::value::ValueType;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde_json::Value;

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
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        let detail = format!("the body is not JSON: {error}");
        Problem::plain(StatusCode::BAD_REQUEST, "malformed-body", detail)
    })?;
    serde_path_to_error::deserialize(Objects(value)).map_err(|error| {
        let pointer = pointer(error.path());
        let text = error.into_inner().to_string();
        match text.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
            Some(field) => Problem::field(format!("{pointer}/{field}"), "is missing"),
            None => Problem::field(pointer, clean(&text)),
        }
    })
}

/// A JSON value of which a struct is only read from an object: serde would take a list for one too.
struct Objects(Value);

impl<'de> Deserializer<'de> for Objects {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0 {
            Value::Array(items) => visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(Self))),
            Value::Object(members) => visitor
                .visit_map(MapDeserializer::new(members.into_iter().map(|(key, value)| (key, Self(value))))),
            value => value.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        if self.0.is_object() {
            self.deserialize_any(visitor)
        } else {
            Err(serde::de::Error::custom("invalid type, expected an object"))
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier ignored_any
    }
}

impl IntoDeserializer<'_, serde_json::Error> for Objects {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The id in a path. What is no text, or holds what no id holds, is the id of nothing.
pub(crate) struct Id(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(id)) if !id.chars().any(char::is_control) => Ok(Self(id)),
            _ => Err(Problem::not_found("there is nothing of this id")),
        }
    }
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
    let own_words = ["unknown field", "missing field", "duplicate field"];
    if own_words.iter().any(|start| text.starts_with(start)) {
        return text.to_owned();
    }
    let repeats = ["invalid type", "invalid value", "invalid length", "unknown variant"];
    match text.rsplit_once(", expected ").filter(|_| repeats.iter().any(|start| text.starts_with(start))) {
        // chrono's own words for what it expects help nobody.
        Some((_, expected)) if !expected.contains("timestamp") && !expected.contains("date and time") => {
            format!("is not what was expected: {expected}")
        }
        // Moments are the only values of our bodies with words of their own.
        _ => format!("is not what was expected: {}", ValueType::Time.expected()),
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
    fn a_list_is_not_taken_for_an_object() {
        assert!(read::<Body>(br"[[1]]").is_err());
        assert!(read::<Body>(br#"{"people": [1]}"#).is_ok());
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
