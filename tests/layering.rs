//! Who may name whom: the picture of the layers, held against every file of `host/`.
//!
//! Comments and texts do not count. `use` lines, grouped or not, paths inside code, and the ways round through
//! the parent (`super::super::store`, `$crate::store`) do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

/// A module may use itself and the lines below its own, and nothing beside it.
const PICTURE: &str = "
            main  lib
     cli  console  http
           service
 store  policy  render  twilio  outbound
           domain
           clock  disk  watch  measure  crash
";

/// What the picture cannot show. `config` and `sandbox` stand beside it: they reach only what is named here, and
/// are reached only from where they are named.
#[rustfmt::skip]
const BESIDE: &[(&str, &str, &str, &str)] = &[
    // module    also uses                      outside packages that are kept to rooms            also in its tests
    ("build",    "",                            "",                                                          ""),
    ("main",     "config",                      "clap rustls tracing_subscriber",                            ""),
    ("cli",      "config console http sandbox", "axum clap opentelemetry* rustls tower_http tracing_opentelemetry tracing_subscriber",            ""),
    ("console",  "http",                        "axum minijinja tower_http",                                 ""),
    ("http",     "",                            "axum hyper hyper_util tower tower_http utoipa utoipa_axum", ""),
    ("store",    "",                            "aes_gcm sqlx",                                              ""),
    ("policy",   "",                            "wasm_encoder wasmparser wasmtime wasmtime_wasi wit_component", ""),
    ("render",   "",                            "fluent* icu_* intl_memoizer minijinja unic_langid",         ""),
    ("twilio",   "",                            "reqwest rustls",                                "axum sandbox"),
    ("outbound", "",                            "jsonwebtoken reqwest rustls",                           "axum"),
    ("sandbox",  "domain clock",                "axum reqwest rustls tower_http",                      "twilio"),
    ("measure",  "",                            "metrics metrics_exporter_prometheus",                   ""),
    ("watch",    "",                            "notify",                                                ""),
    ("config",   "service store policy render twilio outbound sandbox domain clock crash", "",               ""),
];

#[test]
fn the_host_keeps_to_its_layers() {
    let host = Path::new(env!("CARGO_MANIFEST_DIR")).join("host");
    let files = sources(&host);
    assert!(files.contains(&host.join("domain/mod.rs")), "{} is not the host", host.display());
    let found: Vec<String> = files
        .iter()
        .flat_map(|file| violations(file.strip_prefix(&host).unwrap(), &fs::read_to_string(file).unwrap()))
        .collect();
    assert!(found.is_empty(), "against the layers:\n{}", found.join("\n"));
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    files.sort();
    files
}

/// What one file, called by its path inside `host/`, names and must not.
fn violations(file: &Path, source: &str) -> Vec<String> {
    let mut place: Vec<String> =
        file.with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    let module = place[0].clone();
    place.pop_if(|last| matches!(last.as_str(), "mod" | "lib" | "main"));

    let mut found = Vec::new();
    if level(&module).is_none() && !BESIDE.iter().any(|row| row.0 == module) {
        found.push(format!("host/{}:1: `{module}` has no place in the layers", file.display()));
    }
    for (line, in_tests, name) in names(&tokens(source), place) {
        if !may_name(&module, in_tests, &name) {
            found.push(format!("host/{}:{line}: `{module}` must not use `{name}`", file.display()));
        }
    }
    found.dedup();
    found
}

fn may_name(module: &str, in_tests: bool, name: &str) -> bool {
    let own = BESIDE.iter().find(|row| row.0 == module);
    if let Some(other) = name.strip_prefix("crate::") {
        let below = level(module).zip(level(other)).is_some_and(|(above, below)| above < below);
        let beside = own.is_some_and(|row| has(row.1, other) || in_tests && has(row.3, other));
        other == module || below || beside
    } else {
        let housed = own.is_some_and(|row| has(row.2, name) || in_tests && has(row.3, name));
        housed || !BESIDE.iter().any(|row| has(row.2, name))
    }
}

/// The line of the picture on which a module stands.
fn level(module: &str) -> Option<usize> {
    PICTURE.lines().position(|line| has(line, module))
}

/// Whether a list has a word; `fluent*` stands for all that begin so.
fn has(list: &str, word: &str) -> bool {
    let is_in = |family: &str| word.starts_with(family);
    list.split_whitespace().any(|known| known == word || known.strip_suffix('*').is_some_and(is_in))
}

type Token<'a> = (usize, &'a str);

/// What the file that is the module `place` names: on which line, whether in tests, and modules of the host
/// (`crate::store`) or the first word of another path, which is a package or something in scope.
fn names(tokens: &[Token], mut place: Vec<String>) -> Vec<(usize, bool, String)> {
    let at = |index: usize| tokens.get(index).map_or("", |token| token.1);
    let is_word = |index: usize| at(index).starts_with(|c: char| c.is_alphabetic() || c == '_');
    let (mut depth, mut opened, mut index, mut found) = (0, Vec::new(), 0, Vec::new());
    while let Some((line, token)) = tokens.get(index) {
        let mut paths = Vec::new();
        match *token {
            "mod" if at(index + 2) == "{" => {
                opened.push(depth);
                place.push(at(index + 1).to_owned());
            }
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                if opened.pop_if(|outside| *outside == depth).is_some() {
                    place.pop();
                }
            }
            "use" if at(index + 1) != "<" => index = tree(tokens, index + 1, &[], &mut paths),
            _ if is_word(index) && at(index + 1) == "::" => {
                let mut path = vec![at(index)];
                while at(index + 1) == "::" && is_word(index + 2) {
                    index += 2;
                    path.push(at(index));
                }
                paths.push(path);
            }
            _ => {}
        }
        let in_tests = place.iter().any(|module| module == "tests");
        found.extend(paths.iter().map(|path| (*line, in_tests, resolve(path, &place))));
        index += 1;
    }
    found
}

/// Collects the paths of a `use`, from `index` to the returned end of its tree.
fn tree<'a>(
    tokens: &[Token<'a>],
    mut index: usize,
    stem: &[&'a str],
    paths: &mut Vec<Vec<&'a str>>,
) -> usize {
    let mut path = stem.to_vec();
    while let Some((_, token)) = tokens.get(index) {
        match *token {
            "::" => {}
            "{" => {
                while tokens.get(index).is_some_and(|token| token.1 != "}") {
                    index = tree(tokens, index + 1, &path, paths);
                }
                path.clear();
            }
            "as" => index += 1,
            ";" | "," | "}" => break,
            word => path.push(word),
        }
        index += 1;
    }
    if path.len() > stem.len() {
        paths.push(path);
    }
    index
}

/// What a path says when read in the module `place`; `tidings` is what `main` calls the library.
fn resolve(path: &[&str], place: &[String]) -> String {
    let mut base = match path[0] {
        "crate" | "tidings" => Vec::new(),
        "self" | "super" => place.iter().map(String::as_str).collect(),
        package => return package.to_owned(),
    };
    for part in path {
        match *part {
            "crate" | "tidings" | "self" => {}
            "super" => drop(base.pop()),
            deeper => base.push(deeper),
        }
    }
    format!("crate::{}", base.first().unwrap_or(&"*"))
}

/// The words and marks of a source, with their lines, without comments and literals.
fn tokens(source: &str) -> Vec<Token<'_>> {
    let (mut found, mut line, mut rest) = (Vec::new(), 1, source);
    while let Some(first) = rest.chars().next() {
        let length = silent(rest).unwrap_or_else(|| {
            let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let length = if rest.starts_with("::") { 2 } else { word.max(first.len_utf8()) };
            if !first.is_whitespace() {
                found.push((line, &rest[..length]));
            }
            length
        });
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    found
}

/// How long the comment or literal is that begins here.
fn silent(rest: &str) -> Option<usize> {
    let past =
        |mark: &str, from: usize| rest[from..].find(mark).map_or(rest.len(), |at| from + at + mark.len());
    if let Some(raw) = rest.trim_start_matches(['b', 'c']).strip_prefix('r') {
        let text = raw.trim_start_matches('#');
        if text.starts_with('"') {
            let hashes = &raw[..raw.len() - text.len()];
            return Some(past(&format!("\"{hashes}"), rest.len() - text.len() + 1));
        }
    }
    let mut chars = rest.chars();
    match (chars.next()?, chars.next()?, chars.next()) {
        ('/', '/', _) => Some(past("\n", 2)),
        ('/', '*', _) => Some(past("*/", 2)),
        ('\'', inside, after) if inside != '\\' && after != Some('\'') => Some(1), // a lifetime
        (quote @ ('"' | '\''), ..) => {
            let mut escaped = false;
            let end = rest[1..].find(|c| {
                let ends = c == quote && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            Some(end.map_or(rest.len(), |at| at + 2))
        }
        _ => None,
    }
}

/// The lines that the checker objects to.
fn lines(file: &str, source: &str) -> Vec<usize> {
    let found = violations(Path::new(file), source);
    found.iter().map(|found| found.split(':').nth(1).unwrap().parse().unwrap()).collect()
}

#[test]
fn a_planted_use_is_seen() {
    assert_eq!(lines("domain/phone.rs", "use std::fmt;\nuse crate::store::Store;"), [2]);
    assert_eq!(lines("clock.rs", "use crate::domain::id::MessageId;"), [1]);
    assert_eq!(
        lines("service/plan.rs", "pub(crate) use sqlx as db;\nuse crate::{sandbox, http};"),
        [1, 2, 2]
    );
    assert_eq!(lines("http/keys.rs", "use crate::config::Config;\nuse crate::console::page;"), [1, 2]);
    assert_eq!(lines("main.rs", "use tidings::{cli, config};\nuse tidings::sandbox::Sandbox;"), [2]);
    assert_eq!(lines("utils/mod.rs", "use crate::domain::id;\n"), [1, 1]);
}

#[test]
fn a_planted_use_is_seen_in_a_group() {
    let group =
        "use crate::{\n    domain::{id, phone::{self, PhoneNumber}},\n    twilio::{self as t, Client},\n};";
    assert_eq!(lines("service/plan.rs", group), []);
    assert_eq!(lines("render/load.rs", group), [1]);
    assert_eq!(lines("render/load.rs", "use {std::fs, sqlx::{Row, Column}, icu_locale::Locale};"), [1]);
}

#[test]
fn a_planted_path_is_seen_in_code() {
    let code = "fn f<'a>(x: &'a str) -> Option<crate::twilio::Sid> {\n    <u8 as crate::render::T>::f('\"', '\\'')\n}";
    assert_eq!(lines("store/attempts.rs", code), [1, 2]);
    assert_eq!(
        lines("domain/phone.rs", "#[derive(Debug, sqlx::FromRow)]\nstruct Row(::reqwest::Url);"),
        [1, 2]
    );
}

#[test]
fn a_way_round_through_the_parent_is_seen() {
    assert_eq!(lines("policy/mod.rs", "use super::store;\nuse super::*;\nuse self::store::Kept;"), [1, 2]);
    assert_eq!(lines("policy/load.rs", "use super::store::Kept;\nuse super::super::store::Store;"), [2]);
    assert_eq!(
        lines("policy/load.rs", "mod inner { use super::super::store; }\nuse super::super::store;"),
        [2]
    );
    assert_eq!(lines("policy/load.rs", "macro_rules! m { () => { $crate::store::open() } }"), [1]);
}

#[test]
fn comments_and_texts_do_not_count() {
    let quiet = "//! See [`crate::store::Store`].\n/* use sqlx::Row; */\nconst A: &str = \"use sqlx::Row; \\\" sqlx::a\";\n\
        const B: &str = r#\"use crate::store; \" sqlx::query\"#; // use sqlx::Row;\nconst C: char = '\"';";
    assert_eq!(lines("domain/phone.rs", quiet), []);
    assert_eq!(lines("domain/phone.rs", &format!("{quiet}\nuse sqlx::Row;")), [6]);
}

#[test]
fn tests_may_use_a_little_more_and_only_tests() {
    assert_eq!(lines("sandbox/post.rs", "mod tests { use crate::twilio; }\nuse crate::twilio::Client;"), [2]);
    assert_eq!(lines("sandbox/tests/wire.rs", "use crate::twilio::Client;\nuse crate::store::Store;"), [2]);
}

/// An edit of the words while a message is on its way would send one text and keep another.
#[test]
fn a_message_is_written_with_the_words_that_it_began_with() {
    let looks = |file: &str| {
        let source =
            std::fs::read_to_string(format!("{}/host/service/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        ["renderer.snapshot()", "self.kind(", "code_kind("].map(|look| source.matches(look).count())
    };
    assert_eq!(looks("dispatch.rs"), [1, 0, 0]);
    for file in ["text.rs", "judge.rs", "intend.rs", "otp/text.rs"] {
        assert_eq!(looks(file), [0, 0, 0], "{file}");
    }
}
