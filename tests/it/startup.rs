//! Starting and stopping: the real program in a home of its own. What is broken is named and nothing
//! starts; what was accepted outlives a kill.

use crate::support::{Folder, postgres, repository, reqwest_client};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tidings::clock::{Chance, SystemClock};
use tidings::sandbox::{Sandbox, SandboxSettings};
use tokio::task::JoinSet;

const FOLDERS: [&str; 3] = ["plugins", "templates", "locales"];
const SERVE: [&str; 4] = ["serve", "--sandbox", "--address", "127.0.0.1:0"];

pub(crate) fn tidings(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    // Nothing of the machine's own settings reaches the program.
    command.env_clear().arg("--home").arg(home).args(arguments).stdin(Stdio::null());
    command
}

/// Exit status, what was printed and what was complained of.
pub(crate) fn run(home: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = tidings(home, arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Copies files and folders, but not the sources of plugins.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_file() {
            fs::copy(&path, &target).unwrap();
        } else if !path.join("Cargo.toml").exists() {
            copy(&path, &target);
        }
    }
}

/// A sound home whose plugins are compiled already, to be copied by each test.
fn sound_home() -> &'static Path {
    static HOME: OnceLock<PathBuf> = OnceLock::new();
    HOME.get_or_init(|| {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sound-home");
        for folder in FOLDERS {
            let _ = fs::remove_dir_all(home.join(folder));
            copy(&repository().join(folder), &home.join(folder));
        }
        let (status, _, errors) = run(&home, &["check"]);
        assert_eq!(status, Some(0), "{errors}");
        home
    })
}

pub(crate) fn new_home() -> Folder {
    let home = Folder::new();
    copy(sound_home(), home.path());
    home
}

/// Starts a host that must refuse to; what it complained of.
fn refused(home: &Path) -> (Option<i32>, String) {
    let mut child = tidings(home, &SERVE).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
    if !said.is_empty() {
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(said, "", "it started");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Writes one bad file into a sound home: neither start nor check takes it, and both say these words.
fn is_refused_with(file: &str, contents: impl AsRef<[u8]>, words: &[&str]) {
    let home = new_home();
    fs::write(home.path().join(file), contents).unwrap();
    let (checked, _, complaint) = run(home.path(), &["check"]);
    assert!(!home.path().join(".tidings/tidings.db").exists(), "to look is not to begin");
    for (what, (status, errors)) in [("serve", refused(home.path())), ("check", (checked, complaint))] {
        assert_eq!(status, Some(2), "{what}: {errors}");
        for word in words {
            assert!(errors.contains(word), "{what} does not say `{word}`: {errors}");
        }
    }
}

/// A running host, killed when the test ends.
pub(crate) struct Running {
    child: Child,
    pub(crate) base: String,
    pub(crate) key: String,
    /// The event of the `curl` line that it prints.
    pub(crate) event: Value,
    pub(crate) client: reqwest::Client,
    _stdout: BufReader<ChildStdout>,
}

impl Running {
    fn start(home: &Path, database: Option<&str>) -> Self {
        Self::start_with(home, database, &[])
    }

    pub(crate) fn start_with(home: &Path, database: Option<&str>, variables: &[(&str, &str)]) -> Self {
        let mut command = tidings(home, &SERVE);
        command.envs(variables.iter().copied());
        if let Some(url) = database {
            command.env("DATABASE_URL", url);
        }
        let log = fs::File::create(home.join("log")).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        while !said.trim_end().ends_with("}}'") {
            let length = stdout.read_line(&mut said).unwrap();
            assert_ne!(length, 0, "it ended: {said}{}", fs::read_to_string(home.join("log")).unwrap());
        }
        let after = |label: &str| {
            let line = said.lines().find_map(|line| line.trim().strip_prefix(label));
            line.unwrap_or_else(|| panic!("no {label} in {said}")).trim().to_owned()
        };
        let body = said.split_once("-d '").unwrap().1.trim_end().strip_suffix('\'').unwrap();
        let key = after("Key");
        assert!(said.contains(&format!("-H 'Authorization: Bearer {key}'")), "{said}");
        Self {
            child,
            base: after("API").strip_suffix("/api/v1").unwrap().to_owned(),
            key,
            event: serde_json::from_str(body).unwrap(),
            client: reqwest_client(),
            _stdout: stdout,
        }
    }

    fn post(&self, key: &str, event: &Value) -> reqwest::RequestBuilder {
        self.client.post(format!("{}/api/v1/events", self.base)).bearer_auth(key).json(event)
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let request = self.client.get(format!("{}{path}", self.base)).bearer_auth(&self.key);
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(mut self) -> Option<i32> {
        let asked = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
        assert!(asked.success());
        self.child.wait().unwrap().code()
    }

    /// Ends it between two instructions.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A program that does not outlive its test.
pub(crate) struct Killed(pub(crate) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_broken_configuration_is_refused_by_its_place() {
    for (text, words) in [
        (
            "[clinic]\nname = \"A\"\ntimezone = \"Asia/Dhaka\"\n",
            ["tidings.toml:3:1", "timezone = \"Asia/Dhaka\"", "did you mean `time_zone`?"],
        ),
        ("[clinic]\nname = \n", ["tidings.toml:2:", "name =", "^"]),
        ("[clinic]\ntime_zone = \"Mars/Olympus\"\n", ["tidings.toml:2:13", "Mars/Olympus", "IANA"]),
        ("[servr]\naddress = \"127.0.0.1:0\"\n", ["tidings.toml:1:2", "servr", "did you mean `server`?"]),
        ("[server]\npublic_url = \"ftp://a\"\n", ["server.public_url", "https://", "no address"]),
    ] {
        is_refused_with("tidings.toml", text, &words);
    }
}

#[test]
fn a_broken_plugin_is_refused_by_its_file() {
    let sound = fs::read(repository().join("plugins/otp.wasm")).unwrap();
    is_refused_with("plugins/otp.wasm", "not WebAssembly", &["plugins/otp.wasm", "not-wasm"]);
    is_refused_with("plugins/otp.wasm", &sound[..sound.len() / 2], &["plugins/otp.wasm", "refused"]);
    is_refused_with(
        "plugins/zwei.wasm",
        &sound,
        &["plugins/otp.wasm", "plugins/zwei.wasm", "`otp`", "mode = \"off\""],
    );
}

#[test]
fn settings_that_break_a_plugins_schema_are_refused_by_their_place() {
    for (text, words) in [
        ("mode = \"live\"\n\n[settings]\nretries = 9\n", ["otp.toml:4", "retries", "9"]),
        ("[settings]\nretris = 1\n", ["otp.toml:2", "retris", "settings"]),
        ("[settings]\nretry_after = \"soon\"\n", ["otp.toml:2", "retry_after", "soon"]),
        ("mode = \"lve\"\n", ["otp.toml:1", "lve", "\"live\""]),
        ("[settings\n", ["otp.toml:1", "[settings", "^"]),
    ] {
        is_refused_with("plugins/otp.toml", text, &words);
    }
}

#[test]
fn broken_words_are_refused_by_their_place() {
    let key = "otp = { $brand }: your code is { $code }.\n";
    for (file, text, words) in [
        ("templates/otp.j2", "\nHello {{ brand }}", ["templates/otp.j2:2:1", "Hello", "^"]),
        ("templates/otp.j2", "{{ t(\"otpp\") }}", ["templates/otp.j2:1:6", "`otpp`", "locales/en"]),
        ("templates/otp.toml", "priority = 7\n", ["templates/otp.toml:1", "priority", "^"]),
        ("locales/en/codes.ftl", "otp = { $brand\n", ["locales/en/codes.ftl:1:", "otp = { $brand", "^"]),
        ("locales/en/codes.ftl", key, ["templates/otp.j2:", "otp-lifetime", "locales/en"]),
    ] {
        is_refused_with(file, text, &words);
    }
}

#[test]
fn a_broken_translation_hurts_nobody_and_is_told() {
    let home = new_home();
    fs::write(home.path().join("locales/es/codes.ftl"), "otp = { $brand\n").unwrap();
    let (status, said, errors) = run(home.path(), &["check"]);
    assert!(status == Some(1) && said.contains("locales/es/codes.ftl:1:"), "{status:?}: {said}{errors}");
    let running = Running::start(home.path(), None);
    assert_eq!(running.stop(), Some(0));
    let log = fs::read_to_string(home.path().join("log")).unwrap();
    assert!(log.contains("locales/es/codes.ftl:1:"), "{log}");
}

#[tokio::test]
async fn an_edit_is_live_in_a_running_host_and_a_broken_one_keeps_what_was_good() {
    let home = new_home();
    let running = Running::start(home.path(), None);
    let file = home.path().join("locales/es/codes.ftl");
    let sound = fs::read_to_string(&file).unwrap();
    // The program has a clock of its own: there is nothing to wait for but the time it takes.
    for (text, kept) in [("otp = { $brand\n", json!(["es"])), (&sound, json!([]))] {
        fs::write(&file, text).unwrap();
        let mut ready = running.get("/readyz").await;
        for _ in 0..1500 {
            if ready["kept"] == kept {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            ready = running.get("/readyz").await;
        }
        assert_eq!(ready["kept"], kept, "{ready}");
    }
    assert_eq!(running.stop(), Some(0));
    let log = fs::read_to_string(home.path().join("log")).unwrap();
    assert!(log.contains("locales/es/codes.ftl:1:15: ") && log.contains('^'), "{log}");
}

#[test]
fn a_folder_that_is_no_home_is_told_what_to_do() {
    let folder = Folder::new();
    let (status, errors) = refused(folder.path());
    assert_eq!(status, Some(2), "{errors}");
    for word in [folder.path().to_str().unwrap(), "is no home", "plugins/", "--home"] {
        assert!(errors.contains(word), "{word}: {errors}");
    }
}

#[test]
fn without_an_account_only_the_sandbox_starts() {
    let home = new_home();
    let (status, said, errors) = run(home.path(), &["serve", "--address", "127.0.0.1:0"]);
    assert_eq!((status, said.as_str()), (Some(2), ""), "{errors}");
    assert!(errors.contains("TWILIO_ACCOUNT_SID") && errors.contains("--sandbox"), "{errors}");
}

#[test]
fn a_sound_home_is_called_sound() {
    let home = new_home();
    let (status, said, errors) = run(home.path(), &["check"]);
    assert_eq!(status, Some(0), "{errors}");
    for word in [
        "configuration  ok",
        "locales        ar bn en es fil fr hi pt-BR vi zh-Hans",
        "appointment-reminder 0.1.0",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert_eq!(said.matches("policy  ").count(), 8, "{said}");
}

#[tokio::test]
async fn the_printed_line_brings_a_text_to_the_phone() {
    let home = new_home();
    let running = Running::start(home.path(), None);
    let answer = running.post(&running.key, &running.event).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    let event: Value = answer.json().await.unwrap();
    assert_eq!(event["messages"].as_array().unwrap().len(), 3);
    let path = format!("/api/v1/messages/{}", event["messages"][0]["id"].as_str().unwrap());
    let mut story = running.get(&path).await;
    // The program has a clock of its own: there is nothing to wait for but the time it takes.
    for _ in 0..3000 {
        if story["state"] == "delivered" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        story = running.get(&path).await;
    }
    assert_eq!(story["state"], "delivered", "{story}");
    let phones = running.get("/sandbox/api/texts?phone=%2B12025550143").await;
    assert_eq!(phones["items"][0]["body"], story["text"]["body"]);
    assert_eq!(running.stop(), Some(0));
}

#[tokio::test]
async fn a_key_opens_what_its_scopes_say_until_it_is_taken_back() {
    let home = new_home();
    let create =
        || run(home.path(), &["key", "create", "--test", "--name", "booking", "--scope", "events:write"]);
    let ((status, key, _), (_, taken_back, _)) = (create(), create());
    let (key, taken_back) = (key.trim(), taken_back.trim());
    assert!(status == Some(0) && key.starts_with("tdg_test_") && key != taken_back, "{key}");
    let (_, list, _) = run(home.path(), &["key", "list"]);
    assert!(list.lines().count() == 2 && !list.contains(key) && !list.contains(taken_back), "{list}");
    // Keys are listed from the oldest.
    let id = list.lines().last().unwrap().split(' ').next().unwrap();
    assert_eq!(run(home.path(), &["key", "revoke", id]).0, Some(0));
    assert_eq!(run(home.path(), &["key", "revoke", id]).0, Some(1));
    let running = Running::start(home.path(), None);
    for (key, expected) in [(key, 202), (taken_back, 401)] {
        assert_eq!(running.post(key, &running.event).send().await.unwrap().status(), expected);
    }
    let list = running.client.get(format!("{}/api/v1/messages", running.base)).bearer_auth(key);
    assert_eq!(list.send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn a_test_key_beside_live_ones_never_reaches_twilio() {
    let home = new_home();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let base = format!("http://127.0.0.1:{port}");
    let settings = SandboxSettings::immediate();
    let twilio = Sandbox::start(settings, Arc::new(SystemClock), Chance::from_machine()).await.unwrap();
    let key = |arguments: &[&str]| {
        let (status, key, errors) =
            run(home.path(), &[&["key", "create", "--name", "a"], arguments].concat());
        assert_eq!(status, Some(0), "{errors}");
        key.trim().to_owned()
    };
    let (live, test) = (key(&[]), key(&["--test"]));
    let child = tidings(home.path(), &["serve", "--address", &format!("127.0.0.1:{port}")])
        .env("TWILIO_ACCOUNT_SID", twilio.account_sid())
        .env("TWILIO_AUTH_TOKEN", twilio.auth_token().expose())
        .env("TWILIO_PHONE_NUMBER", "+15005550006")
        .env("TWILIO_BASE_URL", twilio.base_url())
        .env("TIDINGS_PUBLIC_URL", &base)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut running = Killed(child);
    let mut said = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains(&base), "{said}");

    let client = reqwest_client();
    let deliver = async |key: &str| {
        let body = json!({"type": "urgent-alert", "to": {"id": "ana", "phone": "+12025550143"},
            "variables": {"text": "The clinic is closed today."}});
        let answer =
            client.post(format!("{base}/api/v1/messages")).bearer_auth(key).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 202);
        let message: Value = answer.json().await.unwrap();
        let path = format!("{base}/api/v1/messages/{}", message["id"].as_str().unwrap());
        // The program has a clock of its own: there is nothing to wait for but the time it takes.
        for _ in 0..3000 {
            let story =
                client.get(&path).bearer_auth(key).send().await.unwrap().json::<Value>().await.unwrap();
            if story["state"] == "delivered" {
                return story;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it was not delivered");
    };
    let tested = deliver(&test).await;
    assert_eq!((tested["test"].as_bool(), twilio.calls()), (Some(true), 0), "{tested}");
    let sent = deliver(&live).await;
    assert_eq!((sent["test"].as_bool(), twilio.calls()), (Some(false), 1), "{sent}");
    // Nobody from outside looks at the phones of the sandbox.
    assert_eq!(client.get(format!("{base}/sandbox")).send().await.unwrap().status(), 404);
    // A live key does not see what a test key did, nor the other way round.
    for (key, id) in [(&live, &tested["id"]), (&test, &sent["id"])] {
        let path = format!("{base}/api/v1/messages/{}", id.as_str().unwrap());
        assert_eq!(client.get(path).bearer_auth(key).send().await.unwrap().status(), 404);
    }
}

#[test]
fn a_second_host_in_the_same_home_is_refused_by_name() {
    let home = new_home();
    let running = Running::start(home.path(), None);
    let (status, errors) = refused(home.path());
    assert_eq!(status, Some(2), "{errors}");
    let file = home.path().join(".tidings/tidings.db");
    assert!(
        errors.contains(file.to_str().unwrap()) && errors.contains("another `tidings serve`"),
        "{errors}"
    );
    assert_eq!(running.stop(), Some(0));
    assert_eq!(Running::start(home.path(), None).stop(), Some(0));
}

/// Posts many events, kills the host when some are answered, and looks for those in the next one.
async fn kill_and_look(database: Option<&str>) {
    let home = new_home();
    let running = Running::start(home.path(), database);
    let mut posts = JoinSet::new();
    for n in 0..24 {
        let mut event = running.event.clone();
        event["subject"]["id"] = json!(n.to_string());
        let request = running.post(&running.key, &event);
        posts.spawn(async move {
            let answer = request.send().await.ok()?.error_for_status().ok()?;
            answer.json::<Value>().await.ok()
        });
    }
    let mut accepted: Vec<Value> = Vec::new();
    while accepted.len() < 8 {
        accepted.extend(posts.join_next().await.expect("eight of them are answered").unwrap());
    }
    running.kill();
    accepted.extend(posts.join_all().await.into_iter().flatten());
    let running = Running::start(home.path(), database);
    for event in accepted {
        let kept = running.get(&format!("/api/v1/events/{}", event["id"].as_str().unwrap())).await;
        assert_eq!((&kept["state"], &kept["subject"]), (&json!("planned"), &event["subject"]));
        assert_eq!(kept["messages"].as_array().unwrap().len(), 3, "{kept}");
    }
    assert_eq!(running.stop(), Some(0));
}

#[tokio::test]
async fn what_was_accepted_outlives_a_kill() {
    kill_and_look(None).await;
}

#[tokio::test]
async fn what_was_accepted_outlives_a_kill_on_postgres() {
    match postgres::url_for_new_database("outlives_a_kill") {
        Some(url) => kill_and_look(Some(&url)).await,
        None => postgres::skip_aloud("what_was_accepted_outlives_a_kill_on_postgres"),
    }
}
