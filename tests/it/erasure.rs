//! Erasing: no backup brings anybody back, and no phone leads to whoever was erased.

use crate::for_each_database;
use crate::support::program::{Running, new_home, run};
use crate::support::{ANA, Start, booked};
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::path::Path;
use tidings::clock::Chance;
use tidings::service;
use tidings::store::seal::Keyring;

for_each_database! {
    async fn a_phone_that_is_known_leads_to_nobody_who_was_erased_and_its_stop_holds(start: Start) {
        let host = start.host().await;
        host.event(booked(1, "2026-12-03T19:30:00Z")).await;
        host.run().await;
        let (status, code) = host.post("/api/v1/otp", json!({"phone": ANA, "purpose": "LOGIN", "recipient": "ana"})).await;
        assert!(status < 300, "{code}");
        for words in ["hello?", "STOP"] {
            host.clock.advance(TimeDelta::seconds(1));
            host.sandbox.reply(ANA, None, words).await.unwrap();
            host.run().await;
        }
        let (status, line) = host.post("/api/v1/recipients/ana/consents", json!({"choice": "opt_out", "source": "staff"})).await;
        assert!(status < 300, "{line}");
        host.sql("CREATE TABLE known AS SELECT phone_hash FROM recipients WHERE id = 'ana'").await;
        let tables = ["recipients", "messages", "replies", "challenges", "consents"];
        let of_phone = "phone_hash IN (SELECT phone_hash FROM known)";
        for table in tables {
            assert!(host.number(&format!("SELECT COUNT(*) FROM {table} WHERE {of_phone}")).await > 0, "{table}");
        }
        assert_eq!(host.request("DELETE", "/api/v1/recipients/ana", None).await.0, 200);
        for table in [&tables[..4], &["questions"]].concat() {
            assert_eq!(host.number(&format!("SELECT COUNT(*) FROM {table} WHERE {of_phone}")).await, 0, "{table}");
        }
        assert_eq!(host.number("SELECT COUNT(*) FROM challenges WHERE ended IS NULL OR named IS NOT NULL").await, 0);
        // The ledger keeps what was said, by the phone and of the person, and not that the two belonged together.
        for (left, count) in [("binds = 'phone' AND recipient_id IS NULL", 1), ("binds = 'recipient' AND phone_hash IS NULL", 1),
            ("recipient_id IS NOT NULL AND phone_hash IS NOT NULL", 0), ("details_sealed IS NOT NULL", 0)] {
            assert_eq!(host.number(&format!("SELECT COUNT(*) FROM consents WHERE {left}")).await, count, "{left}");
        }
        // The phone has said stop, whoever uses it now.
        let id = host.message(json!({"type": "follow-up", "to": {"id": "bo", "phone": ANA}})).await;
        host.run().await;
        assert_eq!(host.story(&id).await["state"], "suppressed");
    }

    async fn whom_a_backup_brings_back_is_erased_again(start: Start) {
        let folder = start.folder.path().join("keys");
        let keys = Keyring::open(&folder, None, &Chance::seeded(1)).unwrap();
        let store = start.store_with(keys.clone()).await;
        let now = tidings::clock::Clock::now(&*start.clock);
        let chance = Chance::seeded(2);
        for name in ["ana", "bo", "cy"] {
            let mut person = tidings::domain::recipient::Recipient::new(
                name.to_owned(), tidings::domain::recipient::Role::Patient, now);
            person.name = Some(name.to_uppercase());
            let mut tx = store.begin().await.unwrap();
            assert!(tx.insert_recipient(&person).await.unwrap());
            tx.commit().await.unwrap();
        }
        assert_eq!(service::erase_again(&store, &chance, "recover", now).await.unwrap(), 0);
        sql(&start, "CREATE TABLE kept AS SELECT * FROM recipients").await;
        service::erase(&store, &chance, "bo", None, "cli", now).await.unwrap();
        assert_eq!(service::erase_again(&store, &chance, "recover", now).await.unwrap(), 0, "nobody came back");

        // As the backup has it: Bo is there, and no certificate.
        for statement in [
            "DELETE FROM erasures",
            "DELETE FROM erased_names",
            "UPDATE recipients SET wrapped_key = (SELECT wrapped_key FROM kept WHERE id = 'bo'),
                name_sealed = (SELECT name_sealed FROM kept WHERE id = 'bo') WHERE id = 'bo'",
        ] {
            sql(&start, statement).await;
        }
        assert!(!store.read().await.unwrap().is_erased("bo").await.unwrap());
        assert_eq!(service::erase_again(&store, &chance, "recover", now).await.unwrap(), 1);
        let mut tx = store.read().await.unwrap();
        assert!(tx.is_erased("bo").await.unwrap());
        for name in ["ana", "cy"] {
            assert!(!tx.is_erased(name).await.unwrap(), "{name}");
        }
        assert_eq!(tx.erased_names().await.unwrap(), [keys.erased_name("bo")]);
        drop(tx);
        assert_eq!(service::erase_again(&store, &chance, "recover", now).await.unwrap(), 0);
    }

    async fn whom_a_backup_never_knew_is_not_taken_in_when_they_are_posted_again(start: Start) {
        let mut start = start;
        start.state = Some(start.folder.path().to_owned());
        let host = start.host().await;
        let person = json!({"role": "patient", "phone": ANA});
        assert_eq!(host.request("PUT", "/api/v1/recipients/ana", Some(&person)).await.0, 200);
        assert_eq!(host.request("DELETE", "/api/v1/recipients/ana", None).await.0, 200);
        for table in ["DELETE FROM erasures", "DELETE FROM erased_names", "DELETE FROM recipients"] {
            host.sql(table).await;
        }
        let (store, chance, now) = (&host.host.store, Chance::seeded(2), host.host.now());
        let asked = async || {
            let before = store.asked();
            assert_eq!(service::erase_again(store, &chance, "recover", now).await.unwrap(), 0);
            store.asked() - before
        };
        let first = asked().await;
        assert!(asked().await < first, "people are looked through once");

        // What was posted since the backup is posted again.
        let (status, problem) = host.request("PUT", "/api/v1/recipients/ana", Some(&person)).await;
        assert!(status == 404 && problem["detail"].as_str().unwrap().contains("erased"), "{problem}");
        let text = |id: &str| json!({"type": "follow-up", "to": {"id": id, "phone": ANA}});
        for route in ["/api/v1/messages", "/api/v1/preview"] {
            assert_eq!(host.post(route, text("ana")).await.0, 422, "{route}");
        }
        assert_eq!(host.post("/api/v1/events", booked(1, "2026-12-03T19:30:00Z")).await.0, 422);
        assert_eq!(host.number("SELECT COUNT(*) FROM recipients").await, 0);
        host.message(text("ana-2")).await;
    }
}

async fn sql(start: &Start, statement: &'static str) {
    if let Some(url) = &start.database_url {
        let pool = sqlx::PgPool::connect(url).await.unwrap();
        sqlx::query(statement).execute(&pool).await.unwrap();
    } else {
        let path = start.folder.path().join("tidings.db");
        let pool = sqlx::SqlitePool::connect(path.to_str().unwrap()).await.unwrap();
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
}

#[tokio::test]
async fn a_key_that_was_destroyed_is_not_left_in_the_file() {
    let host = Start::sqlite().host().await;
    host.event(booked(1, "2026-12-03T19:30:00Z")).await;
    host.run().await;
    let file = host.start.folder.path().join("tidings.db");
    let pool = sqlx::SqlitePool::connect(file.to_str().unwrap()).await.unwrap();
    let key: Vec<u8> = sqlx::query_scalar("SELECT wrapped_key FROM recipients WHERE id = 'ana'")
        .fetch_one(&pool)
        .await
        .unwrap();
    let holds_key = async || {
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&pool).await.unwrap();
        let bytes = std::fs::read(&file).unwrap();
        bytes.windows(key.len()).any(|window| window == key)
    };
    assert!(holds_key().await);
    assert_eq!(host.request("DELETE", "/api/v1/recipients/ana", None).await.0, 200);
    assert!(!holds_key().await);
}

fn found(home: &Path, name: &str) -> Vec<String> {
    let files = std::fs::read_dir(home.join(".tidings")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|file| file.starts_with(name)).collect()
}

#[tokio::test]
async fn a_backup_is_put_back_by_one_command_and_knows_who_was_erased_since() {
    let home = new_home();
    let running = Running::start(home.path(), None);
    let put = async |running: &Running, id: &str| {
        let person = json!({"role": "patient", "phone": ANA, "name": "Somebody"});
        let request = running.client.put(format!("{}/api/v1/recipients/{id}", running.base));
        assert!(request.bearer_auth(&running.key).json(&person).send().await.unwrap().status().is_success());
    };
    let status = async |running: &Running, id: &str| {
        let request = running.client.get(format!("{}/api/v1/recipients/{id}", running.base));
        request.bearer_auth(&running.key).send().await.unwrap().status().as_u16()
    };
    for id in ["ana", "bo"] {
        put(&running, id).await;
    }
    let copy = home.path().join("copy.db");
    let copy = copy.to_str().unwrap();
    let (done, _, errors) = run(home.path(), &["backup", copy]);
    assert_eq!(done, Some(0), "{errors}");
    put(&running, "cy").await;
    assert_eq!(run(home.path(), &["erase", "--recipient", "bo"]).0, Some(0));
    let restore = ["recover", "--from", copy];
    let (done, _, errors) = run(home.path(), &restore);
    assert!(done == Some(2) && errors.contains("is in use"), "{errors}");
    running.kill();

    // What is no whole backup is refused, and nothing is changed.
    let before = std::fs::read(home.path().join(".tidings/tidings.db")).unwrap();
    let torn = home.path().join("torn.db");
    let whole = std::fs::read(copy).unwrap();
    for (bytes, said) in
        [(&whole[..whole.len() / 2], "cannot be put back"), (&b"a text"[..], "no database of a host")]
    {
        std::fs::write(&torn, bytes).unwrap();
        let (done, _, errors) = run(home.path(), &["recover", "--from", torn.to_str().unwrap()]);
        assert!(
            done == Some(1) && errors.contains("nothing was changed") && errors.contains(said),
            "{errors}"
        );
    }
    assert_eq!(std::fs::read(home.path().join(".tidings/tidings.db")).unwrap(), before);
    assert!(found(home.path(), "tidings.db.re").is_empty());

    let (done, said, errors) = run(home.path(), &restore);
    assert_eq!(done, Some(0), "{errors}");
    assert!(said.contains("1 people were erased after") && said.contains("0 texts are looked up"), "{said}");
    assert!(errors.contains("tidings.db.replaced-"), "{errors}");
    // What was committed last is in it, and not in a log that somebody forgets to keep.
    let aside = found(home.path(), "tidings.db.replaced-");
    assert_eq!(aside.len(), 1, "{aside:?}");
    let aside = sqlx::SqlitePool::connect(home.path().join(".tidings").join(&aside[0]).to_str().unwrap())
        .await
        .unwrap();
    let ids: Vec<String> =
        sqlx::query_scalar("SELECT id FROM recipients ORDER BY id").fetch_all(&aside).await.unwrap();
    assert_eq!(ids, ["ana", "bo", "cy"]);
    aside.close().await;
    let running = Running::start(home.path(), None);
    assert_eq!(
        (status(&running, "ana").await, status(&running, "bo").await, status(&running, "cy").await),
        (200, 404, 404)
    );
    let (_, audit, _) = run(home.path(), &["audit", "list"]);
    let actions: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(actions.iter().any(|line| line["action"] == "recover"), "{audit}");
    assert_eq!(running.stop(), Some(0));
}
