//! The types of problems: their names, titles and pages.

/// The titles of all problem types, by the last word of their address.
pub(super) const TITLES: &[(&str, &str, &str)] = &[
    (
        "invalid-request",
        "The request cannot be used as it is",
        "Each entry of `errors` names a field by its JSON pointer, what is wrong with it and what was expected. Nothing was taken; mend the fields and send the request again.",
    ),
    (
        "malformed-body",
        "The body is not JSON of the expected shape",
        "The body is not JSON, or a field is missing, unknown or of another type. `detail` says where. Nothing was taken.",
    ),
    (
        "unsupported-media-type",
        "The body is of the wrong type",
        "Send `Content-Type: application/json`, and webhooks as `application/x-www-form-urlencoded`.",
    ),
    (
        "body-too-large",
        "The body is too large",
        "The body is larger than `server.body_limit`. Send less at once.",
    ),
    (
        "unauthorized",
        "An API key is needed",
        "Send `Authorization: Bearer tdg_live_…` or `tdg_test_…`. Wrong, expired and revoked keys are answered alike.",
    ),
    (
        "invalid-token",
        "The token is not believed",
        "The token of a sign-in is signed wrongly or in another way than `jwt.algorithms`, has expired, or is of another issuer or for another audience than `[jwt]` says. `detail` says which. Sign in again.",
    ),
    (
        "sign-in-unavailable",
        "Nobody can be signed in now",
        "The keys of `[jwt]` could not be read yet; the host's log says why. Wait as long as `Retry-After` says.",
    ),
    (
        "forbidden",
        "This is not allowed",
        "The API key lacks the scope that the route needs, the token of a sign-in is neither a patient's nor a doctor's, or a webhook's signature is not Twilio's.",
    ),
    ("not-found", "There is nothing here", "No such address, or nothing with this id."),
    (
        "method-not-allowed",
        "The address does not take this method",
        "See `/docs` for the methods of each address.",
    ),
    (
        "idempotency-key-reused",
        "The idempotency key belongs to another request",
        "An `Idempotency-Key` is bound to the body it was first used with. Use a new key for a new request.",
    ),
    (
        "version-taken",
        "The version belongs to another event",
        "A version of a subject is one event. Give every change of the subject a version of its own, counting up.",
    ),
    (
        "too-late",
        "It is too late for that",
        "The message has gone too far: what may have been sent cannot be taken back, and only a held message can be released.",
    ),
    (
        "stopped-by-phone",
        "The phone has said stop",
        "Somebody wrote STOP from the phone, or Twilio refuses texts to it for that reason. Nobody else can take that back: only START, sent from the phone, does.",
    ),
    (
        "opted-out-by-person",
        "The person has said so themselves",
        "The person said in a form, signed in or by a text that they want none of these texts. Staff and other systems cannot take that back for them: let the person do it in a form of the clinic (`\"source\": \"form\"`, with its evidence), signed in, or, where they stopped everything and the phone is theirs alone, by START.",
    ),
    (
        "changed",
        "It was changed meanwhile",
        "Somebody else changed it since the version in `If-Match`. Read it again and repeat the change.",
    ),
    (
        "host-failed",
        "The host failed",
        "A fault of the host, written in its log. Repeat the request with the same `Idempotency-Key`: it is taken once at the most.",
    ),
    (
        "not-recorded",
        "Done, and not written into the audit",
        "What was asked for was done, but the line that says who did it could not be written; the host's log says why. Do not send the request again before you have looked.",
    ),
    (
        "too-many-requests",
        "Too many requests",
        "Every key may make so many requests in a minute (`server.requests_per_minute`); `RateLimit` in each answer says how many are left. Wait as long as `Retry-After` says. An address that sends keys that are not valid is stopped for a minute too.",
    ),
    (
        "too-many-codes",
        "Too many one-time codes",
        "A brake of `[otp.limits]` or `otp.pump` holds; `detail` names it. It depends on how many codes were asked for, never on whose number it is. Texts of a type for codes, posted as messages, count too. Wait as long as `Retry-After` says.",
    ),
    (
        "code-just-sent",
        "The code was sent already",
        "The same code is sent again only after ever longer waits, and only so often. Wait as long as `Retry-After` says, and let the person look at the text they have.",
    ),
    (
        "country-closed",
        "Codes are not sent to this country",
        "One-time codes go to the clinic's own country and to those that `otp.countries` names. Against codes that are asked for to earn from the texts, every other country is closed. Waiting does not open it, so there is no `Retry-After`: the clinic does, in its settings.",
    ),
    (
        "code-ended",
        "No code is waited for",
        "The challenge has expired, was used, was tried too often, or a newer one took its place. Ask for a new code.",
    ),
    (
        "codes-unavailable",
        "Codes cannot be given now",
        "Nothing is sent that could not be counted. Try again in a moment; the host's log says what is wrong.",
    ),
    (
        "timeout",
        "It took too long",
        "The host does not let a caller wait longer. What the request asked for may still be done: repeat it with the same `Idempotency-Key`; where a route takes none, look first.",
    ),
];

/// A document of this type, for readers.
pub(super) fn example(code: &str, status: u16) -> serde_json::Value {
    let mut problem = serde_json::json!({"type": format!("/docs/problems/{code}"), "title": title(code), "status": status,
        "detail": "What happened this time."});
    if code == "invalid-request" {
        let detail = "is not a phone number; expected one such as +12025550143";
        problem["detail"] = format!("/to/phone {detail}").into();
        problem["errors"] = serde_json::json!([{"pointer": "/to/phone", "detail": detail}]);
    }
    problem
}

/// The words of a type.
pub(super) fn title(code: &str) -> &'static str {
    TITLES.iter().find(|(known, ..)| *known == code).map_or("Something went wrong", |(_, title, _)| title)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    /// The sources of the host, as they lie in the tree.
    fn sources(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with(file!())
            {
                found.push(fs::read_to_string(&path).unwrap());
            }
        }
    }

    /// A type follows `plain(` with the status before it, and `/docs/problems/` where one is named whole.
    fn used() -> BTreeSet<String> {
        let is_type =
            |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        let (mut texts, mut used) = (Vec::new(), BTreeSet::new());
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("host"), &mut texts);
        for text in &texts {
            let calls = text.split("::plain(").skip(1).filter_map(|rest| {
                let mut arguments = rest.splitn(3, ',').map(str::trim);
                let status = arguments.next().unwrap_or_default();
                let code = arguments.next().unwrap_or_default();
                let is_call = status == "status" || status.starts_with("StatusCode::");
                is_call.then(|| code.trim_matches('"').to_owned())
            });
            for code in calls {
                assert!(is_type(&code), "a problem is made of `{code}`: name its type where it is made");
                used.insert(code);
            }
            let whole = text.split("/docs/problems/").skip(1);
            let whole =
                whole.filter_map(|rest| rest.split(|c: char| !c.is_ascii_lowercase() && c != '-').next());
            used.extend(whole.filter(|word| is_type(word)).map(str::to_owned));
        }
        used
    }

    #[test]
    fn every_type_that_is_answered_has_a_title_and_a_page_and_every_page_is_of_a_type() {
        let used = used();
        let known: BTreeSet<String> = TITLES.iter().map(|(code, ..)| (*code).to_owned()).collect();
        assert!(used.len() > 20, "few types are seen: {used:?}");
        assert_eq!(used, known);
        assert_eq!(TITLES.len(), known.len(), "a type has two pages");
        assert!(TITLES.iter().all(|(_, title, page)| !title.is_empty() && page.ends_with('.')));
    }
}
