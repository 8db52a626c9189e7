//! The section `[twilio]` of `tidings.toml`.

use super::Sender;
use super::signature::Verifier;
use crate::domain::keyword::OptOutAnswers;
use crate::domain::pace::Rate;
use crate::domain::secret::Secret;
use serde::{Deserialize, Deserializer, de};
use std::path::PathBuf;
use std::time::Duration;

/// The account at Twilio and how to talk to it.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TwilioSettings {
    /// `AC` and 32 hex digits.
    pub account_sid: String,
    /// The account's primary token. Always needed: Twilio signs its webhooks with it.
    pub auth_token: Secret,
    /// A file that holds `auth_token`.
    pub auth_token_file: Option<PathBuf>,
    /// The token before or after this one while it is being changed: its signatures are accepted too.
    pub previous_auth_token: Option<Secret>,
    /// A file that holds `previous_auth_token`.
    pub previous_auth_token_file: Option<PathBuf>,
    /// `SK` and 32 hex digits; calls use it instead of the token when it is given.
    pub api_key: Option<String>,
    /// The secret of `api_key`.
    pub api_key_secret: Option<Secret>,
    /// A file that holds `api_key_secret`.
    pub api_key_secret_file: Option<PathBuf>,
    /// The number, short code or name that texts are from.
    #[serde(alias = "from")]
    pub phone_number: Option<String>,
    /// A Messaging Service that picks the number; it comes before `phone_number`.
    pub messaging_service_sid: Option<String>,
    /// Segments in a second that `phone_number` or the service takes; as Twilio gives a sender of its kind,
    /// when left out.
    #[serde(deserialize_with = "rate")]
    pub rate: Option<Rate>,
    /// Twilio Verify, for clinics that leave their one-time codes to it.
    pub verify_service_sid: Option<String>,
    /// Who answers STOP and START: `twilio` (its filter does, for every account that has not had it taken
    /// out), or `tidings`. HELP is answered by us in any case, for Twilio does not name the clinic.
    pub opt_out_answers: OptOutAnswers,
    /// Whether CANCEL stops all texts. It does at Twilio; not so where Advanced Opt-Out was told to leave
    /// the word alone: then it cancels a visit.
    pub cancel_is_opt_out: bool,
    /// Twilio's address; a region has its own, such as `https://api.sydney.au1.twilio.com`.
    pub base_url: String,
    /// How long a connection may take: `"5s"`.
    #[serde(deserialize_with = "span")]
    pub connect_timeout: Duration,
    /// How long a whole call may take: `"15s"`.
    #[serde(deserialize_with = "span")]
    pub timeout: Duration,
    /// What one segment costs, for estimates, in millionths: `"0.0075"` is 7500.
    #[serde(deserialize_with = "price")]
    pub price_per_segment: i64,
    /// The currency of `price_per_segment`, ISO 4217.
    pub currency: String,
    /// A trial account: its texts begin with Twilio's own words, go to verified numbers only, and end with
    /// its credit.
    pub trial: bool,
    /// What the trial account began with.
    #[serde(deserialize_with = "price")]
    pub trial_credit: i64,
}

impl Default for TwilioSettings {
    fn default() -> Self {
        Self {
            account_sid: String::new(),
            auth_token: Secret::default(),
            auth_token_file: None,
            previous_auth_token: None,
            previous_auth_token_file: None,
            api_key: None,
            api_key_secret: None,
            api_key_secret_file: None,
            phone_number: None,
            messaging_service_sid: None,
            rate: None,
            verify_service_sid: None,
            opt_out_answers: OptOutAnswers::Twilio,
            cancel_is_opt_out: true,
            base_url: "https://api.twilio.com".to_owned(),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(15),
            price_per_segment: 7500,
            currency: "USD".to_owned(),
            trial: false,
            trial_credit: 15_000_000,
        }
    }
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A value is missing or misspelt.
    #[error("`twilio.{field}` {problem}")]
    Invalid {
        /// The key.
        field: &'static str,
        /// The end of the sentence.
        problem: &'static str,
    },
    /// A file with a secret could not be read.
    #[error("`twilio.{field}` names a file that cannot be read: {}", path.display())]
    File {
        /// The key.
        field: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The client could not be made ready for TLS.
    #[error("the connection to Twilio could not be prepared")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl TwilioSettings {
    /// Puts the contents of the `*_file` keys in the places of the secrets they stand for.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or a secret is given twice.
    pub fn read_files(&mut self) -> Result<(), SettingsError> {
        let token = take("auth_token_file", &mut self.auth_token_file, !self.auth_token.expose().is_empty())?;
        if let Some(token) = token {
            self.auth_token = token;
        }
        let given = self.previous_auth_token.is_some();
        if let Some(token) = take("previous_auth_token_file", &mut self.previous_auth_token_file, given)? {
            self.previous_auth_token = Some(token);
        }
        let given = self.api_key_secret.is_some();
        if let Some(secret) = take("api_key_secret_file", &mut self.api_key_secret_file, given)? {
            self.api_key_secret = Some(secret);
        }
        Ok(())
    }

    /// Who texts are from, when the settings say so.
    #[must_use]
    pub fn sender(&self) -> Option<Sender> {
        let service = self.messaging_service_sid.clone().map(Sender::Service);
        service.or_else(|| self.phone_number.clone().map(Sender::Number))
    }

    /// Checks the signatures of this account's webhooks.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        Verifier::new(self.auth_token.clone(), self.previous_auth_token.clone())
    }

    /// Says what is wrong, if anything.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let wrong = |field, problem| Err(SettingsError::Invalid { field, problem });
        if !is_sid(&self.account_sid, &["AC"]) {
            return wrong("account_sid", "must be `AC` and 32 hex digits");
        }
        if self.auth_token.expose().is_empty() {
            return wrong("auth_token", "is missing: webhooks cannot be checked without it");
        }
        match (&self.api_key, &self.api_key_secret) {
            (Some(key), Some(_)) if !is_sid(key, &["SK"]) => {
                wrong("api_key", "must be `SK` and 32 hex digits")
            }
            (Some(_), None) => wrong("api_key_secret", "is missing beside `api_key`"),
            (None, Some(_)) => wrong("api_key", "is missing beside `api_key_secret`"),
            _ if self.messaging_service_sid.as_ref().is_some_and(|sid| !is_sid(sid, &["MG"])) => {
                wrong("messaging_service_sid", "must be `MG` and 32 hex digits")
            }
            _ if self.verify_service_sid.as_ref().is_some_and(|sid| !is_sid(sid, &["VA"])) => {
                wrong("verify_service_sid", "must be `VA` and 32 hex digits")
            }
            _ if self.timeout < self.connect_timeout => {
                wrong("timeout", "is the time for the whole call and must not be less than `connect_timeout`")
            }
            _ => Ok(()),
        }
    }
}

fn take(
    field: &'static str,
    file: &mut Option<PathBuf>,
    given: bool,
) -> Result<Option<Secret>, SettingsError> {
    let Some(path) = file.take() else { return Ok(None) };
    if given {
        return Err(SettingsError::Invalid { field, problem: "gives a secret that is given directly too" });
    }
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(Secret::new(text.trim()))),
        Err(source) => Err(SettingsError::File { field, path, source }),
    }
}

/// Whether a text is one of Twilio's identifiers, of one of these kinds.
pub(super) fn is_sid(text: &str, kinds: &[&str]) -> bool {
    kinds.iter().any(|kind| {
        text.strip_prefix(kind)
            .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
    })
}

/// `"500ms"`, `"15s"`, `"2m"`.
fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let wrong = || de::Error::custom(format!("`{text}` is not a span of time; expected one such as `15s`"));
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let millis = match &text[digits..] {
        "ms" => Some(number),
        "s" => number.checked_mul(1000),
        "m" => number.checked_mul(60_000),
        _ => None,
    };
    millis.filter(|millis| *millis > 0).map(Duration::from_millis).ok_or_else(wrong)
}

/// Segments in a second.
///
/// # Errors
///
/// No sender is so slow or so fast.
pub fn rate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Rate>, D::Error> {
    let segments = f64::deserialize(deserializer)?;
    let wrong = || de::Error::custom("this is no rate; expected segments in a second, 0.001 to 1000");
    Rate::per_second(segments).map(Some).ok_or_else(wrong)
}

fn price<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let text = String::deserialize(deserializer)?;
    super::wire::millionths(&text)
        .ok_or_else(|| de::Error::custom(format!("`{text}` is not a price; expected one such as `0.0075`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_read_with_its_words() {
        let settings: TwilioSettings = toml::from_str(
            r#"
            account_sid = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            auth_token = "secret"
            from = "+15005550006"
            timeout = "20s"
            connect_timeout = "500ms"
            price_per_segment = "0.0083"
            "#,
        )
        .unwrap();
        assert_eq!(settings.sender(), Some(Sender::Number("+15005550006".to_owned())));
        assert_eq!((settings.timeout, settings.connect_timeout.as_millis()), (Duration::from_secs(20), 500));
        assert_eq!(settings.price_per_segment, 8300);
        settings.check().unwrap();
        assert!(!format!("{settings:?}").contains("secret\""));
    }

    #[test]
    fn a_misspelt_key_is_named() {
        let error = toml::from_str::<TwilioSettings>("acount_sid = \"AC\"").unwrap_err();
        assert!(error.to_string().contains("unknown field `acount_sid`"), "{error}");
    }

    #[test]
    fn half_an_api_key_is_refused() {
        let settings = TwilioSettings {
            account_sid: format!("AC{}", "a".repeat(32)),
            auth_token: Secret::new("t"),
            api_key: Some(format!("SK{}", "b".repeat(32))),
            ..TwilioSettings::default()
        };
        let error = settings.check().unwrap_err();
        assert_eq!(error.to_string(), "`twilio.api_key_secret` is missing beside `api_key`");
    }

    #[test]
    fn a_secret_is_read_from_its_file_without_the_last_line_end() {
        let path = std::env::temp_dir().join(format!("tidings-token-{}", std::process::id()));
        std::fs::write(&path, "from the file\n").unwrap();
        let mut settings =
            TwilioSettings { auth_token_file: Some(path.clone()), ..TwilioSettings::default() };
        settings.read_files().unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(settings.auth_token.expose(), "from the file");
        settings.auth_token_file = Some(path);
        assert!(settings.read_files().is_err());
    }
}
