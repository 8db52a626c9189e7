//! The audit: what was done is on record, whoever did it and whether or not they waited for the answer.

use crate::for_each_database;
use crate::support::program::{Running, new_home, run};
use crate::support::{ANA, Start, TestHost};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tidings::store::AuditEntry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

async fn lines(host: &TestHost) -> Vec<(String, i64)> {
    host.host.auditor().flush().await;
    let lines = host.host.store.read().await.unwrap().audit_after(0, 100).await.unwrap();
    lines.into_iter().map(|line| (line.entry.action, line.entry.outcome)).collect()
}

/// Whether somebody new is let in and answered.
async fn is_let_in(address: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(address).await else { return false };
    let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    answer.contains(" 200 ")
}

for_each_database! {
    async fn what_was_asked_by_who_hung_up_is_done_and_on_record(start: Start) {
        let mut start = start;
        // Somebody new is let in only when the host has seen that the one before is gone.
        start.config.server.connections_per_address = 1;
        let host = start.host().await;
        let address = host.base.strip_prefix("http://").unwrap();
        let keep = tidings::domain::recipient::Recipient::new(
            "ana".to_owned(), tidings::domain::recipient::Role::Patient, host.host.now());
        let mut tx = host.host.store.begin().await.unwrap();
        assert!(tx.insert_recipient(&keep).await.unwrap());
        tx.commit().await.unwrap();

        // While this unit of work is open, the request can neither be done nor recorded.
        let mut tx = host.host.store.begin().await.unwrap();
        let other = AuditEntry { at: host.host.now(), actor: "cli:uid-0".to_owned(), action: "before".to_owned(),
            object: String::new(), outcome: 0 };
        tx.append_audit(&[other]).await.unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("DELETE /api/v1/recipients/ana HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\r\n", host.key);
        stream.write_all(head.as_bytes()).await.unwrap();
        drop(stream);
        while !is_let_in(address).await {}
        tx.commit().await.unwrap();

        // Nobody waits for the answer: there is nothing to wait for but the line.
        let line = ("DELETE /api/v1/recipients/{id}".to_owned(), 200);
        for _ in 0..3000 {
            if lines(&host).await.contains(&line) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(lines(&host).await, [("before".to_owned(), 0), line]);
        assert!(host.host.store.read().await.unwrap().is_erased("ana").await.unwrap());
    }
}

#[tokio::test]
async fn a_host_that_ends_sees_through_what_was_asked_of_it() {
    let host = Start::sqlite().host().await;
    let address = host.base.strip_prefix("http://").unwrap();
    let body = json!({"role": "patient", "phone": ANA}).to_string();
    let (half, rest) = body.split_at(10);
    let head = format!(
        "PUT /api/v1/recipients/ana HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{half}",
        host.key,
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    while host.host.changes_underway() == 0 {
        tokio::task::yield_now().await;
    }
    let ending = tokio::spawn({
        let host = host.host.clone();
        async move { host.end(Instant::now() + Duration::from_mins(1)).await }
    });
    for _ in 0..20 {
        lines(&host).await;
    }
    assert!(!ending.is_finished(), "it waits for the rest of the request");
    stream.write_all(rest.as_bytes()).await.unwrap();
    ending.await.unwrap().unwrap();
    let written = host.host.store.read().await.unwrap().audit_after(0, 100).await.unwrap();
    let written: Vec<(String, i64)> =
        written.into_iter().map(|line| (line.entry.action, line.entry.outcome)).collect();
    assert_eq!(written, [("PUT /api/v1/recipients/{id}".to_owned(), 200)]);
    // Whoever comes now is not begun with.
    assert_eq!(host.request("DELETE", "/api/v1/recipients/ana", None).await.0, 500);
    assert!(!host.host.store.read().await.unwrap().is_erased("ana").await.unwrap());
}

/// What commands have done, by the audit's own account.
fn commands(home: &Path) -> Vec<(String, String)> {
    let (status, said, errors) = run(home, &["audit", "list"]);
    assert_eq!(status, Some(0), "{errors}");
    let lines = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let word = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let lines = lines.filter(|line| word(line, "actor").starts_with("cli:uid-"));
    lines.map(|line| (word(&line, "action"), word(&line, "object"))).collect()
}

#[tokio::test]
async fn every_command_that_changes_or_shows_what_is_a_patient_s_leaves_a_line() {
    let home = new_home();
    let at = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    assert_eq!(run(home.path(), &["migrate"]).0, Some(0));
    let budget = "[[budget.fuses]]\ntype = \"urgent-alert\"\nper = \"day\"\nsegments = 1\n";
    std::fs::write(at("tidings.toml"), budget).unwrap();
    let running = Running::start(home.path(), None);
    let body = json!({"type": "urgent-alert", "to": {"id": "ana", "phone": ANA},
        "variables": {"text": "The clinic is closed today, and tomorrow."}});
    let mut held = String::new();
    for _ in 0..2 {
        let posted =
            running.client.post(format!("{}/api/v1/messages", running.base)).bearer_auth(&running.key);
        let message: Value = posted.json(&body).send().await.unwrap().json().await.unwrap();
        held = message["id"].as_str().unwrap().to_owned();
        for _ in 0..3000 {
            let state = running.get(&format!("/api/v1/messages/{held}")).await["state"].clone();
            if state == "delivered" || state == "held" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let decision = running.get(&format!("/api/v1/messages/{held}")).await["decisions"][0]["id"].clone();
    let decision = decision.as_str().unwrap();
    std::fs::write(
        at("texts.jsonl"),
        format!("{}\n", json!({"type": "follow-up", "to": {"id": "bo", "phone": ANA}})),
    )
    .unwrap();
    let (texts, copy) = (at("texts.jsonl"), at("copy.db"));
    let done: [(&[&str], &str, &str); 9] = [
        (&["message", "show", &held, "--text"], "message show --text", &held),
        (&["message", "retry", &held], "message retry", &held),
        (&["import", &texts, "--test"], "import", "texts"),
        (&["otp", "refusals"], "otp refusals", "live"),
        (&["plugin", "replay", decision], "plugin replay", decision),
        (&["backup", &copy], "backup", &copy),
        (&["export", "--recipient", "ana"], "export", "ana"),
        (&["erase", "--recipient", "ana"], "erase", "ana"),
        (&["key", "rotate-codes"], "key rotate-codes", ""),
    ];
    let mut expected = Vec::new();
    for (arguments, action, object) in done {
        let (status, _, errors) = run(home.path(), arguments);
        assert_eq!(status, Some(0), "{arguments:?}: {errors}");
        expected.push((action, object));
    }
    // What shows nothing and changes nothing leaves none.
    for arguments in [["message", "show", &held].as_slice(), &["import", &texts, "--dry-run"], &["migrate"]] {
        assert_eq!(run(home.path(), arguments).0, Some(0), "{arguments:?}");
    }
    let noted = commands(home.path());
    assert_eq!(noted[0].0, "migrate");
    let noted: Vec<(&str, &str)> = noted[1..]
        .iter()
        .map(|(action, object)| {
            let object = if action == "key rotate-codes" { "" } else { object };
            (action.as_str(), object)
        })
        .collect();
    assert_eq!(noted, expected);
    assert_eq!(running.stop(), Some(0));
}

#[tokio::test]
async fn a_line_that_was_changed_or_cut_off_is_found_from_the_command_line() {
    let home = new_home();
    for name in ["a", "b", "c"] {
        assert_eq!(run(home.path(), &["key", "create", "--name", name]).0, Some(0));
    }
    let (status, said, errors) = run(home.path(), &["audit", "verify"]);
    assert!(status == Some(0) && said.starts_with("3 lines"), "{said}{errors}");
    let last = said.trim().rsplit(' ').next().unwrap().to_owned();
    let sql = async |statement: &'static str| {
        let path = home.path().join(".tidings/tidings.db");
        let pool = sqlx::SqlitePool::connect(path.to_str().unwrap()).await.unwrap();
        sqlx::query(statement).execute(&pool).await.unwrap();
        pool.close().await;
    };
    sql("CREATE TABLE kept AS SELECT * FROM audit").await;
    for (harm, found) in [
        ("UPDATE audit SET object = 'z' WHERE number = 2", "line 2 does not follow"),
        ("UPDATE audit SET actor = 'cli:uid-4' WHERE number = 1", "line 1 does not follow"),
        ("DELETE FROM audit WHERE number = 2", "line 3 does not follow"),
        ("DELETE FROM audit WHERE number = 3", "lines were cut off its end"),
    ] {
        sql(harm).await;
        let (status, _, errors) = run(home.path(), &["audit", "verify", "--expect", &last]);
        assert!(status == Some(1) && errors.contains(found), "{harm}: {errors}");
        sql("DELETE FROM audit").await;
        sql("INSERT INTO audit SELECT * FROM kept").await;
    }
    assert_eq!(run(home.path(), &["audit", "verify", "--expect", &last]).0, Some(0));
}
