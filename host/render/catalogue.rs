//! Everything that texts are made of, read at one moment; and the order in which languages are
//! tried.

use super::arguments;
use super::fault::Fault;
use super::files::Files;
use super::flaw::Flaw;
use super::language;
use super::lint::Reference;
use super::load::TEMPLATES;
use super::locale::Locale;
use super::template;
use super::templates::Templates;
use super::translator::{Notes, Translator};
use super::{Own, REFERENCE, RenderError, RenderRequest, Rendered};
use crate::domain::keyword::LocaleWords;
use crate::domain::kind::{Kind, OnMissing, TypeName};
use crate::domain::policy::Discretion;
use crate::domain::segments::{self, Segments};
use minijinja::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// Segments a text may cost where its type says nothing.
const DEFAULT_PARTS: u32 = 2;

/// Message types, templates and locales, as they were at one moment.
#[derive(Clone, Debug)]
pub struct Catalogue {
    pub(super) templates: Arc<Templates>,
    /// What translations are measured by.
    pub(super) reference: Arc<Reference>,
    pub(super) locales: BTreeMap<String, Arc<Locale>>,
    pub(super) default_language: String,
    pub(super) sent_before: &'static str,
    pub(super) own: Option<Own>,
    pub(super) discreet_keys: Arc<BTreeSet<String>>,
    pub(super) faults: Vec<Fault>,
    pub(super) kept: BTreeSet<String>,
    /// What it was built from, be it used or not.
    pub(super) files: Files,
    /// What has gone since is meant to be: it is of a host that ran before.
    pub(super) lets_go: bool,
}

/// A text in one language, before anybody asked for its price.
pub(super) struct Draft {
    pub(super) text: String,
    pub(super) segments: Segments,
    locale: String,
    pub(super) short: bool,
}

impl Catalogue {
    /// A message type by its name.
    #[must_use]
    pub fn kind(&self, name: &TypeName) -> Option<&Kind> {
        self.templates.kinds.get(name)
    }

    /// All message types, by name.
    pub fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.templates.kinds.values()
    }

    /// The locales that texts can be sent in.
    pub fn locales(&self) -> impl Iterator<Item = &str> {
        self.locales.keys().map(String::as_str)
    }

    /// Faults in the files as they are now. What they say is not in use: of a running host the last
    /// good version is, and where there is none, texts go out in another language.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The locales, and `templates`, that run on their last good version.
    pub fn kept(&self) -> impl Iterator<Item = &str> {
        self.kept.iter().map(String::as_str)
    }

    /// Whether the last good version is in use where this fault is; else it is left out.
    #[must_use]
    pub fn keeps_what_was_before(&self, fault: &Fault) -> bool {
        let is_core = |file: &str| file == TEMPLATES || file == REFERENCE;
        let part = match fault.file.strip_prefix("locales/") {
            Some(rest) => rest.split('/').next().unwrap_or_default(),
            None => TEMPLATES,
        };
        // Templates and the reference are kept as the pair that they are.
        self.kept.iter().any(|kept| kept == part || is_core(kept) && is_core(part))
    }

    /// The words that readers of this language send.
    #[must_use]
    pub fn keywords(&self, tag: &str) -> Option<&LocaleWords> {
        self.negotiate(tag).and_then(|tag| self.locales.get(&tag)).map(|locale| &locale.keywords)
    }

    /// The words of all locales, with their names.
    pub fn all_keywords(&self) -> impl Iterator<Item = (&str, &LocaleWords)> {
        self.locales.iter().map(|(tag, locale)| (tag.as_str(), &locale.keywords))
    }

    /// The locale that a reader of this language can read: `tl` finds `fil`, `zh-CN` finds
    /// `zh-Hans`, and nobody finds their language in a script they may not read.
    #[must_use]
    pub fn negotiate(&self, tag: &str) -> Option<String> {
        // Most are asked for by their own name.
        if self.locales.contains_key(tag) {
            return Some(tag.to_owned());
        }
        let locales = self.locales.iter().map(|(tag, locale)| (tag.as_str(), &locale.id));
        language::negotiate(tag, locales).map(str::to_owned)
    }

    /// Whether a tag is well formed and names a language that is written somewhere.
    #[must_use]
    pub fn is_known_language(&self, tag: &str) -> bool {
        language::whole(tag).is_some()
    }

    /// Writes a text in the recipient's language, or whole in the next one.
    ///
    /// # Errors
    ///
    /// The type is unknown, a variable cannot be used, or no language that the type allows has the
    /// whole text.
    pub fn render(&self, request: &RenderRequest<'_>) -> Result<Rendered, RenderError> {
        let unknown = || RenderError::UnknownKind(request.kind.clone());
        let kind = self.templates.kinds.get(request.kind).ok_or_else(unknown)?;
        let variables = arguments::prepare(kind, request)?;
        let mut reason: Option<Flaw> = None;
        // Should every language be over its budget, the recipient's own is the one to send.
        let mut dear: Option<Rendered> = None;
        let mut last = Flaw::new("no-locale", "there are no texts at all");
        let chain = self.chain(request.language);
        for (position, step) in chain.iter().enumerate() {
            let draft = match step {
                Some(locale) => self.draft(kind, locale, request.discretion, &variables),
                None => Err(Flaw::new("no-locale", format!("there are no texts in `{}`", request.language))),
            };
            last = match draft {
                Ok(draft) => {
                    let budget = budget(kind, &draft.locale);
                    let over_budget = draft.segments.parts > budget;
                    let rendered = rendered(draft, request.language, reason.as_ref(), over_budget);
                    let may_be_dear = kind.on_missing != OnMissing::Hold;
                    if !over_budget || position + 1 == chain.len() && dear.is_none() && may_be_dear {
                        return Ok(rendered);
                    }
                    let Rendered { segments, locale_sent, .. } = dear.get_or_insert(rendered);
                    let parts = segments.parts;
                    let text =
                        format!("the text costs {parts} segments in `{locale_sent}`, {budget} allowed");
                    Flaw::new("over-budget", text)
                }
                Err(flaw) => flaw,
            };
            if kind.on_missing == OnMissing::Hold {
                let (kind, language) = (request.kind.clone(), request.language.to_owned());
                return Err(RenderError::Held { kind, language, source: last });
            }
            reason.get_or_insert_with(|| last.clone());
        }
        dear.ok_or_else(|| RenderError::NoLanguage { kind: request.kind.clone(), source: last })
    }

    /// The recipient's language, the clinic's, the reference: each once. `None` where the
    /// recipient's has no texts.
    fn chain(&self, wanted: &str) -> Vec<Option<&Arc<Locale>>> {
        let found = |tag: &str| self.negotiate(tag).and_then(|tag| self.locales.get(&tag));
        let mut chain = vec![found(wanted)];
        for next in [found(&self.default_language), self.locales.get(REFERENCE)].into_iter().flatten() {
            if !chain.iter().flatten().any(|locale| Arc::ptr_eq(locale, next)) {
                chain.push(Some(next));
            }
        }
        chain
    }

    /// A text in one language, short if its budget demands it and there are shorter sentences.
    pub(super) fn draft(
        &self,
        kind: &Kind,
        locale: &Arc<Locale>,
        discretion: Discretion,
        variables: &BTreeMap<String, Value>,
    ) -> Result<Draft, Flaw> {
        let (draft, shortenable) = self.write(kind, locale, discretion, variables, false)?;
        if draft.segments.parts <= budget(kind, &locale.tag) || !shortenable {
            return Ok(draft);
        }
        match self.write(kind, locale, discretion, variables, true) {
            Ok((short, _)) if short.segments.parts < draft.segments.parts => Ok(short),
            Ok(_) | Err(_) => Ok(draft),
        }
    }

    /// One render. A panic in a library is one text's failure and not the host's.
    pub(super) fn write(
        &self,
        kind: &Kind,
        locale: &Arc<Locale>,
        discretion: Discretion,
        variables: &BTreeMap<String, Value>,
        short: bool,
    ) -> Result<(Draft, bool), Flaw> {
        let notes = Arc::new(Mutex::new(Notes::default()));
        let translator = Translator {
            locale: Arc::clone(locale),
            discreet_keys: Arc::clone(&self.discreet_keys),
            discretion,
            short,
            notes: Arc::clone(&notes),
        };
        let mut context = variables.clone();
        context.insert("t".to_owned(), Value::from_object(translator));
        context.insert("sp".to_owned(), Value::from(locale.formats.joiner()));
        let rendered = catch_unwind(AssertUnwindSafe(|| {
            template::render(&self.templates.engine, kind.name.as_str(), context, &notes)
        }));
        let Ok(text) = rendered else {
            locale.renew();
            let text = format!("`{}` in `{}` made a library panic", kind.name, locale.tag);
            return Err(Flaw::new("panic", text));
        };
        let text = text?;
        let shortenable = notes.lock().unwrap_or_else(PoisonError::into_inner).shortenable;
        let segments = if self.sent_before.is_empty() {
            segments::count(&text)
        } else {
            segments::count(&format!("{}{text}", self.sent_before))
        };
        Ok((Draft { text, segments, locale: locale.tag.clone(), short }, shortenable))
    }
}

/// By locale, then by its language, then the default.
pub(super) fn budget(kind: &Kind, locale: &str) -> u32 {
    let language = locale.split('-').next().unwrap_or(locale);
    [locale, language, "default"]
        .into_iter()
        .find_map(|key| kind.max_parts.get(key).copied())
        .unwrap_or(DEFAULT_PARTS)
}

fn rendered(draft: Draft, asked: &str, reason: Option<&Flaw>, over_budget: bool) -> Rendered {
    Rendered {
        text: draft.text,
        locale_asked: asked.to_owned(),
        locale_sent: draft.locale,
        fallback: reason.map(ToString::to_string),
        segments: draft.segments,
        short: draft.short,
        over_budget,
    }
}
