//! The helper's knowledge of the kernel, and the script that takes it from there to what is
//! asked.
//!
//! Invariants: one writer; a request changes this state only after the kernel took its script, so
//! both stay the same when the kernel refuses. Time is a parameter, milliseconds since the machine
//! started, the clock by which the kernel counts its own time-outs.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::kernel::HeldTable;
use super::ruleset::{self, Admissions, HeldSession};
use crate::protocol::netd::{
    GuestSession, InterfaceName, MAX_GARDEN_ADDRESSES, MAX_SESSIONS, MacAddress, NetdRefusal,
    NetworkPlan, SlotId, SlotUsage,
};

/// Longest session, s: a week. A longer one is a mistake.
const MAX_SECONDS: u32 = 7 * 86_400;
/// Longest time in the garden, s.
const MAX_GARDEN_SECONDS: u32 = 86_400;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    mac: MacAddress,
    /// When it ends.
    ends_at_ms: u64,
    quota_bytes: u64,
    /// Bytes used, as the kernel counted them last.
    used_bytes: u64,
}

/// The state of the kernel's table.
#[derive(Debug, Clone, Default)]
pub struct Network {
    plan: Option<NetworkPlan>,
    sessions: BTreeMap<SlotId, Held>,
    open_uplinks: Vec<InterfaceName>,
    /// Addresses of the garden, and when they end, ms.
    garden: BTreeMap<IpAddr, u64>,
}

/// A change that the kernel is asked for, and the state when it took it.
#[derive(Debug, Clone)]
pub struct KernelChange {
    /// Text for `nft -f -`; empty = nothing to do.
    pub script: String,
    /// The state afterwards.
    pub after: Network,
}

impl Network {
    /// The plan in force.
    #[must_use]
    pub const fn plan(&self) -> Option<&NetworkPlan> {
        self.plan.as_ref()
    }

    /// Slots that are held, those that ended by themselves among them.
    pub fn slots(&self) -> impl Iterator<Item = SlotId> + '_ {
        self.sessions.keys().copied()
    }

    /// Whether a slot is held.
    #[must_use]
    pub fn is_held(&self, slot: SlotId) -> bool {
        self.sessions.contains_key(&slot)
    }

    /// The state that a helper finds in the kernel when it starts again; the plan is not in it.
    #[must_use]
    pub fn restored(held: &HeldTable, now_ms: u64) -> Self {
        let ends_at_ms = |seconds: u32| now_ms + u64::from(seconds) * 1_000;
        let session = |(slot, mac, seconds): &(SlotId, MacAddress, u32)| {
            let quota = held.quotas.get(slot).copied().unwrap_or_default();
            let session = Held {
                mac: *mac,
                ends_at_ms: ends_at_ms(*seconds),
                quota_bytes: quota.bytes,
                used_bytes: quota.used,
            };
            (*slot, session)
        };
        Self {
            plan: None,
            sessions: held.sessions.iter().map(session).collect(),
            open_uplinks: held.open_uplinks.clone(),
            garden: held
                .garden
                .iter()
                .map(|(a, s)| (*a, ends_at_ms(*s)))
                .collect(),
        }
    }

    /// The whole of it once more, when somebody emptied the kernel's tables or `plan` takes the
    /// place of one that is not known: sessions go on with what was counted last.
    #[must_use]
    pub fn again(&self, plan: &NetworkPlan, now_ms: u64) -> KernelChange {
        let mut after = Self {
            plan: Some(plan.clone()),
            garden: self.garden_at(now_ms),
            ..self.clone()
        };
        after.sessions.retain(|_, held| held.ends_at_ms > now_ms);
        after.open_uplinks.retain(|u| plan.uplinks.contains(u));
        let session = |(slot, held): (&SlotId, &Held)| {
            let left = held.ends_at_ms.saturating_sub(now_ms).div_ceil(1_000);
            let session = HeldSession {
                mac: held.mac,
                seconds: u32::try_from(left).unwrap_or(MAX_SECONDS),
                quota_bytes: held.quota_bytes,
                used_bytes: held.used_bytes,
            };
            (*slot, session)
        };
        let in_kernel = Admissions {
            sessions: after.sessions.iter().map(session).collect(),
            open_uplinks: after.open_uplinks.clone(),
            garden: remaining(&after.garden, now_ms),
        };
        let script = ruleset::whole(plan, &in_kernel);
        KernelChange { script, after }
    }

    /// Notes what the kernel counted.
    pub fn note_used(&mut self, used: &BTreeMap<SlotId, u64>) {
        for (slot, held) in &mut self.sessions {
            if let Some(used) = used.get(slot) {
                held.used_bytes = *used;
            }
        }
    }

    /// The whole of it. `used` are the bytes that the kernel has counted for the slots.
    ///
    /// # Errors
    /// [`NetdRefusal`] when the plan or a session cannot be.
    pub fn load(
        &self,
        plan: NetworkPlan,
        sessions: &[GuestSession],
        open_uplinks: Vec<InterfaceName>,
        used: &BTreeMap<SlotId, u64>,
        now_ms: u64,
    ) -> Result<KernelChange, NetdRefusal> {
        if !plan.is_disjoint() {
            return Err(NetdRefusal::Overlap);
        }
        if sessions.len() > MAX_SESSIONS {
            return Err(NetdRefusal::TooMany);
        }
        if open_uplinks.iter().any(|u| !plan.uplinks.contains(u)) {
            return Err(NetdRefusal::NoInterface);
        }
        let mut after = Self {
            open_uplinks,
            garden: self.garden_at(now_ms),
            ..Self::default()
        };
        let mut in_kernel = Admissions {
            open_uplinks: after.open_uplinks.clone(),
            garden: remaining(&after.garden, now_ms),
            ..Admissions::default()
        };
        for session in sessions {
            let held = after.checked(session, now_ms)?;
            // The kernel has counted on while the gateway was away, but only for the same device.
            let same = self.sessions.get(&session.slot).map(|h| h.mac) == Some(session.mac);
            let counted = used.get(&session.slot).copied().filter(|_| same);
            let used_bytes = session.used_bytes.max(counted.unwrap_or(0));
            let held = Held { used_bytes, ..held };
            after.sessions.insert(session.slot, held);
            in_kernel.sessions.insert(
                session.slot,
                HeldSession {
                    mac: session.mac,
                    seconds: session.seconds.min(MAX_SECONDS),
                    quota_bytes: session.quota_bytes,
                    used_bytes,
                },
            );
        }
        let script = ruleset::whole(&plan, &in_kernel);
        after.plan = Some(plan);
        Ok(KernelChange { script, after })
    }

    /// Lets a device in, or changes its bounds. `used` is what the kernel has counted for the slot.
    ///
    /// # Errors
    /// [`NetdRefusal`] without a plan, or when another device holds the slot.
    pub fn admit(
        &self,
        session: &GuestSession,
        used: u64,
        now_ms: u64,
    ) -> Result<KernelChange, NetdRefusal> {
        if self.plan.is_none() {
            return Err(NetdRefusal::NoPlan);
        }
        let mut after = self.clone();
        let mut script = String::new();
        let mut used_bytes = session.used_bytes;
        if let Some(before) = after.sessions.remove(&session.slot) {
            if before.mac != session.mac && before.ends_at_ms > now_ms {
                return Err(NetdRefusal::NotThisDevice);
            }
            if before.mac == session.mac {
                used_bytes = used_bytes.max(used);
            }
            script.push_str(&ruleset::end(session.slot, before.mac));
        }
        // A row of the device that ended by itself is cleared away: one device, one slot.
        let ended: Vec<SlotId> = after
            .sessions
            .iter()
            .filter(|(_, held)| held.mac == session.mac && held.ends_at_ms <= now_ms)
            .map(|(slot, _)| *slot)
            .collect();
        for slot in ended {
            after.sessions.remove(&slot);
            script.push_str(&ruleset::end(slot, session.mac));
        }
        let held = after.checked(session, now_ms)?;
        script.push_str(&ruleset::admit(
            session.slot,
            &HeldSession {
                mac: session.mac,
                seconds: session.seconds.min(MAX_SECONDS),
                quota_bytes: session.quota_bytes,
                used_bytes,
            },
        ));
        let held = Held { used_bytes, ..held };
        after.sessions.insert(session.slot, held);
        Ok(KernelChange { script, after })
    }

    /// Ends a session; one that is not there has ended.
    ///
    /// # Errors
    /// [`NetdRefusal::NoPlan`].
    pub fn cut(&self, slot: SlotId) -> Result<KernelChange, NetdRefusal> {
        if self.plan.is_none() {
            return Err(NetdRefusal::NoPlan);
        }
        let mut after = self.clone();
        let script = after
            .sessions
            .remove(&slot)
            .map_or_else(String::new, |held| ruleset::end(slot, held.mac));
        Ok(KernelChange { script, after })
    }

    /// Ends these sessions, then lets these devices in. `used` are the bytes that the kernel has
    /// counted for the slots.
    ///
    /// # Errors
    /// [`NetdRefusal`] of the first that cannot be.
    pub fn change(
        &self,
        cut: &[SlotId],
        admit: &[GuestSession],
        used: &BTreeMap<SlotId, u64>,
        now_ms: u64,
    ) -> Result<KernelChange, NetdRefusal> {
        if cut.len() > MAX_SESSIONS || admit.len() > MAX_SESSIONS {
            return Err(NetdRefusal::TooMany);
        }
        let mut all = KernelChange {
            script: String::new(),
            after: self.clone(),
        };
        for slot in cut {
            let next = all.after.cut(*slot)?;
            all.script.push_str(&next.script);
            all.after = next.after;
        }
        for session in admit {
            let counted = used.get(&session.slot).copied().unwrap_or(0);
            let next = all.after.admit(session, counted, now_ms)?;
            all.script.push_str(&next.script);
            all.after = next.after;
        }
        Ok(all)
    }

    /// Opens these uplinks to guests, and no others.
    ///
    /// # Errors
    /// [`NetdRefusal`] without a plan, or for an interface that is no uplink of it.
    pub fn set_open_uplinks(
        &self,
        uplinks: Vec<InterfaceName>,
    ) -> Result<KernelChange, NetdRefusal> {
        let plan = self.plan.as_ref().ok_or(NetdRefusal::NoPlan)?;
        if uplinks.iter().any(|u| !plan.uplinks.contains(u)) {
            return Err(NetdRefusal::NoInterface);
        }
        let script = ruleset::open_uplinks(plan, &uplinks);
        let mut after = self.clone();
        after.open_uplinks = uplinks;
        Ok(KernelChange { script, after })
    }

    /// Opens addresses to everybody. One that is open already longer than asked stays as it is.
    ///
    /// # Errors
    /// [`NetdRefusal`] without a plan, or for too many addresses.
    pub fn open_garden(
        &self,
        addresses: &[(IpAddr, u32)],
        now_ms: u64,
    ) -> Result<KernelChange, NetdRefusal> {
        if self.plan.is_none() {
            return Err(NetdRefusal::NoPlan);
        }
        if addresses.len() > MAX_GARDEN_ADDRESSES {
            return Err(NetdRefusal::TooMany);
        }
        let mut after = self.clone();
        after.garden = self.garden_at(now_ms);
        let held: Vec<IpAddr> = self.garden.keys().copied().collect();
        let mut longer = BTreeMap::new();
        for (address, seconds) in addresses {
            let seconds = (*seconds).clamp(1, MAX_GARDEN_SECONDS);
            let ends_at_ms = now_ms + u64::from(seconds) * 1_000;
            if after.garden.get(address).is_none_or(|e| *e < ends_at_ms) {
                after.garden.insert(*address, ends_at_ms);
                longer.insert(*address, seconds);
            }
        }
        if after.garden.len() > MAX_GARDEN_ADDRESSES * 16 {
            return Err(NetdRefusal::TooMany);
        }
        let longer: Vec<(IpAddr, u32)> = longer.into_iter().collect();
        let script = ruleset::garden(&longer, &held);
        Ok(KernelChange { script, after })
    }

    /// Closes every address of the garden.
    ///
    /// # Errors
    /// [`NetdRefusal::NoPlan`].
    pub fn close_garden(&self) -> Result<KernelChange, NetdRefusal> {
        if self.plan.is_none() {
            return Err(NetdRefusal::NoPlan);
        }
        let after = Self {
            garden: BTreeMap::new(),
            ..self.clone()
        };
        let script = ruleset::close_garden();
        Ok(KernelChange { script, after })
    }

    /// The use of the sessions, as it was counted last.
    #[must_use]
    pub fn usage(&self, now_ms: u64) -> Vec<SlotUsage> {
        let row = |(slot, held): (&SlotId, &Held)| SlotUsage {
            slot: *slot,
            mac: held.mac,
            used_bytes: held.used_bytes,
            seconds_left: u32::try_from(held.ends_at_ms.saturating_sub(now_ms).div_ceil(1_000))
                .unwrap_or(u32::MAX),
        };
        self.sessions.iter().map(row).collect()
    }

    /// The session as it is held, when no other slot has its device.
    fn checked(&self, session: &GuestSession, now_ms: u64) -> Result<Held, NetdRefusal> {
        let is_elsewhere =
            |(slot, held): (&SlotId, &Held)| *slot == session.slot || held.mac == session.mac;
        if !session.mac.is_of_one_device()
            || session.seconds == 0
            || self.sessions.iter().any(is_elsewhere)
        {
            return Err(NetdRefusal::NotThisDevice);
        }
        let seconds = u64::from(session.seconds.min(MAX_SECONDS));
        Ok(Held {
            mac: session.mac,
            ends_at_ms: now_ms + seconds * 1_000,
            quota_bytes: session.quota_bytes,
            used_bytes: session.used_bytes,
        })
    }

    fn garden_at(&self, now_ms: u64) -> BTreeMap<IpAddr, u64> {
        let live = self
            .garden
            .iter()
            .filter(|(_, ends_at_ms)| **ends_at_ms > now_ms);
        live.map(|(a, e)| (*a, *e)).collect()
    }
}

fn remaining(garden: &BTreeMap<IpAddr, u64>, now_ms: u64) -> Vec<(IpAddr, u32)> {
    let seconds = |ends_at_ms: u64| ends_at_ms.saturating_sub(now_ms).div_ceil(1_000);
    let rows = garden.iter();
    rows.map(|(a, e)| (*a, u32::try_from(seconds(*e)).unwrap_or(u32::MAX)))
        .collect()
}
