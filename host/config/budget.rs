//! `[budget]`.

use crate::domain::budget::{Fuse, Per};
use crate::domain::kind::TypeName;
use serde::{Deserialize, Deserializer};

/// `[budget]`: fuses that blow when more is sent than the clinic expects.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// Percent of every fuse without a type that are kept for urgent texts.
    pub reserve: u8,
    /// `[[budget.fuses]]`: one limit each.
    pub fuses: Vec<BudgetFuse>,
}

/// One limit, in segments, in money, or both.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetFuse {
    /// One message type; all, when left out.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// One country (ISO 3166 alpha-2); all, when left out.
    pub country: Option<String>,
    /// `hour` or `day`, on the clinic's clock.
    pub per: FusePer,
    /// The most segments.
    pub segments: Option<u32>,
    /// The most money: `"25.00"`.
    #[serde(default, deserialize_with = "money")]
    pub cost: Option<i64>,
}

/// See [`BudgetFuse::per`].
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum FusePer {
    Hour,
    Day,
}

impl Default for Budget {
    fn default() -> Self {
        Self { reserve: 20, fuses: Vec::new() }
    }
}

impl Budget {
    pub(super) fn fuses(&self) -> Vec<Fuse> {
        let fuse = |fuse: &BudgetFuse| Fuse {
            kind: fuse.kind.as_deref().map(TypeName::from),
            country: fuse.country.clone(),
            per: match fuse.per {
                FusePer::Hour => Per::Hour,
                FusePer::Day => Per::Day,
            },
            segments: fuse.segments.map(i64::from),
            micros: fuse.cost,
            reserve: i64::from(self.reserve),
        };
        self.fuses.iter().map(fuse).collect()
    }
}

fn money<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    crate::twilio::millionths(&text)
        .map(Some)
        .ok_or_else(|| serde::de::Error::custom("is no amount of money; expected such as \"25.00\""))
}
