//! Names: messages and terms that other messages stand for, and keys that are there twice. Fluent
//! prints an unknown name in braces and stops a circle only when it has printed a hundred of them.

use super::super::fault::Fault;
use super::super::ftl::FtlFile;
use super::content::{Content, Name, Naming, Part, Role};
use super::{Calls, base, terms};
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::collections::hash_map::Entry;

/// Names that a circle is followed over: at so many Fluent gives up by itself.
const FAR: usize = 100;

/// All names of one locale.
pub(super) struct Names<'a> {
    /// Where each stands first. Fluent keeps messages and terms in one table, so a name is one or the other.
    known: FxHashMap<&'a str, (&'a FtlFile, Name<'a>)>,
    /// Where one stands for another.
    links: Vec<Link<'a>>,
    /// Parts of terms that choose between variants.
    parts: Vec<(&'a FtlFile, Part<'a>)>,
    /// Where terms are named.
    namings: Vec<Naming<'a>>,
    /// Terms that choose between variants by a variable.
    choosing: Vec<(&'a FtlFile, &'a str, &'a str)>,
}

struct Link<'a> {
    file: &'a FtlFile,
    from: Name<'a>,
    to: Name<'a>,
}

impl<'a> Names<'a> {
    /// Room for so many.
    pub(super) fn for_up_to(count: usize) -> Self {
        let known = FxHashMap::with_capacity_and_hasher(count, FxBuildHasher);
        Self { known, links: Vec::new(), parts: Vec::new(), namings: Vec::new(), choosing: Vec::new() }
    }

    /// Takes a message or a term with what stands in it.
    pub(super) fn add(
        &mut self,
        file: &'a FtlFile,
        name: Name<'a>,
        content: &Content<'a>,
        faults: &mut Vec<Fault>,
    ) {
        match self.known.entry(name.name) {
            Entry::Vacant(free) => drop(free.insert((file, name))),
            Entry::Occupied(taken) => {
                let (first, known) = taken.get();
                let earlier = first.fault(known.name, "");
                let why = if known.is_term == name.is_term {
                    ""
                } else {
                    "; a message and a term cannot have the same name"
                };
                let text =
                    format!("`{}` is there already, in {}:{}{why}", name.name, earlier.file, earlier.line);
                faults.push(file.fault(name.name, text).by("duplicate"));
            }
        }
        self.links.extend(content.names.iter().map(|to| Link { file, from: name, to: *to }));
        self.parts.extend(content.parts.iter().map(|part| (file, *part)));
        self.namings.extend(&content.namings);
        if name.is_term {
            let chooses = content.uses.iter().filter(|(_, role)| *role == Role::Selects);
            self.choosing.extend(chooses.map(|(variable, _)| (file, name.name, *variable)));
        }
    }

    /// The names that stand for others, once for each of those.
    pub(super) fn standing_for_others(&self) -> impl Iterator<Item = Name<'a>> {
        self.links.iter().map(|link| link.from)
    }

    /// What a name stands for.
    pub(super) fn stands_for(&self, name: Name<'a>) -> impl Iterator<Item = Name<'a>> {
        self.links.iter().filter(move |link| link.from == name).map(|link| link.to)
    }

    /// Where a message or a term stands.
    pub(super) fn file_of(&self, name: Name<'_>) -> Option<&'a FtlFile> {
        self.known.get(name.name).filter(|(_, known)| known.is_term == name.is_term).map(|(file, _)| *file)
    }

    /// Names that stand for nothing, and circles of names.
    pub(super) fn check(&self, calls: &Calls, faults: &mut Vec<Fault>) {
        let mut links: FxHashMap<Name<'_>, Vec<Name<'_>>> = FxHashMap::default();
        for link in &self.links {
            links.entry(link.from).or_default().push(link.to);
        }
        for link in &self.links {
            let at = link.to.name;
            if self.known.get(at).is_none_or(|(_, known)| known.is_term != link.to.is_term) {
                faults.push(link.file.fault(at, unknown(link, calls)).by("unknown-name"));
            } else if leads(&links, link.to, link.from) {
                let text = format!("`{at}` leads back to itself");
                faults.push(link.file.fault(at, text).by("circle"));
            }
        }
        for (file, term, variable) in &self.choosing {
            let mut namings = self.namings.iter().filter(|naming| naming.term == *term).peekable();
            // Where some tell it, the default is meant for the others.
            if namings.peek().is_some() && !namings.any(|naming| naming.tells(variable)) {
                let text = format!(
                    "`-{term}` knows ${variable} only where it is told: write {{ -{term}({variable}: \"…\") }}"
                );
                let fault = file.fault(variable, text);
                // What no template gives is the translator's own, and its default may be all that is needed.
                let is_given = calls.values().flatten().any(|call| call.contains_key(*variable));
                faults.push(if is_given {
                    fault.by("variable-in-term")
                } else {
                    fault.warn("variable-in-term")
                });
            }
        }
        for (file, part) in &self.parts {
            let known = self.file_of(Name { is_term: true, name: part.term });
            let is_there = |file: &FtlFile| {
                let term = terms(file).find(|term| term.id.name == part.term);
                term.is_some_and(|term| {
                    term.attributes.iter().any(|attribute| attribute.id.name == part.name)
                })
            };
            if known.is_some_and(|file| !is_there(file)) {
                let text = format!("the term `-{}` has no part `.{}`", part.term, part.name);
                faults.push(file.fault(part.name, text).by("unknown-name"));
            }
        }
    }
}

fn unknown(link: &Link<'_>, calls: &Calls) -> String {
    let name = link.to.name;
    if link.to.is_term {
        return format!("there is no term `-{name}` in this language");
    }
    let given = calls.get(base(link.from.name)).into_iter().flatten();
    if given.into_iter().any(|given| given.contains_key(name)) {
        return format!("a variable is written {{ ${name} }}, with its `$`");
    }
    format!("there is no message `{name}` in this language; a variable is written {{ ${name} }}")
}

fn leads<'a>(links: &FxHashMap<Name<'a>, Vec<Name<'a>>>, from: Name<'a>, to: Name<'a>) -> bool {
    let mut seen = vec![from];
    let mut at = 0;
    while let Some(name) = seen.get(at).copied().filter(|_| at < FAR) {
        if name == to {
            return true;
        }
        for next in links.get(&name).into_iter().flatten() {
            if !seen.contains(next) {
                seen.push(*next);
            }
        }
        at += 1;
    }
    false
}
