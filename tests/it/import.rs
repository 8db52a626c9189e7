//! Importing: the texts of a file, by the real program.

use crate::for_each_database;
use crate::recover_command::change;
use crate::support::program::{new_home, run, tidings};
use std::fmt::Write as _;
use std::fs;

fn line(number: u32) -> String {
    format!(
        r#"{{"type": "prescription-ready", "to": {{"id": "p{number}", "phone": "+1202555{}"}}}}"#,
        number + 1000
    )
}

for_each_database! {
    async fn an_import_that_the_database_breaks_off_goes_on_where_it_was(start: Start) {
        let home = new_home();
        let url = start.database_url.as_deref();
        let file = home.path().join("december.jsonl");
        let path = file.to_str().unwrap().to_owned();
        let import = || {
            let mut command = tidings(home.path(), &["import", &path]);
            let output = command.envs(url.map(|url| ("DATABASE_URL", url))).output().unwrap();
            let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
            (output.status.code(), said)
        };
        // The tables are made.
        fs::write(&file, "").unwrap();
        assert_eq!(import().0, Some(0));
        let (fail, mend) = match url {
            None => ("CREATE TRIGGER fails BEFORE INSERT ON messages WHEN NEW.recipient_id = 'p150'
                BEGIN SELECT RAISE(ABORT, 'the disk is full'); END", "DROP TRIGGER fails"),
            Some(_) => ("DO $$ BEGIN
                    CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS
                        'BEGIN RAISE EXCEPTION ''the disk is full'' USING ERRCODE = ''disk_full''; END';
                    CREATE TRIGGER fails BEFORE INSERT ON messages FOR EACH ROW
                        WHEN (NEW.recipient_id = 'p150') EXECUTE FUNCTION fails();
                END $$", "DROP FUNCTION fails CASCADE"),
        };
        change(home.path(), url, fail).await;
        fs::write(&file, (0..350).map(|number| line(number) + "\n").collect::<String>()).unwrap();
        let (status, [said, errors]) = import();
        assert_eq!(status, Some(1), "{said}{errors}");
        assert!(errors.contains("december.jsonl:151: ") && errors.contains("the import was broken off"), "{errors}");
        assert!(!errors.contains("lines are wrong"), "{errors}");
        assert!(said.starts_with("199 texts taken in"), "what stands behind it in the file waits: {said}");
        change(home.path(), url, mend).await;
        let (status, [said, errors]) = import();
        assert_eq!((status, said.as_str()), (Some(0), "151 texts taken in, 199 were taken in before\n"), "{errors}");
    }

    async fn a_line_that_can_never_be_taken_in_keeps_none_of_the_others_out(start: Start) {
        let home = new_home();
        let url = start.database_url.as_deref();
        let file = home.path().join("december.jsonl");
        fs::write(&file, (0..250).map(|number| line(number) + "\n").collect::<String>()).unwrap();
        let import = |name: &str| {
            let mut command = tidings(home.path(), &["import", file.to_str().unwrap(), "--name", name]);
            let output = command.envs(url.map(|url| ("DATABASE_URL", url))).output().unwrap();
            let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
            (output.status.code(), said)
        };
        assert_eq!(import("first").0, Some(0));
        change(home.path(), url, "UPDATE recipients SET key_id = 'lost' WHERE id = 'p50'").await;
        let (status, [said, errors]) = import("second");
        assert_eq!((status, said.as_str()), (Some(1), "249 texts taken in, 0 were taken in before\n"), "{errors}");
        assert!(errors.contains("december.jsonl:51: ") && errors.contains("1 lines cannot be taken in"), "{errors}");
    }
}

#[test]
fn a_line_that_is_not_utf_8_is_named_and_the_others_are_taken_in() {
    let home = new_home();
    let file = home.path().join("december.jsonl");
    let mut bytes = b"\xef\xbb\xbf".to_vec();
    bytes.extend(format!("{}\r\n", line(1)).into_bytes());
    bytes.extend(b"{\"type\": \"caf\xe9\"}\n");
    bytes.extend(line(2).into_bytes());
    fs::write(&file, bytes).unwrap();
    let (status, said, errors) = run(home.path(), &["import", file.to_str().unwrap()]);
    assert_eq!((status, said.as_str()), (Some(1), "2 texts taken in, 0 were taken in before\n"), "{errors}");
    assert!(errors.contains("december.jsonl:2: is not UTF-8 from byte 14 on"), "{errors}");
}

#[test]
fn a_file_is_taken_in_once_however_often_it_is_imported_and_its_wrong_lines_are_named() {
    let home = new_home();
    let file = home.path().join("december.jsonl");
    let path = file.to_str().unwrap().to_owned();
    let mut text: String = (0..120).fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "{}", line(number));
        text
    });
    text.push_str("{\"type\": \"prescription-ready\"}\n");
    text.push_str(&line(7));
    fs::write(&file, &text).unwrap();

    let (status, said, errors) = run(home.path(), &["import", &path, "--dry-run"]);
    assert_eq!(status, Some(1), "{errors}");
    assert!(
        said.starts_with("121 texts, 121 segments, about ") && said.contains("nothing was taken in"),
        "{said}"
    );

    let (status, said, errors) = run(home.path(), &["import", &path]);
    assert_eq!(
        (status, said.as_str()),
        (Some(1), "121 texts taken in, 0 were taken in before\n"),
        "{errors}"
    );
    assert!(errors.contains("december.jsonl:121: ") && errors.contains("missing field `to`"), "{errors}");

    let mended = text.replace("{\"type\": \"prescription-ready\"}", &line(200));
    fs::write(&file, mended).unwrap();
    let (status, said, errors) = run(home.path(), &["import", &path]);
    assert_eq!(
        (status, said.as_str()),
        (Some(0), "1 texts taken in, 121 were taken in before\n"),
        "{errors}"
    );
    let (status, said, _) = run(home.path(), &["import", &path, "--name", "once more"]);
    assert_eq!((status, said.as_str()), (Some(0), "122 texts taken in, 0 were taken in before\n"));
}
