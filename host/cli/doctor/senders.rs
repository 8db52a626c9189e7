//! Senders: each number, short code and service must be the account's, and its texts must come to us.

use super::{Findings, Health};
use crate::cli::chain;
use crate::config::{Config, SenderSettings};
use crate::twilio::{LookUpError, Sender, TwilioClient, callback};

pub(super) async fn look_at_senders(config: &Config, client: &TwilioClient, found: &mut Findings) {
    let settings = &config.twilio;
    let base = config.server.public_url.as_deref().unwrap_or_default();
    let ours = callback::inbound_url(base);
    let own = settings.sender();
    if own.is_none() {
        found.wrong("twilio number", "none: set TWILIO_PHONE_NUMBER or TWILIO_MESSAGING_SERVICE_SID");
    }
    let others = config.senders.iter().filter_map(SenderSettings::sender);
    let mut seen = Vec::new();
    for sender in own.into_iter().chain(others) {
        if !seen.contains(&sender) {
            look_at(&sender, &ours, client, found).await;
            seen.push(sender);
        }
    }
}

async fn look_at(sender: &Sender, ours: &str, client: &TwilioClient, found: &mut Findings) {
    let name = sender.as_str();
    match sender {
        Sender::Service(service) => {
            let inbound = client.inbound_of_service(service).await;
            say("twilio service", name, ours, inbound, found);
        }
        Sender::Number(number) if number.starts_with('+') => {
            say("twilio number", name, ours, client.inbound_of_number(number).await, found);
        }
        Sender::Number(code) if code.bytes().all(|byte| byte.is_ascii_digit()) => {
            say("twilio number", name, ours, client.inbound_of_short_code(code).await, found);
        }
        // Twilio has no list of names, and nobody can answer one.
        Sender::Number(_) => found.ok("twilio name", format!("{name}: a name, which cannot be answered")),
    }
}

fn say(
    what: &'static str,
    name: &str,
    ours: &str,
    inbound: Result<Option<String>, LookUpError>,
    found: &mut Findings,
) {
    match inbound {
        Ok(Some(url)) if url == ours => found.ok(what, format!("{name}: its texts come to us")),
        // Whoever set other words behind the `#` has chosen them.
        Ok(Some(url)) if Some(url.as_str()) == ours.split('#').next() => {
            let text = "its texts come to us, and are lost where we once answer an error: let them post to";
            found.add(what, Health::Warning, format!("{name}: {text} {ours}"));
        }
        Ok(Some(url)) if url.split('#').next() == ours.split('#').next() => {
            found.ok(what, format!("{name}: its texts come to us"));
        }
        Ok(Some(url)) if url.is_empty() && what == "twilio service" => {
            let text = "leaves incoming texts to its numbers: look at each in Twilio's console";
            found.add(what, Health::Warning, format!("{name}: {text}"));
        }
        Ok(Some(_)) => {
            let text = "its incoming texts go elsewhere: in Twilio's console let them post to";
            found.wrong(what, format!("{name}: {text} {ours}"));
        }
        Ok(None) => found.wrong(what, format!("{name}: is not the account's")),
        Err(error) => found.wrong(what, format!("{name}: {}", chain(&error))),
    }
}
