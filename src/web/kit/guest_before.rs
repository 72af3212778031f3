//! The rules and decisions about the free wifi that held before an entry changed them, and how a
//! decision is taken back.
//!
//! An entry tells the rules or the decision as they are from then on. Those before stand in an
//! earlier entry, which the index finds; what was found is remembered, because open pages ask each
//! second.

use std::sync::{Arc, PoisonError};

use super::app::{App, RequestContext};
use super::undo::Undo;
use crate::domain::event::{Entry, Event};
use crate::domain::guest::{self, Standing};

/// Most answers that are remembered.
const MAX_REMEMBERED: usize = 500;
/// Entries about one device that are searched for a decision: it may have been cut off many times.
const MAX_DEVICE_ENTRIES: usize = 200;

/// Whether an event sets rules or decides about a device, so that the next one takes its place.
const fn is_setting(event: &guest::Event) -> bool {
    match event {
        guest::Event::RulesSet { .. }
        | guest::Event::Decided { .. }
        | guest::Event::Forgotten { .. } => true,
        guest::Event::Cut { .. } => false,
    }
}

impl App {
    /// Finds what held before the entry `seq`, which is about `subject`, and remembers it.
    pub async fn find_guest_before(&self, seq: u64, subject: &str) {
        if self.is_guest_before_known(seq) {
            return;
        }
        // A query that failed is not remembered as “nothing”.
        let Some(entries) = self.about(subject, seq, MAX_DEVICE_ENTRIES).await else {
            return;
        };
        let before = entries.iter().find_map(|stored| match &stored.entry.event {
            Event::Guest(event) if is_setting(event) => Some(Arc::new(event.clone())),
            _ => None,
        });
        if before.is_none() && entries.len() >= MAX_DEVICE_ENTRIES {
            return;
        }
        let mut known = self
            .guests_before
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_REMEMBERED {
            known.pop_first();
        }
        known.insert(seq, before);
    }

    /// The same for an entry that is read; one about something else has nothing to find.
    pub async fn find_guest_before_entry(&self, entry: &Entry) {
        if let (Event::Guest(_), Some(subject)) = (&entry.event, entry.event.subject()) {
            self.find_guest_before(entry.seq, subject).await;
        }
    }

    /// Whether it was found what held before the entry `seq`, also when that is nothing.
    fn is_guest_before_known(&self, seq: u64) -> bool {
        let known = self
            .guests_before
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        known.contains_key(&seq)
    }

    /// The setting that held before the entry `seq`, as it was found; none = nothing had been set,
    /// or nobody looked for it yet.
    #[must_use]
    pub fn guest_before(&self, seq: u64) -> Option<Arc<guest::Event>> {
        let known = self
            .guests_before
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        known.get(&seq).cloned().flatten()
    }

    /// How a decision about a device is taken back: what held before holds again. None = somebody
    /// decided otherwise since, or what held before is not known.
    pub(super) fn guest_undo(
        &self,
        visit: &RequestContext,
        seq: u64,
        event: &guest::Event,
    ) -> Option<Undo> {
        if !self.is_guest_before_known(seq) {
            return None;
        }
        let before = self.guest_before(seq);
        let state = self.journal.state();
        let now = |id| state.wifi.decided.get(id).map(|d| &**d);
        let (id, name, key) = match event {
            guest::Event::Decided { device } if now(&device.id) == Some(device) => {
                let key = match device.standing {
                    Standing::AlwaysIn => "undo-guest-always",
                    Standing::Blocked => "undo-guest-blocked",
                };
                (&device.id, &device.name, key)
            }
            guest::Event::Forgotten { device, name } if now(device).is_none() => {
                (device, name, "undo-guest-forgotten")
            }
            _ => return None,
        };
        let is_decided = now(id).is_some();
        let command = match before.as_deref() {
            Some(guest::Event::Decided { device }) => guest::Command::Decide {
                device: device.clone(),
            },
            _ if is_decided => guest::Command::Forget { device: id.clone() },
            _ => return None,
        };
        let name = visit.lang.verbatim(name);
        Some(Undo {
            command: command.into(),
            done: visit.lang.f(key, &[("name", &name)]),
            page: "/wifi?said=undone".to_owned(),
        })
    }
}
