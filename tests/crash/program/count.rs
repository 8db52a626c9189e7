//! What is counted at the end: every text that was posted, against what Twilio took.

use serde_json::Value;
use std::collections::BTreeMap;

/// Where a text stands.
pub(crate) struct End {
    pub(crate) is_final: bool,
    /// The state, with the code of its reason where there is one.
    words: String,
    is_delivered: bool,
    is_explained: bool,
}

impl End {
    /// As the API tells it.
    pub(crate) fn of(story: &Value) -> Self {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (state, reason) = (word(&story["state"]), word(&story["reason"]["code"]));
        let is_delivered = state == "delivered";
        let ends_without = ["undelivered", "failed", "suppressed", "canceled", "expired"];
        let is_explained = ends_without.contains(&state.as_str()) && !reason.is_empty();
        let words = if reason.is_empty() { state } else { format!("{state} ({reason})") };
        Self { is_final: is_delivered || is_explained, words, is_delivered, is_explained }
    }

    /// Of one that only its sender's word is known of.
    pub(crate) fn told(delivered: bool) -> Self {
        let words = if delivered { "sent" } else { "unsent" }.to_owned();
        Self { is_final: true, words, is_delivered: delivered, is_explained: false }
    }
}

/// The count.
#[derive(Default)]
pub(crate) struct Count {
    texts: usize,
    /// What Twilio took for them.
    pub(crate) taken: usize,
    /// Said to be sent, and Twilio does not have it; or sent, and said not to be.
    lost: usize,
    /// Texts that Twilio took more than once.
    pub(crate) twice: usize,
    /// Not at an end, or at one without a reason.
    unexplained: usize,
    ends: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

impl Count {
    pub(crate) fn add(&mut self, phone: &str, end: End, taken: usize) {
        self.texts += 1;
        self.taken += taken;
        let is_lost = end.is_delivered != (taken > 0);
        let is_unexplained = !end.is_delivered && !end.is_explained;
        self.lost += usize::from(is_lost);
        self.twice += usize::from(taken > 1);
        self.unexplained += usize::from(is_unexplained);
        if is_lost || is_unexplained || taken > 1 {
            self.wrong.push(format!("{phone}: {}, taken {taken} times", end.words));
        }
        *self.ends.entry(end.words).or_default() += 1;
    }

    /// One line.
    pub(crate) fn print(&self, what: &str) -> &Self {
        let ends: Vec<String> = self.ends.iter().map(|(end, count)| format!("{count} {end}")).collect();
        println!(
            "{what:<48} {:>4} texts: {} lost, {} sent twice, {} unexplained; {}",
            self.texts,
            self.lost,
            self.twice,
            self.unexplained,
            ends.join(", ")
        );
        self
    }

    pub(crate) fn assert_sound(&self) {
        let wrong = self.lost + self.twice + self.unexplained;
        assert_eq!(wrong, 0, "the promise is broken:\n{}", self.wrong.join("\n"));
        assert!(self.ends.contains_key("delivered"), "nothing was sent at all");
    }
}
