//! The list of replies: for staff, and for a system of the clinic that asks what patients wish.

use super::super::{Host, HostError};
pub use crate::store::{ReplyEntry, ReplyFilter};

/// A page of replies.
#[derive(Clone, Debug)]
pub struct ReplyPage {
    /// The newest first.
    pub replies: Vec<ReplyEntry>,
    /// More follow after the last one.
    pub more: bool,
}

impl Host {
    /// Finds replies.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn find_replies(&self, filter: &ReplyFilter) -> Result<ReplyPage, HostError> {
        let mut tx = self.store.read().await?;
        let one_more = ReplyFilter { limit: filter.limit.saturating_add(1), ..filter.clone() };
        let mut replies = tx.find_replies(&one_more).await?;
        let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
        let more = replies.len() > limit;
        replies.truncate(limit);
        Ok(ReplyPage { replies, more })
    }
}
