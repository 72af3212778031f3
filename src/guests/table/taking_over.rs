//! The sessions of a gateway that comes back: as the kernel has them, with what the file knows.
//!
//! Invariant: bytes that went through while nobody looked count for the day, whether the session
//! still runs or not.

use super::{GuestTable, Moment, OpenSession, Setting};
use crate::domain::guest::admission::{InternetUplink, UNBOUNDED};
use crate::domain::id::GuestId;
use crate::guests::use_of_day::SavedSession;
use crate::protocol::netd::{MacAddress, SlotUsage};
use crate::store::session_rows::SessionRow;

impl GuestTable {
    /// Takes over the sessions of the kernel, in the place of those that were known. Bytes that
    /// were counted since the file was written count as used now, also of sessions that ended while
    /// nobody looked; the rows of these.
    #[must_use]
    pub fn restore(
        &mut self,
        slots: &[SlotUsage],
        id_of: impl Fn(MacAddress) -> Option<GuestId>,
        setting: &Setting<'_>,
    ) -> Vec<SessionRow> {
        let known = std::mem::take(&mut self.sessions);
        let is_metered = setting.uplink == InternetUplink::Metered;
        let ended = self.ended_unseen(slots, &id_of, is_metered, setting.now);
        for slot in slots.iter().filter(|s| s.seconds_left > 0) {
            let Some(id) = id_of(slot.mac) else {
                continue;
            };
            let before = known.get(&slot.mac).filter(|k| k.slot == slot.slot);
            let saved = self.use_of_day.open.iter().find(|s| s.id == id);
            let (since, counted) = match (before, saved) {
                (Some(known), _) => (known.since, known.counted),
                (None, Some(saved)) => (saved.since, saved.counted),
                (None, None) => (setting.now.wall, 0),
            };
            let ends_at = setting.now.mono + u64::from(slot.seconds_left) * 1_000;
            let session = OpenSession {
                slot: slot.slot,
                id,
                since,
                ends_at,
                counted,
                used: before.map_or(counted, |known| known.used),
                quota: UNBOUNDED,
                active_at: setting.now.mono,
            };
            self.sessions.insert(slot.mac, session);
        }
        drop(self.count(slots, is_metered, setting.now));
        let macs: Vec<MacAddress> = self.sessions.keys().copied().collect();
        for mac in macs {
            let grant = self.grant(mac, setting);
            if let (Some(session), Ok(grant)) = (self.sessions.get_mut(&mac), grant) {
                session.quota = session.counted.saturating_add(grant.bytes);
            }
        }
        ended
    }

    /// Counts what sessions used that ended while nobody looked; their rows.
    fn ended_unseen(
        &mut self,
        slots: &[SlotUsage],
        id_of: impl Fn(MacAddress) -> Option<GuestId>,
        is_metered: bool,
        now: Moment,
    ) -> Vec<SessionRow> {
        let mut rows = Vec::new();
        for slot in slots.iter().filter(|s| s.seconds_left == 0) {
            let id = id_of(slot.mac);
            let saved = self
                .use_of_day
                .open
                .iter()
                .find(|s| Some(&s.id) == id.as_ref());
            let Some(saved) = saved.cloned() else {
                continue;
            };
            let new = slot.used_bytes.checked_sub(saved.counted);
            let new = new.unwrap_or(slot.used_bytes);
            self.use_of_day.add(&saved.id, new, is_metered, now.wall);
            let has_end = saved.ends > saved.since;
            rows.push(SessionRow {
                device: saved.id,
                since: saved.since,
                until: if has_end {
                    saved.ends.min(now.wall)
                } else {
                    now.wall
                },
                bytes: slot.used_bytes,
            });
        }
        rows
    }

    /// The open sessions as the file keeps them.
    #[must_use]
    pub fn saved(&self, now: Moment) -> Vec<SavedSession> {
        let left =
            |open: &OpenSession| i64::try_from(open.ends_at.since(now.mono)).unwrap_or(i64::MAX);
        let row = |open: &OpenSession| SavedSession {
            id: open.id.clone(),
            since: open.since,
            ends: now.wall + left(open),
            counted: open.counted,
        };
        self.sessions.values().map(row).collect()
    }
}
