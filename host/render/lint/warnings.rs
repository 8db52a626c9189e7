//! What somebody should look at: found when a translator asks, never in the way of a text.

use super::super::catalogue::Catalogue;
use super::super::fault::{Fault, Severity};
use super::super::ftl::FtlFile;
use super::super::locale::Locale;
use super::super::pages::asks_for;
use super::super::{REFERENCE, ftl, keywords};
use super::wording::is_way_out;
use super::{base, characters, check, cost, messages, plurals};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Catalogue {
    /// Faults and warnings about all files, or those of one locale; each once, in the order of files.
    #[must_use]
    pub fn report(&self, only: Option<&str>) -> Vec<Fault> {
        let folder = only.map(|tag| format!("locales/{tag}"));
        // A fault may be of the folder itself.
        let is_in = |folder: &str, file: &str| {
            file.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut found = self.faults.clone();
        for locale in self.locales.values().filter(|locale| only.is_none_or(|tag| tag == locale.tag)) {
            found.extend(self.warnings(locale));
        }
        if only.is_none() {
            found.extend(self.unsaid());
        }
        found.retain(|fault| folder.as_ref().is_none_or(|folder| is_in(folder, &fault.file)));
        found.sort_by(|a, b| (&a.file, a.line, a.column, a.rule).cmp(&(&b.file, b.line, b.column, b.rule)));
        found.dedup();
        found
    }

    fn warnings(&self, locale: &Arc<Locale>) -> Vec<Fault> {
        let reference = (locale.tag != REFERENCE).then_some(&*self.reference);
        let mut found = check(&locale.files, &self.templates.calls, reference);
        found.retain(|fault| fault.severity == Severity::Warning);
        found.extend(self.keys(locale));
        found.extend(self.wordless(locale));
        found.extend(characters::check(locale, &self.locales[REFERENCE]));
        found.extend(plurals::check(locale));
        found.extend(cost::check(self, locale));
        let files = locale.files.iter().chain(&locale.formats_file).chain(&locale.keywords_file);
        let allowed: Vec<Allowed> = files.flat_map(allowed).collect();
        found.retain(|fault| !allowed.iter().any(|allowed| allowed.covers(fault)));
        found
    }

    /// Messages that one of the two locales has and the other has not.
    fn keys(&self, locale: &Locale) -> Vec<Fault> {
        let english = &self.locales[REFERENCE];
        let mut found = Vec::new();
        for file in &english.files {
            let name = file.file.rsplit('/').next().unwrap_or_default();
            let keys = messages(file).map(|message| message.id.name);
            for key in keys.filter(|key| !key.ends_with("-short") && !locale.has(key)) {
                let types = self.callers(key).join(", ");
                let text = format!(
                    "`{key}` is missing; until it is there, texts in another language go out ({types})"
                );
                let at = format!("locales/{}/{name}", locale.tag);
                found.push(Fault::whole(&at, text).warn("missing-key"));
            }
        }
        for file in &locale.files {
            for key in messages(file).map(|message| message.id.name) {
                if !english.has(base(key)) && !english.has(key) {
                    let text = format!("no template asks for `{key}`, and English does not have it");
                    found.push(file.fault(key, text).warn("extra-key"));
                } else if locale.tag == REFERENCE && self.callers(key).is_empty() && !asks_for(key) {
                    found.push(file.fault(key, format!("no template asks for `{key}`")).warn("extra-key"));
                }
            }
        }
        found
    }

    /// The types whose templates call a key or what it is a variant of.
    fn callers(&self, key: &str) -> Vec<&str> {
        let calls = |called: &str| called == key || called == base(key);
        let scans = self.templates.scans.iter();
        let found: BTreeSet<&str> = scans
            .filter(|(_, scan)| scan.calls.iter().any(|call| calls(&call.key)))
            .filter_map(|(source, _)| source.file.strip_prefix("templates/")?.strip_suffix(".j2"))
            .collect();
        found.into_iter().collect()
    }

    /// Lists of words that English hears and this locale does not.
    fn wordless(&self, locale: &Locale) -> Vec<Fault> {
        let file = format!("locales/{}/{}", locale.tag, keywords::FILE);
        let english = self.locales[REFERENCE].keywords.lists();
        let both = english.into_iter().zip(locale.keywords.lists());
        both.filter(|((_, english), (_, own))| own.is_empty() && !english.is_empty())
            .map(|((name, _), _)| {
                let text = format!("`{name}` is missing; until it is there, such words are not understood");
                Fault::whole(&file, text).warn("missing-key")
            })
            .collect()
    }

    /// Templates of types that are not urgent, and do not say how to stop them.
    fn unsaid(&self) -> Vec<Fault> {
        let names_stop = |key: &str| {
            self.reference
                .get(key)
                .is_some_and(|original| original.commands.iter().any(|word| word == "STOP"))
        };
        let is_said = |key: &str| key == "optout" || is_way_out(key) && names_stop(key);
        let says = |scan: &super::super::scan::Scan| scan.calls.iter().any(|call| is_said(&call.key));
        let kinds = self.templates.kinds.values().filter(|kind| !kind.lane.is_urgent());
        let mut found = Vec::new();
        for kind in kinds {
            let file = format!("templates/{}.j2", kind.name);
            let scan = self.templates.scans.iter().find(|(source, _)| source.file == file);
            if let Some((source, _)) = scan.filter(|(_, scan)| !says(scan)) {
                let text = "the text does not say how to stop such texts; carriers ask for t(\"optout\")";
                found.push(source.fault(source.text.len(), text).warn("opt-out"));
            }
        }
        found
    }
}

/// A message or a term whose comment says `allow: <rule>`.
struct Allowed {
    file: String,
    lines: std::ops::Range<usize>,
    rules: Vec<String>,
}

impl Allowed {
    fn covers(&self, fault: &Fault) -> bool {
        let is_named = self.rules.iter().any(|rule| rule == fault.rule);
        is_named && self.file == fault.file && self.lines.contains(&fault.line)
    }
}

fn allowed(file: &FtlFile) -> Vec<Allowed> {
    let source = file.resource.source();
    if !source.contains("allow:") {
        return Vec::new();
    }
    let entries = ftl::commented(source);
    let line = |key: &str| file.fault(key, "").line;
    let starts: Vec<usize> = entries.iter().map(|entry| line(entry.key)).collect();
    let after = |start: usize| starts.iter().copied().filter(|at| *at > start).min().unwrap_or(usize::MAX);
    let rules = |entry: &ftl::Commented<'_>| {
        let lines = entry.comment.iter().filter_map(|line| line.trim().strip_prefix("allow:"));
        lines
            .flat_map(|rules| rules.split([' ', ',']))
            .filter(|rule| !rule.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let all = entries.iter().map(|entry| {
        let start = line(entry.key);
        Allowed { file: file.file.clone(), lines: start..after(start), rules: rules(entry) }
    });
    all.filter(|allowed| !allowed.rules.is_empty()).collect()
}
