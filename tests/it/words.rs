//! Words that translators change while the host runs.

use super::support::{ANA, Start};
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
