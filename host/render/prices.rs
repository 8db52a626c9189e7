//! What texts of a type cost in a locale, from its samples and a year of dates.

use super::arguments;
use super::catalogue::Catalogue;
use super::lint::cost;
use crate::domain::kind::{Kind, TypeName};
use crate::domain::policy::Discretion;
use crate::domain::value::Value;
use std::collections::BTreeMap;

/// Segments of a type's texts in a locale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Of the cheapest.
    pub least: u32,
    /// On most days, with the first samples.
    pub usual: u32,
    /// Of the dearest.
    pub most: u32,
}

impl Catalogue {
    /// What a type costs in a locale; `None` where there is no such text.
    #[must_use]
    pub fn cost(&self, kind: &TypeName, locale: &str) -> Option<Cost> {
        let (kind, locale) = (self.templates.kinds.get(kind)?, self.locales.get(locale)?);
        let year = |nth| cost::year(self, locale, kind, Discretion::Standard, nth).unwrap_or_default();
        let usual = year(0).days.into_iter().max_by_key(|(_, days)| *days)?.0;
        let all: Vec<u32> = (0..cost::samples(kind)).flat_map(|nth| year(nth).days.into_keys()).collect();
        Some(Cost { least: *all.iter().min()?, usual, most: *all.iter().max()? })
    }

    /// Values for every variable of a type: of each the nth sample, or its last.
    #[must_use]
    pub fn samples(&self, kind: &Kind, nth: usize) -> BTreeMap<String, Value> {
        kind.variables
            .iter()
            .map(|(name, variable)| (name.clone(), arguments::sample(variable, nth)))
            .collect()
    }
}
