//! Who comes and who goes: a connection gets its session and leaves it again.
//!
//! Invariants: a client id belongs to its account, so nobody takes another's session over; a
//! newcomer finds room by pushing out who is away longest, never who is there (but a device without
//! an account, which holds no place for ever); a will is said once, or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::access::Identity;
use super::core::Core;
use super::ledger::record::Record;
use super::ledger::restore::GRACE;
use super::matcher::Slot;
use super::quota::count_bytes;
use super::session::{Attached, Due, Line, Opening, Peer, Session};
use super::will::will_record;
use crate::supervisor::lobby::neighbour;

impl Core {
    /// Gives a connection its session; there is no open connection of that client. Errors are a
    /// CONNACK code and a sentence.
    pub fn attach(&mut self, o: Opening, now: Instant) -> Result<Attached, (u8, &'static str)> {
        // Nothing that is said now would be written: the broker's next life takes the client.
        if self.ending {
            return Err((0x88, "the broker ends"));
        }
        // Whoever waited for its place may have lost its account meanwhile.
        if self.table.credential(&o.who).as_deref() != Some(&o.credential) {
            return Err((0x87, "its account changed"));
        }
        if !self.table.holds(&o.who, &o.peer.proof) {
            return Err((0x87, "its certificate is not the newest of this name"));
        }
        let key = (o.who.clone(), o.client_id.clone());
        let known = self.by_client.get(&key).copied();
        let ended = known.filter(|slot| {
            o.clean
                || self
                    .session(*slot)
                    .is_none_or(|s| !s.is_kept() || s.credential != o.credential)
        });
        if (known.is_none() || ended.is_some())
            && !o.keep_for.is_zero()
            && self.ledger.is_full(o.who.owner())
        {
            return Err((
                0x97,
                "the card has so much of this account to write that it must wait",
            ));
        }
        if let Some(slot) = ended {
            // Whom the broker's own death took away is back in time: its will is not said, even if
            // its session ends here.
            self.come_back(&o.who, &o.client_id, |due| due.grace);
            self.remove(slot, now);
        }
        self.lines += 1;
        let line_number = self.lines;
        let known = self.by_client.get(&key).copied();
        let slot = match known {
            Some(slot) => slot,
            None => {
                self.make_room(&o.who, now)?;
                self.last_number += 1;
                let session = Session {
                    number: self.last_number,
                    owner: o.who.owner().into(),
                    queue: self.queue_for(&o.who),
                    who: o.who,
                    client_id: o.client_id,
                    subscriptions: BTreeMap::new(),
                    received: BTreeMap::new(),
                    wake: Arc::new(Notify::new()),
                    line: None,
                    credential: o.credential,
                    keep_for: Duration::ZERO,
                    since: now,
                    peer: Peer::default(),
                    will: None,
                    noted: false,
                };
                self.place(session)
            }
        };
        let wall = self.wall();
        self.come_back(&key.0, &key.1, |_| true);
        let Self {
            sessions,
            ledger,
            counters,
            ..
        } = self;
        let Some(session) = sessions.get_mut(slot as usize).and_then(Option::as_mut) else {
            return Err((0x80, "the session is gone"));
        };
        let owner = session.owner.clone();
        session.queue.reconnected(o.window);
        let line = Line::new(line_number, session.wake.clone());
        session.line = Some(line.clone());
        session.since = now;
        session.keep_for = o.keep_for;
        session.peer = o.peer;
        session.will = o.will;
        if session.is_kept() || session.noted {
            session.noted = true;
            let head = session.head(now, wall);
            ledger.note(&owner, head, None);
        }
        if let Some(will) = &session.will {
            let record = will_record(
                session.number,
                (&owner, &session.client_id),
                will,
                None,
                now,
                wall,
            );
            ledger.note(&owner, Record::Will(record), None);
        }
        counters.connected += 1;
        counters.connected_max = counters.connected_max.max(counters.connected);
        Ok(Attached::new(
            slot,
            &line,
            known.is_some(),
            session.wake.clone(),
        ))
    }

    /// Room for one more session of `who`; those who are away longest make it.
    fn make_room(&mut self, who: &Identity, now: Instant) -> Result<(), (u8, &'static str)> {
        if matches!(who, Identity::Stranger(_))
            && self.strangers().count() >= self.limits.quarantined
        {
            // Nobody holds a place for ever: of the address that holds the most the one that came
            // first goes, and there is room at the next try.
            let near = |s: &Session| s.peer.address.parse().map(neighbour).ok();
            let crowd = |of: &Session| self.strangers().filter(|s| near(s) == near(of)).count();
            if let Some(line) = self
                .strangers()
                .min_by_key(|s| (std::cmp::Reverse(crowd(s)), s.number))
                .and_then(|s| s.line.as_ref())
            {
                line.cut
                    .now(0x97, "too many devices without an account are here at once");
            }
            return Err((0x97, "too many devices without an account are here at once"));
        }
        let oldest = |core: &Self, of: &mut dyn Iterator<Item = Slot>| {
            of.filter_map(|s| {
                core.sessions
                    .get(s as usize)?
                    .as_ref()
                    .filter(|x| x.is_away())
                    .map(|x| (x.since, s))
            })
            .min()
            .map(|(_, s)| s)
        };
        if *who != Identity::House {
            let mine: Vec<Slot> = self
                .by_client
                .range((who.clone(), String::new())..)
                .take_while(|((w, _), _)| w == who)
                .map(|(_, s)| *s)
                .collect();
            if mine.len() >= self.limits.per_account {
                let away = oldest(self, &mut mine.into_iter())
                    .ok_or((0x97, "this account has too many connections"))?;
                self.push_out(away, now);
            }
        }
        let away = self
            .by_client
            .len()
            .saturating_sub(usize::try_from(self.counters.connected).unwrap_or(usize::MAX));
        if away >= self.limits.sessions {
            let all: Vec<Slot> = self.by_client.values().copied().collect();
            if let Some(away) = oldest(self, &mut all.into_iter()) {
                self.push_out(away, now);
            }
        }
        Ok(())
    }

    /// A session makes room for another: what waits for it is dropped, and that is counted.
    fn push_out(&mut self, slot: Slot, now: Instant) {
        let waiting = self
            .session(slot)
            .map_or(0, |s| s.queue.len().0 + s.queue.len().1);
        self.counters.dropped += waiting as u64;
        self.remove(slot, now);
    }

    /// The connection ended. Polite = its will is not said.
    pub fn detach(&mut self, attached: &Attached, polite: bool, now: Instant) {
        self.counters.connected = self.counters.connected.saturating_sub(1);
        let (wall, slot, ending) = (self.wall(), attached.slot, self.ending);
        let known = self
            .session(slot)
            .map(|s| s.who.clone())
            .is_some_and(|who| self.table.knows(&who));
        let Some(session) = self
            .session(slot)
            .filter(|s| s.line.as_ref().is_some_and(|l| l.number == attached.number))
        else {
            return;
        };
        session.since = now;
        // All this happens under one lock: a newcomer comes after the will.
        session.line = None;
        let before = session.queue.bytes;
        session.queue.keep_only_acknowledged();
        let (number, who, owner, client_id) = (
            session.number,
            session.who.clone(),
            session.owner.clone(),
            session.client_id.clone(),
        );
        let over = !session.is_kept() || !known;
        // At a planned end nothing is said, and the disk keeps what would be; who says goodbye
        // meanwhile has no will any more.
        let (will, later) = if ending && !polite {
            (None, session.will.take())
        } else {
            (session.will.take(), None)
        };
        let had_will = will.is_some();
        let delay = Duration::from_secs(u64::from(
            will.as_ref()
                .and_then(|w| w.properties.will_delay)
                .unwrap_or(0),
        ))
        .min(session.keep_for);
        let Self {
            sessions,
            queued_bytes,
            per_account,
            ..
        } = self;
        if let Some(session) = sessions.get(slot as usize).and_then(Option::as_ref) {
            count_bytes(queued_bytes, per_account, session, before);
        }
        match will {
            Some(will) if !polite && delay.is_zero() => {
                self.say_will(&who, (number, attached.number), &will, now);
            }
            Some(will) if !polite => {
                let at = now + delay;
                let record = will_record(
                    number,
                    (&owner, &client_id),
                    &will,
                    Some(wall + delay.as_secs()),
                    now,
                    wall,
                );
                self.ledger.note(&owner, Record::Will(record), None);
                self.wills.insert(
                    number,
                    Due {
                        at,
                        owner: who.clone(),
                        client_id: client_id.clone(),
                        will,
                        line: attached.number,
                        grace: false,
                    },
                );
            }
            _ if had_will => self.ledger.note(&owner, Record::WillOver(number), None),
            _ => {}
        }
        if over {
            self.remove(slot, now);
        } else if let Some(session) = self.session(slot) {
            let head = session.head(now, wall);
            self.ledger.note(&owner, head, None);
        }
        if let Some(will) = later {
            // A dump of the last moment holds it too.
            self.wills.insert(
                number,
                Due {
                    at: now + GRACE,
                    owner: who,
                    client_id,
                    will,
                    line: attached.number,
                    grace: true,
                },
            );
        }
    }

    /// The client that still holds `attached` wants its session kept for so long.
    pub fn keep_for(&mut self, attached: &Attached, seconds: u32) {
        let most = Duration::from_secs(u64::from(self.limits.session_s));
        // What was not to be kept is not kept now; a stranger's never is.
        if let Some(session) = self.session(attached.slot).filter(|s| s.is_kept()) {
            session.keep_for = Duration::from_secs(u64::from(seconds)).min(most);
        }
    }
}
