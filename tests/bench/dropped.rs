//! A policy that is dropped into the folder of a running host: from the rename to the first moment at which
//! the host says that it is at work. Its code is new each time, so that nothing is in the cache.

use crate::host::Home;
use crate::stand_in::StandIn;
use reqwest::Client;
use serde_json::Value;
use std::time::{Duration, Instant};

const DROPS: u8 = 10;

const POLICY: &str = "appointment-reminder";

pub(crate) async fn run() {
    let stand_in = StandIn::start();
    let home = Home::new(None);
    let key = home.run(&["key", "create", "--name", "bench"], &stand_in.address);
    let host = home.serve(&stand_in.address);
    let client = Client::builder().no_proxy().build().expect("a client for loopback");
    let url = format!("{}/api/v1/policies", host.address);
    let plugins = home.folder().join("plugins");
    let file = plugins.join(format!("{POLICY}.wasm"));
    let built = std::fs::read(&file).expect("the bundled policy is there");

    let mut each = Vec::new();
    for number in 0..DROPS {
        let before = hash(&client, &url, key.trim()).await;
        let draft = plugins.join(".dropped.wasm");
        std::fs::write(&draft, with_a_section(&built, number)).expect("the home can be written");
        let began = Instant::now();
        std::fs::rename(&draft, &file).expect("the home can be written");
        while hash(&client, &url, key.trim()).await == before {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        each.push(began.elapsed());
    }
    host.stop();
    each.sort();
    let [half, last] = [each[each.len() / 2], each[each.len() - 1]].map(|it| it.as_millis());
    println!("dropped -> compiled and at work {half:>7} ms p50, {last} ms at most, of {DROPS}");
}

/// Of the version at work.
async fn hash(client: &Client, url: &str, key: &str) -> String {
    let answer = client.get(url).bearer_auth(key).send().await.expect("it answers");
    let answer: Value = answer.json().await.expect("it answers with JSON");
    let items = answer["items"].as_array().expect("a list");
    let item = items.iter().find(|item| item["file"] == POLICY).expect("it is listed");
    item["hash"].as_str().expect("it is at work").to_owned()
}

/// The same component with a custom section behind it, named `n`.
fn with_a_section(component: &[u8], number: u8) -> Vec<u8> {
    [component, &[0, 3, 1, b'n', number]].concat()
}
