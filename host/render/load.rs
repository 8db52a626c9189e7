//! From files to a catalogue. At the start the templates and the reference locale must be without
//! fault. In a running host whatever is faulty keeps its last good version, one locale at a time,
//! and the templates as the set that they are.

use super::arguments;
use super::bound_line;
use super::catalogue::Catalogue;
use super::fault::{Fault, Faults, Severity};
use super::files::Files;
use super::flaw::Flaw;
use super::language;
use super::lint;
use super::load_locale::{Measures, gone, lost, read_locale, read_reference};
use super::locale::Locale;
use super::templates::Templates;
use super::{Links, REFERENCE, RenderLoadError, RenderRequest, RenderSettings};
use crate::domain::kind::Kind;
use crate::domain::policy::Discretion;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// What stands for the templates in [`Catalogue::kept`].
pub(super) const TEMPLATES: &str = "templates";

impl Catalogue {
    /// Reads and checks a home folder; where it is faulty, with what was last good.
    pub(super) fn load(
        home: &Path,
        settings: &RenderSettings,
        last_good: Option<&Path>,
    ) -> Result<Self, RenderLoadError> {
        let default = &settings.default_language;
        if language::format_locale(REFERENCE, settings.clinic_region.as_deref(), None).is_none() {
            return Err(RenderLoadError::Setting(
                "the clinic's region is two letters, such as `US`".to_owned(),
            ));
        }
        let files = Files::read(home)?;
        let built = match last_good {
            Some(last_good) => Self::begin(files, settings, last_good),
            None => Self::build(files, settings, None),
        };
        let catalogue = built.map_err(|faults| RenderLoadError::Faults(Faults(faults)))?;
        if catalogue.negotiate(default).is_none() {
            let text = format!("the default language is `{default}`, and there are no texts in it");
            return Err(RenderLoadError::Setting(text));
        }
        Ok(catalogue)
    }

    /// The catalogue of these files; where they are faulty or gone, with what `last` has.
    ///
    /// # Errors
    ///
    /// The templates or the reference are faulty, and there is nothing to keep.
    pub(super) fn build(
        files: Files,
        settings: &RenderSettings,
        last: Option<&Self>,
    ) -> Result<Self, Vec<Fault>> {
        let mut catalogue = Self::core(&files, settings, last)?;
        let templates = Arc::clone(&catalogue.templates);
        let is_meant = last.is_some_and(|last| last.lets_go);
        let tags: BTreeSet<&String> =
            files.locales.keys().chain(last.into_iter().flat_map(|last| last.locales.keys())).collect();
        for tag in tags.into_iter().filter(|tag| *tag != REFERENCE) {
            let before = last.and_then(|last| last.locales.get(tag));
            if let Some(before) = before.filter(|_| last.is_some_and(|last| last.still_holds(tag, &files))) {
                catalogue.locales.insert(tag.clone(), Arc::clone(before));
                continue;
            }
            let mut faults = Vec::new();
            let read = files.locales.get(tag);
            let locale = read.and_then(|read| {
                let reference = Some(&*catalogue.reference);
                let measures = Measures { templates: &templates, reference, was_at_work: false };
                read_locale(tag, read, before.map(|before| &**before), measures, settings, &mut faults)
            });
            if let Some(before) = before {
                faults.extend(lost(before, locale.as_ref(), read, is_meant));
            }
            match before {
                Some(before) if !faults.is_empty() => {
                    catalogue.kept.insert(tag.clone());
                    catalogue.locales.insert(tag.clone(), Arc::clone(before));
                }
                _ => {
                    if let Some(locale) = locale {
                        catalogue.locales.insert(tag.clone(), Arc::new(locale));
                    }
                }
            }
            catalogue.faults.append(&mut faults);
        }
        catalogue.files = files;
        Ok(catalogue)
    }

    /// Whether a locale, and all that it was measured by, is without fault and as it was.
    fn still_holds(&self, tag: &str, files: &Files) -> bool {
        let is_same = |tag: &str| self.files.locales.get(tag) == files.locales.get(tag);
        self.faults.is_empty()
            && self.files.templates == files.templates
            && is_same(REFERENCE)
            && is_same(tag)
    }

    /// The templates of these files.
    pub(super) fn templates_of(
        files: &Files,
        settings: &RenderSettings,
        faults: &mut Vec<Fault>,
    ) -> Arc<Templates> {
        let templates = Templates::read(files, faults);
        if settings.own.as_ref().is_some_and(|own| own.domain.is_some()) {
            faults.extend(templates.kinds.values().filter_map(bound_line::unbound));
        }
        // Nothing is no set of templates that was ever meant.
        if templates.kinds.is_empty() && faults.is_empty() {
            faults.push(Fault::whole("templates", "there is no message type in this folder").by("gone"));
        }
        Arc::new(templates)
    }

    /// Templates and reference, which must fit each other: of the new and the last ones the newest
    /// pair that does.
    fn core(files: &Files, settings: &RenderSettings, last: Option<&Self>) -> Result<Self, Vec<Fault>> {
        let mut template_faults = Vec::new();
        let fresh = Self::templates_of(files, settings, &mut template_faults);
        if let Some(last) = last.filter(|last| !last.lets_go && template_faults.is_empty()) {
            let missed = last.templates.kinds.keys().filter(|name| !fresh.kinds.contains_key(*name));
            template_faults.extend(missed.map(|name| gone(&format!("templates/{name}.toml"))));
        }
        let mut reference_faults = Vec::new();
        let english = read_reference(files, &fresh, settings, last, &mut reference_faults);
        let mut faults = template_faults.clone();
        faults.extend(reference_faults);
        let mut whole = None;
        if let Some(english) = english {
            let catalogue = Self::of(fresh.clone(), Arc::new(english), settings);
            // A key in a file that is faulty is no second fault.
            if !faults.iter().any(|fault| fault.file.starts_with("locales/")) {
                faults.extend(catalogue.missing_keys());
            }
            if faults.is_empty() {
                faults = catalogue.rehearse();
            }
            whole = Some(catalogue);
        }
        match (whole, last) {
            (Some(whole), _) if faults.is_empty() => Ok(whole),
            (_, None) => Err(faults),
            (_, Some(last)) => {
                let mut catalogue =
                    Self::newest_sound(files, &fresh, template_faults.is_empty(), settings, last);
                catalogue.faults = faults;
                Ok(catalogue)
            }
        }
    }

    /// New English with the last templates, or new templates with the last English, or both as they
    /// were.
    fn newest_sound(
        files: &Files,
        fresh: &Arc<Templates>,
        are_sound: bool,
        settings: &RenderSettings,
        last: &Self,
    ) -> Self {
        let mut faults = Vec::new();
        if let Some(english) = read_reference(files, &last.templates, settings, Some(last), &mut faults)
            && faults.is_empty()
        {
            let mut catalogue = Self::of(Arc::clone(&last.templates), Arc::new(english), settings);
            if catalogue.is_sound() {
                catalogue.kept.insert(TEMPLATES.to_owned());
                return catalogue;
            }
        }
        let english = &last.locales[REFERENCE];
        if are_sound {
            let mut catalogue = Self::of(Arc::clone(fresh), Arc::clone(english), settings);
            let faults = lint::check(&english.files, &fresh.calls, None);
            if faults.iter().all(|fault| fault.severity == Severity::Warning) && catalogue.is_sound() {
                catalogue.kept.insert(REFERENCE.to_owned());
                return catalogue;
            }
        }
        let mut catalogue = Self::of(Arc::clone(&last.templates), Arc::clone(english), settings);
        catalogue.kept = BTreeSet::from([TEMPLATES.to_owned(), REFERENCE.to_owned()]);
        catalogue
    }

    /// Whether every type can be sent in the reference.
    pub(super) fn is_sound(&self) -> bool {
        self.missing_keys().is_empty() && self.rehearse().is_empty()
    }

    /// A catalogue of the reference alone.
    pub(super) fn of(templates: Arc<Templates>, english: Arc<Locale>, settings: &RenderSettings) -> Self {
        let discreet_keys =
            english.keys().filter(|key| key.ends_with("-discreet")).map(str::to_owned).collect();
        Self {
            templates,
            reference: Arc::new(lint::reference(&english.files)),
            locales: BTreeMap::from([(REFERENCE.to_owned(), english)]),
            default_language: settings.default_language.clone(),
            sent_before: settings.sent_before,
            own: settings.own.clone(),
            discreet_keys: Arc::new(discreet_keys),
            faults: Vec::new(),
            kept: BTreeSet::new(),
            files: Files { templates: BTreeMap::new(), locales: BTreeMap::new() },
            lets_go: false,
        }
    }

    /// What templates call and the reference lacks.
    fn missing_keys(&self) -> Vec<Fault> {
        let reference = &self.locales[REFERENCE];
        let scans = self.templates.scans.iter();
        let calls = scans.flat_map(|(source, scan)| scan.calls.iter().map(move |call| (source, call)));
        calls
            .filter(|(_, call)| !reference.has(&call.key))
            .map(|(source, call)| {
                let text = format!("locales/en has no message `{}`", call.key);
                source.fault(call.offset, text).by("missing-key")
            })
            .collect()
    }

    /// Every type once with all its variables and once with as few as it allows, in the reference:
    /// what fails here would have failed for a patient.
    fn rehearse(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let reference = &self.locales[REFERENCE];
        for kind in self.templates.kinds.values() {
            let discretions = [Discretion::Discreet, Discretion::Standard, Discretion::Detailed];
            for (discretion, all) in discretions.into_iter().flat_map(|d| [(d, true), (d, false)]) {
                let chosen = kind.variables.iter().filter(|(_, variable)| all || variable.required);
                let variables =
                    chosen.map(|(name, variable)| (name.clone(), arguments::specimen(variable))).collect();
                let request = RenderRequest {
                    kind: &kind.name,
                    language: REFERENCE,
                    time_zone: chrono_tz::UTC,
                    discretion,
                    variables: &variables,
                    redact_secrets: false,
                    links: Links::StandIn,
                };
                let flaw = match arguments::prepare(kind, &request) {
                    Ok(prepared) => match self.write(kind, reference, discretion, &prepared, false) {
                        Ok((draft, _)) => bound_line::check(kind, &variables, &draft.text),
                        Err(flaw) => Some(flaw),
                    },
                    Err(error) => Some(Flaw::new("bad-variable", error.to_string())),
                };
                if let Some(flaw) = flaw {
                    faults.push(self.rehearsal_fault(kind, flaw));
                    break;
                }
            }
        }
        faults
    }

    fn rehearsal_fault(&self, kind: &Kind, flaw: Flaw) -> Fault {
        let file = format!("templates/{}.j2", kind.name);
        let fault = match (flaw.line, self.templates.engine.get_template(kind.name.as_str())) {
            (Some(line), Ok(template)) => {
                // The place stands before the sentence already.
                let told = format!("{file}:{line}: ");
                let text = flaw.text.strip_prefix(&told).unwrap_or(&flaw.text);
                Fault::in_line(&file, template.source(), line, text)
            }
            _ => Fault::whole(&file, flaw.text),
        };
        fault.by(flaw.code)
    }
}
