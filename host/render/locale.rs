//! One locale: its messages, ready to be formatted, and its formats.

use super::flaw::Flaw;
use super::formats::Formats;
use super::ftl::FtlFile;
use super::functions;
use super::lint;
use super::source::Source;
use crate::domain::keyword::LocaleWords;
use arc_swap::ArcSwap;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use icu_locale::LanguageIdentifier;
use std::fmt;
use std::sync::Arc;

type Bundle = FluentBundle<Arc<FluentResource>>;

/// A language that texts can be sent in.
pub(super) struct Locale {
    /// The name of its folder.
    pub(super) tag: String,
    /// The same with script and region.
    pub(super) id: LanguageIdentifier,
    /// How it writes dates, times, numbers and amounts.
    pub(super) formats: Arc<Formats>,
    /// The files with its messages.
    pub(super) files: Vec<FtlFile>,
    /// The file with its formats.
    pub(super) formats_file: Option<FtlFile>,
    /// The words that its readers send.
    pub(super) keywords: LocaleWords,
    /// The file with them.
    pub(super) keywords_file: Option<FtlFile>,
    bundle: ArcSwap<Bundle>,
}

impl Locale {
    /// A locale from files that were checked.
    pub(super) fn new(
        tag: &str,
        id: LanguageIdentifier,
        formats: Formats,
        files: Vec<FtlFile>,
        formats_file: Option<FtlFile>,
    ) -> Self {
        let bundle = ArcSwap::from_pointee(bundle(tag, &files));
        let (tag, keywords) = (tag.to_owned(), LocaleWords::default());
        Self {
            tag,
            id,
            formats: Arc::new(formats),
            files,
            formats_file,
            keywords,
            keywords_file: None,
            bundle,
        }
    }

    /// The same with the words that its readers send, and their file.
    pub(super) fn with_keywords(self, keywords: LocaleWords, file: Option<FtlFile>) -> Self {
        Self { keywords, keywords_file: file, ..self }
    }

    /// All files that it is made of.
    pub(super) fn sources(&self) -> impl Iterator<Item = &FtlFile> {
        self.files.iter().chain(&self.formats_file).chain(&self.keywords_file)
    }

    /// A file of this locale, if this is its very text.
    pub(super) fn parsed(&self, source: &Source) -> Option<FtlFile> {
        self.sources().find(|file| file.file == source.file && file.resource.source() == source.text).cloned()
    }

    /// Whether there is a text for a key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.bundle.load().get_message(key).is_some_and(|message| message.value().is_some())
    }

    /// The keys of all messages.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.files.iter().flat_map(lint::messages).map(|message| message.id.name)
    }

    /// Writes one message; whatever Fluent or our functions complain of makes it unusable.
    pub(super) fn format(&self, key: &str, arguments: &FluentArgs<'_>) -> Result<String, Flaw> {
        let bundle = self.bundle.load();
        let missing = || Flaw::new("missing-key", format!("`{}` has no text for `{key}`", self.tag));
        let message = bundle.get_message(key).ok_or_else(missing)?;
        let pattern = message.value().ok_or_else(missing)?;
        let mut errors = Vec::new();
        let mut text = String::new();
        let (written, problems) = functions::on_stage(&self.formats, || {
            bundle.write_pattern(&mut text, pattern, Some(arguments), &mut errors)
        });
        let problem = problems
            .into_iter()
            .next()
            .or_else(|| errors.first().map(ToString::to_string))
            .or_else(|| written.err().map(|_| "it cannot be written".to_owned()));
        match problem {
            Some(problem) => Err(Flaw::new("bad-message", format!("`{key}` in `{}`: {problem}", self.tag))),
            None => Ok(text),
        }
    }

    /// Starts anew after a panic, which leaves the bundle's lock unusable for ever.
    pub(super) fn renew(&self) {
        self.bundle.store(Arc::new(bundle(&self.tag, &self.files)));
    }
}

impl fmt::Debug for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locale").field("tag", &self.tag).finish_non_exhaustive()
    }
}

fn bundle(tag: &str, files: &[FtlFile]) -> Bundle {
    // Plural rules follow the text's language, never the clinic's region.
    let mut bundle = FluentBundle::new_concurrent(vec![tag.parse().unwrap_or_default()]);
    // Cannot fail in a new bundle: no message is called DATETIME before the messages are added.
    if functions::install(&mut bundle).is_ok() {
        for file in files {
            // Second keys were reported when the files were read; the first one stands.
            bundle.add_resource(Arc::clone(&file.resource)).ok();
        }
    }
    bundle
}
