//! One event, called out as Standard Webhooks has it (standardwebhooks.com, specification 1.0.0):
//! `webhook-id`, `webhook-timestamp`, and in `webhook-signature` one `v1` signature for each secret.

use super::{Answer, CallError, Caller};
use crate::domain::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What stands before the base64 of a secret, by the specification.
const PREFIX: &str = "whsec_";

/// What two sides share: 32 bytes.
#[derive(Clone)]
pub struct WebhookSecret([u8; 32]);

impl WebhookSecret {
    /// From its bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// As it is shown, once.
    #[must_use]
    pub fn shown(&self) -> Secret {
        Secret::new(format!("{PREFIX}{}", STANDARD.encode(self.0)))
    }

    fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body.as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// An event and where it goes.
#[derive(Clone)]
pub struct WebhookCall<'a> {
    /// The address, as it was posted.
    pub url: &'a str,
    /// The same for every call of this event.
    pub id: &'a str,
    /// Of this call.
    pub at: DateTime<Utc>,
    /// JSON.
    pub body: &'a str,
    /// The secret, and while it is being changed the one before.
    pub secrets: &'a [WebhookSecret],
}

impl Caller {
    /// Calls an event out, once.
    ///
    /// # Errors
    ///
    /// The address is refused, or nobody answers; an answer of any status is none.
    pub async fn call_out(&self, call: &WebhookCall<'_>) -> Result<Answer, CallError> {
        let timestamp = call.at.timestamp();
        let signatures: Vec<String> =
            call.secrets.iter().map(|secret| secret.sign(call.id, timestamp, call.body)).collect();
        let headers = [
            ("webhook-id", call.id.to_owned()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signatures.join(" ")),
        ];
        self.post(call.url, &headers, call.body.as_bytes().to_vec()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specifications_own_example_is_signed_alike() {
        // standard-webhooks, libraries/javascript, "sign function works".
        let bytes = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&bytes).unwrap();
        mac.update(b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}");
        let expected = "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(STANDARD.encode(mac.finalize().into_bytes()), expected);
    }

    #[test]
    fn a_secret_is_shown_with_its_prefix() {
        let secret = WebhookSecret::new([7; 32]);
        assert!(secret.shown().expose().starts_with("whsec_BwcH"));
        assert_ne!(secret.sign("a", 1, "b"), secret.sign("a", 2, "b"));
    }
}
