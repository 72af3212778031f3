//! Sign-ins, sign-outs and wrong PINs in the commune's history.
//!
//! A disk that refuses writes keeps nobody out: an entry that cannot be written is logged, and the
//! officer goes on. How few entries wrong PINs make is decided in
//! [`crate::http::session::wrong_pin_log`].

use std::convert::Infallible;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use super::console::context::Console;
use super::history::{Author, CommuneEvent};
use crate::http::session::wrong_pin_log::{WrongPinLog, WrongPins};

/// How often it is looked for wrong PINs whose time has come.
const INTERVAL: Duration = Duration::from_secs(60);

impl Console {
    /// Records what an officer did with a sign-in, behind the wrong PINs that were tried for the
    /// officer. It is on disk when this returns, unless the disk refuses.
    pub(in crate::commune) async fn record_act(&self, officer: &str, event: CommuneEvent) {
        let taken = {
            let now = self.clock.mono_ms();
            let mut log = self.wrong_pin_log();
            let mut taken = log.take_due(now);
            taken.extend(log.take_of(&officer.to_owned(), now));
            taken
        };
        let author = Author::Officer {
            id: officer.to_owned(),
            name: self.officers.name_of(officer).unwrap_or_default(),
        };
        self.write(taken, Some((author, event))).await;
    }

    /// Notes a wrong PIN for an officer, and records those whose time has come.
    pub(in crate::commune) async fn note_wrong_pin(&self, officer: &str, is_locked: bool) {
        let due = {
            let now = self.clock.mono_ms();
            let mut log = self.wrong_pin_log();
            log.add(&officer.to_owned(), 1, is_locked, now);
            log.take_due(now)
        };
        self.write(due, None).await;
    }

    /// Records wrong PINs whenever their time has come; never ends.
    pub async fn record_wrong_pins(&self) -> Infallible {
        let mut again = tokio::time::interval(INTERVAL);
        loop {
            again.tick().await;
            let due = self.wrong_pin_log().take_due(self.clock.mono_ms());
            self.write(due, None).await;
        }
    }

    /// Records all wrong PINs that are not recorded yet, when the server stops.
    pub async fn record_all_wrong_pins(&self) {
        let rest = self.wrong_pin_log().take_all(self.clock.mono_ms());
        self.write(rest, None).await;
    }

    fn wrong_pin_log(&self) -> MutexGuard<'_, WrongPinLog<String>> {
        self.unrecorded_pins
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes entries. Wrong PINs that cannot be written go back.
    async fn write(&self, taken: Vec<WrongPins<String>>, act: Option<(Author, CommuneEvent)>) {
        let tried = |wrong: &WrongPins<String>| {
            let event = CommuneEvent::WrongPinsTried {
                officer: wrong.user.clone(),
                name: self.officers.name_of(&wrong.user).unwrap_or_default(),
                count: wrong.count,
                is_locked: wrong.is_locked,
            };
            (Author::Server, event)
        };
        let events: Vec<_> = taken.iter().map(tried).chain(act).collect();
        if events.is_empty() {
            return;
        }
        let (store, at) = (self.store.clone(), self.clock.wall_ms());
        let done = tokio::task::spawn_blocking(move || store.record(at, &events)).await;
        let Err(cause) = done.map_err(std::io::Error::other).flatten() else {
            return;
        };
        tracing::warn!(%cause, "recording sign-ins in the commune's history failed");
        let now = self.clock.mono_ms();
        for wrong in taken {
            let mut log = self.wrong_pin_log();
            log.add(&wrong.user, wrong.count, wrong.is_locked, now);
        }
    }
}
