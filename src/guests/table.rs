//! The devices that are in: the gateway's picture of the kernel's sessions, and what must change in
//! the kernel when rules, the day or the uplink do.
//!
//! Pure: a request to the kernel comes out as a value, and the picture changes only when the kernel
//! took it. Invariants: a device has one slot; what a device used is counted by the kernel alone;
//! a session is never longer than its first tap gave it, whatever the device does meanwhile, and
//! shorter when the rules become narrower. When its time is over, a tap begins another. A device
//! that is always let in needs no tap: its session is renewed before it ends, so that it has no end
//! but closing time.

use std::collections::BTreeMap;

use super::newcomers::Newcomers;
use super::use_of_day::UseOfDay;
use crate::domain::guest::admission::{
    Grant, InternetUplink, NotNow, Situation, UNBOUNDED, admission,
};
use crate::domain::guest::{Standing, Wifi};
use crate::domain::id::GuestId;
use crate::live::guests::GuestRow;
use crate::ports::guests::GuestVisitor;
use crate::protocol::netd::{GuestSession, MAX_SESSIONS, MacAddress, SlotId, SlotUsage};
use crate::store::session_rows::SessionRow;
use crate::time::{MonoMs, WallMs};

/// A session is made shorter only by more than this, ms: seconds are rounded on both sides.
const TIME_SLACK_MS: u64 = 5_000;
/// A device that is always in gets its next session so long before the end of this one, ms.
const RENEW_BEFORE_MS: u64 = 300_000;
/// After this time without use a device gives its place to another, ms.
const SLEEP_MS: u64 = 300_000;
/// The same for a device that has used nothing since it was let in, ms.
const UNUSED_MS: u64 = 120_000;
/// The bytes that a session may use are changed only by more than this.
const BYTES_SLACK: u64 = 1_000_000;

/// A moment by both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Of this process.
    pub mono: MonoMs,
    /// The wall clock, as far as it goes.
    pub wall: WallMs,
    /// Whether the wall clock may be believed.
    pub is_trusted: bool,
}

/// The grounds of a decision besides the device.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// The village's rules and decisions.
    pub wifi: &'a Wifi,
    /// The way to the internet.
    pub uplink: InternetUplink,
    /// Now.
    pub now: Moment,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct OpenSession {
    slot: SlotId,
    id: GuestId,
    since: WallMs,
    ends_at: MonoMs,
    /// Bytes that the kernel counted for the slot.
    counted: u64,
    /// Bytes of them that were counted in this session.
    used: u64,
    /// Bytes that the kernel lets through in all.
    quota: u64,
    /// When it used something last, as far as was counted.
    active_at: MonoMs,
}

/// A change of a session in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelStep {
    /// New bounds.
    Admit(GuestSession),
    /// The end of a device's session.
    Cut(MacAddress),
}

/// The sessions.
#[derive(Debug, Default)]
pub struct GuestTable {
    sessions: BTreeMap<MacAddress, OpenSession>,
    /// When the time of devices is over that gave their place to another.
    gave_way: BTreeMap<MacAddress, MonoMs>,
    /// The use of the day.
    pub use_of_day: UseOfDay,
    /// The turns of devices that were not in today.
    pub newcomers: Newcomers,
    last_slot: u16,
}

impl GuestTable {
    /// No sessions, and what was used before.
    #[must_use]
    pub fn new(use_of_day: UseOfDay) -> Self {
        Self {
            use_of_day,
            ..Self::default()
        }
    }

    /// The sessions as the kernel is given them whole.
    #[must_use]
    pub fn sessions(&self, now: Moment) -> Vec<GuestSession> {
        let row = |(mac, open): (&MacAddress, &OpenSession)| GuestSession {
            slot: open.slot,
            mac: *mac,
            seconds: seconds_until(open.ends_at, now.mono).max(1),
            quota_bytes: open.quota,
            used_bytes: open.counted,
        };
        self.sessions.iter().map(row).collect()
    }

    /// Whether a device is in.
    #[must_use]
    pub fn is_in(&self, mac: MacAddress) -> bool {
        self.sessions.contains_key(&mac)
    }

    /// Whether the time of a device's session is over, and the kernel, which counts in whole
    /// seconds, has not said so yet.
    #[must_use]
    pub fn is_over(&self, mac: MacAddress, now: Moment) -> bool {
        let open = self.sessions.get(&mac);
        open.is_some_and(|open| open.ends_at <= now.mono)
    }

    /// Whether that is so of any device.
    #[must_use]
    pub fn is_any_over(&self, now: Moment) -> bool {
        let mut sessions = self.sessions.values();
        sessions.any(|open| open.ends_at <= now.mono)
    }

    /// The device with an id, if it is in.
    #[must_use]
    pub fn device(&self, id: &GuestId) -> Option<MacAddress> {
        let found = self.sessions.iter().find(|(_, open)| open.id == *id);
        found.map(|(mac, _)| *mac)
    }

    /// How many devices are in.
    #[must_use]
    pub fn count_in(&self) -> usize {
        self.sessions.len()
    }

    fn grant_of(
        &self,
        mac: MacAddress,
        id: &GuestId,
        setting: &Setting<'_>,
    ) -> Result<Grant, NotNow> {
        // A hall's television takes no guest's place.
        let takes_a_place = |(other, open): &(&MacAddress, &OpenSession)| {
            let standing = standing_of(setting.wifi, &open.id);
            **other != mac && standing != Some(Standing::AlwaysIn)
        };
        let others = self.sessions.iter().filter(takes_a_place).count();
        let situation = Situation {
            now: setting.now.is_trusted.then_some(setting.now.wall),
            standing: standing_of(setting.wifi, id),
            device_used: self.use_of_day.of(id),
            house_used: self.use_of_day.all(),
            metered_used: self.use_of_day.metered(),
            uplink: setting.uplink,
            others_in: u16::try_from(others).unwrap_or(u16::MAX),
            turn_in: if self.is_newcomer(mac, id) {
                let places = setting.wifi.rules.most_devices;
                self.newcomers.wait(places, setting.now.mono)
            } else {
                None
            },
        };
        admission(&setting.wifi.rules, &situation)
    }

    /// Whether a device was not in today, as far as is known.
    fn is_newcomer(&self, mac: MacAddress, id: &GuestId) -> bool {
        !self.sessions.contains_key(&mac) && !self.use_of_day.was_in(id)
    }

    /// Whether a device that is let in now takes a newcomer's turn.
    #[must_use]
    pub fn takes_turn(&self, mac: MacAddress, id: &GuestId, wifi: &Wifi) -> bool {
        self.is_newcomer(mac, id) && standing_of(wifi, id) != Some(Standing::AlwaysIn)
    }

    fn grant(&self, mac: MacAddress, setting: &Setting<'_>) -> Result<Grant, NotNow> {
        match self.sessions.get(&mac) {
            Some(open) => self.grant_of(mac, &open.id, setting),
            None => Err(NotNow::Off),
        }
    }

    /// How a device stands.
    #[must_use]
    pub fn visitor(&self, mac: MacAddress, id: &GuestId, setting: &Setting<'_>) -> GuestVisitor {
        let grant = self.grant_of(mac, id, setting);
        let now = setting.now.mono;
        let open = self.sessions.get(&mac).filter(|open| open.ends_at > now);
        match (open, grant) {
            // It was in before the wifi became full.
            (Some(open), Ok(_) | Err(NotNow::Full | NotNow::TurnIn { .. })) => GuestVisitor::In {
                seconds_left: seconds_until(open.ends_at, now),
                bytes_left: (open.quota < UNBOUNDED)
                    .then(|| open.quota.saturating_sub(open.counted)),
            },
            (None, Ok(_)) => GuestVisitor::Captive,
            (_, Err(why)) => GuestVisitor::NotNow(why),
        }
    }

    /// The device whose place another may have when the wifi is full: it has used nothing for some
    /// minutes, and is gone or asleep. Its next tap lets it in again.
    #[must_use]
    pub fn sleeper(&self, wifi: &Wifi, now: Moment) -> Option<MacAddress> {
        let is_guest = |open: &OpenSession| standing_of(wifi, &open.id) != Some(Standing::AlwaysIn);
        let is_asleep = |open: &OpenSession| {
            let most = if open.used == 0 { UNUSED_MS } else { SLEEP_MS };
            now.mono.since(open.active_at) >= most
        };
        let asleep = self
            .sessions
            .iter()
            .filter(|(_, open)| is_asleep(open) && is_guest(open));
        let longest = asleep.min_by_key(|(_, open)| open.active_at);
        longest.map(|(mac, _)| *mac)
    }

    /// The session that lets a device in, for no longer than is left of its time.
    ///
    /// # Errors
    /// Why it is not let in.
    pub fn entry(
        &self,
        mac: MacAddress,
        id: &GuestId,
        setting: &Setting<'_>,
    ) -> Result<GuestSession, NotNow> {
        let grant = self.grant_of(mac, id, setting)?;
        let open = self.sessions.get(&mac);
        let slot = match open {
            Some(open) => open.slot,
            None => self.free_slot().ok_or(NotNow::Full)?,
        };
        let counted = open.map_or(0, |open| open.counted);
        let now = setting.now.mono;
        let is_renewed = standing_of(setting.wifi, id) == Some(Standing::AlwaysIn);
        let end = open
            .map(|open| open.ends_at)
            .or_else(|| self.gave_way.get(&mac).copied())
            .filter(|end| *end > now && !is_renewed);
        let seconds = end.map_or(grant.seconds, |end| {
            seconds_until(end, now).min(grant.seconds)
        });
        Ok(GuestSession {
            slot,
            mac,
            seconds,
            quota_bytes: counted.saturating_add(grant.bytes),
            used_bytes: counted,
        })
    }

    /// The next slot that nobody holds. One that was left lately is taken last: the kernel may
    /// still have connections with its mark.
    fn free_slot(&self) -> Option<SlotId> {
        let most = u16::try_from(MAX_SESSIONS).unwrap_or(u16::MAX);
        let numbers = (1..=most).map(|step| (self.last_slot + step - 1) % most + 1);
        let is_held = |slot: &SlotId| self.sessions.values().any(|open| open.slot == *slot);
        numbers.filter_map(SlotId::new).find(|slot| !is_held(slot))
    }

    /// The kernel took the session.
    pub fn entered(&mut self, session: &GuestSession, id: &GuestId, now: Moment) {
        let ends_at = now.mono + u64::from(session.seconds) * 1_000;
        self.last_slot = session.slot.number();
        let open = self.sessions.entry(session.mac).or_insert(OpenSession {
            slot: session.slot,
            id: id.clone(),
            since: now.wall,
            ends_at,
            counted: session.used_bytes,
            used: 0,
            quota: session.quota_bytes,
            active_at: now.mono,
        });
        // Seconds are rounded up for the kernel. The end here stays exact, or each of many taps
        // would make the session a little longer.
        if ends_at.since(open.ends_at) == 0 || ends_at.since(open.ends_at) > TIME_SLACK_MS {
            open.ends_at = ends_at;
        }
        open.quota = session.quota_bytes;
        self.gave_way.remove(&session.mac);
        self.use_of_day.note_in(id);
        let count = self.sessions.len();
        self.use_of_day.note_devices(count, now.wall);
    }

    /// The session of a device makes place for another: what is left of its time is kept for its
    /// next tap.
    pub fn note_gave_way(&mut self, mac: MacAddress, now: Moment) {
        self.gave_way.retain(|_, end| *end > now.mono);
        if let Some(open) = self.sessions.get(&mac)
            && self.gave_way.len() < MAX_SESSIONS
        {
            self.gave_way.insert(mac, open.ends_at);
        }
    }

    /// The kernel ended the session of a device; its row.
    pub fn ended(&mut self, mac: MacAddress, now: Moment) -> Option<SessionRow> {
        self.sessions.remove(&mac).map(|open| SessionRow {
            device: open.id,
            since: open.since,
            until: now.wall,
            bytes: open.used,
        })
    }

    /// Takes the kernel's counts; the rows of sessions that ended by themselves.
    #[must_use]
    pub fn count(&mut self, slots: &[SlotUsage], is_metered: bool, now: Moment) -> Vec<SessionRow> {
        if now.is_trusted {
            self.use_of_day.turn(now.wall);
        }
        let mut over = Vec::new();
        for (mac, open) in &mut self.sessions {
            let slot = slots.iter().find(|s| s.slot == open.slot && s.mac == *mac);
            let Some(slot) = slot else {
                over.push(*mac);
                continue;
            };
            // A counter that is smaller than before began anew.
            let new = slot.used_bytes.checked_sub(open.counted);
            let new = new.unwrap_or(slot.used_bytes);
            open.counted = slot.used_bytes;
            if new > 0 {
                open.active_at = now.mono;
            }
            open.used = open.used.saturating_add(new);
            self.use_of_day.add(&open.id, new, is_metered, now.wall);
            if slot.seconds_left == 0 {
                over.push(*mac);
            }
        }
        let count = self.sessions.len();
        self.use_of_day.note_devices(count, now.wall);
        over.into_iter()
            .filter_map(|mac| self.ended(mac, now))
            .collect()
    }

    /// The changes of the kernel so that every session is as the rules have it now.
    #[must_use]
    pub fn corrections(&self, setting: &Setting<'_>) -> Vec<KernelStep> {
        let sessions = self.sessions.iter();
        sessions
            .filter_map(|(mac, open)| self.correction(*mac, open, setting))
            .collect()
    }

    fn correction(
        &self,
        mac: MacAddress,
        open: &OpenSession,
        setting: &Setting<'_>,
    ) -> Option<KernelStep> {
        let grant = match self.grant_of(mac, &open.id, setting) {
            Ok(grant) => grant,
            // The uplink is closed for all of them elsewhere, and opens again by itself.
            Err(
                NotNow::UplinkDown | NotNow::MeteredOnly | NotNow::TurnIn { .. } | NotNow::Full,
            ) => return None,
            Err(
                NotNow::Off
                | NotNow::Closed { .. }
                | NotNow::Blocked
                | NotNow::DeviceUsedUp
                | NotNow::HouseUsedUp,
            ) => return Some(KernelStep::Cut(mac)),
        };
        let now = setting.now.mono;
        let left = open.ends_at.since(now);
        let granted = u64::from(grant.seconds) * 1_000;
        let is_renewed = standing_of(setting.wifi, &open.id) == Some(Standing::AlwaysIn)
            && left < RENEW_BEFORE_MS
            && granted > left + TIME_SLACK_MS;
        let is_shorter = granted + TIME_SLACK_MS < left;
        let wanted = open.counted.saturating_add(grant.bytes);
        let slack = BYTES_SLACK.max(grant.bytes / 10);
        let is_other = wanted.abs_diff(open.quota) > slack;
        if !is_renewed && !is_shorter && !is_other {
            return None;
        }
        let time = if is_renewed {
            granted
        } else {
            granted.min(left)
        };
        Some(KernelStep::Admit(GuestSession {
            slot: open.slot,
            mac,
            seconds: u32::try_from(time.div_ceil(1_000))
                .unwrap_or(u32::MAX)
                .max(1),
            quota_bytes: wanted,
            used_bytes: open.counted,
        }))
    }

    /// The slot of a device that is in.
    #[must_use]
    pub fn slot_of(&self, mac: MacAddress) -> Option<SlotId> {
        self.sessions.get(&mac).map(|open| open.slot)
    }

    /// The id of a device that is in.
    #[must_use]
    pub fn id_of(&self, mac: MacAddress) -> Option<GuestId> {
        self.sessions.get(&mac).map(|open| open.id.clone())
    }

    /// The devices that are in and those that used something today, those that are in first,
    /// longest first.
    #[must_use]
    pub fn rows(&self, now: Moment) -> Vec<GuestRow> {
        let mut rows: Vec<GuestRow> = self
            .sessions
            .iter()
            .map(|(mac, open)| GuestRow {
                id: open.id.clone(),
                since: Some(open.since),
                seconds_left: seconds_until(open.ends_at, now.mono),
                used_today: self.use_of_day.of(&open.id),
                is_random: mac.is_random(),
            })
            .collect();
        rows.sort_by(|a, b| (a.since, &a.id).cmp(&(b.since, &b.id)));
        let is_in = rows.iter().map(|row| row.id.clone()).collect();
        rows.extend(self.use_of_day.others(&is_in));
        rows
    }
}

/// The decision of a person about a device.
fn standing_of(wifi: &Wifi, id: &GuestId) -> Option<Standing> {
    wifi.decided.get(id).map(|d| d.standing)
}

fn seconds_until(end: MonoMs, now: MonoMs) -> u32 {
    u32::try_from(end.since(now).div_ceil(1_000)).unwrap_or(u32::MAX)
}

mod taking_over;
#[cfg(test)]
mod tests;
