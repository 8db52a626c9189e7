//! One trial: hosts that share a database, their Twilio, and the texts that are posted to them until
//! each is answered for.

use super::count::{Count, End};
use super::host::Host;
use super::house::House;
use crate::daytime::daytime_zone;
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tidings::clock::{Chance, SystemClock};
use tidings::crash::{FREEZE, Point};
use tidings::domain::message::Lane;
use tidings::sandbox::{Fault, Sandbox, SandboxSettings};
use tokio::task::JoinSet;

/// Nothing has come to its end for so long: the rest never will.
const LONG: Duration = Duration::from_mins(2);

pub(crate) struct Trial {
    house: House,
    twilio: Arc<Sandbox>,
    key: String,
    hosts: Vec<Host>,
    texts: Vec<Arc<Text>>,
    posting: JoinSet<()>,
    client: reqwest::Client,
}

/// Between a call and its answer.
pub(crate) const QUICK: Duration = Duration::from_millis(15);

/// A text that was posted: to a phone of its own, so that it can be counted.
struct Text {
    lane: Lane,
    phone: String,
    /// Known once a host has answered.
    id: OnceLock<String>,
}

/// A Twilio that takes its time, and whose list lags.
pub(crate) async fn twilio(accept_delay: Duration) -> Arc<Sandbox> {
    let settings = SandboxSettings {
        step_delay: Duration::from_millis(5),
        retry_delay: Duration::from_millis(300),
        accept_delay,
        late: Duration::from_secs(1),
        list_lag: TimeDelta::milliseconds(400),
        ..SandboxSettings::default()
    };
    Arc::new(Sandbox::start(settings, Arc::new(SystemClock), Chance::from_machine()).await.unwrap())
}

pub(crate) fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // A host that thaws closes what was open for too long, maybe just when it is used again.
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0);
    client.timeout(Duration::from_secs(10)).build().unwrap()
}

pub(crate) fn phone(number: usize) -> String {
    format!("+1202{:07}", 2_000_000 + number)
}

impl Trial {
    pub(crate) async fn new(house: House, hosts: usize, accept_delay: Duration) -> Self {
        let twilio = twilio(accept_delay).await;
        let key = house.key(&twilio);
        let hosts = (0..hosts).map(|_| Host::new()).collect();
        Self { house, twilio, key, hosts, texts: Vec::new(), posting: JoinSet::new(), client: client() }
    }

    pub(crate) async fn start(&mut self, host: usize) {
        self.hosts[host].start(&self.house, &self.twilio, None).await;
    }

    pub(crate) async fn start_all(&mut self) {
        for host in &mut self.hosts {
            host.kill().await;
            host.start(&self.house, &self.twilio, None).await;
        }
    }

    pub(crate) async fn start_to_die_at(&mut self, host: usize, point: Point) {
        self.hosts[host].start(&self.house, &self.twilio, Some(point.name())).await;
    }

    pub(crate) async fn start_to_freeze_at(&mut self, host: usize, point: Point) {
        let doom = format!("{FREEZE}{}", point.name());
        self.hosts[host].start(&self.house, &self.twilio, Some(&doom)).await;
    }

    /// Posts texts until it happens to a host that shares them with another.
    pub(crate) async fn post_until(
        &mut self,
        lane: Lane,
        what: &str,
        mut happened: impl FnMut(&mut Self) -> bool,
    ) {
        let began = tokio::time::Instant::now();
        while !happened(self) {
            assert!(began.elapsed() < LONG, "it does not come to `{what}`");
            self.post(lane, Fault::None);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    pub(crate) fn is_dead(&mut self, host: usize) -> bool {
        self.hosts[host].is_dead()
    }

    pub(crate) fn is_frozen(&self, host: usize) -> bool {
        self.hosts[host].is_frozen()
    }

    pub(crate) async fn thaw(&self, host: usize) {
        self.hosts[host].thaw().await;
    }

    /// Waits until another host has seen every text to its end.
    pub(crate) async fn until_ended(&mut self, by: usize) {
        self.until_posted().await;
        let began = tokio::time::Instant::now();
        for text in &self.texts {
            while !End::of(&self.story_by(by, text).await).is_final {
                assert!(began.elapsed() < LONG, "a text waits for a host that is frozen");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    pub(crate) async fn until_dead(&mut self, host: usize, what: &str) {
        self.hosts[host].until_dead(what).await;
    }

    pub(crate) async fn kill(&mut self, host: usize) {
        self.hosts[host].kill().await;
    }

    /// SIGTERM: waits until the host has ended by itself.
    pub(crate) async fn stop(&mut self, host: usize) {
        self.hosts[host].stop().await;
    }

    /// Waits until so many calls have come in.
    pub(crate) async fn until_called(&self, calls: u64) {
        while self.twilio.calls() < calls {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub(crate) fn calls(&self) -> u64 {
        self.twilio.calls()
    }

    /// Of how many texts the host itself heard the answer to its call.
    pub(crate) async fn answered(&mut self) -> usize {
        self.with("provider_events", |event| event["source"] == "answer").await
    }

    /// How many texts there were whose outcome nobody knew for a while.
    pub(crate) async fn looked_up(&mut self) -> usize {
        self.with("journal", |line| line["to"] == "unknown").await
    }

    /// How many texts have such a line in a part of their stories.
    async fn with(&mut self, part: &str, is_it: impl Fn(&Value) -> bool) -> usize {
        self.until_posted().await;
        let mut with = 0;
        for text in &self.texts {
            let story = self.story(text).await;
            with += usize::from(story[part].as_array().unwrap().iter().any(&is_it));
        }
        with
    }

    /// Posts a text, and kills the host while its call is not answered: before or after it was taken.
    pub(crate) async fn kill_in_the_call(&mut self, lane: Lane, is_taken: bool) {
        let calls = self.calls();
        self.post(lane, if is_taken { Fault::AcceptThenSilence } else { Fault::Silence });
        let phone = self.texts[self.texts.len() - 1].phone.clone();
        if is_taken {
            self.twilio.until(|texts| texts.iter().any(|text| text.to == phone)).await;
        } else {
            self.until_called(calls + 1).await;
        }
        self.kill(0).await;
    }

    /// Posts a text, again and again until a host has answered for it.
    pub(crate) fn post(&mut self, lane: Lane, fault: Fault) {
        let phone = phone(self.texts.len());
        self.twilio.script(&phone, [fault]);
        let text = Arc::new(Text { lane, phone, id: OnceLock::new() });
        self.texts.push(text.clone());
        let hosts: Vec<String> = self.hosts.iter().map(Host::base).collect();
        let (client, key) = (self.client.clone(), self.key.clone());
        self.posting.spawn(async move {
            for base in hosts.iter().cycle() {
                let answer = client
                    .post(format!("{base}{}", text.path()))
                    .bearer_auth(&key)
                    .header("Idempotency-Key", &text.phone)
                    .json(&text.body())
                    .send()
                    .await;
                // A host that is dead or dies now: whether it took the text in is unknown, so once more.
                if let Ok(answer) = answer
                    && let status = answer.status().as_u16()
                    && let Ok(answer) = answer.json::<Value>().await
                    && status < 500
                {
                    let id = text.id_in(&answer).unwrap_or_else(|| panic!("refused: {status} {answer}"));
                    let _ = text.id.set(id.to_owned());
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }

    /// Lets everybody live until every text is at its end, and counts.
    pub(crate) async fn finish(mut self) -> Count {
        self.start_all().await;
        self.until_posted().await;
        let mut count = Count::default();
        let (mut waiting, mut since) = (self.texts.clone(), tokio::time::Instant::now());
        while !waiting.is_empty() {
            let late = since.elapsed() > LONG;
            let (mut still, before) = (Vec::new(), waiting.len());
            for text in waiting {
                let story = self.story(&text).await;
                let end = End::of(&story);
                if end.is_final || late {
                    count.add(&text.phone, end, self.twilio.texts_to(&text.phone).len());
                } else {
                    still.push(text);
                }
            }
            waiting = still;
            // A slow machine takes long for many; what counts is that they come to their ends.
            if waiting.len() < before {
                since = tokio::time::Instant::now();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // Nothing more may come of what is at its end.
        let texts = self.twilio.texts().len();
        assert_eq!(texts, count.taken, "texts were sent that nobody posted, or after their end");
        for host in &mut self.hosts {
            host.kill().await;
        }
        count
    }

    async fn until_posted(&mut self) {
        while let Some(posted) = self.posting.join_next().await {
            posted.unwrap();
        }
    }

    async fn story(&self, text: &Text) -> Value {
        self.story_by(0, text).await
    }

    async fn story_by(&self, host: usize, text: &Text) -> Value {
        let id = text.id.get().unwrap();
        let url = format!("{}/api/v1/messages/{id}", self.hosts[host].base());
        let answer = self.client.get(url).bearer_auth(&self.key).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "an accepted text is lost: {id}");
        answer.json().await.unwrap()
    }
}

impl Text {
    fn path(&self) -> &'static str {
        if self.lane == Lane::Bulk { "/api/v1/messages/batch" } else { "/api/v1/messages" }
    }

    fn body(&self) -> Value {
        let to =
            json!({"id": self.phone, "phone": self.phone, "language": "en", "time_zone": daytime_zone()});
        match self.lane {
            Lane::Otp => json!({"type": "otp", "to": to, "variables": {"code": "482913"}}),
            Lane::Urgent => json!({"type": "urgent-alert", "to": to, "variables": {"text": "Closed today."}}),
            Lane::Normal => json!({"type": "prescription-ready", "to": to}),
            Lane::Bulk => json!({"messages": [{"type": "prescription-ready", "to": to}]}),
        }
    }

    fn id_in<'a>(&self, answer: &'a Value) -> Option<&'a str> {
        match self.lane {
            Lane::Bulk => answer["items"][0]["message"]["id"].as_str(),
            Lane::Otp | Lane::Urgent | Lane::Normal => answer["id"].as_str(),
        }
    }
}
