//! The client against the sandbox, over real sockets.

mod calls;
mod verify;
mod webhooks;

use super::*;
use crate::clock::{Chance, ManualClock};
use crate::sandbox::{Sandbox, SandboxSettings};
use std::sync::Arc;

const NOON: i64 = 1_795_000_000_000;
const PATIENT: &str = "+12025550143";

/// A sandbox, a client for it, and the clock of both.
struct Bench {
    sandbox: Sandbox,
    clock: Arc<ManualClock>,
    client: TwilioClient,
}

impl Bench {
    async fn new() -> Self {
        Self::with(SandboxSettings::immediate()).await
    }

    async fn with(settings: SandboxSettings) -> Self {
        let clock = Arc::new(ManualClock::at(DateTime::from_timestamp_millis(NOON).unwrap()));
        let sandbox = Sandbox::start(settings, clock.clone(), Chance::seeded(7)).await.unwrap();
        let client = TwilioClient::new(&settings_for(&sandbox)).unwrap();
        Self { sandbox, clock, client }
    }

    async fn send(&self, to: &str) -> SendOutcome {
        self.client.send(&outgoing(to, "Hello")).await
    }

    async fn accepted(&self, text: &Outgoing) -> String {
        match self.client.send(text).await {
            SendOutcome::Accepted(accepted) => accepted.sid,
            other => panic!("{other:?}"),
        }
    }
}

fn settings_for(sandbox: &Sandbox) -> TwilioSettings {
    TwilioSettings {
        account_sid: sandbox.account_sid().to_owned(),
        auth_token: sandbox.auth_token().clone(),
        verify_service_sid: Some(sandbox.verify_service_sid().to_owned()),
        base_url: sandbox.base_url(),
        ..TwilioSettings::default()
    }
}

fn outgoing(to: &str, body: &str) -> Outgoing {
    Outgoing {
        to: PhoneNumber::parse(to, None).unwrap(),
        from: Sender::Number("+15005550006".to_owned()),
        body: Secret::new(body),
        status_callback: None,
        validity: None,
    }
}
