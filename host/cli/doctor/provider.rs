//! Twilio: the account, its clock, what is left on it, and the way from it to us.

use super::senders::look_at_senders;
use super::{APART, Findings, Health};
use crate::cli::chain;
use crate::cli::home::now;
use crate::config::{Backend, Config};
use crate::twilio::TwilioClient;

pub(super) async fn look_at_twilio(config: &Config, found: &mut Findings) {
    let settings = &config.twilio;
    if settings.account_sid.is_empty() {
        let text = "no account: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN; `serve --sandbox` needs none";
        found.wrong("twilio account", text);
        return;
    }
    let client = match TwilioClient::new(settings) {
        Ok(client) => client,
        Err(error) => return found.wrong("twilio account", chain(&error)),
    };
    match client.account().await {
        Ok(Some(account)) if account.status == "active" && account.kind == "Trial" => found.add(
            "twilio account",
            Health::Warning,
            "active, a trial: it reaches verified numbers only, and puts words before every text",
        ),
        Ok(Some(account)) if account.status == "active" => found.ok("twilio account", "active, full"),
        Ok(Some(account)) => {
            found.wrong("twilio account", format!("is {}; see Twilio's console", account.status));
        }
        Ok(None) => found.wrong("twilio account", "there is none of this SID: check TWILIO_ACCOUNT_SID"),
        Err(error) => {
            found.wrong("twilio account", format!("{}; check the token or the API key", chain(&error)));
            return;
        }
    }
    match client.clock().await {
        Ok(Some(theirs)) if (theirs - now()).abs() > APART => found.wrong(
            "clock",
            format!("is {} s apart from Twilio's; run NTP on this machine", (theirs - now()).num_seconds()),
        ),
        Ok(_) => found.ok("clock", "agrees with Twilio's"),
        Err(error) => found.wrong("clock", chain(&error)),
    }
    match client.balance().await {
        Ok(Some(balance)) if balance.balance.starts_with('-') => {
            found.wrong(
                "twilio balance",
                format!("{} {}: nothing is sent", balance.balance, balance.currency),
            );
        }
        Ok(Some(balance)) => found.ok("twilio balance", format!("{} {}", balance.balance, balance.currency)),
        Ok(None) | Err(_) => {
            found.add("twilio balance", Health::Warning, "is not this key's to know");
        }
    }
    look_at_senders(config, &client, found).await;
    look_at_verify(config, &client, found).await;
    look_at_webhooks(config, &client, found).await;
}

async fn look_at_verify(config: &Config, client: &TwilioClient, found: &mut Findings) {
    const WHAT: &str = "twilio verify";
    let is_used = config.otp.backend == Backend::Verify;
    match (&config.twilio.verify_service_sid, is_used) {
        (None, false) => return,
        (None, true) => {
            return found
                .wrong(WHAT, "no service: set TWILIO_VERIFY_SERVICE_SID, or otp.backend = \"tidings\"");
        }
        (Some(_), false) => {
            let text = "has a service that is not used: otp.backend = \"verify\" leaves the codes to it";
            return found.add(WHAT, Health::Warning, text);
        }
        (Some(_), true) => {}
    }
    match client.verify_service_found().await {
        Ok(Some(service)) => {
            let digits =
                service.code_length.map_or_else(String::new, |digits| format!(", codes of {digits} digits"));
            found.ok(WHAT, format!("its texts name `{}`{digits}", service.friendly_name));
        }
        Ok(None) => found.wrong(WHAT, "the account has no such service: check TWILIO_VERIFY_SERVICE_SID"),
        Err(error) => found.wrong(WHAT, chain(&error)),
    }
}

async fn look_at_webhooks(config: &Config, client: &TwilioClient, found: &mut Findings) {
    let Some(public_url) = &config.server.public_url else {
        return found.wrong("webhooks", "no public address: set TIDINGS_PUBLIC_URL");
    };
    match client.round_trip(public_url, &config.twilio.auth_token).await {
        Ok(204) => found.ok("webhooks", "a signed call to the public address came in"),
        Ok(403) => found.wrong(
            "webhooks",
            "the host refused the signature: it must run with the same auth token and public address, and the proxy must leave the path alone",
        ),
        Ok(status) => found.wrong(
            "webhooks",
            format!("{public_url} answered {status}: is `tidings serve` running, and does the proxy lead to it?"),
        ),
        Err(error) => found.wrong("webhooks", format!("{public_url}: {}", chain(&error))),
    }
}
