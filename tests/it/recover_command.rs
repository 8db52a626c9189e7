//! `tidings recover` as an operator runs it, beside the real program.

use crate::for_each_database;
use crate::recover::FORGET;
use crate::support::ANA;
use crate::support::program::{Running, new_home, run, tidings};
use serde_json::json;
use std::fs;
use std::path::Path;

/// In the database of a home whose host has ended.
pub(crate) async fn change(home: &Path, url: Option<&str>, statement: &'static str) {
    if let Some(url) = url {
        sqlx::query(statement).execute(&sqlx::PgPool::connect(url).await.unwrap()).await.unwrap();
    } else {
        let file = home.join(".tidings/tidings.db");
        let pool = sqlx::SqlitePool::connect(file.to_str().unwrap()).await.unwrap();
        sqlx::query(statement).execute(&pool).await.unwrap();
        pool.close().await;
    }
}

for_each_database! {
    /// The sandbox has test keys alone, and `recover` is for what really goes out.
    async fn the_command_has_what_was_due_since_a_moment_looked_up_and_says_how_much(start: Start) {
        let home = new_home();
        fs::write(home.path().join("tidings.toml"), "[twilio]\nphone_number = \"+15005550006\"\n").unwrap();
        let url = start.database_url.as_deref();
        let since = "2026-01-01T00:00:00Z";
        let command = |arguments: &[&str]| {
            let mut command = tidings(home.path(), arguments);
            command.envs(url.map(|url| ("DATABASE_URL", url)));
            let output = command.output().unwrap();
            let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
            (output.status.code(), said.concat())
        };
        let running = Running::start(home.path(), url);
        let answer = running.post(&running.key, &running.event).send().await.unwrap();
        assert_eq!(answer.status(), 202);
        let (status, said) = command(&["recover", "--since", since]);
        assert!(status != Some(0) && (said.contains("stop it first") || said.contains("is in use")), "{said}");
        assert_eq!(running.stop(), Some(0));
        for statement in FORGET {
            change(home.path(), url, statement).await;
        }
        change(home.path(), url, "UPDATE messages SET test = FALSE, due_at = 0").await;

        let (status, said) = command(&["recover", "--since", "2100-01-01T00:00:00Z"]);
        assert!(status == Some(1) && said.contains("--since is in the future"), "{said}");
        let (status, said) = command(&["recover", "--since", "yesterday"]);
        assert!(status == Some(2) && said.contains("--since"), "{said}");
        let (status, said) = command(&["recover", "--since", since]);
        assert_eq!(status, Some(0), "{said}");
        assert!(said.contains("3 texts are looked up at Twilio when the host starts"), "{said}");
        // Once more is no harm.
        let (status, said) = command(&["recover", "--since", since]);
        assert!(status == Some(0) && said.contains("0 texts are looked up"), "{said}");
    }
}

#[tokio::test]
async fn a_copy_of_the_file_and_its_log_is_put_back_whole_and_only_where_nobody_looks() {
    let home = new_home();
    let running = Running::start(home.path(), None);
    let person = json!({"role": "patient", "phone": ANA});
    let request = running.client.put(format!("{}/api/v1/recipients/ana", running.base));
    assert!(request.bearer_auth(&running.key).json(&person).send().await.unwrap().status().is_success());
    running.kill();
    let database = home.path().join(".tidings/tidings.db");
    let copy = home.path().join("copy.db");
    let log = |file: &std::path::Path| file.with_extension("db-wal");
    assert!(fs::metadata(log(&database)).unwrap().len() > 0, "what was written last is in the log alone");
    fs::copy(&database, &copy).unwrap();
    fs::copy(log(&database), log(&copy)).unwrap();

    let reader = sqlx::SqlitePool::connect(database.to_str().unwrap()).await.unwrap();
    let mut looking = reader.begin().await.unwrap();
    sqlx::query("SELECT id FROM recipients").fetch_all(&mut *looking).await.unwrap();
    let restore = ["recover", "--from", copy.to_str().unwrap()];
    let (status, _, errors) = run(home.path(), &restore);
    assert!(status == Some(1) && errors.contains("another command has the database open"), "{errors}");
    looking.rollback().await.unwrap();
    reader.close().await;

    for file in [database.clone(), log(&database)] {
        let _ = fs::remove_file(file);
    }
    let (status, _, errors) = run(home.path(), &restore);
    assert_eq!(status, Some(0), "{errors}");
    let running = Running::start(home.path(), None);
    assert_eq!(running.get("/api/v1/recipients/ana").await["id"], "ana");
    assert_eq!(running.stop(), Some(0));
}
