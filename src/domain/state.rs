//! The village as it is now: one immutable value made from the entries.
//!
//! Invariants: `apply` is total and needs nothing but the entry; replaying all entries gives the
//! same value as a snapshot plus the rest. The state holds only current things; ended ones are read
//! from the journal. Each noun is an `Arc` map of `Arc` values, so that a commit copies the
//! pointers of the touched nouns once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::actor::User;
use super::camera::{Camera, CameraView, MAX_VIEWS};
use super::declared::Thing;
use super::device::{Account, Availability, Device};
use super::entity::Entity;
use super::event::{Entry, Event};
use super::id::{
    AnnouncementId, BlobId, CameraId, DeviceId, EntityId, GroupId, NoticeId, PlaceId, TokenId,
    UserId,
};
use super::light::{Desired, Light, LightGroup, Reported};
use super::notice::Notice;
use super::place::Place;
use super::sensor::{Alarm, Sensor};
use super::speaker::{Announcement, PlaybackState, Speaker};
use super::token::{FILE_TOKEN, Token};
use super::village::Village;

/// All things of one noun, by id.
pub type Things<K, V> = Arc<BTreeMap<K, Arc<V>>>;

/// Ended announcements that stay in the state, the newest ones: the page shows them as “vừa phát”.
pub const ENDED_ANNOUNCEMENTS_KEPT: usize = 20;

/// Number of notices above which the expired ones are removed from the state (history still has
/// them).
pub const NOTICES_KEPT: usize = 1_000;

/// Most erased blobs that the state remembers; no village is asked to erase so many.
pub const ERASED_KEPT: usize = 10_000;

/// Most ranges of damage in the state; the oldest are removed first.
pub const DAMAGE_KEPT: usize = 100;

/// The village as it is after entry `seq`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VillageState {
    /// The seq of the last entry applied; 0 = none.
    pub seq: u64,
    /// How often the gateway's machine has booted.
    pub boot: u64,
    /// The name and the position of the village.
    pub village: Option<Arc<Village>>,
    /// Roads, alleys.
    pub places: Things<PlaceId, Place>,
    /// Devices.
    pub devices: Things<DeviceId, Device>,
    /// MQTT accounts.
    pub accounts: Things<DeviceId, Account>,
    /// Accounts that people revoked: the configuration does not grant them again.
    #[serde(default)]
    pub revoked: Arc<BTreeSet<DeviceId>>,
    /// Entities: what the devices do.
    pub entities: Things<EntityId, Entity>,
    /// Lamps.
    pub lights: Things<EntityId, Light>,
    /// Light groups.
    pub groups: Things<GroupId, LightGroup>,
    /// Sensors.
    pub sensors: Things<EntityId, Sensor>,
    /// Speaker clusters.
    pub speakers: Things<DeviceId, Speaker>,
    /// Announcements on air, and a few that ended.
    pub announcements: Things<AnnouncementId, Announcement>,
    /// Cameras.
    pub cameras: Things<CameraId, Camera>,
    /// Notices that are published.
    pub notices: Things<NoticeId, Notice>,
    /// Users.
    pub users: Things<UserId, User>,
    /// Tokens of programs.
    #[serde(default)]
    pub tokens: Things<TokenId, Token>,
    /// The things that the configuration named at the last start.
    #[serde(default)]
    pub configured: Arc<BTreeSet<Thing>>,
    /// The last “Dừng tất cả”: the seq of its entry and its wall ms.
    #[serde(default)]
    pub silenced: Option<(u64, i64)>,
    /// Erased blobs, which may exist nowhere any more.
    #[serde(default)]
    pub erased: Arc<BTreeSet<BlobId>>,
    /// Ranges of damage, oldest first: the last good entry, the last missing entry. While there is
    /// one, the health stays amber.
    pub damage: Arc<Vec<(u64, u64)>>,
}

pub(super) fn put<K: Ord + Clone, V>(things: &mut Things<K, V>, key: K, value: V) {
    Arc::make_mut(things).insert(key, Arc::new(value));
}

pub(super) fn update_entry<K: Ord + Clone, V: Clone>(
    things: &mut Things<K, V>,
    key: &K,
    how: impl FnOnce(&mut V),
) {
    if things.contains_key(key)
        && let Some(value) = Arc::make_mut(things).get_mut(key)
    {
        how(Arc::make_mut(value));
    }
}

impl VillageState {
    /// Applies one entry. Total: an event about a thing that is not there changes nothing but
    /// `seq`.
    #[expect(clippy::too_many_lines, reason = "one arm per event")]
    pub fn apply(&mut self, entry: &Entry) {
        self.seq = entry.seq;
        let at = entry.wall_ms;
        match &entry.event {
            Event::Booted { boot, .. } => self.boot = *boot,
            Event::HistoryDamaged { from, to, .. } => {
                let damage = Arc::make_mut(&mut self.damage);
                damage.push((*from, *to));
                if damage.len() > DAMAGE_KEPT {
                    damage.remove(0);
                }
            }
            Event::ClockKnown { .. }
            | Event::HistoryTrimmed { .. }
            | Event::CommandRefused { .. } => {}
            Event::Erased { blob } => drop(Arc::make_mut(&mut self.erased).insert(blob.clone())),
            Event::VillageDeclared { village } => self.village = Some(Arc::new(village.clone())),
            Event::PlaceDeclared { place } => {
                put(&mut self.places, place.id.clone(), place.clone());
            }
            Event::DeviceDeclared { device } => self.put_device(device),
            Event::AccessGranted { account } => {
                put(&mut self.accounts, account.name.clone(), account.clone());
                if self.revoked.contains(&account.name) {
                    Arc::make_mut(&mut self.revoked).remove(&account.name);
                }
            }
            Event::AccessRevoked { account } => {
                Arc::make_mut(&mut self.accounts).remove(account);
                Arc::make_mut(&mut self.revoked).insert(account.clone());
                // The broker disconnects the device, and the will of a revoked account may not be
                // published any more. So the device is set offline here.
                update_entry(&mut self.devices, account, |d| {
                    if matches!(d.availability, Availability::Online { .. }) {
                        d.availability = availability(false, at);
                    }
                });
            }
            Event::EntitiesAdopted {
                device,
                model,
                entities,
            } => self.adopt(device, model, entities),
            Event::EntitiesWithdrawn { entities, .. } => self.withdraw(entities),
            Event::Configured { things } => {
                Arc::make_mut(&mut self.configured).extend(things.iter().cloned());
            }
            Event::ThingPutAway { thing } => self.put_away(thing),
            Event::PresenceChanged { device, here } => {
                update_entry(&mut self.devices, device, |d| {
                    d.availability = availability(*here, at);
                });
            }
            Event::GroupDeclared { group } => self.put_group(group),
            Event::LightDesired { light, on, .. } => update_entry(&mut self.lights, light, |l| {
                l.desired = Some(Desired {
                    on: *on,
                    order: entry.seq,
                    at,
                    given_up: false,
                });
            }),
            Event::LightReported { light, on } => update_entry(&mut self.lights, light, |l| {
                l.reported = Some(Reported { on: *on, at });
            }),
            Event::LightGivenUp { light, order } => update_entry(&mut self.lights, light, |l| {
                if let Some(d) = l.desired.as_mut().filter(|d| d.order == *order) {
                    d.given_up = true;
                }
            }),
            Event::SensorDeclared { sensor } => {
                let alarm = self.sensors.get(&sensor.id).and_then(|s| s.alarm);
                put(
                    &mut self.sensors,
                    sensor.id.clone(),
                    Sensor {
                        alarm,
                        ..sensor.clone()
                    },
                );
            }
            Event::SensorAlarmRaised {
                sensor,
                level,
                value,
            }
            | Event::SensorAlarmLowered {
                sensor,
                level,
                value,
            } => {
                update_entry(&mut self.sensors, sensor, |s| {
                    s.alarm = (*level > 0).then_some(Alarm {
                        level: *level,
                        value: *value,
                        at,
                    });
                });
            }
            Event::SpeakerDeclared { speaker } => {
                put(&mut self.speakers, speaker.id.clone(), speaker.clone());
            }
            Event::AnnouncementQueued {
                id,
                text,
                class,
                zone,
                expires_at,
            } => {
                let plays = zone
                    .iter()
                    .map(|s| (s.clone(), PlaybackState::Waiting))
                    .collect();
                let said = Announcement {
                    id: id.clone(),
                    text: text.clone(),
                    class: *class,
                    at,
                    order: entry.seq,
                    expires_at: *expires_at,
                    plays,
                    unreachable: super::announcements::unreachable(self, zone),
                };
                put(&mut self.announcements, id.clone(), said);
                self.forget_old_announcements();
            }
            Event::PlaybackBegan {
                announcement,
                speaker,
            } => self.set_playback(announcement, speaker, PlaybackState::Playing),
            Event::PlaybackFinished {
                announcement,
                speaker,
                how,
            } => self.set_playback(
                announcement,
                speaker,
                PlaybackState::Ended { how: how.clone() },
            ),
            Event::EverythingStopped {} => {
                self.silenced = Some((entry.seq, at));
                self.stop_everything();
            }
            Event::CameraDeclared { camera } => {
                let (signal, looks) = self
                    .cameras
                    .get(&camera.id)
                    .map_or((camera.signal, Vec::new()), |c| (c.signal, c.looks.clone()));
                put(
                    &mut self.cameras,
                    camera.id.clone(),
                    Camera {
                        signal,
                        looks,
                        ..camera.clone()
                    },
                );
            }
            Event::CameraRemoved { camera } => {
                drop(Arc::make_mut(&mut self.cameras).remove(camera));
            }
            Event::CameraChanged { camera, here } => update_entry(&mut self.cameras, camera, |c| {
                c.signal = availability(*here, at);
            }),
            Event::CamerasViewed { cameras } => {
                for camera in cameras {
                    update_entry(&mut self.cameras, camera, |c| {
                        c.looks.push(CameraView {
                            who: entry.actor.clone(),
                            at,
                        });
                        let over = c.looks.len().saturating_sub(MAX_VIEWS);
                        c.looks.drain(..over);
                    });
                }
            }
            Event::NoticePublished {
                id,
                text,
                kind,
                until,
            } => {
                let from_commune = entry.actor == super::actor::Actor::Commune;
                let notice = Notice {
                    id: id.clone(),
                    text: text.clone(),
                    kind: *kind,
                    at,
                    order: entry.seq,
                    until: *until,
                    from_commune,
                };
                put(&mut self.notices, id.clone(), notice);
                if self.notices.len() > NOTICES_KEPT {
                    Arc::make_mut(&mut self.notices).retain(|_, n| n.until.is_none_or(|u| u >= at));
                }
            }
            Event::NoticeTakenDown { id } => drop(Arc::make_mut(&mut self.notices).remove(id)),
            Event::UserPut { user } => put(&mut self.users, user.id.clone(), user.clone()),
            Event::UserRenamed { user, record } => {
                update_entry(&mut self.users, user, |u| u.record = record.clone());
            }
            Event::TokenPut { token } => put(&mut self.tokens, token.id.clone(), token.clone()),
            // The file of this token still exists, so the state records that the token is revoked.
            Event::TokenRemoved { token } if token.as_str() == FILE_TOKEN => put(
                &mut self.tokens,
                token.clone(),
                Token::revoked(token.clone()),
            ),
            Event::TokenRemoved { token } => drop(Arc::make_mut(&mut self.tokens).remove(token)),
            Event::UserRemoved { user } => drop(Arc::make_mut(&mut self.users).remove(user)),
        }
    }

    fn put_device(&mut self, device: &Device) {
        let mut device = device.clone();
        if let Some(known) = self.devices.get(&device.id) {
            device.availability = known.availability;
            if device.model.is_empty() {
                device.model.clone_from(&known.model);
            }
        }
        put(&mut self.devices, device.id.clone(), device);
    }

    pub(super) fn group_of(&self, light: &EntityId) -> Option<GroupId> {
        self.groups
            .values()
            .find(|g| g.lights.contains(light))
            .map(|g| g.id.clone())
    }

    fn put_group(&mut self, group: &LightGroup) {
        let left: Vec<EntityId> = self
            .lights
            .values()
            .filter(|l| l.group.as_ref() == Some(&group.id) && !group.lights.contains(&l.id))
            .map(|l| l.id.clone())
            .collect();
        for light in &left {
            update_entry(&mut self.lights, light, |l| l.group = None);
        }
        for light in &group.lights {
            update_entry(&mut self.lights, light, |l| {
                l.group = Some(group.id.clone());
            });
        }
        put(&mut self.groups, group.id.clone(), group.clone());
    }

    fn set_playback(
        &mut self,
        announcement: &AnnouncementId,
        speaker: &DeviceId,
        play: PlaybackState,
    ) {
        update_entry(&mut self.announcements, announcement, |a| {
            // An end is final and a stop is not undone: a late report of the receiver cannot start
            // the playback again.
            if let Some(p) = a.plays.get_mut(speaker)
                && (matches!(play, PlaybackState::Ended { .. })
                    && !matches!(p, PlaybackState::Ended { .. })
                    || *p == PlaybackState::Waiting)
            {
                *p = play;
            }
        });
    }

    fn stop_everything(&mut self) {
        let playing: Vec<AnnouncementId> = self
            .announcements
            .values()
            .filter(|a| !a.is_over())
            .map(|a| a.id.clone())
            .collect();
        for id in playing {
            update_entry(&mut self.announcements, &id, |a| {
                for play in a
                    .plays
                    .values_mut()
                    .filter(|p| !matches!(p, PlaybackState::Ended { .. }))
                {
                    *play = PlaybackState::Stopping;
                }
            });
        }
    }

    fn forget_old_announcements(&mut self) {
        let mut ended: Vec<(u64, AnnouncementId)> = self
            .announcements
            .values()
            .filter(|a| a.is_over())
            .map(|a| (a.order, a.id.clone()))
            .collect();
        if ended.len() > ENDED_ANNOUNCEMENTS_KEPT {
            ended.sort_unstable();
            for (_, id) in &ended[..ended.len() - ENDED_ANNOUNCEMENTS_KEPT] {
                Arc::make_mut(&mut self.announcements).remove(id);
            }
        }
    }

    /// The device of a lamp or a sensor.
    #[must_use]
    pub fn device_of(&self, entity: &EntityId) -> Option<&Arc<Device>> {
        self.devices.get(&self.entities.get(entity)?.device)
    }

    /// True for an entity whose device has an account, so that its state can be reported.
    #[must_use]
    pub fn has_account(&self, entity: &EntityId) -> bool {
        self.entities
            .get(entity)
            .is_some_and(|e| self.accounts.contains_key(&e.device))
    }

    /// True for a device whose account people revoked. Its last report does not count any more, and
    /// its silence is no fault.
    #[must_use]
    pub fn is_revoked(&self, device: &DeviceId) -> bool {
        self.revoked.contains(device)
    }

    /// Devices that are offline and should not be, with the wall ms since when.
    pub fn offline_devices(&self) -> impl Iterator<Item = (&Arc<Device>, i64)> {
        self.devices
            .values()
            .filter(|d| !self.is_revoked(&d.id))
            .filter_map(|d| Some((d, d.availability.offline_since()?)))
    }

    /// Announcements on air, oldest first.
    #[must_use]
    pub fn on_air(&self) -> Vec<Arc<Announcement>> {
        let mut out: Vec<_> = self
            .announcements
            .values()
            .filter(|a| !a.is_over())
            .cloned()
            .collect();
        out.sort_by_key(|a| a.order);
        out
    }

    /// Notices in force at `now` (wall ms): urgent first, then newest.
    #[must_use]
    pub fn notices_at(&self, now: i64) -> Vec<Arc<Notice>> {
        let mut out: Vec<_> = self
            .notices
            .values()
            .filter(|n| n.until.is_none_or(|u| u >= now))
            .cloned()
            .collect();
        out.sort_by_key(|n| {
            (
                n.kind != super::notice::NoticeKind::Urgent,
                std::cmp::Reverse(n.order),
            )
        });
        out
    }
}

const fn availability(here: bool, since: i64) -> Availability {
    if here {
        Availability::Online { since }
    } else {
        Availability::Offline { since }
    }
}
