//! What can go wrong with a text, by number and by script.

use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::str::FromStr;

/// What happens to one call and its text. Written as one word: `undelivered-30003`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Fault {
    /// Nothing: it is taken, sent and delivered.
    #[default]
    None,
    /// Refused with a documented code.
    Refuse(u32),
    /// 429, with the seconds to wait if any; nothing is taken.
    TooManyRequests(Option<u32>),
    /// 500; nothing is taken.
    Error500,
    /// Taken, and answered with 500.
    AcceptThenError500,
    /// Never answered; nothing is taken.
    Silence,
    /// Taken, and never answered.
    AcceptThenSilence,
    /// The connection is reset; nothing is taken.
    Reset,
    /// Taken, and the connection is reset.
    AcceptThenReset,
    /// Taken, and answered with 201 and a page that no client can read.
    AcceptThenGarbage,
    /// Taken, and the callbacks come before the answer.
    CallbackFirst,
    /// Every callback comes twice.
    CallbacksTwice,
    /// The callbacks come in the wrong order.
    CallbacksReversed,
    /// No callback comes.
    CallbacksLost,
    /// The callbacks come late.
    CallbacksLate,
    /// Sent, and not delivered, with this code.
    Undelivered(u32),
    /// Not even sent, with this code.
    Failed(u32),
    /// Sent, and nothing more is heard.
    NoReceipt,
    /// Stays in the queue until it is canceled.
    StaysQueued,
    /// First undelivered, then delivered after all.
    TwoEnds,
}

/// A word that is no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a fault; expected a word such as `undelivered-30003`")]
pub struct NotAFault;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Refuse(code) => return write!(f, "refuse-{code}"),
            Self::TooManyRequests(None) => "too-many-requests",
            Self::TooManyRequests(Some(seconds)) => return write!(f, "too-many-requests-{seconds}"),
            Self::Error500 => "error-500",
            Self::AcceptThenError500 => "accept-then-error-500",
            Self::Silence => "silence",
            Self::AcceptThenSilence => "accept-then-silence",
            Self::Reset => "reset",
            Self::AcceptThenReset => "accept-then-reset",
            Self::AcceptThenGarbage => "accept-then-garbage",
            Self::CallbackFirst => "callback-first",
            Self::CallbacksTwice => "callbacks-twice",
            Self::CallbacksReversed => "callbacks-reversed",
            Self::CallbacksLost => "callbacks-lost",
            Self::CallbacksLate => "callbacks-late",
            Self::Undelivered(code) => return write!(f, "undelivered-{code}"),
            Self::Failed(code) => return write!(f, "failed-{code}"),
            Self::NoReceipt => "no-receipt",
            Self::StaysQueued => "stays-queued",
            Self::TwoEnds => "two-ends",
        })
    }
}

impl FromStr for Fault {
    type Err = NotAFault;

    fn from_str(word: &str) -> Result<Self, NotAFault> {
        if let Some(plain) = PLAIN.iter().find(|plain| plain.to_string() == word) {
            return Ok(*plain);
        }
        let (word, number) = word.rsplit_once('-').ok_or(NotAFault)?;
        let number = number.parse().map_err(|_| NotAFault)?;
        match word {
            "refuse" => Ok(Self::Refuse(number)),
            "too-many-requests" => Ok(Self::TooManyRequests(Some(number))),
            "undelivered" => Ok(Self::Undelivered(number)),
            "failed" => Ok(Self::Failed(number)),
            _ => Err(NotAFault),
        }
    }
}

impl From<Fault> for String {
    fn from(fault: Fault) -> Self {
        fault.to_string()
    }
}

impl TryFrom<String> for Fault {
    type Error = NotAFault;

    fn try_from(word: String) -> Result<Self, NotAFault> {
        word.parse()
    }
}

/// The faults whose word has no number.
const PLAIN: [Fault; 17] = [
    Fault::None,
    Fault::TooManyRequests(None),
    Fault::Error500,
    Fault::AcceptThenError500,
    Fault::Silence,
    Fault::AcceptThenSilence,
    Fault::Reset,
    Fault::AcceptThenReset,
    Fault::AcceptThenGarbage,
    Fault::CallbackFirst,
    Fault::CallbacksTwice,
    Fault::CallbacksReversed,
    Fault::CallbacksLost,
    Fault::CallbacksLate,
    Fault::NoReceipt,
    Fault::StaysQueued,
    Fault::TwoEnds,
];

/// Numbers with a fate of their own. All are valid in the number plan, so that the host sends to them.
pub const NUMBERS: &[(&str, Fault, &str)] = &[
    ("+15005550001", Fault::Refuse(21211), "refused: not a phone number"),
    ("+15005550002", Fault::Refuse(21612), "refused: cannot be reached from this sender"),
    ("+15005550003", Fault::Refuse(21408), "refused: the country is switched off"),
    ("+15005550004", Fault::Refuse(21610), "refused: has replied STOP"),
    ("+15005550009", Fault::Refuse(21614), "refused: not a mobile"),
    ("+15005550101", Fault::AcceptThenSilence, "taken, and never answered"),
    ("+15005550102", Fault::AcceptThenError500, "taken, and answered with 500"),
    ("+15005550103", Fault::Error500, "500, and not taken"),
    ("+15005550104", Fault::TooManyRequests(None), "429"),
    ("+15005550105", Fault::TooManyRequests(Some(2)), "429, to be tried again after two seconds"),
    ("+15005550106", Fault::Reset, "connection reset, and not taken"),
    ("+15005550107", Fault::AcceptThenReset, "taken, and the connection reset"),
    ("+15005550108", Fault::AcceptThenGarbage, "taken, and the answer cannot be read"),
    ("+15005550109", Fault::Silence, "never answered, and not taken"),
    ("+15005550110", Fault::Refuse(20003), "the account's credentials are refused"),
    ("+15005550111", Fault::Undelivered(30003), "undelivered: phone off or without signal"),
    ("+15005550112", Fault::Undelivered(30007), "undelivered: filtered by the carrier"),
    ("+15005550113", Fault::Undelivered(30006), "undelivered: a landline"),
    ("+15005550114", Fault::Failed(30008), "failed: no reason given"),
    ("+15005550115", Fault::Undelivered(30005), "undelivered: number not in service"),
    ("+15005550116", Fault::Failed(21610), "taken, then failed: has replied STOP"),
    ("+15005550117", Fault::NoReceipt, "sent, and nothing more is heard"),
    ("+15005550118", Fault::StaysQueued, "stays in the queue"),
    ("+15005550119", Fault::TwoEnds, "undelivered, then delivered after all"),
    ("+15005550121", Fault::CallbacksTwice, "delivered; every callback comes twice"),
    ("+15005550122", Fault::CallbacksReversed, "delivered; callbacks in the wrong order"),
    ("+15005550123", Fault::CallbacksLost, "delivered; no callback comes"),
    ("+15005550124", Fault::CallbacksLate, "delivered; the callbacks come late"),
    ("+15005550125", Fault::CallbackFirst, "delivered; the callbacks come before the answer"),
];

/// The sender that always works, as at Twilio.
pub const GOOD_SENDER: &str = "+15005550006";

/// Senders with a fate of their own, as at Twilio.
pub(super) const SENDERS: &[(&str, u32)] =
    &[("+15005550001", 21212), ("+15005550007", 21606), ("+15005550008", 21611)];

/// What is to happen to the calls to come.
#[derive(Default)]
pub(super) struct Faults {
    scripts: HashMap<String, VecDeque<Fault>>,
    always: HashMap<String, Fault>,
}

impl Faults {
    pub(super) fn script(&mut self, to: &str, faults: impl IntoIterator<Item = Fault>) {
        self.scripts.entry(to.to_owned()).or_default().extend(faults);
    }

    pub(super) fn always(&mut self, to: &str, fault: Fault) {
        self.always.insert(to.to_owned(), fault);
    }

    /// The fault of one call, and takes it off the script; `None` when nobody has said anything.
    pub(super) fn take(&mut self, to: &str) -> Option<Fault> {
        let scripted = [to, "*"].iter().find_map(|key| self.scripts.get_mut(*key)?.pop_front());
        scripted
            .or_else(|| [to, "*"].iter().find_map(|key| self.always.get(*key).copied()))
            .or_else(|| NUMBERS.iter().find(|(number, ..)| *number == to).map(|(_, fault, _)| *fault))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::phone::PhoneNumber;

    #[test]
    fn every_fault_number_is_valid_in_the_number_plan() {
        for (number, ..) in NUMBERS {
            assert_eq!(PhoneNumber::parse(number, None).unwrap().e164(), *number);
        }
        PhoneNumber::parse(GOOD_SENDER, None).unwrap();
    }

    #[test]
    fn every_fault_is_one_word_that_leads_back_to_it() {
        let numbered = [Fault::Refuse(21211), Fault::TooManyRequests(Some(2)), Fault::Failed(30008)];
        for fault in PLAIN.into_iter().chain(numbered).chain(NUMBERS.iter().map(|(_, fault, _)| *fault)) {
            assert_eq!(fault.to_string().parse(), Ok(fault));
        }
        assert_eq!("undelivered".parse::<Fault>(), Err(NotAFault));
        assert_eq!("explode-7".parse::<Fault>(), Err(NotAFault));
    }

    #[test]
    fn a_script_comes_before_the_number_and_is_used_up() {
        let mut faults = Faults::default();
        faults.script("+15005550111", [Fault::Error500, Fault::None]);
        assert_eq!(faults.take("+15005550111"), Some(Fault::Error500));
        assert_eq!(faults.take("+15005550111"), Some(Fault::None));
        assert_eq!(faults.take("+15005550111"), Some(Fault::Undelivered(30003)));
        faults.always("*", Fault::Reset);
        assert_eq!(faults.take("+12025550143"), Some(Fault::Reset));
    }
}
