//! The protocol without its database: one text, two hosts whose steps come in any order, a provider that
//! goes wrong. It moves by the transitions of `domain::state` and by the spans of `Patience`, and is so
//! quick that a run is tens of thousands of schedules. Taking one safeguard away must be noticed.

use chrono::{DateTime, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tidings::domain::failure::ProviderStatus;
use tidings::domain::id::{AttemptId, HostId};
use tidings::domain::message::{Cause, Lease, MAX_ATTEMPTS, State};
use tidings::domain::receipt::{Standing, standing};
use tidings::service::Patience;
use uuid::Uuid;

/// What the protocol goes without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Without {
    Nothing,
    /// Every change names the row as it was read.
    Fence,
    /// Absence at the provider is seen twice.
    SecondAbsence,
    /// What may have been sent is looked up before it is sent again.
    LookUp,
    /// No call on a lease that is nearly over.
    CallTime,
}

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Accepted,
    NotNow,
    Unknown,
    Absent,
}

#[derive(Debug)]
struct Attempt {
    intent_at: DateTime<Utc>,
    outcome: Option<Outcome>,
    absent_at: Option<DateTime<Utc>>,
    told: Vec<ProviderStatus>,
}

#[derive(Debug)]
struct Text {
    attempt: usize,
    at: DateTime<Utc>,
    listed_at: DateTime<Utc>,
    is_known: bool,
    untold: Vec<ProviderStatus>,
}

/// What a host has in its memory, and loses when it dies.
#[derive(Clone, Debug)]
enum Doing {
    Nothing,
    Claimed { seen: u64, until: DateTime<Utc> },
    Intended { attempt: usize, until: DateTime<Utc> },
    Answered { attempt: usize, outcome: Outcome, text: Option<usize> },
    LookedUp { seen: u64, attempt: usize, asked_at: DateTime<Utc>, found: Option<usize> },
}

#[derive(Debug)]
struct Host {
    id: HostId,
    seen_at: DateTime<Utc>,
    doing: Doing,
}

struct Model {
    without: Without,
    patience: Patience,
    chance: StdRng,
    now: DateTime<Utc>,
    state: State,
    changes: u64,
    made: u32,
    attempts: Vec<Attempt>,
    texts: Vec<Text>,
    hosts: [Host; 2],
}

/// Runs one schedule; what is broken, if anything.
pub(super) fn run(seed: u64, without: Without) -> Result<(), String> {
    let now = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000);
    let mut chance = StdRng::seed_from_u64(seed);
    let host = |chance: &mut StdRng| Host {
        id: HostId(Uuid::from_u128(chance.random())),
        seen_at: now,
        doing: Doing::Nothing,
    };
    let hosts = [host(&mut chance), host(&mut chance)];
    let mut model = Model {
        without,
        patience: Patience::default(),
        chance,
        now,
        state: State::Planned,
        changes: 0,
        made: 0,
        attempts: Vec::new(),
        texts: Vec::new(),
        hosts,
    };
    for _ in 0..60 {
        let host = model.chance.random_range(0..2);
        match model.chance.random_range(0..100) {
            0..60 => model.step(host),
            60..75 => {
                let seconds = [1, 2, 5, 10, 25, 61][model.chance.random_range(0..6)];
                model.now += TimeDelta::seconds(seconds);
            }
            75..93 => model.tell(),
            _ => {
                let id = HostId(Uuid::from_u128(model.chance.random()));
                model.hosts[host] = Host { id, seen_at: model.now, doing: Doing::Nothing };
            }
        }
    }
    model.end()
}

impl Model {
    /// Moves the text, unless somebody else has since it was seen.
    fn moved(&mut self, seen: u64, state: State) -> bool {
        if self.changes != seen && self.without != Without::Fence {
            return false;
        }
        self.state = state;
        self.changes += 1;
        true
    }

    fn step(&mut self, host: usize) {
        let (id, now) = (self.hosts[host].id, self.now);
        self.hosts[host].seen_at = now;
        self.hosts[host].doing = match self.hosts[host].doing.clone() {
            Doing::Nothing => self.begin(id),
            Doing::Claimed { seen, until } => {
                let attempt = self.attempts.len();
                let lease = Lease { host: id, until };
                let sending = State::Sending(lease, AttemptId(Uuid::from_u128(attempt as u128)));
                if self.moved(seen, sending) {
                    self.made += 1;
                    let told = Vec::new();
                    self.attempts.push(Attempt { intent_at: now, outcome: None, absent_at: None, told });
                    let until = now + self.patience.lease;
                    Doing::Intended { attempt, until }
                } else {
                    Doing::Nothing
                }
            }
            Doing::Intended { attempt, until } => {
                let is_late = now > until - self.patience.call_time;
                if is_late && self.without != Without::CallTime {
                    self.settle(attempt, Outcome::NotNow, None);
                    Doing::Nothing
                } else {
                    self.call(attempt)
                }
            }
            Doing::Answered { attempt, outcome, text } => {
                self.settle(attempt, outcome, text);
                Doing::Nothing
            }
            Doing::LookedUp { seen, attempt, asked_at, found } => {
                self.found(seen, attempt, asked_at, found);
                Doing::Nothing
            }
        };
    }

    /// Claims, takes over, or looks up: whatever the text needs.
    fn begin(&mut self, id: HostId) -> Doing {
        let now = self.now;
        match self.state.clone() {
            State::Planned => {
                let until = now + self.patience.lease;
                let seen = self.changes;
                self.moved(seen, State::Claimed(Lease { host: id, until }));
                return Doing::Claimed { seen: self.changes, until };
            }
            State::Claimed(lease) if self.is_left(lease) => {
                let state = self.state.clone().plan_again().unwrap();
                self.moved(self.changes, state);
            }
            State::Sending(lease, attempt) if self.is_left(lease) => {
                let intent_at = self.attempts[place(attempt)].intent_at;
                let state = self.state.clone().lose_sight(intent_at + self.patience.look_up_after).unwrap();
                self.moved(self.changes, state);
            }
            State::Unknown { check_at } if check_at <= now => {
                let attempt = self.attempts.len() - 1;
                let listed = |text: &Text| !text.is_known && text.listed_at <= now;
                let found = self.texts.iter().position(listed);
                return Doing::LookedUp { seen: self.changes, attempt, asked_at: now, found };
            }
            _ => {}
        }
        Doing::Nothing
    }

    /// The lease is over, or its host was not seen for too long.
    fn is_left(&self, lease: Lease) -> bool {
        let alive =
            |host: &Host| host.id == lease.host && host.seen_at >= self.now - self.patience.dead_after;
        lease.until <= self.now || !self.hosts.iter().any(alive)
    }

    fn call(&mut self, attempt: usize) -> Doing {
        let (fate, late) = (self.chance.random_range(0..100), self.chance.random_range(0..=10));
        let lag = if self.chance.random_bool(0.6) { 0 } else { self.chance.random_range(0..=75) };
        let late = if fate < 60 { 0 } else { late };
        let at = self.now + TimeDelta::seconds(late);
        let untold = vec![ProviderStatus::Sent, ProviderStatus::Delivered];
        let untold = if self.chance.random_bool(0.7) { untold } else { Vec::new() };
        let is_taken = fate < 75;
        if is_taken {
            let listed_at = at + TimeDelta::seconds(lag);
            self.texts.push(Text { attempt, at, listed_at, is_known: false, untold });
        }
        let text = is_taken.then(|| self.texts.len() - 1);
        let outcome = match fate {
            0..45 => Outcome::Accepted,
            45..90 => Outcome::Unknown,
            _ => Outcome::NotNow,
        };
        Doing::Answered { attempt, outcome, text: text.filter(|_| outcome == Outcome::Accepted) }
    }

    fn settle(&mut self, attempt: usize, outcome: Outcome, text: Option<usize>) {
        if let Some(text) = text {
            return self.receipt(attempt, text, ProviderStatus::Queued);
        }
        let own = &mut self.attempts[attempt];
        own.outcome = own.outcome.or(Some(outcome));
        let State::Sending(_, sending) = &self.state else { return };
        if place(*sending) != attempt {
            return;
        }
        let state = self.state.clone();
        let state = if outcome == Outcome::NotNow {
            self.made -= 1;
            state.plan_again()
        } else if self.without == Without::LookUp {
            state.plan_again()
        } else {
            state.lose_sight(self.now + self.patience.look_up_after)
        };
        self.moved(self.changes, state.unwrap());
    }

    fn found(&mut self, seen: u64, attempt: usize, asked_at: DateTime<Utc>, found: Option<usize>) {
        if let Some(text) = found {
            return self.receipt(attempt, text, ProviderStatus::Queued);
        }
        let State::Unknown { .. } = self.state else { return };
        let before = self.attempts[attempt].absent_at;
        let is_proven = before.is_some_and(|before| asked_at - before >= self.patience.seen_twice);
        let state = if is_proven || self.without == Without::SecondAbsence {
            if self.made < MAX_ATTEMPTS {
                self.state.clone().plan_again().unwrap()
            } else {
                self.state.clone().fail(Cause::new("outcome_unknown", "not resent")).unwrap()
            }
        } else {
            State::Unknown { check_at: before.unwrap_or(self.now) + self.patience.seen_twice }
        };
        if self.moved(seen, state) {
            let own = &mut self.attempts[attempt];
            own.absent_at = own.absent_at.or(Some(self.now));
            if self.state.name() != "unknown" {
                own.outcome = Some(Outcome::Absent);
            }
        }
    }

    /// The provider tells something, in any order, some of it twice.
    fn tell(&mut self) {
        let now = self.now;
        let some = |text: &Text| text.at <= now && !text.untold.is_empty();
        let Some(text) = self.texts.iter().position(some) else { return };
        let place = self.chance.random_range(0..self.texts[text].untold.len());
        let is_repeated = self.chance.random_bool(0.2);
        let untold = &mut self.texts[text].untold;
        let status = if is_repeated { untold[place] } else { untold.remove(place) };
        self.receipt(self.texts[text].attempt, text, status);
    }

    fn receipt(&mut self, attempt: usize, text: usize, status: ProviderStatus) {
        self.texts[text].is_known = true;
        let before = self.attempts[attempt].outcome;
        self.attempts[attempt].outcome = Some(Outcome::Accepted);
        self.attempts[attempt].told.push(status);
        let is_newest = attempt + 1 == self.attempts.len();
        let was_taken_for_unsent = matches!(before, Some(Outcome::Absent | Outcome::NotNow));
        let standing = standing(self.attempts[attempt].told.iter().copied());
        let state = match (standing, &self.state) {
            (Some(Standing::Delivered), _) => State::Delivered,
            (Some(Standing::Sent), State::Sending(..) | State::Unknown { .. } | State::Accepted)
                if is_newest =>
            {
                State::Sent
            }
            (Some(Standing::Accepted), State::Sending(..) | State::Unknown { .. }) if is_newest => {
                self.state.clone().accept().unwrap()
            }
            (Some(Standing::Accepted | Standing::Sent), State::Planned | State::Claimed(_))
                if is_newest && was_taken_for_unsent =>
            {
                State::Accepted
            }
            _ => return,
        };
        self.moved(self.changes, state);
    }

    /// Everybody goes on, time goes by, and the text must be at its end.
    fn end(mut self) -> Result<(), String> {
        for round in 0..60 {
            for host in [0, 1, 0, 1, 0, 1, 0, 1] {
                self.step(host);
            }
            for _ in 0..8 {
                self.tell();
            }
            self.now += TimeDelta::seconds(31);
            // A provider that is silent is asked.
            if round > 40 && matches!(self.state, State::Accepted | State::Sent) {
                let known = self.texts.iter().rposition(|text| text.is_known).expect("it was accepted");
                self.receipt(self.attempts.len() - 1, known, ProviderStatus::Delivered);
            }
        }
        let (state, texts) = (self.state.name(), self.texts.len());
        let is_sound = match &self.state {
            State::Delivered => texts == 1,
            State::Failed(_) => texts == 0,
            _ => false,
        };
        if is_sound { Ok(()) } else { Err(format!("{state}, and the phone has {texts}: {:?}", self.texts)) }
    }
}

/// Identifiers of attempts are their places here.
fn place(attempt: AttemptId) -> usize {
    usize::try_from(attempt.0.as_u128()).unwrap()
}
