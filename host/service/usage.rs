//! Usage: what texts cost, by day, type, country and locale, and what is left.

use super::{Host, HostError};
use crate::domain::budget::{Fuse, Per, day_begins};
use crate::store::{Tx, UsageRow};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// What usage is told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum By {
    Day,
    Type,
    Country,
    Locale,
}

/// What was counted for one combination; what is not told apart is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in the API")]
pub struct UsageLine {
    pub day: Option<NaiveDate>,
    pub kind: Option<String>,
    pub country: Option<String>,
    pub locale: Option<String>,
    pub texts: i64,
    pub segments: i64,
    pub estimated_micros: i64,
    pub priced: i64,
    pub actual_micros: i64,
    pub priced_estimate_micros: i64,
}

/// What of a fuse is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FuseState {
    /// The limit.
    pub fuse: Fuse,
    /// The end of the hour or day.
    pub until: DateTime<Utc>,
    /// Segments used.
    pub segments: i64,
    /// Money used, in millionths.
    pub micros: i64,
}

/// What of a trial account's credit is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrialState {
    /// What the account began with, in millionths.
    pub credit_micros: i64,
    /// What texts have cost, as far as it is known, else as estimated.
    pub spent_micros: i64,
    /// Texts of one segment that can still be sent.
    pub texts_left: i64,
}

/// Of a trial account's credit, in percent, when the operator is warned.
const WARN_AT: i64 = 80;

impl TrialState {
    /// Whether so much more uses up what the operator is to be warned of.
    pub(super) fn is_low(&self, more_micros: i64) -> bool {
        (self.spent_micros + more_micros) * 100 >= self.credit_micros * WARN_AT
    }
}

/// All that is known about money.
#[derive(Clone, Debug)]
pub struct Usage {
    /// In order of day, type, country and locale.
    pub lines: Vec<UsageLine>,
    /// The sum of all lines.
    pub total: UsageLine,
    /// The fuses, now.
    pub fuses: Vec<FuseState>,
    /// For a trial account.
    pub trial: Option<TrialState>,
}

type Key = (Option<NaiveDate>, Option<String>, Option<String>, Option<String>);

impl UsageLine {
    fn add(&mut self, row: &UsageRow) {
        self.texts += row.texts;
        self.segments += row.segments;
        self.estimated_micros += row.estimated_micros;
        self.priced += row.priced;
        self.actual_micros += row.actual_micros;
        self.priced_estimate_micros += row.priced_estimate_micros;
    }

    /// The price where it is known, the estimate for the rest.
    fn best_micros(&self) -> i64 {
        self.actual_micros + (self.estimated_micros - self.priced_estimate_micros).max(0)
    }
}

impl Host {
    /// What was counted from one day to another, both included, in the clinic's own days.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn usage(
        &self,
        test: bool,
        since: NaiveDate,
        until: NaiveDate,
        by: &BTreeSet<By>,
    ) -> Result<Usage, HostError> {
        let zone = self.settings.clinic.time_zone;
        let (from, to) = (day_begins(since, zone), day_begins(until + TimeDelta::days(1), zone));
        let mut tx = self.store.look().await?;
        let rows = tx.usage(test, from, to).await?;
        let fuses = self.fuses(&mut tx, test, self.now()).await?;
        drop(tx);
        let mut lines: BTreeMap<Key, UsageLine> = BTreeMap::new();
        let mut total = UsageLine::default();
        for row in &rows {
            let at = DateTime::from_timestamp(row.quarter * 900, 0).unwrap_or(from);
            let key: Key = (
                by.contains(&By::Day).then(|| at.with_timezone(&zone).date_naive()),
                by.contains(&By::Type).then(|| row.kind.clone()),
                by.contains(&By::Country).then(|| row.country.clone()),
                by.contains(&By::Locale).then(|| row.locale.clone()),
            );
            lines.entry(key).or_default().add(row);
            total.add(row);
        }
        let lines = lines
            .into_iter()
            .map(|((day, kind, country, locale), line)| UsageLine { day, kind, country, locale, ..line })
            .filter(|line| line.texts != 0 || line.segments != 0 || line.priced != 0)
            .collect();
        Ok(Usage { lines, total, fuses, trial: self.trial(test).await? })
    }

    /// What of each fuse is used now.
    pub(super) async fn fuses(
        &self,
        tx: &mut Tx,
        test: bool,
        now: DateTime<Utc>,
    ) -> Result<Vec<FuseState>, HostError> {
        let mut states = Vec::new();
        let mut read: Vec<(Per, Vec<UsageRow>)> = Vec::new();
        for fuse in &self.settings.budget.fuses {
            let (from, until) = fuse.per.around(now, self.settings.clinic.time_zone);
            if !read.iter().any(|(per, _)| *per == fuse.per) {
                read.push((fuse.per, tx.usage(test, from, until).await?));
            }
            let rows = read.iter().filter(|(per, _)| *per == fuse.per).flat_map(|(_, rows)| rows);
            let mut used = UsageLine::default();
            rows.filter(|row| fuse.is_about(&row.kind, &row.country)).for_each(|row| used.add(row));
            states.push(FuseState {
                fuse: fuse.clone(),
                until,
                segments: used.segments,
                micros: used.best_micros(),
            });
        }
        Ok(states)
    }

    /// What of a trial account's credit is left; `None` for an account that pays.
    pub(super) async fn trial(&self, test: bool) -> Result<Option<TrialState>, HostError> {
        let Some(credit_micros) = self.settings.budget.trial_credit_micros else { return Ok(None) };
        let mut tx = self.store.look().await?;
        let total = tx.usage_total(test).await?;
        let used = UsageLine {
            estimated_micros: total.estimated_micros,
            actual_micros: total.actual_micros,
            priced_estimate_micros: total.priced_estimate_micros,
            ..UsageLine::default()
        };
        let spent_micros = used.best_micros();
        let left = (credit_micros - spent_micros).max(0);
        let price = self.settings.price_per_segment_micros.max(1);
        Ok(Some(TrialState { credit_micros, spent_micros, texts_left: left / price }))
    }
}
