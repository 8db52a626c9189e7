//! All templates of a home with what their types declare: a set that is used whole or not at all.

use super::fault::Fault;
use super::files::{Files, Read};
use super::kind_file;
use super::lint::Calls;
use super::pages;
use super::scan::{self, Scan};
use super::source::Source;
use super::template;
use crate::domain::kind::{Kind, TypeName};
use minijinja::Environment;
use std::collections::{BTreeMap, BTreeSet};

/// What every template has beside its variables.
const GIVEN: [&str; 5] = ["t", "sp", "discreet", "detailed", "link"];

/// The templates and their types.
#[derive(Debug)]
pub(super) struct Templates {
    pub(super) kinds: BTreeMap<TypeName, Kind>,
    pub(super) engine: Environment<'static>,
    /// What each template calls, beside its text.
    pub(super) scans: Vec<(Source, Scan)>,
    /// The same by key.
    pub(super) calls: Calls,
    /// What they were read from, by name.
    pub(super) files: BTreeMap<String, Read>,
}

impl Templates {
    /// Reads the set; faults are added to `faults`, and with one of them it must not be used.
    pub(super) fn read(files: &Files, faults: &mut Vec<Fault>) -> Self {
        let mut templates = Self {
            kinds: BTreeMap::new(),
            engine: template::engine(),
            scans: Vec::new(),
            calls: Calls::default(),
            files: files.templates.clone(),
        };
        for (file, read) in &files.templates {
            let Some((name, extension)) = file.rsplit_once('.') else { continue };
            if extension == "toml" {
                templates.take(name, read, files.templates.get(&format!("{name}.j2")), faults);
            } else if !files.templates.contains_key(&format!("{name}.toml")) {
                let text = "there is no .toml beside it that declares the type";
                faults.push(Fault::whole(&format!("templates/{file}"), text).by("type"));
            }
        }
        for (_, scan) in &templates.scans {
            scan::gather(&mut templates.calls, scan);
        }
        pages::gather(&mut templates.calls);
        templates
    }

    fn take(&mut self, name: &str, declared: &Read, text: Option<&Read>, faults: &mut Vec<Fault>) {
        let declared = declared.clone().map_err(|fault| vec![fault]);
        let kind = match declared.and_then(|source| kind_file::parse(name, &source)) {
            Ok(kind) => kind,
            Err(found) => return faults.extend(found),
        };
        match text {
            Some(Ok(source)) => self.take_template(kind, source.clone(), faults),
            Some(Err(fault)) => faults.push(fault.clone()),
            None => {
                let text = "there is no .j2 beside it that says which sentences";
                faults.push(Fault::whole(&format!("templates/{name}.toml"), text).by("type"));
            }
        }
    }

    fn take_template(&mut self, kind: Kind, source: Source, faults: &mut Vec<Fault>) {
        let name = kind.name.as_str().to_owned();
        if let Err(error) = self.engine.add_template_owned(name.clone(), source.text.clone()) {
            let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
            let fault = match error.range() {
                Some(range) => source.fault(range.start, message),
                None => Fault::in_line(&source.file, &source.text, error.line().unwrap_or(1), message),
            };
            return faults.push(fault.by("syntax"));
        }
        let mut scan = scan::scan(&source, &kind);
        faults.append(&mut scan.faults);
        if let Ok(template) = self.engine.get_template(&name) {
            let used: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
            let is_known =
                |used: &String| kind.variables.contains_key(used) || GIVEN.contains(&used.as_str());
            for unknown in used.iter().filter(|used| !is_known(used)) {
                let known: Vec<&str> = kind.variables.keys().map(String::as_str).chain(GIVEN).collect();
                let message =
                    format!("`{unknown}` is not declared in {name}.toml; there are {}", known.join(", "));
                let at = scan.names.get(unknown).copied().unwrap_or(0);
                faults.push(source.fault(at, message).by("unknown-variable"));
            }
        }
        self.kinds.insert(kind.name.clone(), kind);
        self.scans.push((source, scan));
    }
}
