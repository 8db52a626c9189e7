//! Errors as Twilio writes them: with the number in the sentence, as it does.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// One of Twilio's errors, on its way out.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    code: u32,
    number: String,
    retry_after: Option<u32>,
}

impl Refusal {
    /// An error about a number, which its sentence will repeat.
    pub(super) fn about(code: u32, number: &str) -> Self {
        Self { code, number: number.to_owned(), retry_after: None }
    }

    /// An error about nothing in particular.
    pub(super) fn of(code: u32) -> Self {
        Self::about(code, "")
    }

    /// Too many calls at once.
    pub(super) fn later(retry_after: Option<u32>) -> Self {
        Self { retry_after, ..Self::of(20429) }
    }

    fn status(&self) -> StatusCode {
        match self.code {
            20003 => StatusCode::UNAUTHORIZED,
            20005 | 60204 | 60205 | 60410 | 60605 => StatusCode::FORBIDDEN,
            20404 | 21701 | 30404 => StatusCode::NOT_FOUND,
            20009 => StatusCode::CONFLICT,
            20429 | 60202 | 60203 | 60212 => StatusCode::TOO_MANY_REQUESTS,
            20500 => StatusCode::INTERNAL_SERVER_ERROR,
            20503 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn message(&self) -> String {
        let number = &self.number;
        match self.code {
            20003 => "Authenticate".to_owned(),
            20005 => "Account is not active".to_owned(),
            20009 => "This resource has not been finalized yet. Wait several minutes.".to_owned(),
            20404 => "The requested resource was not found".to_owned(),
            20429 => "Too Many Requests".to_owned(),
            20500 => "An internal server error has occurred".to_owned(),
            21211 => format!("Invalid 'To' Phone Number: {number}"),
            21212 => format!("The 'From' number {number} is not a valid phone number or sender."),
            21408 => format!("Permission to send an SMS has not been enabled for the region of {number}."),
            21602 => "Message body is required.".to_owned(),
            21603 => "A 'From' phone number is required.".to_owned(),
            21604 => "A 'To' phone number is required.".to_owned(),
            21606 => format!("The 'From' phone number {number} is not a valid message-capable number."),
            21609 => "The 'StatusCallback' URL is not a valid URL.".to_owned(),
            21610 => format!("Attempt to send to unsubscribed recipient {number}"),
            21611 => {
                format!("This 'From' number {number} has exceeded the maximum number of queued messages.")
            }
            21612 => format!("The 'To' phone number {number} is not currently reachable from this sender."),
            21614 => format!("'To' number {number} is not a valid mobile number"),
            21617 => "The concatenated message body exceeds the 1600 character limit.".to_owned(),
            21624 => "The 'ValidityPeriod' is out of range.".to_owned(),
            21705 => "The Messaging Service SID is invalid.".to_owned(),
            30400 => "The update of the message is not valid.".to_owned(),
            30409 => "The message cannot be canceled.".to_owned(),
            60200 => "Invalid parameter".to_owned(),
            60202 => "Max check attempts reached".to_owned(),
            60203 => "Max send attempts reached".to_owned(),
            60205 => format!("SMS is not supported by landline phone number {number}"),
            60410 => format!("The destination phone number {number} has been temporarily blocked by Twilio"),
            code => format!("Error {code}"),
        }
    }
}

/// What a text that failed says beside its code.
pub(super) fn sentence(code: u32) -> String {
    match code {
        21610 => "Attempt to send to unsubscribed recipient".to_owned(),
        30003 => "Unreachable destination handset".to_owned(),
        30005 => "Unknown destination handset".to_owned(),
        30006 => "Landline or unreachable carrier".to_owned(),
        30007 => "Message filtered".to_owned(),
        30008 => "Unknown error".to_owned(),
        code => format!("Error {code}"),
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status();
        let body = Json(json!({
            "code": self.code,
            "message": self.message(),
            "more_info": format!("https://www.twilio.com/docs/errors/{}", self.code),
            "status": status.as_u16(),
        }));
        let mut response = (status, body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
