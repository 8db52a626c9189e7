//! What patients and doctors who signed in elsewhere want, under the names that the first callers use. The
//! token says who; nobody changes what another wants.

use super::Api;
use super::audit::Actor;
use super::body::Json;
use super::peer::Client;
use super::problem::Problem;
use super::recipients::said;
use super::sms::{Answer, Refusal, Wrong};
use crate::domain::consent::Consents;
use crate::domain::kind::TypeName;
use crate::domain::recipient::Recipient;
use crate::outbound::SignedIn;
use crate::service::OwnWishes;
use axum::extract::{FromRequestParts, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const REMINDERS: &str = "appointment-reminder";
const CONFIRMATION: &str = "appointment-confirmation";
const PAYMENTS: &str = "payment-reminder";
const PRESCRIPTIONS: &str = "prescription-ready";

/// The person who calls, once their token is checked.
pub(super) struct Person(SignedIn);

impl FromRequestParts<Api> for Person {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or_else(|| {
                Problem::unauthorized("send the token of the sign-in as `Authorization: Bearer …`")
            })?;
        let client = parts.extensions.get::<Client>().copied();
        let now = api.host.now();
        if client.is_some_and(|client| !api.strangers.may_try(&client, now)) {
            return Err(Problem::too_many(
                "too many requests with tokens that are not valid came from this address",
            ));
        }
        let person = match api.host.sign_in(token).await {
            Ok(person) => person,
            Err(error) => {
                if let Some(client) = client {
                    api.strangers.count(client, now);
                }
                return Err(error.into());
            }
        };
        if !api.signed_in.may_try(&person.recipient, now) {
            return Err(Problem::too_many("the person has made too many requests"));
        }
        api.signed_in.count(person.recipient.clone(), now);
        if let Some(actor) = parts.extensions.get::<Actor>() {
            actor.is_recipient(&person.recipient);
        }
        Ok(Self(person))
    }
}

/// What a person wants; what is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({"paymentReminders": false, "optedOut": false}))]
pub(super) struct OwnPreferences {
    /// Before a visit.
    #[serde(default, deserialize_with = "said")]
    appointment_reminders: Option<bool>,
    /// When a visit is booked or moved.
    #[serde(default, deserialize_with = "said")]
    appointment_confirmation: Option<bool>,
    #[serde(default, deserialize_with = "said")]
    payment_reminders: Option<bool>,
    /// When a prescription is ready.
    #[serde(default, deserialize_with = "said")]
    prescription_alerts: Option<bool>,
    /// `true`: no texts at all.
    #[serde(default, deserialize_with = "said")]
    opted_out: Option<bool>,
}

impl From<OwnPreferences> for OwnWishes {
    fn from(body: OwnPreferences) -> Self {
        let types = [
            ("appointmentReminders", REMINDERS, body.appointment_reminders),
            ("appointmentConfirmation", CONFIRMATION, body.appointment_confirmation),
            ("paymentReminders", PAYMENTS, body.payment_reminders),
            ("prescriptionAlerts", PRESCRIPTIONS, body.prescription_alerts),
        ];
        let said =
            |(field, kind, wanted): (_, &str, Option<bool>)| Some((field, TypeName::from(kind), wanted?));
        Self { types: types.into_iter().filter_map(said).collect(), opted_out: body.opted_out }
    }
}

/// What holds now.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the shape of the answer is the callers'")]
pub(super) struct OwnPreferencesData {
    appointment_reminders: bool,
    appointment_confirmation: bool,
    payment_reminders: bool,
    prescription_alerts: bool,
    /// While this is so, nothing is sent, whatever the others say.
    opted_out: bool,
}

impl OwnPreferencesData {
    fn new(api: &Api, person: &Recipient, consents: &Consents) -> Self {
        let is_wanted = |kind: &str| api.is_wanted(person, consents, &TypeName::from(kind));
        Self {
            appointment_reminders: is_wanted(REMINDERS),
            appointment_confirmation: is_wanted(CONFIRMATION),
            payment_reminders: is_wanted(PAYMENTS),
            prescription_alerts: is_wanted(PRESCRIPTIONS),
            opted_out: consents.stop().is_some(),
        }
    }
}

/// Change what one wants oneself
///
/// With the token of a sign-in that `[jwt]` trusts, not with an API key: `sub` is the recipient's id, and
/// only that person is changed. All of it is taken, or nothing. What a phone has said by STOP is undone by
/// START from that phone alone: `"optedOut": false` is then answered 409.
#[utoipa::path(patch, path = "/api/v1/sms/preferences", tag = "older names", security(("sign_in" = [])),
    request_body = OwnPreferences,
    responses((status = 200, body = Answer<OwnPreferencesData>),
        (status = 400, body = Refusal), (status = 401, body = Refusal, description = "No token, or one that is not believed"),
        (status = 403, body = Refusal, description = "Neither patient nor doctor"),
        (status = 404, body = Refusal, description = "Nobody is known by this id"),
        (status = 408, body = Refusal), (status = 409, body = Refusal, description = "The phone has said stop"),
        (status = 413, body = Refusal), (status = 415, body = Refusal), (status = 422, body = Refusal),
        (status = 429, body = Refusal), (status = 500, body = Refusal),
        (status = 503, body = Refusal, description = "The keys of `[jwt]` cannot be read")))]
pub(super) async fn patch(
    State(api): State<Api>,
    person: Result<Person, Problem>,
    body: Result<Json<OwnPreferences>, Problem>,
) -> Result<axum::Json<Answer<OwnPreferencesData>>, Wrong> {
    let Person(person) = person?;
    let wishes = OwnWishes::from(body?.value);
    let (recipient, consents) = api
        .change_own(&person.recipient, &wishes)
        .await
        .map_err(|error| Wrong::from(Problem::from(error)))?;
    let data = OwnPreferencesData::new(&api, &recipient, &consents);
    Ok(axum::Json(Answer::good("Your preferences are saved.", data)))
}
