//! Policies that are dropped into the folder of a running host.

use crate::for_each_database;
use crate::guest::{Decides, Guest, Plans};
use crate::support::{Folder, Start, TestHost, home, repository};
use chrono::TimeDelta;
use serde_json::json;
use std::path::Path;
use tidings::domain::kind::TypeName;
use tidings::policy::{Cache, Limits, LoadReport, Policies, PolicyLoadError};

/// A version of the policy that plans what follows from an event.
fn puts(home: &Folder, version: &'static str, plans: Plans) {
    let plugins = home.path().join("plugins");
    let guest = Guest {
        name: "prescription-ready",
        message_type: "prescription-ready",
        version,
        events: &["clinic.door"],
        plans,
        ..Guest::new(Decides::Send)
    };
    std::fs::write(plugins.join("prescription-ready.toml"), "").unwrap();
    std::fs::write(plugins.join("prescription-ready.wasm"), guest.component()).unwrap();
}

/// Another, which the event waits for.
fn beside_a_silent_one(home: &Folder) {
    let silent = Guest { events: &["clinic.door"], ..Guest::new(Decides::Send) };
    std::fs::write(home.path().join("plugins/silent.wasm"), silent.component()).unwrap();
}

/// A folder with one of the bundled policies.
fn with_policy(name: &str) -> Folder {
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("plugins")).unwrap();
    for extension in ["wasm", "toml"] {
        let file = format!("plugins/{name}.{extension}");
        std::fs::copy(repository().join(&file), folder.path().join(&file)).unwrap();
    }
    folder
}

async fn load_in_child(folder: &Path, program: &str, limits: &Limits) -> Result<LoadReport, PolicyLoadError> {
    let cache = Cache::new(folder.join("compiled"), [3; 32]).compiled_by(program);
    let (_, reports) = Policies::load(&folder.join("plugins"), &cache, limits).await?;
    Ok(reports.into_iter().next().unwrap())
}

fn from_cache(report: LoadReport) -> bool {
    match report {
        LoadReport::Live(loaded) => loaded.from_cache,
        other => panic!("expected a live policy, not {other:?}"),
    }
}

#[tokio::test]
async fn a_policy_is_compiled_by_a_child_of_the_host_and_its_code_is_kept() {
    let folder = with_policy("otp");
    let limits = Limits::default();
    let load = || load_in_child(folder.path(), env!("CARGO_BIN_EXE_tidings"), &limits);
    assert!(!from_cache(load().await.unwrap()));
    assert!(from_cache(load().await.unwrap()));
}

#[tokio::test]
async fn a_compilation_that_wants_more_memory_than_it_may_have_is_refused_and_the_host_goes_on() {
    let folder = with_policy("otp");
    let limits = Limits { compile_memory: tidings::policy::Bytes(64 << 20), ..Limits::default() };
    let program = env!("CARGO_BIN_EXE_tidings");
    let Err(PolicyLoadError::Refused { source, .. }) = load_in_child(folder.path(), program, &limits).await
    else {
        panic!("it was compiled in 64 MiB");
    };
    assert_eq!(source.code, "compile-limit");
    assert!(source.text.contains("it may use 64 MiB of memory"), "{}", source.text);
}

#[tokio::test]
async fn a_compilation_that_takes_longer_than_it_may_is_refused() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("plugins")).unwrap();
    let guest = Guest { padding: 2000, ..Guest::new(Decides::Send) };
    std::fs::write(folder.path().join("plugins/sample.wasm"), guest.component()).unwrap();
    let compile_time = tidings::policy::Span(std::time::Duration::from_secs(1));
    let limits = Limits { compile_time, ..Limits::default() };
    let program = env!("CARGO_BIN_EXE_tidings");
    let Err(PolicyLoadError::Refused { source, .. }) = load_in_child(folder.path(), program, &limits).await
    else {
        panic!("it was compiled within a second");
    };
    assert_eq!(source.code, "compile-limit");
    assert!(source.text.contains("`compile_time` in `[policy]`"), "{}", source.text);
}

#[tokio::test]
async fn what_the_machine_could_not_do_is_tried_again_though_the_file_stays_as_it_is() {
    let folder = with_policy("otp");
    let path = |name: &str| folder.path().join(name);
    std::fs::rename(path("plugins/otp.wasm"), path("otp.wasm")).unwrap();
    let cache = Cache::new(path("compiled"), [3; 32]).compiled_by(path("compiler"));
    let limits =
        Limits { wall: tidings::policy::Span(std::time::Duration::from_secs(2)), ..Limits::default() };
    let (policies, _) = Policies::load(&path("plugins"), &cache, &limits).await.unwrap();
    std::fs::rename(path("otp.wasm"), path("plugins/otp.wasm")).unwrap();
    policies.reload().await;
    let refused = policies.statuses().remove(0).refused.unwrap();
    assert_eq!(refused.code, "compile-failed");
    assert!(refused.text.contains("could not be run: No such file or directory"), "{}", refused.text);
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_tidings"), path("compiler")).unwrap();
    policies.reload().await;
    assert_eq!(policies.statuses().remove(0).refused, None);
    assert!(policies.for_type(&TypeName::from("otp")).is_some());
}

/// Waits for what another task does.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..3000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{what} did not come to pass");
}

#[tokio::test]
async fn one_that_takes_long_to_compile_holds_up_nothing_that_is_dropped_after_it() {
    let folder = with_policy("otp");
    let path = |name: &str| folder.path().join(name);
    // A compiler that waits over one file until it is told to go on.
    let script = format!(
        "#!/bin/sh\n/bin/cat > '{0}/'$$\n/bin/grep -q the-slow-one '{0}/'$$ && : > '{0}/begun' && \
         while [ ! -e '{0}/go-on' ]; do /bin/sleep 0.05; done\nexec '{1}' \"$@\" < '{0}/'$$\n",
        folder.path().display(),
        env!("CARGO_BIN_EXE_tidings"),
    );
    std::fs::write(path("compiler"), script).unwrap();
    std::fs::set_permissions(path("compiler"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let cache = Cache::new(path("compiled"), [3; 32]).compiled_by(path("compiler"));
    let limits =
        Limits { wall: tidings::policy::Span(std::time::Duration::from_secs(2)), ..Limits::default() };
    let (policies, _) = Policies::load(&path("plugins"), &cache, &limits).await.unwrap();
    let following = policies.clone();
    let follows = tokio::spawn(async move { following.follow().await });
    let put = |file: &str, name: &'static str| {
        let guest = Guest { name, message_type: name, ..Guest::new(Decides::Send) };
        std::fs::write(path("plugins").join(file), guest.component()).unwrap();
    };
    let decides = |name: &str| policies.for_type(&TypeName::from(name)).is_some();
    let fuel = || policies.for_type(&TypeName::from("otp")).unwrap().limits.fuel;
    // One that is at work changes beside it, and one comes after it.
    std::fs::write(path("plugins/otp.toml"), "[limits]\nfuel = 7000000\n").unwrap();
    put("a-slow.wasm", "the-slow-one");
    put("beside.wasm", "beside");
    until("the slow compilation", || path("begun").exists()).await;
    until("the change beside it", || fuel() == 7_000_000).await;
    put("later.wasm", "later");
    until("the one after it", || decides("later")).await;
    // What is as new as the slow one might want the same type as that: they are known together.
    assert!(!decides("the-slow-one") && !decides("beside"));
    std::fs::write(path("go-on"), "").unwrap();
    until("the slow one", || decides("the-slow-one")).await;
    assert!(decides("beside"));
    follows.abort();
}

pub(crate) async fn begin(start: Start, home: &Folder) -> TestHost {
    let mut start = start;
    start.home = home.path().to_owned();
    start.host().await
}

/// Ana's prescription is ready: one text, at once.
pub(crate) async fn is_ready(host: &TestHost) -> String {
    let answer = host
        .event(json!({
            "type": "prescription.ready",
            "subject": {"type": "prescription", "id": "7", "version": 1},
            "people": [{"id": "ana", "phone": crate::support::ANA, "time_zone": "America/New_York"}],
        }))
        .await;
    answer["messages"][0]["id"].as_str().unwrap().to_owned()
}

for_each_database! {
    async fn a_policy_that_was_removed_is_not_taken_for_none_and_one_that_is_back_decides(start: Start) {
        let home = home();
        let host = begin(start, &home).await;
        let id = is_ready(&host).await;
        let (file, aside) =
            (home.path().join("plugins/prescription-ready.wasm"), home.path().join("prescription-ready.wasm"));
        std::fs::rename(&file, &aside).unwrap();
        host.host.policies.reload().await;
        host.run().await;
        let story = host.story(&id).await;
        assert_eq!((&story["state"], &story["reason"]["code"]), (&json!("held"), &json!("policy-removed")), "{story}");
        let ready = host.get("/readyz").await;
        assert!(ready["refused"][0].as_str().unwrap().starts_with("prescription-ready (removed)"), "{ready}");

        std::fs::rename(&aside, &file).unwrap();
        host.host.policies.reload().await;
        host.run_after(TimeDelta::seconds(59)).await;
        assert_eq!(host.story(&id).await["state"], "held");
        host.run_after(TimeDelta::seconds(1)).await;
        assert_eq!(host.story(&id).await["state"], "delivered");
        assert_eq!(host.get("/readyz").await["refused"], json!([]));
    }

    async fn a_type_that_a_new_version_drops_waits_as_if_its_policy_were_removed(start: Start) {
        let home = home();
        let host = begin(start, &home).await;
        let id = is_ready(&host).await;
        let plugins = home.path().join("plugins");
        let before = std::fs::read_to_string(plugins.join("prescription-ready.toml")).unwrap();
        let other = Guest { name: "prescription-ready", message_type: "other", version: "2.0.0",
            events: &["prescription.ready"], plans: Plans::Nothing, ..Guest::new(Decides::Send) };
        std::fs::write(plugins.join("prescription-ready.toml"), "").unwrap();
        std::fs::write(plugins.join("prescription-ready.wasm"), other.component()).unwrap();
        host.host.policies.reload().await;
        host.run().await;
        let story = host.story(&id).await;
        assert_eq!((&story["state"], &story["reason"]["code"]), (&json!("held"), &json!("policy-removed")), "{story}");
        let ready = host.get("/readyz").await;
        let line = ready["refused"][0].as_str().unwrap();
        assert!(line.starts_with("prescription-ready (removed): the version at work does not decide") && line.ends_with("; prescription-ready"), "{ready}");
        let policies = host.get("/api/v1/policies").await;
        let item = policies["items"].as_array().unwrap().iter().find(|item| item["file"] == "prescription-ready").unwrap();
        assert_eq!((&item["state"], &item["version"], &item["undecided"]), (&json!("live"), &json!("2.0.0"), &json!(["prescription-ready"])), "{item}");

        // What was planned from its event waits as well, and is not taken for planned by who decides for others.
        let event = json!({"type": "prescription.ready", "subject": {"type": "prescription", "id": "8", "version": 1},
            "people": [{"id": "ana"}]});
        let event = host.event(event).await;
        let passed = &event["passed_over"][0];
        assert_eq!((&event["state"], &passed["reason"]["code"]), (&json!("planning"), &json!("policy-removed")), "{event}");

        std::fs::copy(crate::support::repository().join("plugins/prescription-ready.wasm"), plugins.join("prescription-ready.wasm")).unwrap();
        std::fs::write(plugins.join("prescription-ready.toml"), before).unwrap();
        host.host.policies.reload().await;
        host.run_after(TimeDelta::minutes(1)).await;
        assert_eq!(host.story(&id).await["state"], "delivered");
        let event = host.get(&format!("/api/v1/events/{}", event["id"].as_str().unwrap())).await;
        let kinds: Vec<_> = event["messages"].as_array().unwrap().iter().map(|message| message["type"].as_str().unwrap()).collect();
        assert_eq!((&event["state"], kinds, &event["passed_over"]), (&json!("planned"), vec!["prescription-ready"], &json!([])), "{event}");
    }

    /// The event waits for another policy; the one at work is changed meanwhile, and changed back.
    async fn a_version_that_is_back_is_asked_again(start: Start) {
        let home = home();
        beside_a_silent_one(&home);
        let later = Plans::At(1_800_000_000_000);
        puts(&home, "1.0.0", Plans::At(1_800_000_000_000));
        let host = begin(start, &home).await;
        let event = host.event(json!({"type": "clinic.door", "subject": {"type": "door", "id": "7", "version": 1},
            "people": [{"id": "ana", "phone": crate::support::ANA}]})).await;
        assert_eq!((&event["state"], event["messages"].as_array().unwrap().len()), (&json!("planning"), 1), "{event}");
        let mut states = Vec::new();
        for (version, plans) in [("2.0.0", Plans::Nothing), ("1.0.0", later)] {
            puts(&home, version, plans);
            host.host.policies.reload().await;
            host.run_after(TimeDelta::minutes(1)).await;
            states.push(host.states().await.into_iter().map(|(.., state)| state).collect::<Vec<_>>());
        }
        assert_eq!(states, [vec!["canceled"], vec!["canceled", "planned"]]);
    }

    /// It wants again what it wanted before.
    async fn a_version_that_is_back_sends_no_text_twice(start: Start) {
        let home = home();
        beside_a_silent_one(&home);
        puts(&home, "1.0.0", Plans::One);
        let host = begin(start, &home).await;
        let event = host.event(json!({"type": "clinic.door", "subject": {"type": "door", "id": "7", "version": 1},
            "people": [{"id": "ana", "phone": crate::support::ANA}]})).await;
        host.run().await;
        assert_eq!(host.texts_to(crate::support::ANA).len(), 1);
        for round in 0..5 {
            for (version, plans) in [("2.0.0", Plans::Nothing), ("1.0.0", Plans::One)] {
                puts(&home, version, plans);
                host.host.policies.reload().await;
                host.run_after(TimeDelta::minutes(1)).await;
                assert_eq!(host.texts_to(crate::support::ANA).len(), 1, "{round} {version}");
            }
        }
        let asked = host.get(&format!("/api/v1/events/{}", event["id"].as_str().unwrap())).await;
        assert_eq!(asked["state"], "planning", "{asked}");
        assert_eq!(host.number("SELECT COUNT(*) FROM decisions WHERE outcome = 'plan'").await, 6, "three of each");
    }

    async fn a_policy_that_does_not_answer_is_asked_after_1_5_and_15_minutes_and_then_a_person_must_look(start: Start) {
        let home = home();
        let host = begin(start, &home).await;
        let id = is_ready(&host).await;
        let toml = home.path().join("plugins/prescription-ready.toml");
        let settings = std::fs::read_to_string(&toml).unwrap();
        std::fs::write(&toml, format!("{settings}\n[limits]\nfuel = 1000\n")).unwrap();
        host.host.policies.reload().await;
        host.run().await;
        for minutes in [1, 5, 15] {
            host.run_after(TimeDelta::minutes(minutes)).await;
        }
        host.run_after(TimeDelta::minutes(20)).await;
        let story = host.story(&id).await;
        assert_eq!((&story["state"], &story["reason"]["code"]), (&json!("held"), &json!("policy-out-of-fuel")), "{story}");
        let faults: Vec<_> = story["decisions"].as_array().unwrap().iter().filter(|d| d["question"] == "decide").collect();
        assert_eq!(faults.len(), 4, "at once and three times more: {story}");
        assert_eq!(faults[0]["outcome"], "out-of-fuel");
        assert_eq!(faults[0]["input"]["message"]["id"], json!(id));
        let text = faults[0]["answer"]["fault"]["text"].as_str().unwrap();
        assert!(text.starts_with("it used up its 1000 units of fuel"), "{text}");
        let policies = host.get("/api/v1/policies").await;
        let items = policies["items"].as_array().unwrap();
        let of = |file: &str| items.iter().find(|item| item["file"] == file).unwrap();
        assert_eq!((&of("prescription-ready")["faults"], &of("otp")["faults"]), (&json!(4), &json!(0)), "{policies}");

        // Mended, and released by somebody who looked.
        std::fs::write(&toml, settings).unwrap();
        host.host.policies.reload().await;
        let (status, _) = host.post(&format!("/api/v1/messages/{id}/retry"), json!({})).await;
        assert_eq!(status, 200);
        host.run().await;
        assert_eq!(host.story(&id).await["state"], "delivered");
    }

    async fn a_policy_that_only_ever_defers_hands_its_message_to_a_person(start: Start) {
        let mut start = start;
        let home = home();
        let guest = Guest { message_type: "prescription-ready", ..Guest::new(Decides::DeferByWasi) };
        std::fs::write(home.path().join("plugins/prescription-ready.wasm"), guest.component()).unwrap();
        std::fs::remove_file(home.path().join("plugins/prescription-ready.toml")).unwrap();
        start.config.policy.deferrals = 2;
        let host = begin(start, &home).await;
        let id = host.message(json!({"type": "prescription-ready", "to": {"id": "bo", "phone": "+12025550144"}})).await;
        host.run().await;
        // It always asks for a minute or two.
        for _ in 0..2 {
            assert_eq!(host.story(&id).await["state"], "planned");
            host.run_after(TimeDelta::minutes(3)).await;
        }
        let story = host.story(&id).await;
        let is = |code: &str| story["reason"]["code"] == code;
        assert!(story["state"] == "held" && is("deferred-too-often"), "{story}");
        assert!(host.texts_to("+12025550144").is_empty());
    }

    async fn a_shadow_is_asked_beside_the_policy_at_work_and_what_it_says_differently_is_shown(start: Start) {
        let home = home();
        let plugins = home.path().join("plugins");
        // The same rules, but for one that never has fuel enough.
        for (name, limits) in [("same", ""), ("slow", "[limits]\nfuel = 1000\n")] {
            std::fs::copy(plugins.join("prescription-ready.wasm"), plugins.join(format!("{name}.wasm"))).unwrap();
            let settings = std::fs::read_to_string(plugins.join("prescription-ready.toml")).unwrap();
            let settings = settings.replace("mode = \"live\"", "mode = \"shadow\"");
            std::fs::write(plugins.join(format!("{name}.toml")), format!("{settings}\n{limits}")).unwrap();
        }
        let host = begin(start, &home).await;
        let id = is_ready(&host).await;
        host.run().await;
        assert_eq!(host.story(&id).await["state"], "delivered");
        let policies = host.get("/api/v1/policies").await;
        let items = policies["items"].as_array().unwrap();
        let of = |file: &str| items.iter().find(|item| item["file"] == file).unwrap();
        assert_eq!((&of("same")["state"], &of("same")["shadowed"]), (&json!("shadow"), &json!(2)), "{policies}");
        let differences = host.get("/api/v1/policies/differences").await;
        let mut told: Vec<_> = differences["items"].as_array().unwrap().iter()
            .map(|it| (it["question"].as_str().unwrap(), it["difference"].as_str().unwrap(), it["shadow"]["outcome"].as_str().unwrap()))
            .collect();
        // Both of one moment.
        told.sort_unstable();
        assert_eq!(told, [("decide", "fault", "out-of-fuel"), ("plan", "fault", "out-of-fuel")], "{differences}");
        let items = differences["items"].as_array().unwrap();
        let decided = items.iter().find(|it| it["question"] == "decide").unwrap();
        assert_eq!((&decided["about"], &decided["live"]["outcome"]), (&json!(id), &json!("send")));
    }
}
