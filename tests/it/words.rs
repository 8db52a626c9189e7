//! Words that translators change while the host runs.

use super::support::{ANA, Start, TestHost};
use crate::for_each_database;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

const FILE: &str = "locales/es/prescriptions.ftl";

/// A home with the words of the repository, to be edited; its policies are those of the repository.
fn editable(mut start: Start) -> (Start, PathBuf) {
    let home = start.folder.path().join("home");
    for folder in ["templates", "locales"] {
        copy(&super::support::repository().join(folder), &home.join(folder));
    }
    start.words = Some(home.clone());
    (start, home)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// A text to somebody new, because nobody gets many in a day.
async fn goes_out_in_spanish(host: &TestHost, n: usize) {
    let to = json!({"id": format!("person-{n}"), "phone": format!("+120255501{n:02}"), "language": "es"});
    let id = host.message(json!({"type": "prescription-ready", "to": to})).await;
    host.run().await;
    let story = host.story(&id).await;
    assert_eq!(
        (&story["state"], &story["text"]["locale_sent"]),
        (&json!("delivered"), &json!("es")),
        "{story}"
    );
}

fn ready(language: &str) -> serde_json::Value {
    json!({"type": "prescription-ready", "to": {"id": "ana", "phone": ANA, "language": language}})
}

for_each_database! {
    async fn a_translation_that_is_edited_is_sent_and_a_broken_one_is_not(start: Start) {
        let (start, home) = editable(start);
        let host = start.host().await;
        let sent = fs::read_to_string(home.join(FILE)).unwrap();

        fs::write(home.join(FILE), sent.replace("ya puede recoger su receta", "su receta le espera")).unwrap();
        host.host.reload_words().await;
        host.message(ready("es")).await;
        host.run().await;
        assert!(host.texts_to(ANA)[0].contains("su receta le espera"), "{:?}", host.texts_to(ANA));

        fs::write(home.join(FILE), sent.replace("{ $clinic }: ya puede", "{ $clinica }: ya puede")).unwrap();
        host.host.reload_words().await;
        let id = host.message(ready("es")).await;
        host.run().await;
        assert!(host.texts_to(ANA)[1].contains("su receta le espera"), "{:?}", host.texts_to(ANA));
        assert_eq!(host.story(&id).await["text"]["locale_sent"], "es");
        let readiness = host.get("/readyz").await;
        assert_eq!((&readiness["ready"], &readiness["kept"]), (&json!(true), &json!(["es"])));
        let fault = readiness["faults"][0].as_str().unwrap();
        assert!(fault.starts_with("locales/es/prescriptions.ftl:3:25: $clinica does not exist"), "{fault}");
        assert!(fault.ends_with('^'), "{fault}");
    }

    async fn no_broken_file_stops_a_text(start: Start) {
        let (start, home) = editable(start);
        let host = start.host().await;
        let file = home.join(FILE);
        let sound = fs::read(&file).unwrap();
        let utf16 = [0xFF, 0xFE].into_iter().chain("x = y".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        let text = String::from_utf8(sound.clone()).unwrap();
        let marked = format!("\u{FEFF}{}", text.replace('\n', "\r\n")).into_bytes();
        // What is written, and whether Spanish stays as it was because of it.
        let cases = [
            (true, text.as_bytes()[..text.rfind("{ $").unwrap() + 4].to_vec()),
            (true, Vec::new()),
            (true, utf16),
            (true, [sound.clone(), vec![b'#'; 300 * 1024]].concat()),
            (true, format!("x = {}", "{".repeat(5000)).into_bytes()),
            (false, marked),
            (false, sound.clone()),
        ];
        for (n, (told, written)) in cases.into_iter().enumerate() {
            fs::write(&file, written).unwrap();
            host.host.reload_words().await;
            assert_eq!(host.get("/readyz").await["kept"], if told { json!(["es"]) } else { json!([]) });
            goes_out_in_spanish(&host, n).await;
        }
        let elsewhere = home.join("locales/es/recetas.ftl");
        fs::rename(&file, &elsewhere).unwrap();
        host.host.reload_words().await;
        assert_eq!(host.get("/readyz").await["faults"], json!([]));
        goes_out_in_spanish(&host, 20).await;
        fs::remove_file(&elsewhere).unwrap();
        host.host.reload_words().await;
        goes_out_in_spanish(&host, 21).await;
        // Not even a home without words.
        fs::rename(home.join("locales"), home.join("aside")).unwrap();
        host.host.reload_words().await;
        let readiness = host.get("/readyz").await;
        let told = readiness["faults"][0].as_str().unwrap();
        assert!(told.starts_with("locales: the folder cannot be read (No such file"), "{told}");
        assert_eq!(readiness["ready"], json!(true));
        goes_out_in_spanish(&host, 22).await;
    }

    async fn a_story_says_which_language_was_asked_for_and_why_another_was_sent(start: Start) {
        let (start, home) = editable(start);
        fs::remove_file(home.join(FILE)).unwrap();
        let host = start.host().await;
        let id = host.message(ready("es-MX")).await;
        host.run().await;
        let text = &host.story(&id).await["text"];
        assert_eq!((&text["locale_asked"], &text["locale_sent"]), (&json!("es-MX"), &json!("en")));
        assert_eq!(text["fallback"], "`es` has no text for `prescription-ready`");
    }
}
