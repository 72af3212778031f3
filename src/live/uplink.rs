//! The status of the link to the commune, shown on pages as “Xã đã nhận đủ đến …”.

use tokio::sync::watch;

use crate::protocol::divergence::DivergenceReport;
use crate::time::WallMs;

/// The link as it is now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UplinkState {
    /// A commune is configured.
    pub configured: bool,
    /// The link is up.
    pub up: bool,
    /// Since when it is up or down.
    pub since: WallMs,
    /// The commune has everything up to this entry.
    pub received: u64,
    /// Wall time of that entry, ms.
    pub received_at: WallMs,
    /// Entries that wait.
    pub waiting: u64,
    /// How the commune's copy of history differs from this one; none = they are the same, as far
    /// as is known.
    pub trouble: Option<DivergenceReport>,
}

/// Status of the link; clones share it.
#[derive(Debug, Clone, Default)]
pub struct UplinkStatus(watch::Sender<UplinkState>);

impl UplinkStatus {
    /// Updates the status.
    pub fn update(&self, how: impl FnOnce(&mut UplinkState)) {
        self.0.send_if_modified(|state| {
            let before = state.clone();
            how(state);
            *state != before
        });
    }

    /// The status now.
    #[must_use]
    pub fn get(&self) -> UplinkState {
        self.0.borrow().clone()
    }

    /// Wakes when it changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<UplinkState> {
        self.0.subscribe()
    }
}
