//! Building a catalogue from a home folder: everything is read and checked, and every fault is
//! collected, before anything is used.

use super::arguments;
use super::catalogue::Catalogue;
use super::check::{self, Calls};
use super::fault::{Fault, Faults};
use super::flaw::Flaw;
use super::formats::Formats;
use super::ftl::{self, FtlFile};
use super::kind_file;
use super::language;
use super::locale::{self, Locale};
use super::scan::{self, Scan};
use super::source::{self, Source};
use super::template;
use super::words::{self, Words};
use super::{REFERENCE, RenderLoadError, RenderRequest, RenderSettings};
use crate::domain::kind::{Kind, TypeName};
use crate::domain::policy::Discretion;
use minijinja::Environment;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

/// What every template has beside its variables.
const GIVEN: [&str; 4] = ["t", "sp", "discreet", "detailed"];

struct Templates {
    kinds: BTreeMap<TypeName, Kind>,
    engine: Environment<'static>,
    scans: Vec<(Source, Scan)>,
}

impl Catalogue {
    /// Reads and checks a home folder.
    pub(super) fn load(home: &Path, settings: &RenderSettings) -> Result<Self, RenderLoadError> {
        let default = &settings.default_language;
        if language::format_locale(REFERENCE, settings.clinic_region.as_deref(), None).is_none() {
            return Err(RenderLoadError::Setting(
                "the clinic's region is two letters, such as `US`".to_owned(),
            ));
        }
        let mut fatal = Vec::new();
        let templates = templates(home, &mut fatal)?;
        let mut calls = Calls::new();
        templates.scans.iter().for_each(|(_, scan)| scan::gather(&mut calls, scan));

        let mut locales = BTreeMap::new();
        let mut faults = Vec::new();
        for tag in entries(&home.join("locales"), Path::is_dir)? {
            let sink = if tag == REFERENCE { &mut fatal } else { &mut faults };
            if let Some(locale) = read_locale(home, &tag, &calls, settings, sink)? {
                locales.insert(tag, Arc::new(locale));
            }
        }
        match locales.get(REFERENCE) {
            // A key in a file that is left out is no second fault.
            _ if fatal.iter().any(|fault| fault.file.starts_with("locales/")) => {}
            Some(reference) => fatal.extend(missing_keys(&templates.scans, reference)),
            None => fatal.push(Fault::whole("locales/en", "the reference locale is missing or empty")),
        }
        let discreet = locales.get(REFERENCE).map(|reference| {
            reference
                .keys()
                .filter(|key| key.ends_with("-discreet"))
                .map(str::to_owned)
                .collect::<BTreeSet<_>>()
        });
        let catalogue = Self {
            kinds: templates.kinds,
            engine: templates.engine,
            locales,
            default_language: default.clone(),
            discreet_keys: Arc::new(discreet.unwrap_or_default()),
            faults,
        };
        if fatal.is_empty() {
            fatal = catalogue.rehearse();
        }
        if !fatal.is_empty() {
            return Err(RenderLoadError::Faults(Faults(fatal)));
        }
        if catalogue.negotiate(default).is_none() {
            let text = format!("the default language is `{default}`, and there are no texts in it");
            return Err(RenderLoadError::Setting(text));
        }
        Ok(catalogue)
    }

    /// Every type once with all its variables and once with as few as it allows, in the reference:
    /// what fails here would have failed for a patient.
    fn rehearse(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let Some(reference) = self.locales.get(REFERENCE) else { return faults };
        for kind in self.kinds.values() {
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
                };
                let flaw = match arguments::prepare(kind, &request) {
                    Ok(prepared) => self.write(kind, reference, discretion, &prepared, false).err(),
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
        match (flaw.line, self.engine.get_template(kind.name.as_str())) {
            (Some(line), Ok(template)) => {
                // The place stands before the sentence already.
                let told = format!("{file}:{line}: ");
                let text = flaw.text.strip_prefix(&told).unwrap_or(&flaw.text);
                Fault::in_line(&file, template.source(), line, text)
            }
            _ => Fault::whole(&file, flaw.text),
        }
    }
}

/// Names in a folder, sorted, without hidden ones.
fn entries(folder: &Path, wanted: impl Fn(&Path) -> bool) -> Result<Vec<String>, RenderLoadError> {
    let failed = |source| RenderLoadError::Folder { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if let Some(name) = entry.file_name().to_str()
            && !name.starts_with('.')
            && wanted(&entry.path())
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension() == Some(OsStr::new(extension))
}

fn templates(home: &Path, faults: &mut Vec<Fault>) -> Result<Templates, RenderLoadError> {
    let folder = home.join("templates");
    let mut templates = Templates { kinds: BTreeMap::new(), engine: template::engine(), scans: Vec::new() };
    let declared = entries(&folder, |path| has_extension(path, "toml"))?;
    for file in entries(&folder, |path| has_extension(path, "j2"))? {
        if !declared.contains(&file.replace(".j2", ".toml")) {
            faults.push(Fault::whole(
                &format!("templates/{file}"),
                "there is no .toml beside it that declares the type",
            ));
        }
    }
    for file in declared {
        let name = file.trim_end_matches(".toml");
        let read = |extension: &str| {
            let file = format!("templates/{name}.{extension}");
            source::read(&home.join(&file), &file)
        };
        let kind = match read("toml")
            .map_err(|fault| vec![fault])
            .and_then(|source| kind_file::parse(name, &source))
        {
            Ok(kind) => kind,
            Err(found) => {
                faults.extend(found);
                continue;
            }
        };
        match read("j2") {
            Ok(source) => take_template(&mut templates, kind, source, faults),
            Err(fault) => faults.push(fault),
        }
    }
    Ok(templates)
}

fn take_template(templates: &mut Templates, kind: Kind, source: Source, faults: &mut Vec<Fault>) {
    let name = kind.name.as_str().to_owned();
    if let Err(error) = templates.engine.add_template_owned(name.clone(), source.text.clone()) {
        let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        faults.push(match error.range() {
            Some(range) => source.fault(range.start, message),
            None => Fault::in_line(&source.file, &source.text, error.line().unwrap_or(1), message),
        });
        return;
    }
    let mut scan = scan::scan(&source, &kind);
    faults.append(&mut scan.faults);
    if let Ok(template) = templates.engine.get_template(&name) {
        let used: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
        for unknown in
            used.iter().filter(|used| !kind.variables.contains_key(*used) && !GIVEN.contains(&used.as_str()))
        {
            let known: Vec<&str> = kind.variables.keys().map(String::as_str).chain(GIVEN).collect();
            let message =
                format!("`{unknown}` is not declared in {name}.toml; there are {}", known.join(", "));
            faults.push(source.fault(scan.names.get(unknown).copied().unwrap_or(0), message));
        }
    }
    templates.kinds.insert(kind.name.clone(), kind);
    templates.scans.push((source, scan));
}

fn read_locale(
    home: &Path,
    tag: &str,
    calls: &Calls,
    settings: &RenderSettings,
    faults: &mut Vec<Fault>,
) -> Result<Option<Locale>, RenderLoadError> {
    let folder = format!("locales/{tag}");
    let region = settings.clinic_region.as_deref();
    let formatting = language::format_locale(tag, region, settings.twenty_four_hours);
    let (Some(id), Some(formatting)) = (language::whole(tag), formatting) else {
        faults.push(Fault::whole(&folder, "the folder's name is no language tag such as `es` or `zh-Hans`"));
        return Ok(None);
    };
    let mut files: Vec<FtlFile> = Vec::new();
    let mut own_words = Words::default();
    for name in entries(&home.join(&folder), |path| has_extension(path, "ftl"))? {
        let file = format!("{folder}/{name}");
        let parsed = source::read(&home.join(&file), &file)
            .map_err(|fault| vec![fault])
            .and_then(|source| ftl::parse(&source));
        match parsed {
            Ok(parsed) if name == words::FILE => own_words = words::read(&parsed, faults),
            Ok(parsed) => {
                let found = check::check(&parsed, calls);
                if found.is_empty() {
                    files.push(parsed);
                }
                faults.extend(found);
            }
            Err(found) => faults.extend(found),
        }
    }
    faults.extend(locale::duplicates(&files));
    let Some(formats) = Formats::new(&formatting, own_words) else {
        faults.push(Fault::whole(&folder, "ICU has no dates and numbers for this language"));
        return Ok(None);
    };
    Ok((!files.is_empty()).then(|| Locale::new(tag, id, formats, files)))
}

/// What templates call and the reference lacks.
fn missing_keys(scans: &[(Source, Scan)], reference: &Locale) -> Vec<Fault> {
    let calls = scans.iter().flat_map(|(source, scan)| scan.calls.iter().map(move |call| (source, call)));
    calls
        .filter(|(_, call)| !reference.has(&call.key))
        .map(|(source, call)| source.fault(call.offset, format!("locales/en has no message `{}`", call.key)))
        .collect()
}
