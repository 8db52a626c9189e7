//! The OpenAPI document: what every route has in common is written here once, over what the routes say of
//! themselves: names, the answers that any request can get, headers, and an example for everything.

use super::problem_types::{TITLES, example};
use serde_json::{Map, Value, json};

/// References that are followed into each other at the most, when an example is made.
const DEEPEST: usize = 12;

/// What any request can be answered with.
const ALWAYS: [(&str, &str, &str); 1] = [("500", "The host failed", "host-failed")];
/// What a request with a key can be answered with.
const WITH_KEY: [(&str, &str, &str); 3] = [
    ("401", "No API key, or one that is not valid", "unauthorized"),
    ("403", "The API key lacks the scope", "forbidden"),
    ("429", "Too many requests", "too-many-requests"),
];
/// What a request about one thing can be answered with.
const WITH_ID: [(&str, &str, &str); 1] = [("404", "There is nothing of this id", "not-found")];
/// What a request with a body can be answered with.
const WITH_BODY: [(&str, &str, &str); 5] = [
    ("400", "The body is not JSON", "malformed-body"),
    ("408", "The body did not come in time", "timeout"),
    ("413", "The body is too large", "body-too-large"),
    ("415", "The body is not sent as JSON", "unsupported-media-type"),
    ("422", "Fields are wrong", "invalid-request"),
];

/// Makes the document whole.
pub(super) fn complete(mut document: Value) -> Value {
    // What is generic loses that it may be absent.
    for schema in
        document.pointer_mut("/components/schemas").and_then(Value::as_object_mut).into_iter().flatten()
    {
        if let (true, Some(data)) = (schema.0.starts_with("Answer"), schema.1.pointer_mut("/properties/data"))
        {
            *data = json!({"oneOf": [{"type": "null"}, data.take()]});
        }
    }
    let schemas = document.pointer("/components/schemas").cloned().unwrap_or_default();
    let Some(paths) = document["paths"].as_object_mut() else { return document };
    for (path, methods) in paths.iter_mut() {
        let Some(methods) = methods.as_object_mut() else { continue };
        for (method, operation) in methods.iter_mut() {
            if let Some(operation) = operation.as_object_mut() {
                complete_operation(path, method, operation, &schemas);
            }
        }
    }
    if let Some(kind) = document.pointer_mut("/components/schemas/Problem/properties/type") {
        kind["enum"] = TITLES.iter().map(|(code, ..)| json!(format!("/docs/problems/{code}"))).collect();
    }
    document
}

fn complete_operation(path: &str, method: &str, operation: &mut Map<String, Value>, schemas: &Value) {
    let words = path.replace(['{', '}'], "").replace(['/', '-', '.'], "_");
    operation.insert("operationId".to_owned(), json!(format!("{method}{words}")));
    let has_key = operation
        .get("security")
        .and_then(Value::as_array)
        .is_some_and(|ways| ways.iter().any(|way| way.get("api_key").is_some()));
    let has_json =
        operation.get("requestBody").and_then(|body| body.pointer("/content/application~1json")).is_some();
    let has_fields = operation
        .get("parameters")
        .and_then(Value::as_array)
        .is_some_and(|all| all.iter().any(|parameter| parameter["in"] != "path"));
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        // A header or a query has no null: what is left out is left out.
        if let Some(kinds) = parameter["schema"]["type"].as_array_mut() {
            kinds.retain(|kind| kind != "null");
        }
        if parameter.get("example").is_none() {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            parameter["example"] = of_parameter(&name, &parameter["schema"], schemas);
        }
    }
    let body = operation.get_mut("requestBody").and_then(|body| body["content"].as_object_mut());
    for (media_type, content) in body.into_iter().flatten() {
        if media_type == "application/x-www-form-urlencoded" {
            content["schema"] = json!({"type": "object", "additionalProperties": {"type": "string"}});
            content["example"] = json!({"MessageSid": "SM5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a",
                "MessageStatus": "delivered", "ApiVersion": "2010-04-01"});
        }
        add_example(content, schemas);
    }
    let responses = operation.entry("responses").or_insert_with(|| json!({}));
    let Some(responses) = responses.as_object_mut() else { return };
    let key = if has_key { &WITH_KEY[..] } else { &[] };
    let body = if has_json { &WITH_BODY[..] } else { &[] };
    let id = if path.contains('{') { &WITH_ID[..] } else { &[] };
    let fields = if has_fields { &WITH_BODY[4..] } else { &[] };
    for (status, description, _) in ALWAYS.iter().chain(key).chain(body).chain(fields).chain(id) {
        let problem = json!({"description": description,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}});
        responses.entry(*status).or_insert(problem);
    }
    for (status, response) in responses.iter_mut() {
        complete_response(status, response, has_key, schemas);
    }
}

fn complete_response(status: &str, response: &mut Value, has_key: bool, schemas: &Value) {
    let usual = ALWAYS.iter().chain(&WITH_KEY).chain(&WITH_BODY).find(|(usual, ..)| *usual == status);
    let (words, code) = match (usual, status) {
        (Some((_, words, code)), _) => (*words, *code),
        (None, "404") => ("There is nothing of this id", "not-found"),
        (None, "409") => ("It cannot be done any more, or the key belongs to another request", "too-late"),
        (None, "410") => ("It is over", "not-found"),
        (None, "412") => ("It was changed meanwhile", "changed"),
        (None, "204") => ("Done", "host-failed"),
        (None, _) => ("As asked for", "host-failed"),
    };
    if response["description"].as_str().unwrap_or_default().is_empty() {
        response["description"] = json!(words);
    }
    if has_key {
        response["headers"]["RateLimit"] = json!({"schema": {"type": "string"}, "example": "\"key\";r=2999;t=60",
            "description": "Requests that are left to the key, and seconds until there are more"});
        response["headers"]["RateLimit-Policy"] = json!({"schema": {"type": "string"},
            "example": "\"key\";q=3000;w=60", "description": "Requests in a window of so many seconds"});
    }
    let Some(contents) = response.get_mut("content").and_then(Value::as_object_mut) else { return };
    let names = |content: &Value, schema: &str| {
        content["schema"]["$ref"].as_str().is_some_and(|name| name.ends_with(schema))
    };
    let is_problem = |content: &Value| names(content, "/Problem") || names(content, "/Refusal");
    if let Some(mut content) = contents.get("application/json").filter(|content| is_problem(content)).cloned()
    {
        contents.remove("application/json");
        let mut problem = example(code, status.parse().unwrap_or(500));
        if names(&content, "/Refusal") {
            problem["success"] = json!(false);
            problem["message"] = problem["detail"].clone();
            problem["data"] = Value::Null;
        }
        content["example"] = problem;
        contents.insert("application/problem+json".to_owned(), content);
    }
    for content in contents.values_mut() {
        add_example(content, schemas);
    }
}

fn add_example(content: &mut Value, schemas: &Value) {
    if content.get("example").is_none() && content.get("examples").is_none() {
        content["example"] = of_schema(&content["schema"], schemas, 0);
    }
}

/// What a parameter may look like: its name says more than its type.
fn of_parameter(name: &str, schema: &Value, schemas: &Value) -> Value {
    match name {
        "Idempotency-Key" => json!("booking-9-v1"),
        "If-Match" => json!("\"3\""),
        "type" => json!("appointment-reminder"),
        "state" => json!("delivered"),
        "status" => json!("DELIVERED"),
        "phone" => json!("+12025550143"),
        "recipient" => json!("ana"),
        "error" => json!(30007),
        "limit" => json!(50),
        _ => of_schema(schema, schemas, 0),
    }
}

/// A value of this schema, made of the examples of its parts.
fn of_schema(schema: &Value, schemas: &Value, depth: usize) -> Value {
    if depth > DEEPEST {
        return Value::Null;
    }
    let given = schema.get("example").or_else(|| schema.get("examples").and_then(|all| all.get(0)));
    if let Some(example) = given.or_else(|| schema.get("default")).or_else(|| schema.get("const")) {
        return example.clone();
    }
    let inner = |schema: &Value| of_schema(schema, schemas, depth + 1);
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
        return inner(&schemas[name]);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let objects = parts.iter().map(inner);
        return objects.fold(json!({}), |mut whole, part| {
            if let (Some(whole), Value::Object(part)) = (whole.as_object_mut(), part) {
                whole.extend(part);
            }
            whole
        });
    }
    for one_of in ["oneOf", "anyOf"] {
        if let Some(first) =
            schema[one_of].as_array().and_then(|all| all.iter().find(|one| one["type"] != "null"))
        {
            return inner(first);
        }
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").and_then(Value::as_str),
        kind => kind.as_str(),
    };
    match (kind, schema["format"].as_str()) {
        (Some("object"), _) => of_object(schema, &inner),
        (Some("array"), _) => json!([inner(&schema["items"])]),
        (Some("string"), Some("date-time")) => json!("2026-11-24T15:00:00Z"),
        (Some("string"), Some("date")) => json!("2026-11-24"),
        (Some("string"), Some("uuid")) => json!("019ab000-0000-7000-8000-000000000000"),
        (Some("string"), Some("uri")) => json!("https://clinic.example/hook"),
        (Some("string"), _) => json!("…"),
        (Some("integer" | "number"), _) => schema.get("minimum").cloned().unwrap_or(json!(1)),
        (Some("boolean"), _) => json!(false),
        _ if schema.get("properties").is_some() => of_object(schema, &inner),
        _ => json!({}),
    }
}

fn of_object(schema: &Value, inner: &dyn Fn(&Value) -> Value) -> Value {
    let properties = schema["properties"].as_object();
    let of_name = |name: &str, part: &Value| {
        let known = WELL_KNOWN.iter().find(|(known, _)| *known == name).map(|(_, example)| json!(example));
        // A name says more than a bare text; what has an example or a form of its own speaks for itself.
        let is_bare = inner(part) == json!("…");
        known.filter(|_| is_bare).unwrap_or_else(|| inner(part))
    };
    properties.into_iter().flatten().map(|(name, part)| (name.clone(), of_name(name, part))).collect()
}

/// What fields of these names may hold.
const WELL_KNOWN: [(&str, &str); 15] = [
    ("error_help", "The carrier filtered the text. https://www.twilio.com/docs/errors/30007"),
    ("recipient", "ana"),
    ("sid", "SM5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"),
    ("error_text", "The carrier filtered the text."),
    ("fallback", "no text in this language"),
    ("body", "Lakeside Clinic: your prescription is ready."),
    ("from", "planned"),
    ("to", "claimed"),
    ("outcome", "send"),
    ("question", "decide"),
    ("source", "callback"),
    ("sender", "+15005550006"),
    ("hash", "213989c4c40d"),
    ("settings_hash", "5e884898da28"),
    ("tz_database", "2026a"),
];
