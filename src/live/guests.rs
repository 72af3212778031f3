//! The free wifi as it is now: who is in, what was used, and the way to the internet.
//!
//! Invariant: a device stands here by the keyed hash of its hardware address, so that no page and
//! no program learns the address itself. Deliberately absent: what a guest does in the internet.

use tokio::sync::watch;

use crate::domain::guest::WifiRules;
use crate::domain::guest::admission::{InternetUplink, UplinkUse, uplink_use};
use crate::domain::id::GuestId;
use crate::time::WallMs;

/// A device that is in, or that was in today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestRow {
    /// The device.
    pub id: GuestId,
    /// When its session began; none = it is not in now.
    pub since: Option<WallMs>,
    /// Seconds until its session ends; 0 = it is not in now.
    pub seconds_left: u32,
    /// Bytes of both directions that it used today.
    pub used_today: u64,
    /// Whether its hardware address is made up, and may be another one tomorrow.
    pub is_random: bool,
}

/// The use of the guests in one hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HourOfUse {
    /// Hours since 1970 in the village's zone.
    pub hour: i64,
    /// Bytes of both directions.
    pub bytes: u64,
    /// Most devices that were in at a time.
    pub devices: u16,
}

/// The free wifi as it is now; without the network helper, as it was known last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestsNow {
    /// A guest network is configured: without one the portal shows notices only.
    pub is_configured: bool,
    /// The network helper answers, and its rules are in force. Without it the rest is as it was
    /// known last: the kernel goes on with the sessions, and nobody counts.
    pub is_in_force: bool,
    /// The configuration names a block list.
    pub has_block_list: bool,
    /// The key of the devices' ids is lost: nobody new is let in until a technician acts.
    pub is_key_lost: bool,
    /// The way to the internet.
    pub uplink: InternetUplink,
    /// Devices that are in and that were in today, those that are in first.
    pub devices: Vec<GuestRow>,
    /// The day that is called today here, counted from 1970 in the village's zone.
    pub day: i64,
    /// Bytes that all devices used today.
    pub used_today: u64,
    /// Bytes of them that went over metered uplinks.
    pub metered_today: u64,
    /// The last seven days, oldest hour first; hours without use are left out.
    pub week: Vec<HourOfUse>,
    /// Questions for names that the block list left unanswered today; none = it is not in use.
    pub blocked_today: Option<u64>,
    /// Taps of newcomers that had to wait for their turn, since the network helper was reached.
    pub newcomers_waited: u64,
}

impl Default for GuestsNow {
    fn default() -> Self {
        Self {
            is_configured: false,
            is_in_force: false,
            has_block_list: false,
            is_key_lost: false,
            uplink: InternetUplink::Down,
            devices: Vec::new(),
            day: 0,
            used_today: 0,
            metered_today: 0,
            week: Vec::new(),
            blocked_today: None,
            newcomers_waited: 0,
        }
    }
}

impl GuestsNow {
    /// Whether the way to the internet costs by the byte.
    #[must_use]
    pub fn is_metered(&self) -> bool {
        self.uplink == InternetUplink::Metered
    }

    /// The use that guests may make of the way to the internet.
    #[must_use]
    pub fn uplink_use(&self, rules: &WifiRules) -> UplinkUse {
        uplink_use(rules, self.uplink, self.metered_today)
    }

    /// The same when nobody counts any more: what was used on a day that is over is not told as
    /// that of today.
    #[must_use]
    pub fn last_known(self, today: Option<i64>) -> Self {
        let is_other_day = today.is_some_and(|today| today != self.day);
        let mut last = Self {
            is_in_force: false,
            ..self
        };
        if is_other_day {
            last.devices.retain(|row| row.since.is_some());
            for row in &mut last.devices {
                row.used_today = 0;
            }
            last.day = today.unwrap_or(last.day);
            (last.used_today, last.metered_today) = (0, 0);
            last.blocked_today = last.blocked_today.map(|_| 0);
        }
        last
    }

    /// How many devices are in.
    #[must_use]
    pub fn count_in(&self) -> usize {
        self.devices.iter().filter(|d| d.since.is_some()).count()
    }
}

/// The free wifi as it is now; clones share it.
#[derive(Debug, Clone, Default)]
pub struct GuestsStatus(watch::Sender<GuestsNow>);

impl GuestsStatus {
    /// Puts another value in its place, when it is another.
    pub fn replace(&self, now: GuestsNow) {
        self.0.send_if_modified(|before| {
            let is_new = *before != now;
            if is_new {
                *before = now;
            }
            is_new
        });
    }

    /// The day that is called today.
    #[must_use]
    pub fn day(&self) -> i64 {
        self.0.borrow().day
    }

    /// The value now.
    #[must_use]
    pub fn get(&self) -> GuestsNow {
        self.0.borrow().clone()
    }

    /// Wakes when it changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<GuestsNow> {
        self.0.subscribe()
    }
}
