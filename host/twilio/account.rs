//! The account itself, its number and its service: what `tidings doctor` asks.

use super::client::TwilioClient;
use super::settings::is_sid;
use super::signature::{HEADER, sign};
use super::{LookUpError, callback};
use crate::domain::secret::Secret;
use chrono::{DateTime, Utc};
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// What Twilio says of the account.
#[derive(Clone, Debug, Deserialize)]
pub struct Account {
    /// `active`, `suspended` or `closed`.
    pub status: String,
    /// `Trial` or `Full`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// What is left on the account.
#[derive(Clone, Debug, Deserialize)]
pub struct Balance {
    /// An amount.
    pub balance: String,
    /// ISO 4217.
    pub currency: String,
}

#[derive(Deserialize)]
struct Numbers {
    incoming_phone_numbers: Vec<Number>,
}

#[derive(Deserialize)]
struct ShortCodes {
    short_codes: Vec<Number>,
}

#[derive(Deserialize)]
struct Number {
    sms_url: Option<String>,
}

#[derive(Deserialize)]
struct Service {
    inbound_request_url: Option<String>,
    #[serde(default)]
    use_inbound_webhook_on_number: bool,
}

impl TwilioClient {
    /// The account as Twilio has it; `None` when it has none of this identifier.
    ///
    /// # Errors
    ///
    /// There was no answer, or the credentials are refused.
    pub async fn account(&self) -> Result<Option<Account>, LookUpError> {
        self.read_one(&format!("{}.json", self.account_url())).await
    }

    /// What is left on the account.
    ///
    /// # Errors
    ///
    /// There was no answer, or it is not this key's to know.
    pub async fn balance(&self) -> Result<Option<Balance>, LookUpError> {
        self.read_one(&format!("{}/Balance.json", self.account_url())).await
    }

    /// Where texts to a number of the account are posted; `None` when the number is not the account's.
    ///
    /// # Errors
    ///
    /// There was no answer, or it is not this key's to know.
    pub async fn inbound_of_number(&self, number: &str) -> Result<Option<String>, LookUpError> {
        let query: String = form_urlencoded::byte_serialize(number.as_bytes()).collect();
        let url = format!("{}/IncomingPhoneNumbers.json?PhoneNumber={query}", self.account_url());
        let numbers: Option<Numbers> = self.read_one(&url).await?;
        let number = numbers.and_then(|numbers| numbers.incoming_phone_numbers.into_iter().next());
        Ok(number.map(|number| number.sms_url.unwrap_or_default()))
    }

    /// Where texts to a short code of the account are posted; `None` when it is not the account's.
    ///
    /// # Errors
    ///
    /// There was no answer, or it is not this key's to know.
    pub async fn inbound_of_short_code(&self, code: &str) -> Result<Option<String>, LookUpError> {
        let query: String = form_urlencoded::byte_serialize(code.as_bytes()).collect();
        let url = format!("{}/SMS/ShortCodes.json?ShortCode={query}", self.account_url());
        let codes: Option<ShortCodes> = self.read_one(&url).await?;
        let code = codes.and_then(|codes| codes.short_codes.into_iter().next());
        Ok(code.map(|code| code.sms_url.unwrap_or_default()))
    }

    /// Where texts to a Messaging Service are posted; `None` when there is no such service. A service may
    /// leave it to its numbers: then the text is empty.
    ///
    /// # Errors
    ///
    /// There was no answer, or it is not this key's to know.
    pub async fn inbound_of_service(&self, sid: &str) -> Result<Option<String>, LookUpError> {
        if !is_sid(sid, &["MG"]) {
            return Err(LookUpError::NotASid);
        }
        let base = self.base().replacen("//api.", "//messaging.", 1);
        let service: Option<Service> = self.read_one(&format!("{base}/v1/Services/{sid}")).await?;
        Ok(service.map(|service| {
            if service.use_inbound_webhook_on_number {
                String::new()
            } else {
                service.inbound_request_url.unwrap_or_default()
            }
        }))
    }

    /// What Twilio's clock says, to the second.
    ///
    /// # Errors
    ///
    /// There was no answer.
    pub async fn clock(&self) -> Result<Option<DateTime<Utc>>, LookUpError> {
        let answer = self.request(Method::GET, &format!("{}.json", self.account_url())).send().await;
        let answer = answer.map_err(|error| LookUpError::NoAnswer(error.without_url()))?;
        let date = answer.headers().get("date").and_then(|date| date.to_str().ok());
        Ok(date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()).map(|date| date.to_utc()))
    }

    /// Calls our own status webhook at the public address, signed as Twilio signs, about no text and with a
    /// word that means nothing: 204 when the way in is sound, and nothing follows from it.
    ///
    /// # Errors
    ///
    /// There was no answer.
    pub async fn round_trip(&self, public_url: &str, token: &Secret) -> Result<u16, LookUpError> {
        let url = format!("{}{}", public_url.trim_end_matches('/'), callback::STATUS_PATH);
        let form = [("MessageSid", "SM00000000000000000000000000000000"), ("MessageStatus", "doctor")];
        let form = form.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let signature = sign(token, &url, &form);
        let request = self.unsigned(Method::POST, &url).header(HEADER, signature).form(&form);
        let answer = request.send().await.map_err(|error| LookUpError::NoAnswer(error.without_url()))?;
        Ok(answer.status().as_u16())
    }

    async fn read_one<T: DeserializeOwned>(&self, url: &str) -> Result<Option<T>, LookUpError> {
        let Some(body) = self.ask(self.request(Method::GET, url)).await? else { return Ok(None) };
        serde_json::from_slice(&body).map(Some).map_err(|_| LookUpError::Unreadable)
    }
}
