//! The link to the gateway's own broker: since when it is up, and which accounts are in force.
//! (Messages over it: `ports::devices`.)

use std::time::Duration;

use tokio::sync::watch;

use crate::time::MonoMs;

/// The state of the link.
pub struct DeviceLinkStatus {
    online_since: watch::Sender<Option<MonoMs>>,
    access: watch::Sender<u64>,
}

impl Default for DeviceLinkStatus {
    fn default() -> Self {
        Self {
            online_since: watch::Sender::new(None),
            access: watch::Sender::new(0),
        }
    }
}

impl DeviceLinkStatus {
    /// Sets since when the link is up; none = it is down.
    pub fn set_online(&self, since: Option<MonoMs>) {
        self.online_since.send_replace(since);
    }

    /// A standstill of the process ended at `now`: a link that is up counts from then.
    pub fn begin_anew(&self, now: MonoMs) {
        self.online_since.send_modify(|since| {
            if let Some(since) = since {
                *since = now;
            }
        });
    }

    /// Since when the link is up; none = it is down.
    #[must_use]
    pub fn online_since(&self) -> Option<MonoMs> {
        *self.online_since.borrow()
    }

    /// The accounts as they stood at entry `seq` are in force at the broker, open connections
    /// included.
    pub fn set_access(&self, seq: u64) {
        self.access.send_replace(seq);
    }

    /// Waits until accounts of entry `seq` are in force; false = not within `most`.
    pub async fn wait_for_access(&self, seq: u64, most: Duration) -> bool {
        let mut access = self.access.subscribe();
        tokio::time::timeout(most, access.wait_for(|known| *known >= seq))
            .await
            .is_ok_and(|known| known.is_ok())
    }
}
