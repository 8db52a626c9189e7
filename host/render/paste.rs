//! English, ready for a translator to write over; and over-written by a machine, to try a house before
//! its translators have.

use super::REFERENCE;
use super::catalogue::Catalogue;
use super::ftl::{self, FtlFile};
use super::{keywords, words};
use fluent_syntax::ast::{Entry, Expression, Message, Pattern, PatternElement, Resource};
use fluent_syntax::serializer;
use std::collections::BTreeMap;

/// The messages of one English file that another locale lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingFile {
    /// Its name in the folder of either locale.
    pub name: String,
    /// The messages as English has them, with their comments.
    pub messages: String,
    /// How many.
    pub count: usize,
}

/// What every file of a new language begins with.
const HEADER: &str = "### No native speaker has reviewed this translation yet. Corrections are welcome.\n";

impl MissingFile {
    /// The file of a new language. The messages are comments, so that no English goes out under its
    /// name; formats are not, for they are right for most languages.
    #[must_use]
    pub fn begun(&self) -> String {
        if self.name == words::FILE {
            return format!("{HEADER}\n{}", self.messages);
        }
        let line = |line: &str| match line {
            "" => String::new(),
            said if said.starts_with('#') => said.to_owned(),
            said => format!("# {said}"),
        };
        let lines: Vec<String> = self.messages.lines().map(line).collect();
        format!("{HEADER}\n{}\n", lines.join("\n"))
    }
}

/// A language that nobody speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pseudo {
    /// Two fifths longer, in GSM-7.
    Longer,
    /// With one letter a message that GSM-7 lacks.
    Dearer,
}

impl Pseudo {
    /// Its tag: English of a region that is nowhere.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Longer => "en-XL",
            Self::Dearer => "en-XU",
        }
    }

    fn changed(self, text: &str) -> String {
        match self {
            // Vowels twice: still readable, and nothing that could be taken for a word to send.
            Self::Longer => text
                .chars()
                .flat_map(|c| {
                    let again = matches!(c, 'a' | 'e' | 'i' | 'o' | 'u').then_some(c);
                    std::iter::once(c).chain(again)
                })
                .collect(),
            Self::Dearer => text.replacen('t', "ŧ", 1),
        }
    }
}

impl Catalogue {
    /// What a locale lacks of English, file by file; all of English for `None`. A short text is
    /// nobody's duty.
    #[must_use]
    pub fn missing(&self, tag: Option<&str>) -> Vec<MissingFile> {
        let locale = tag.and_then(|tag| self.locales.get(tag));
        let is_wanted = |key: &str| locale.is_none_or(|locale| !locale.has(key) && !key.ends_with("-short"));
        let heard: BTreeMap<&str, bool> = locale
            .map(|locale| locale.keywords.lists().into_iter().map(|(list, words)| (list, !words.is_empty())))
            .into_iter()
            .flatten()
            .collect();
        let files = self.english().filter(|file| locale.is_none() || name(file) != words::FILE);
        let files = files.map(|file| (file, &is_wanted as &dyn Fn(&str) -> bool));
        let is_unheard = |list: &str| !heard.get(list).copied().unwrap_or(false);
        files
            .chain(self.words_to_hear().map(|file| (file, &is_unheard as &dyn Fn(&str) -> bool)))
            .filter_map(|(file, is_wanted)| {
                let found = entries(file).into_iter().filter(|message| is_wanted(&message.id.name));
                let written: Vec<String> = found
                    .map(|message| serializer::serialize(&Resource { body: vec![Entry::Message(message)] }))
                    .collect();
                let (count, messages) = (written.len(), written.join("\n"));
                (count > 0).then(|| MissingFile { name: name(file).to_owned(), messages, count })
            })
            .collect()
    }

    /// The files of a language that nobody speaks, by name.
    #[must_use]
    pub fn pseudo(&self, kind: Pseudo) -> Vec<(String, String)> {
        self.english()
            .chain(self.words_to_hear())
            .map(|file| {
                let mut body: Vec<Entry<String>> = entries(file).into_iter().map(Entry::Message).collect();
                if ![words::FILE, keywords::FILE].contains(&name(file)) {
                    for entry in &mut body {
                        let Entry::Message(Message { value: Some(value), .. }) = entry else { continue };
                        change(value, kind);
                    }
                }
                (name(file).to_owned(), serializer::serialize(&Resource { body }))
            })
            .collect()
    }

    /// The file with the words that readers of English send.
    fn words_to_hear(&self) -> impl Iterator<Item = &FtlFile> {
        self.locales[REFERENCE].keywords_file.iter()
    }

    fn english(&self) -> impl Iterator<Item = &FtlFile> {
        let english = &self.locales[REFERENCE];
        english.files.iter().chain(&english.formats_file)
    }
}

fn name(file: &FtlFile) -> &str {
    file.file.rsplit('/').next().unwrap_or_default()
}

/// The messages of a file with their comments.
fn entries(file: &FtlFile) -> Vec<Message<String>> {
    ftl::messages(file.resource.source().to_owned()).collect()
}

/// Changes the first text of each variant, or all of them.
fn change(pattern: &mut Pattern<String>, kind: Pseudo) {
    for element in &mut pattern.elements {
        match element {
            PatternElement::TextElement { value } => *value = kind.changed(value),
            PatternElement::Placeable { expression: Expression::Select { variants, .. } } => {
                for variant in variants {
                    change(&mut variant.value, kind);
                }
            }
            PatternElement::Placeable { .. } => {}
        }
    }
}
