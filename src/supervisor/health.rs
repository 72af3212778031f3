//! The health of all parts, in a form that pages, `doctor` and systemd can show.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::watch;

use super::clock::Clock;

/// How well a part works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// It works.
    Green,
    /// It works, but somebody should check.
    Amber,
    /// It does not work.
    Red,
}

/// One part's condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartHealth {
    /// How it is.
    #[serde(rename = "light")]
    pub status: HealthStatus,
    /// Why, for a technician; empty when green.
    #[serde(rename = "why")]
    pub reason: String,
    /// Since when, wall ms.
    pub since_ms: i64,
    /// How often the part was started again in this boot.
    pub restarts: u64,
}

/// The health of all parts; clones are the same.
#[derive(Debug, Clone)]
pub struct Health {
    parts: Arc<Mutex<BTreeMap<String, PartHealth>>>,
    changed: watch::Sender<u64>,
    clock: Clock,
}

impl Health {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            parts: Arc::default(),
            changed: watch::Sender::new(0),
            clock,
        }
    }

    /// Sets how well a part works; `since_ms` stays while the status stays.
    pub fn set(&self, part: &str, light: HealthStatus, why: &str) {
        let now = self.clock.wall_ms();
        {
            let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
            let old = parts.get(part);
            if old.is_some_and(|o| o.status == light && o.reason == why) {
                return;
            }
            let since_ms = old
                .filter(|o| o.status == light)
                .map_or(now, |o| o.since_ms);
            let restarts = old.map_or(0, |o| o.restarts);
            parts.insert(
                part.to_owned(),
                PartHealth {
                    status: light,
                    reason: why.to_owned(),
                    since_ms,
                    restarts,
                },
            );
        }
        self.changed.send_modify(|n| *n += 1);
    }

    /// Counts a restart of a part.
    pub fn record_restart(&self, part: &str) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(condition) = parts.get_mut(part) {
            condition.restarts += 1;
        }
    }

    /// All parts.
    #[must_use]
    pub fn parts(&self) -> BTreeMap<String, PartHealth> {
        self.parts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The worst status of all parts.
    #[must_use]
    pub fn worst(&self) -> HealthStatus {
        self.parts()
            .values()
            .map(|c| c.status)
            .max()
            .unwrap_or(HealthStatus::Green)
    }

    /// Wakes when something changed.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}
