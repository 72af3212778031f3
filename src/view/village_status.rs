//! The one computation of what is broken, missing, lit and reachable: from the state, the live
//! values, the health of the parts and the time.
//!
//! Invariants: each thing has exactly one status, whoever asks. A thing that was never received
//! from is `Attention` with the reason `NeverAnswered`, whatever its kind. A thing whose account
//! people revoked has no status: it is neither well nor missing.

use std::collections::BTreeMap;

use super::common_cause::common_causes;
use crate::domain::camera::Camera;
use crate::domain::device::{Availability, Device};
use crate::domain::id::{DeviceId, EntityId};
use crate::domain::light::{Desired, Light, LightStatus};
use crate::domain::sensor::Sensor;
use crate::domain::speaker::Speaker;
use crate::domain::state::VillageState;
use crate::live::Live;
use crate::live::pictures::SourceStatus;
use crate::protocol::village_status::{
    DeviceCounts, GatewayTrouble, LightCounts, LostData, NamedThing, NamedThings, Status,
    StatusReason, StatusSummary, ThingCounts, ThingKind, ThingStatus, VillageStatus,
};
use crate::supervisor::health::{HealthPart, HealthStatus, PartHealth};
use crate::time::{MonoMs, WallMs};

/// Everything from which the status is computed.
#[derive(Clone, Copy)]
pub struct StatusInput<'a> {
    /// The state, with the reports that are not in the journal yet (`Latest::overlay`).
    pub state: &'a VillageState,
    /// The live values.
    pub live: &'a Live,
    /// The health of all parts.
    pub health: &'a BTreeMap<HealthPart, PartHealth>,
    /// The moment of this process.
    pub mono_ms: MonoMs,
    /// The same moment on the wall clock, ms.
    pub wall_ms: WallMs,
}

/// The status of the village now.
#[must_use]
pub fn compute(input: StatusInput<'_>) -> VillageStatus {
    let state = input.state;
    let devices: BTreeMap<&DeviceId, ThingStatus> = state
        .devices
        .values()
        .filter(|d| !state.is_revoked(&d.id))
        .map(|d| (&d.id, input.device(d)))
        .collect();
    let mut things: Vec<ThingStatus> = Vec::new();
    things.extend(input.lights(&devices));
    things.extend(
        state
            .speakers
            .values()
            .filter(|s| !state.is_revoked(&s.id))
            .map(|s| speaker(s, devices.get(&s.id))),
    );
    things.extend(state.cameras.values().map(|c| input.camera(c)));
    things.extend(state.sensors.values().filter_map(|s| {
        let device = device_of(state, s);
        (!device.is_some_and(|d| state.is_revoked(&d.id)))
            .then(|| input.sensor(s, device.and_then(|d| devices.get(&d.id))))
    }));
    things.extend(devices.into_values());
    things.sort_by(|a, b| (a.kind, &a.id).cmp(&(b.kind, &b.id)));
    input.summarize(things)
}

/// The device of a sensor. A sensor that only the configuration names, and no discovery message,
/// has one too: its id begins with the id of its device.
#[must_use]
pub fn device_of<'a>(state: &'a VillageState, sensor: &Sensor) -> Option<&'a Device> {
    let named = || state.devices.get(&owner(&sensor.id)?);
    state
        .device_of(&sensor.id)
        .or_else(named)
        .map(AsRef::as_ref)
}

fn owner(id: &EntityId) -> Option<DeviceId> {
    DeviceId::new(id.as_str().split('.').next()?).ok()
}

/// The lamps that a group names and no discovery message announced.
pub fn unannounced_lights(state: &VillageState) -> impl Iterator<Item = &EntityId> {
    state
        .groups
        .values()
        .flat_map(|g| g.lights.iter())
        .filter(|id| !state.lights.contains_key(*id))
}

/// The name of a lamp that was never announced: that of its device, without the noun.
#[must_use]
pub fn unannounced_name(state: &VillageState, id: &EntityId) -> String {
    let name = owner(id)
        .and_then(|device| state.devices.get(&device).map(|d| d.name.clone()))
        .unwrap_or_else(|| id.to_string());
    name.strip_prefix("Đèn ").unwrap_or(&name).to_owned()
}

/// The status of a camera of whose pictures so many percent are missing: with most of them gone it
/// does not work.
const fn missing(percent: u8) -> Status {
    if percent >= 50 {
        Status::Broken
    } else {
        Status::Attention
    }
}

/// A status and its reason, before it is given to a thing.
type Judgement = (Status, StatusReason, Option<WallMs>);

/// True when the status of a device explains that of the things that hang on it.
const fn explains(device: &ThingStatus) -> bool {
    matches!(
        device.reason,
        StatusReason::Silent | StatusReason::NeverAnswered
    )
}

fn thing(
    kind: ThingKind,
    id: &impl ToString,
    name: &str,
    device: Option<&ThingStatus>,
    (status, reason, since): Judgement,
) -> ThingStatus {
    ThingStatus {
        kind,
        id: id.to_string(),
        name: name.to_owned(),
        place: device.and_then(|d| d.place.clone()),
        status,
        reason,
        since,
        on: None,
        explained_by: device
            .filter(|d| status != Status::Well && explains(d))
            .map(|d| d.id.clone()),
    }
}

/// A speaker cluster is its device: it has no status of its own.
fn speaker(s: &Speaker, device: Option<&ThingStatus>) -> ThingStatus {
    let judged = device.map_or(
        (Status::Attention, StatusReason::NeverAnswered, None),
        |d| (d.status, d.reason, d.since),
    );
    let mut out = thing(ThingKind::Speaker, &s.id, &s.name, device, judged);
    out.explained_by = device.map(|d| d.id.clone());
    out
}

impl StatusInput<'_> {
    fn device(&self, d: &Device) -> ThingStatus {
        let (rejected, more) = self.live.rejected_discovery.of(&d.id);
        let count = rejected.len() + more;
        let seen = self
            .live
            .latest
            .last_seen(&d.id)
            .map(|at| self.wall_ms - self.mono_ms.signed_since(at));
        let judged = match (d.availability, seen) {
            (Availability::Offline { since }, _) => {
                (Status::Broken, StatusReason::Silent, Some(since))
            }
            (Availability::Unknown, None) => (Status::Attention, StatusReason::NeverAnswered, None),
            (Availability::Online { since }, _) if count > 0 => (
                Status::Attention,
                StatusReason::UnusableDiscovery { count },
                Some(since),
            ),
            (Availability::Unknown, Some(at)) if count > 0 => (
                Status::Attention,
                StatusReason::UnusableDiscovery { count },
                Some(at),
            ),
            (Availability::Online { since }, _) => (Status::Well, StatusReason::Works, Some(since)),
            (Availability::Unknown, Some(at)) => {
                (Status::Well, StatusReason::Unmonitored, Some(at))
            }
        };
        let mut out = thing(ThingKind::Device, &d.id, &d.name, None, judged);
        out.place = d
            .place
            .as_ref()
            .and_then(|p| self.state.places.get(p))
            .map(|p| p.name.clone());
        out
    }

    fn lights(&self, devices: &BTreeMap<&DeviceId, ThingStatus>) -> Vec<ThingStatus> {
        let mut out = Vec::new();
        for l in self.state.lights.values() {
            let device = self.state.device_of(&l.id);
            if device.is_some_and(|d| self.state.is_revoked(&d.id)) {
                continue;
            }
            let device = device.and_then(|d| devices.get(&d.id));
            let mut lamp = thing(
                ThingKind::Light,
                &l.id,
                &l.name,
                device,
                self.light(l, device),
            );
            lamp.on = match lamp.reason {
                StatusReason::OnlyRetained => self.live.latest.get(&l.id).map(|v| v.number > 0.5),
                _ => l.reported.map(|r| r.on),
            };
            out.push(lamp);
        }
        for id in unannounced_lights(self.state) {
            let device = owner(id);
            if device.as_ref().is_some_and(|d| self.state.is_revoked(d)) {
                continue;
            }
            let device = device.as_ref().and_then(|d| devices.get(d));
            let reason = match device {
                Some(d) if !explains(d) => StatusReason::NotAnnounced,
                _ => StatusReason::NeverAnswered,
            };
            let name = unannounced_name(self.state, id);
            let judged = (Status::Attention, reason, None);
            out.push(thing(ThingKind::Light, id, &name, device, judged));
        }
        out.sort_by(|a, b| a.id.cmp(&b.id));
        out.dedup_by(|a, b| a.id == b.id);
        out
    }

    fn light(&self, l: &Light, device: Option<&ThingStatus>) -> Judgement {
        let status = l.status();
        match status {
            LightStatus::Pending(Desired { on, at, .. }) => {
                return (Status::Waiting, StatusReason::OrderPending { on }, Some(at));
            }
            LightStatus::Unanswered(Desired { on, at, .. }) => {
                let reason = StatusReason::OrderUnanswered { on };
                return (Status::Broken, reason, Some(at));
            }
            LightStatus::Reported(_) | LightStatus::Unknown => {}
        }
        if let Some(silent) = device.filter(|d| d.reason == StatusReason::Silent) {
            return (Status::Broken, StatusReason::Silent, silent.since);
        }
        if self.live.latest.is_invalid(&l.id) {
            return (Status::Attention, StatusReason::Unreadable, None);
        }
        // A retained message may be of any age, so it proves no answer.
        let is_retained = self.live.latest.get(&l.id).is_some_and(|v| v.retained);
        if is_retained && device.is_none_or(|d| d.reason == StatusReason::NeverAnswered) {
            return (Status::Attention, StatusReason::OnlyRetained, None);
        }
        match status {
            LightStatus::Reported(r) => (Status::Well, StatusReason::Works, Some(r.at)),
            _ => (Status::Attention, StatusReason::NeverAnswered, None),
        }
    }

    /// A sensor that can raise an alarm must be watched; of the others, such as the strength of a
    /// radio signal, a missing value is no trouble of the village.
    fn sensor(&self, s: &Sensor, device: Option<&ThingStatus>) -> ThingStatus {
        let entity = self.state.entities.get(&s.id);
        let blind = if entity.is_none_or(|e| s.can_alarm(e)) {
            Status::Attention
        } else {
            Status::Waiting
        };
        let latest = self.live.latest.get(&s.id);
        let is_expired = entity.is_some_and(|e| {
            let online = self.live.device_link.online_since();
            self.live.latest.is_expired(e, self.mono_ms, online)
        });
        let judged = match (device, latest) {
            (Some(d), _) if d.reason == StatusReason::Silent => {
                (Status::Broken, StatusReason::Silent, d.since)
            }
            _ if self.live.latest.is_invalid(&s.id) => (blind, StatusReason::Unreadable, None),
            (Some(d), None) if d.reason == StatusReason::NeverAnswered => {
                (Status::Attention, StatusReason::NeverAnswered, None)
            }
            (None, None) => (Status::Attention, StatusReason::NeverAnswered, None),
            (Some(_), None) => (blind, StatusReason::NoReading, None),
            (_, Some(v)) if is_expired => (blind, StatusReason::Expired, Some(v.at)),
            (Some(d), Some(v)) if v.retained && d.reason == StatusReason::NeverAnswered => {
                (blind, StatusReason::OnlyRetained, None)
            }
            (_, Some(v)) => (Status::Well, StatusReason::Works, Some(v.at)),
        };
        thing(ThingKind::Sensor, &s.id, &s.name, device, judged)
    }

    fn camera(&self, c: &Camera) -> ThingStatus {
        let live = self.live.pictures.get(&c.id);
        let source = live.as_ref().map(|p| p.source_status()).unwrap_or_default();
        let faults = live.as_ref().map(|p| p.faults()).unwrap_or_default();
        let is_recorded = live.is_none_or(|p| p.recording().error.is_empty());
        let judged = match c.signal {
            _ if source == SourceStatus::NoAddress => {
                (Status::Attention, StatusReason::NoAddress, None)
            }
            Availability::Offline { since } => {
                (Status::Broken, StatusReason::StreamLost, Some(since))
            }
            Availability::Unknown => (Status::Attention, StatusReason::NeverAnswered, None),
            // A stream that cannot be viewed later is not well, whether it comes now or not.
            Availability::Online { since } => {
                let (status, reason) = if faults.undecodable.is_some() {
                    (Status::Broken, StatusReason::Undecodable)
                } else if !is_recorded {
                    (Status::Broken, StatusReason::NotRecorded)
                } else if source != SourceStatus::Live {
                    (Status::Waiting, StatusReason::Connecting)
                } else if faults.unchecked.is_some() {
                    (Status::Attention, StatusReason::Unchecked)
                } else if let Some(percent) = faults.missed {
                    (missing(percent), StatusReason::SlowDisk { percent })
                } else if let Some(percent) = faults.loss {
                    (missing(percent), StatusReason::PacketLoss { percent })
                } else if faults.clock.is_some() {
                    (Status::Attention, StatusReason::WrongClock)
                } else {
                    (Status::Well, StatusReason::Works)
                };
                (status, reason, Some(since))
            }
        };
        thing(ThingKind::Camera, &c.id, &c.name, None, judged)
    }

    fn summarize(&self, things: Vec<ThingStatus>) -> VillageStatus {
        let gateway = gateway_troubles(self.health);
        let roots = |status| {
            things
                .iter()
                .filter(move |t| t.status == status && t.is_root())
        };
        let (causes, mut alone) = common_causes(&things);
        alone.sort_by_key(|t| (t.since.is_none(), t.since));
        let worst = things.iter().map(|t| t.status).max().unwrap_or_default();
        // Data that was lost and parts that run with less concern the gateway, not a thing.
        let losses = data_losses(self.health);
        let status = if gateway.is_empty() {
            worst.max(if losses.is_empty() {
                Status::Well
            } else {
                Status::Attention
            })
        } else {
            Status::Broken
        };
        let count = |kind| ThingCounts {
            all: things.iter().filter(|t| t.kind == kind).count(),
            working: things.iter().filter(|t| t.kind == kind && works(t)).count(),
            broken: things
                .iter()
                .filter(|t| t.kind == kind && t.status == Status::Broken)
                .count(),
        };
        let summary = StatusSummary {
            status,
            empty: self.state.devices.is_empty() && self.state.cameras.is_empty(),
            gateway,
            broken_count: roots(Status::Broken).count(),
            causes: StatusSummary::causes_of(&causes),
            broken: NamedThings::of(alone),
            unknown: NamedThings::of(roots(Status::Attention).map(ThingStatus::named)),
            losses,
        };
        VillageStatus {
            devices: count_devices(&things),
            lights: count_lights(&things),
            speakers: count(ThingKind::Speaker),
            cameras: count(ThingKind::Camera),
            sensors: count(ThingKind::Sensor),
            causes,
            summary,
            things,
        }
    }
}

/// True for a speaker cluster that will be heard.
#[must_use]
pub const fn is_reachable(speaker: &ThingStatus) -> bool {
    matches!(
        speaker.reason,
        StatusReason::Works | StatusReason::Unmonitored | StatusReason::UnusableDiscovery { .. }
    )
}

/// True for a speaker that will be heard, a camera whose stream comes, a sensor whose value is
/// known.
fn works(t: &ThingStatus) -> bool {
    match t.kind {
        ThingKind::Speaker => is_reachable(t),
        ThingKind::Camera => !matches!(
            t.reason,
            StatusReason::StreamLost | StatusReason::NoAddress | StatusReason::NeverAnswered
        ),
        ThingKind::Device | ThingKind::Light | ThingKind::Sensor => t.status == Status::Well,
    }
}

fn count_devices(things: &[ThingStatus]) -> DeviceCounts {
    let mut out = DeviceCounts::default();
    for t in things.iter().filter(|t| t.kind == ThingKind::Device) {
        out.all += 1;
        match t.reason {
            StatusReason::Silent => out.offline += 1,
            StatusReason::NeverAnswered => out.never_answered += 1,
            _ => out.answering += 1,
        }
    }
    out
}

fn count_lights(things: &[ThingStatus]) -> LightCounts {
    let mut out = LightCounts::default();
    for t in things.iter().filter(|t| t.kind == ThingKind::Light) {
        out.all += 1;
        match (t.status, t.on) {
            (Status::Broken, _) => out.broken += 1,
            (Status::Waiting, _) => out.waiting += 1,
            (Status::Attention, _) => out.unknown += 1,
            (Status::Well, Some(true)) => out.lit += 1,
            (Status::Well, _) => out.off += 1,
        }
    }
    out
}

/// The parts of the gateway that do not work, each word once.
fn gateway_troubles(health: &BTreeMap<HealthPart, PartHealth>) -> Vec<GatewayTrouble> {
    let mut out: Vec<GatewayTrouble> = health
        .iter()
        .filter(|(_, part)| part.status == HealthStatus::Red)
        .map(|(part, _)| match part {
            HealthPart::Journal => GatewayTrouble::Journal,
            HealthPart::Broker | HealthPart::DeviceLink => GatewayTrouble::Broker,
            HealthPart::Queues => GatewayTrouble::Queues,
            HealthPart::Keys => GatewayTrouble::Keys,
            _ => GatewayTrouble::Other,
        })
        .collect();
    out.sort();
    out.dedup();
    out
}

fn data_losses(health: &BTreeMap<HealthPart, PartHealth>) -> Vec<LostData> {
    let is_amber = |part: &HealthPart| {
        health
            .get(part)
            .is_some_and(|c| c.status == HealthStatus::Amber)
    };
    [
        (HealthPart::History, LostData::History),
        (HealthPart::PersistenceLog, LostData::Broker),
        (HealthPart::Texts, LostData::Texts),
        (HealthPart::Commune, LostData::Commune),
    ]
    .into_iter()
    .filter(|(part, _)| is_amber(part))
    .map(|(_, loss)| loss)
    .collect()
}

/// The speaker clusters that will not be heard: what the page shows before an announcement, and
/// what its receipt tells of the clusters that it was not for.
#[must_use]
pub fn unreachable_speakers(status: &VillageStatus) -> Vec<DeviceId> {
    status
        .of_kind(ThingKind::Speaker)
        .filter(|t| !is_reachable(t))
        .filter_map(|t| DeviceId::new(&t.id).ok())
        .collect()
}

/// Things of a kind that do not work, as sentences name them: the speakers that will not be heard.
#[must_use]
pub fn not_working(status: &VillageStatus, kind: ThingKind) -> Vec<NamedThing> {
    status
        .of_kind(kind)
        .filter(|t| !works(t))
        .map(ThingStatus::named)
        .collect()
}
