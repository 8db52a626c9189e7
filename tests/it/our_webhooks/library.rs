//! The published library of Standard Webhooks for another language believes our calls, and no others.

use super::{Receiver, host, listen};
use crate::delivery::notice;
use crate::support::postgres::{required, say_skipped};
use crate::support::{ANA, Start, repository};
use serde_json::json;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Where `.ci/run` puts it: `npm install --prefix target/node standardwebhooks`.
fn library() -> Option<PathBuf> {
    let folder = repository().join("target/node/node_modules/standardwebhooks");
    folder.join("package.json").is_file().then_some(folder)
}

const VERIFY: &str = "
const { Webhook } = require(process.argv[1]);
const { secret, headers, body } = JSON.parse(require('fs').readFileSync(0, 'utf8'));
try { new Webhook(secret).verify(body, headers); console.log('verified'); }
catch (error) { console.log(error.message); }
";

fn verdict(library: &std::path::Path, given: &serde_json::Value) -> String {
    let mut node = Command::new("node")
        .args(["-e", VERIFY])
        .arg(library)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    node.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn the_published_library_verifies_our_calls() {
    let Some(library) = library() else {
        assert!(
            !required("node"),
            "npm's standardwebhooks is required and is not in target/node: see .ci/run"
        );
        return say_skipped("verifying webhooks with npm's standardwebhooks: it is not in target/node");
    };
    let host = host(Start::sqlite()).await;
    // The library refuses what is older than five minutes by the machine's clock.
    host.clock.set(tidings::clock::Clock::now(&tidings::clock::SystemClock));
    let receiver = Receiver::start().await;
    let (_, secret) = listen(&host, &receiver, json!(["message.planned"])).await;
    host.message(notice(ANA)).await;
    host.host.call_out_round().await.unwrap();
    let call = receiver.taken().pop().unwrap();
    let given = |secret: &str, body: &str| {
        json!({"secret": secret, "body": body, "headers": {
            "webhook-id": call.id, "webhook-timestamp": call.timestamp, "webhook-signature": call.signatures,
        }})
    };
    assert_eq!(verdict(&library, &given(&secret, &call.text)), "verified");
    let other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    assert_eq!(verdict(&library, &given(other, &call.text)), "No matching signature found");
    let changed = call.text.replace("prescription", "subscription");
    assert_eq!(verdict(&library, &given(&secret, &changed)), "No matching signature found");
}
