//! Senders: which number or service a text is from, and when it is its turn there. A text whose sender is
//! busy goes back to its place, so that it stands in nobody's way.

use super::intend::Intent;
use super::{Host, HostError};
use crate::domain::kind::TypeName;
use crate::domain::message::{Cause, Lane, Message};
use crate::domain::pace::{Pace, Rate};
use crate::domain::phone::PhoneNumber;
use crate::store::{NextDue, Tx};
use crate::twilio::Sender;
use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt as _;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A text that was put back before is asked for again within this time.
const SOON: i64 = 60_000;

/// A number, name or service that texts are sent from, and which ones.
#[derive(Clone, Debug)]
pub struct SenderRoute {
    /// Who they are from.
    pub sender: Sender,
    /// To these countries (ISO 3166 alpha-2); empty: to all.
    pub countries: BTreeSet<String>,
    /// Of these types; empty: of all.
    pub types: BTreeSet<String>,
    /// As fast as this; `None`: as fast as they come.
    pub rate: Option<Rate>,
}

impl SenderRoute {
    fn serves(&self, country: Option<&str>, kind: &TypeName) -> bool {
        let is_in = |set: &BTreeSet<String>, word: &str| set.is_empty() || set.contains(word);
        is_in(&self.countries, country.unwrap_or_default()) && is_in(&self.types, kind.as_str())
    }
}

/// What this host knows of its senders. Others may have made them busier since, and never less so.
#[derive(Default)]
pub(super) struct Turns(Mutex<Known>);

#[derive(Default)]
struct Known {
    paces: HashMap<String, Pace>,
    /// Where the next text of a lane goes that is put back for a sender.
    tails: HashMap<String, BTreeMap<Lane, DateTime<Utc>>>,
    /// Claimed and not yet given to a sender.
    arriving: HashMap<Lane, u32>,
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pace(&self, sender: &str) -> Pace {
        self.lock().paces.get(sender).copied().unwrap_or_default()
    }

    /// The lanes in which somebody is on the way to a sender.
    pub(super) fn on_the_way(&self) -> BTreeSet<Lane> {
        let arriving = &self.lock().arriving;
        arriving.iter().filter(|(_, count)| **count > 0).map(|(lane, _)| *lane).collect()
    }

    /// Nobody stands any more in a line that ends before whatever is due first in its lane; who is on the way there
    /// may, and who was before the lanes were looked at.
    pub(super) fn let_go(&self, due: &NextDue, were_on_the_way: &BTreeSet<Lane>) {
        let may_stand = &self.on_the_way() | were_on_the_way;
        for lines in self.lock().tails.values_mut() {
            lines.retain(|lane, tail| {
                may_stand.contains(lane) || due.of(*lane).is_some_and(|first| first <= *tail)
            });
        }
    }

    /// Takes in what the database says.
    pub(super) fn learn(&self, paces: HashMap<String, Pace>, now: DateTime<Utc>) {
        let believable = paces.into_iter().map(|(name, pace)| (name, pace.believable(now)));
        self.lock().paces.extend(believable);
    }
}

/// A claimed message on its way to its sender: others are claimed for the room that is left.
pub(super) struct Arriving(Host, Lane);

impl Drop for Arriving {
    fn drop(&mut self) {
        let mut known = self.0.turns.lock();
        let arriving = known.arriving.entry(self.1).or_default();
        *arriving = arriving.saturating_sub(1);
    }
}

/// The paces in one unit of work, in which intents take their turns.
pub(super) struct Taking {
    paces: HashMap<String, Pace>,
    taken: BTreeSet<String>,
    /// `None` while the clock is in doubt: what is counted by it could stand in everybody's way for a day.
    now: Option<DateTime<Utc>>,
}

impl Taking {
    /// Whether it is this text's turn; it is counted.
    pub(super) fn take(&mut self, intent: &Intent) -> bool {
        let Some(now) = self.now.filter(|_| intent.is_paced) else { return true };
        let name = intent.sender.as_str();
        let pace = self.paces.entry(name.to_owned()).or_default();
        let counts = pace.counts(intent.rate, now);
        let segments = intent.sending.text.as_ref().map_or(1, |text| text.segments);
        let is_let = pace.take(intent.rate, intent.before.lane, segments, now);
        if counts && is_let {
            self.taken.insert(name.to_owned());
        }
        is_let
    }
}

/// Why a message went back to its place.
pub(super) fn waits_its_turn() -> Cause {
    Cause::new("sender-busy", "its sender is busy with others; it goes out when it is its turn")
}

impl Host {
    /// Whom a text is from: the first sender that serves its country and type.
    pub(super) fn route(&self, country: Option<&str>, kind: &TypeName) -> Option<&SenderRoute> {
        self.settings.senders.iter().find(|route| route.serves(country, kind))
    }

    /// Whether a message's sender is counted: what test keys send beside a real account is not.
    pub(super) fn is_paced(&self, message: &Message) -> bool {
        !message.test || self.providers.live.is_none()
    }

    /// So many messages of a lane may be claimed now, as far as its senders go.
    pub(super) fn room(&self, lane: Lane, now: DateTime<Utc>) -> u32 {
        if lane.is_urgent() {
            return u32::MAX;
        }
        if self.doubts(now) {
            return 0;
        }
        let known = self.turns.lock();
        let room = self.settings.senders.iter().filter(|route| self.may_serve(route, lane)).map(|route| {
            let pace = known.paces.get(route.sender.as_str()).copied().unwrap_or_default();
            pace.room(route.rate, lane, now)
        });
        // Without a sender messages are claimed all the same, and held with the reason.
        let room = room.reduce(u32::saturating_add).unwrap_or(u32::MAX);
        match room {
            u32::MAX => room,
            _ => room.saturating_sub(known.arriving.get(&lane).copied().unwrap_or(0)),
        }
    }

    /// When there is room for a lane again, as far as this host knows.
    pub(super) fn opens_at(&self, lane: Lane) -> Option<DateTime<Utc>> {
        let known = self.turns.lock();
        let serving = self.settings.senders.iter().filter(|route| self.may_serve(route, lane));
        serving.filter_map(|route| Some(known.paces.get(route.sender.as_str())?.opens_at(lane))).min()
    }

    /// Whether a sender has anything to do with a lane: one for urgent types only leaves the others alone.
    fn may_serve(&self, route: &SenderRoute, lane: Lane) -> bool {
        let is_for = |kind: &String| {
            self.kind(&TypeName::from(kind.as_str()))
                .is_none_or(|kind| kind.lane.is_urgent() == lane.is_urgent())
        };
        route.types.is_empty() || route.types.iter().any(is_for)
    }

    /// A message was claimed, and is on its way to its sender.
    pub(super) fn arrives(&self, lane: Lane) -> Arriving {
        *self.turns.lock().arriving.entry(lane).or_default() += 1;
        Arriving(self.clone(), lane)
    }

    /// When a message's sender has time for it, if not now: looked at before it is judged.
    pub(super) fn has_to_wait(
        &self,
        message: &Message,
        phone: Option<&PhoneNumber>,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        if message.lane.is_urgent() || !self.is_paced(message) {
            return None;
        }
        let route = self.route(phone?.country(), &message.kind)?;
        let pace = self.turns.pace(route.sender.as_str());
        let waits = pace.counts(route.rate, now) && pace.opens_at(message.lane) > now;
        waits.then(|| self.next_turn(message, route.sender.as_str(), now))
    }

    /// Where a message goes that has to wait: behind those of its lane and of the lanes before it that wait
    /// already, so that about as many come back at a time as have their turn. One that comes back and finds
    /// others there stays near. No place is one where its use is over: rather than there it competes at once.
    pub(super) fn next_turn(&self, message: &Message, sender: &str, now: DateTime<Utc>) -> DateTime<Utc> {
        let mut known = self.turns.lock();
        let pace = known.paces.get(sender).copied().unwrap_or_default();
        let opens_at = pace.opens_at(message.lane).max(now) + TimeDelta::milliseconds(1);
        if message.due_at > message.planned_for && message.deferrals == 0 {
            let left = (message.expires_at - opens_at).num_milliseconds();
            let spread = self.chance.lock().random_range(0..SOON.min(left).max(1));
            return opens_at + TimeDelta::milliseconds(spread);
        }
        let rate = self.settings.senders.iter().find(|route| route.sender.as_str() == sender);
        let mut one = Pace { busy_until: now, ..pace };
        one.take(rate.and_then(|route| route.rate), Lane::Urgent, 1, now);
        let tails = known.tails.entry(sender.to_owned()).or_default();
        let turn = tails.range(..=message.lane).map(|(_, tail)| *tail).fold(opens_at, Ord::max);
        if turn >= message.expires_at {
            return opens_at;
        }
        tails.insert(message.lane, turn + (one.busy_until - now));
        turn
    }

    /// The senders' paces for a unit of work that commits to calls; they are locked where one counts.
    pub(super) async fn take_turns(
        &self,
        tx: &mut Tx,
        intents: impl Iterator<Item = &Intent>,
    ) -> Result<Taking, HostError> {
        let now = self.now();
        let (mut paces, taken) = (HashMap::new(), BTreeSet::new());
        if self.doubts_clock() {
            return Ok(Taking { paces, taken, now: None });
        }
        let mut counted =
            intents.filter(|it| it.is_paced && self.turns.pace(it.sender.as_str()).counts(it.rate, now));
        if counted.next().is_some() {
            paces = tx.lock_paces().await?;
            for pace in paces.values_mut() {
                *pace = pace.believable(now);
            }
        }
        Ok(Taking { paces, taken, now: Some(now) })
    }

    /// Writes the turns that were taken, in the unit of work of the intents.
    pub(super) async fn keep_turns(&self, tx: &mut Tx, taking: &Taking) -> Result<(), HostError> {
        let taken = taking.taken.iter().filter_map(|name| Some((name.as_str(), *taking.paces.get(name)?)));
        Ok(tx.keep_paces(&taken.collect::<Vec<_>>()).await?)
    }

    /// What came of a unit of work.
    pub(super) fn turns_taken(&self, taking: Taking) {
        self.turns.learn(taking.paces, self.now());
    }

    /// Senders that are busy until a moment that only a wrong clock can have given them are free.
    pub(super) async fn free_senders(
        &self,
        beyond: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let mut tx = self.store.begin().await?;
        let mut paces = tx.lock_paces().await?;
        paces.retain(|_, pace| pace.busy_until > beyond || pace.slowed_at.is_some_and(|at| at > beyond));
        for pace in paces.values_mut() {
            *pace = Pace { busy_until: now, ..pace.believable(now) };
        }
        let freed: Vec<_> = paces.iter().map(|(name, pace)| (name.as_str(), *pace)).collect();
        tx.keep_paces(&freed).await?;
        tx.commit().await?;
        self.turns.learn(paces, now);
        self.turns.lock().tails.clear();
        Ok(())
    }

    /// The provider has asked for patience: the sender is slower for a while, on all hosts.
    pub(super) async fn slow_sender(
        &self,
        sender: &Sender,
        asked: Option<Duration>,
    ) -> Result<(), HostError> {
        let now = self.now();
        if self.doubts_clock() {
            return Ok(());
        }
        let asked = asked.map(super::settle::patience);
        let mut tx = self.store.begin().await?;
        let pace = tx.lock_paces().await?.remove(sender.as_str()).unwrap_or_default();
        let mut pace = pace.believable(now);
        pace.slow_down(asked, now);
        tx.keep_paces(&[(sender.as_str(), pace)]).await?;
        tx.commit().await?;
        tracing::warn!(
            speed = pace.speed,
            "the provider asks for patience; the sender is slowed down for a while"
        );
        self.turns.learn(HashMap::from([(sender.as_str().to_owned(), pace)]), now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_put_back_while_the_lanes_were_looked_at_keeps_the_place() {
        let turns = Turns::default();
        turns.lock().arriving.insert(Lane::Bulk, 1);
        turns.lock().tails.entry("+1".to_owned()).or_default().insert(Lane::Bulk, DateTime::UNIX_EPOCH);
        // It was claimed when the lanes were looked at, and waits again since.
        let (on_the_way, due) = (turns.on_the_way(), NextDue::default());
        turns.lock().arriving.insert(Lane::Bulk, 0);
        turns.let_go(&due, &on_the_way);
        assert_eq!(turns.lock().tails["+1"].len(), 1);
        turns.let_go(&due, &turns.on_the_way());
        assert_eq!(turns.lock().tails["+1"].len(), 0);
    }
}
