//! One locale from its files, measured by the templates and by English; and what is missed in them.

use super::catalogue::Catalogue;
use super::fault::{Fault, Severity};
use super::files::{Files, Read};
use super::formats::Formats;
use super::ftl::{self, FtlFile};
use super::keywords;
use super::language;
use super::lint::{self, Reference};
use super::locale::Locale;
use super::templates::Templates;
use super::words::{self, Words};
use super::{REFERENCE, RenderSettings};
use crate::domain::keyword::LocaleWords;
use std::collections::BTreeMap;

/// Rules for what does harm whatever stands beside it, and however long it was at work.
const HARMFUL: [&str; 4] = ["opt-out-word", "opt-out", "address", "phone"];

/// What a locale is measured by.
#[derive(Clone, Copy)]
pub(super) struct Measures<'a> {
    pub(super) templates: &'a Templates,
    /// `None` for the reference itself.
    pub(super) reference: Option<&'a Reference>,
    /// English and the templates may be newer, and so may be the rules: a running host would keep it.
    pub(super) was_at_work: bool,
}

impl Measures<'_> {
    /// Whether what this rule finds keeps a file from being used.
    fn leaves_out(&self, rule: &str) -> bool {
        if !self.was_at_work {
            return rule != "duplicate";
        }
        // Without English nothing at all would be sent.
        HARMFUL.contains(&rule) && (self.reference.is_some() || rule.starts_with("opt-out"))
    }
}

/// The reference locale of these files, for these templates.
pub(super) fn read_reference(
    files: &Files,
    templates: &Templates,
    settings: &RenderSettings,
    last: Option<&Catalogue>,
    faults: &mut Vec<Fault>,
) -> Option<Locale> {
    let read = files.locales.get(REFERENCE);
    let before = last.map(|last| &*last.locales[REFERENCE]);
    let measures = Measures { templates, reference: None, was_at_work: false };
    let english = read.and_then(|read| read_locale(REFERENCE, read, before, measures, settings, faults));
    if english.is_none() && faults.is_empty() {
        faults.push(Fault::whole("locales/en", "the reference locale is missing or empty").by("missing-key"));
    }
    if let Some(last) = last {
        faults.extend(lost(&last.locales[REFERENCE], english.as_ref(), read, last.lets_go));
    }
    english
}

/// One locale of its files; a faulty file is left out. `None` when nothing is left. What is as it was `before`
/// is not parsed again.
pub(super) fn read_locale(
    tag: &str,
    read: &BTreeMap<String, Read>,
    before: Option<&Locale>,
    measures: Measures<'_>,
    settings: &RenderSettings,
    faults: &mut Vec<Fault>,
) -> Option<Locale> {
    let folder = format!("locales/{tag}");
    let region = settings.clinic_region.as_deref();
    let formatting = language::format_locale(tag, region, settings.twenty_four_hours);
    let (Some(id), Some(formatting)) = (language::whole(tag), formatting) else {
        let text = "the folder's name is no language tag such as `es` or `zh-Hans`";
        faults.push(Fault::whole(&folder, text).by("language-tag"));
        return None;
    };
    let mut files: Vec<FtlFile> = Vec::new();
    let mut formats_file = None;
    let mut keywords_file = None;
    for (name, read) in read {
        let parsed = read.as_ref().map_err(|fault| vec![fault.clone()]).and_then(|source| {
            before.and_then(|before| before.parsed(source)).map_or_else(|| ftl::parse(source), Ok)
        });
        match parsed {
            Ok(parsed) if name == words::FILE => formats_file = Some(parsed),
            Ok(parsed) if name == keywords::FILE => keywords_file = Some(parsed),
            Ok(parsed) => files.push(parsed),
            Err(found) => faults.extend(found),
        }
    }
    let own_words = formats_file.as_ref().map_or_else(Words::default, |file| words::read(file, faults));
    let own_keywords =
        keywords_file.as_ref().map_or_else(LocaleWords::default, |file| keywords::read(file, faults));
    let mut found = lint::check(&files, &measures.templates.calls, measures.reference);
    found.retain(|fault| fault.severity == Severity::Fault);
    files
        .retain(|file| !found.iter().any(|fault| measures.leaves_out(fault.rule) && fault.file == file.file));
    faults.append(&mut found);
    let Some(mut formats) = Formats::new(&formatting, own_words) else {
        let text = "ICU has no dates and numbers for this language";
        faults.push(Fault::whole(&folder, text).by("language-tag"));
        return None;
    };
    if let Some(file) = &formats_file {
        for (key, word) in formats.take_back_doubles() {
            let at = lint::messages(file).map(|message| message.id.name).find(|name| *name == key);
            let text = format!("another one is called `{}` already", word.trim());
            faults.extend(at.map(|at| file.fault(at, text).by("format")));
        }
    }
    if let Some(word) = formats.nameless() {
        let text = format!(
            "ICU has no dates in `{tag}`: `{word}` is missing here, and all of weekday-mon to weekday-sun and \
             month-jan to month-dec are needed"
        );
        faults.push(Fault::whole(&format!("{folder}/{}", words::FILE), text).by("language-tag"));
        return None;
    }
    (!files.is_empty()).then(|| {
        Locale::new(tag, id, formats, files, formats_file).with_keywords(own_keywords, keywords_file)
    })
}

/// What is gone or empty, with texts that nobody has any more: an editor is saving, somebody's hand slipped, a disk
/// is not there. A file whose messages stand in another one is not missed. What `is_meant` to go may be gone, but
/// not empty.
pub(super) fn lost(
    before: &Locale,
    now: Option<&Locale>,
    read: Option<&BTreeMap<String, Read>>,
    is_meant: bool,
) -> Vec<Fault> {
    let folder = format!("locales/{}", before.tag);
    let Some(read) = read else {
        return if is_meant { Vec::new() } else { vec![gone(&folder)] };
    };
    if read.is_empty() {
        return vec![empty(&folder)];
    }
    if read.contains_key("") {
        return Vec::new();
    }
    let fault = |file: &FtlFile| match read.get(file.name()) {
        None => (!is_meant).then(|| gone(&file.file)),
        Some(Ok(source)) => (!source.text.contains('=')).then(|| empty(&file.file)),
        Some(Err(_)) => None,
    };
    let is_missed = |key: &str| now.is_none_or(|now| !now.has(key));
    let texts = before.files.iter();
    let texts = texts.filter(|file| lint::messages(file).any(|message| is_missed(message.id.name)));
    // These have one place each.
    let others = before.formats_file.iter().chain(&before.keywords_file);
    let others = others.filter(|file| lint::messages(file).next().is_some());
    texts.chain(others).filter_map(fault).collect()
}

/// A file or a folder that is not there any more.
pub(super) fn gone(file: &str) -> Fault {
    let text =
        "it is gone; what it said stays in use until a host starts that finds no broken file beside it";
    Fault::whole(file, text).by("gone")
}

fn empty(file: &str) -> Fault {
    let text = "it is empty; what it said stays in use, over a restart too; if that is meant, delete it";
    Fault::whole(file, text).by("gone")
}
