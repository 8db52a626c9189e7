//! Linear memory as the component model lays out what a function returns.

use super::{Decides, Guest, Plans, Replies};

/// Where the data begins.
pub(super) const BASE: i32 = 1024;

/// The bytes of a planned message.
pub(super) const PLANNED: i32 = 88;

/// Where many of them are put: behind the pages that a guest begins with.
pub(super) const MANY: i32 = 16 << 16;

/// The data of a guest.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) bytes: Vec<u8>,
}

impl Memory {
    fn end(&self) -> i32 {
        BASE + i32::try_from(self.bytes.len()).unwrap()
    }

    pub(super) fn text(&mut self, text: &str) -> (i32, i32) {
        let pointer = self.end();
        self.bytes.extend(text.as_bytes());
        (pointer, i32::try_from(text.len()).unwrap())
    }

    /// Words of four bytes, on a boundary of eight.
    pub(super) fn record(&mut self, words: &[i32]) -> i32 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let pointer = self.end();
        self.bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        pointer
    }

    pub(super) fn description(&mut self, guest: &Guest) -> i32 {
        let name = self.text(guest.name);
        let (version, summary) = (self.text(guest.version), self.text("A sample."));
        let types: Vec<_> = [Some(guest.message_type), guest.also].into_iter().flatten().collect();
        let types = self.texts(&types);
        let events = self.texts(guest.events);
        let schema = self.text(r#"{"type": "object", "additionalProperties": false, "properties": {}}"#);
        let answers = match guest.replies {
            Replies::Answer(message_type) => self.texts(&[message_type]),
            _ => (0, 0),
        };
        let inputs = (0, 0);
        let fields = [name, version, summary, types, events, inputs, answers, schema];
        self.record(&fields.map(|(pointer, length)| [pointer, length]).concat())
    }

    fn texts(&mut self, texts: &[&str]) -> (i32, i32) {
        let words: Vec<i32> =
            texts.iter().map(|text| self.text(text)).flat_map(|(at, length)| [at, length]).collect();
        (self.record(&words), i32::try_from(texts.len()).unwrap())
    }

    /// `err(text)`, whose payload begins at `align`.
    pub(super) fn failure(&mut self, align: usize, text: &str) -> i32 {
        let (pointer, length) = self.text(text);
        let mut words = vec![1; align / 4];
        words.extend([pointer, length]);
        self.record(&words)
    }

    fn reason(&mut self, code: &str, facts: (i32, i32)) -> [i32; 6] {
        let (code, text) = (self.text(code), self.text("It may go."));
        [code.0, code.1, text.0, text.1, facts.0, facts.1]
    }

    /// One fact, a decimal of these characters.
    fn decimal(&mut self, number: &str) -> (i32, i32) {
        let (key, number) = (self.text("hour"), self.text(number));
        (self.record(&[key.0, key.1, 2, 0, number.0, number.1]), 1)
    }

    pub(super) fn decided(&mut self, decides: &Decides) -> i32 {
        let (code, facts) = match decides {
            Decides::SendBecause(code) => (code.as_str(), (0, 0)),
            Decides::SendWithDecimal(number) => ("ok", self.decimal(number)),
            _ => ("ok", (0, 0)),
        };
        let mut reason = self.reason(code, facts);
        match decides {
            Decides::Say(words) => self.failure(8, words),
            Decides::Text(length) => self.record(&[1, 0, 0, *length]),
            Decides::NoSuchCase => self.record(&[&[0, 0, 7, 0], &reason[..]].concat()),
            Decides::BrokenText => {
                let broken = self.end();
                self.bytes.extend([0xff, 0xfe, 0xed]);
                (reason[2], reason[3]) = (broken, 3);
                self.record(&[&[0, 0, 0, 0], &reason[..]].concat())
            }
            Decides::DeferByWasi => self.record(&[&[0, 0, 1, 0, 0, 0], &reason[..]].concat()),
            Decides::Defer(until) => self.record(&[&[0, 0, 1, 0], &halves(*until)[..], &reason[..]].concat()),
            _ => self.record(&[&[0, 0, 0, 0], &reason[..]].concat()),
        }
    }

    /// What `on-reply` answers.
    pub(super) fn replied(&mut self, replies: &Replies) -> i32 {
        let reason = self.reason("said-so", (0, 0));
        let (case, name) = match replies {
            Replies::Trap | Replies::Ignore => (0, None),
            Replies::Answer(message_type) => (1, Some(message_type)),
            Replies::Request(name) => (2, Some(name)),
            Replies::HandToStaff => (3, None),
            Replies::OptOut => (4, None),
        };
        let mut words = vec![0, case];
        if let Some(name) = name {
            let (pointer, length) = self.text(name);
            words.extend([pointer, length]);
        }
        words.extend(reason);
        self.record(&words)
    }

    /// The answer to `on-failure`: another attempt at this moment.
    pub(super) fn retried(&mut self, at: u64) -> i32 {
        let reason = self.reason("ok", (0, 0));
        self.record(&[&[0, 0, 0, 0], &halves(at)[..], &reason[..]].concat())
    }

    /// The answer to `plan`: `ok` with a list of messages at this place, and nothing passed over.
    pub(super) fn planned(&mut self, messages: (i32, i32)) -> i32 {
        self.record(&[0, messages.0, messages.1, 0, 0])
    }

    /// One planned message, as long as [`PLANNED`].
    pub(super) fn message(&mut self, message_type: &str, to: &str, send_at: u64) -> i32 {
        self.message_about(message_type, to, send_at, None)
    }

    fn message_about(&mut self, message_type: &str, to: &str, send_at: u64, about: Option<u64>) -> i32 {
        let (key, message_type, to) = (self.text("a"), self.text(message_type), self.text(to));
        let reason = self.reason("ok", (0, 0));
        let named = [key.0, key.1, message_type.0, message_type.1, to.0, to.1];
        let [low, high] = halves(about.unwrap_or_default());
        // No end.
        let moments = [0, 0, 0, 0, i32::from(about.is_some()), 0, low, high];
        self.record(&[&named[..], &halves(send_at), &moments, &reason].concat())
    }

    /// What `plan` answers, and one message to copy where there are many.
    pub(super) fn plan(&mut self, guest: &Guest) -> (i32, i32) {
        let own = guest.message_type;
        let one = match &guest.plans {
            Plans::Trap | Plans::Nothing => return (self.planned((0, 0)), 0),
            Plans::Many(count) => {
                let message = self.message(own, "person-1", 0);
                return (self.planned((MANY, *count)), message);
            }
            Plans::One => self.message(own, "person-1", 0),
            Plans::OfType(message_type) => self.message(message_type, "person-1", 0),
            Plans::To(somebody) => self.message(own, somebody, 0),
            Plans::At(moment) => self.message(own, "person-1", *moment),
            Plans::About(moment) => self.message_about(own, "person-1", 0, Some(*moment)),
        };
        (self.planned((one, 1)), one)
    }
}

fn halves(number: u64) -> [i32; 2] {
    [number & u64::from(u32::MAX), number >> 32].map(|half| u32::try_from(half).unwrap().cast_signed())
}
