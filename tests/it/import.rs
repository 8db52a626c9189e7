//! Importing: the texts of a file, by the real program.

use crate::support::program::{new_home, run};
use std::fmt::Write as _;
use std::fs;

fn line(number: u32) -> String {
    format!(
        r#"{{"type": "prescription-ready", "to": {{"id": "p{number}", "phone": "+12025550{}"}}}}"#,
        100 + number
    )
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
