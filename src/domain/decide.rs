//! The one place where the village is changed: a wish and the state become facts, or a refusal.
//!
//! Invariants: pure; never panics on any input; the events it returns, applied in order, leave the
//! state as the command's author would expect. A `Declare…` or `Report…` that changes nothing gives
//! no events. Before anything is looked at: who may ask ([`super::rights`]), and whether what is
//! asked is sound ([`super::sound`]).

use serde::{Deserialize, Serialize};

use super::actor::{Actor, Role};
use super::command::Command;
use super::device::{Device, Presence};
use super::event::Event;
use super::rights::permit;
use super::sound::is_sound;
use super::speaker::{Class, Ending, Play};
use super::state::{ERASED_KEPT, State};
use super::token::{FILE, TOKENS};
use super::{thing, words};

/// Entities a single device may announce.
pub const ENTITIES_PER_DEVICE: usize = 64;
/// Things of one noun that a village may hold.
pub const THINGS_PER_NOUN: usize = 20_000;
/// Notices that may be up at once.
pub const NOTICES_UP: usize = 500;
/// Lamps of one group.
pub const LIGHTS_PER_GROUP: usize = 500;

/// Of the notices that are up, so many may be the commune's.
pub const NOTICES_OF_COMMUNE: usize = 100;

/// Somebody who looks again at a camera within this time goes on looking, ms.
const LOOKS_ON_MS: i64 = 600_000;

/// When a decision is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Wall time, ms since 1970 UTC, as the box believes it.
    pub wall_ms: i64,
}

/// Why a wish was not granted. A value for people: `key()` names the sentence in the locale files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Rejection {
    /// The actor may not do this.
    #[error("not permitted")]
    NotPermitted,
    /// There is no such thing.
    #[error("there is no {what} “{id}”")]
    Unknown {
        /// Noun.
        what: String,
        /// Id asked for.
        id: String,
    },
    /// The thing cannot do that.
    #[error("“{id}” cannot be switched")]
    NotSwitchable {
        /// Id asked for.
        id: String,
    },
    /// Nothing to speak on.
    #[error("no horn cluster was chosen")]
    EmptyZone,
    /// A bound of the house.
    #[error("too many: at most {most}")]
    TooMany {
        /// The bound.
        most: u64,
    },
    /// The id is in use.
    #[error("“{id}” exists already")]
    Exists {
        /// Id asked for.
        id: String,
    },
    /// The command came after its time.
    #[error("it came too late: its time is over")]
    Expired,
    /// The last chief cannot be removed.
    #[error("the last chief cannot be removed")]
    LastChief,
    /// A part of it is beyond its bounds: a number that is none, a text that is empty, too long or
    /// hides something.
    #[error("not a sound value: {what} {}", most_of(*most))]
    Unsound {
        /// Which part; empty = the whole.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        what: String,
        /// Most characters of a text; 0 = it is a number.
        #[serde(default)]
        most: u64,
    },
}

impl Rejection {
    /// The whole is beyond its bounds.
    pub const UNSOUND: Self = Self::Unsound {
        what: String::new(),
        most: 0,
    };

    /// Key of the sentence in `locales/*.ftl`.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::NotPermitted => "refused-not-permitted",
            Self::Unknown { .. } => "refused-unknown",
            Self::NotSwitchable { .. } => "refused-not-switchable",
            Self::EmptyZone => "refused-empty-zone",
            Self::TooMany { .. } => "refused-too-many",
            Self::Exists { .. } => "refused-exists",
            Self::Expired => "refused-expired",
            Self::LastChief => "refused-last-chief",
            Self::Unsound { .. } => "refused-unsound",
        }
    }
}

fn most_of(most: u64) -> String {
    if most == 0 {
        String::new()
    } else {
        format!("(at most {most} characters, on one line, without hidden ones)")
    }
}

fn unknown(what: &str, id: impl std::fmt::Display) -> Rejection {
    Rejection::Unknown {
        what: what.to_owned(),
        id: id.to_string(),
    }
}

/// Turns a wish into facts.
///
/// # Errors
/// [`Rejection`] when the wish is not granted; the state is unchanged then.
#[expect(
    clippy::too_many_lines,
    reason = "one arm per command: the table of contents of what can happen"
)]
pub fn decide(
    state: &State,
    actor: &Actor,
    command: &Command,
    now: Now,
) -> Result<Vec<Event>, Rejection> {
    permit(state, actor, command)?;
    is_sound(command)?;
    Ok(match command {
        Command::DeclareVillage { village } => {
            changed(state.village.as_deref() != Some(village), || {
                Event::VillageDeclared {
                    village: village.clone(),
                }
            })
        }
        Command::DeclarePlace { place } => {
            room(&state.places, &place.id)?;
            changed(
                state.places.get(&place.id).is_none_or(|p| **p != *place),
                || Event::PlaceDeclared {
                    place: place.clone(),
                },
            )
        }
        Command::NoteClock { offset_ms } => vec![Event::ClockKnown {
            offset_ms: *offset_ms,
        }],
        Command::NoteTrim { from, to } => {
            changed(from <= to && *to < state.seq, || Event::HistoryTrimmed {
                from: *from,
                to: *to,
            })
        }
        Command::NoteDamage {
            epoch,
            from,
            to,
            lost,
        } => vec![Event::HistoryDamaged {
            epoch: epoch.clone(),
            from: *from,
            to: *to,
            lost: *lost,
        }],
        Command::EraseBlob { .. } if state.erased.len() >= ERASED_KEPT => {
            return Err(Rejection::TooMany {
                most: ERASED_KEPT as u64,
            });
        }
        Command::EraseBlob { blob } => changed(!state.erased.contains(blob), || Event::Erased {
            blob: blob.clone(),
        }),
        Command::DeclareDevice { device } => {
            room(&state.devices, &device.id)?;
            changed(
                state
                    .devices
                    .get(&device.id)
                    .is_none_or(|d| !same_device(d, device)),
                || Event::DeviceDeclared {
                    device: Device {
                        presence: Presence::Unknown,
                        ..device.clone()
                    },
                },
            )
        }
        Command::GrantAccess { account } => {
            room(&state.accounts, &account.name)?;
            // What people took away does not come back with the next start of the house.
            let taken = *actor == Actor::House && state.revoked.contains(&account.name);
            changed(
                !taken
                    && state
                        .accounts
                        .get(&account.name)
                        .is_none_or(|a| **a != *account),
                || Event::AccessGranted {
                    account: account.clone(),
                },
            )
        }
        Command::RevokeAccess { account } => thing::revoke(state, account)?,
        Command::AdoptEntities {
            device,
            model,
            entities,
        } => thing::adopt(state, device, model, entities)?,
        Command::WithdrawEntities { device, entities } => thing::withdraw(state, device, entities),
        Command::NoteConfigured { things } => thing::note_configured(state, things),
        Command::PutAway { thing } => thing::put_away(state, thing),
        Command::ReportPresence { device, here } => {
            let known = state
                .devices
                .get(device)
                .ok_or_else(|| unknown("device", device))?;
            let same = matches!(
                (known.presence, here),
                (Presence::Here { .. }, true) | (Presence::Gone { .. }, false)
            );
            // The last word of one that was sent away still stands in the broker: it is not an
            // answer.
            let away = *here && state.is_sent_away(device);
            changed(!same && !away, || Event::PresenceChanged {
                device: device.clone(),
                here: *here,
            })
        }
        Command::DeclareGroup { group } => {
            room(&state.groups, &group.id)?;
            if group.lights.len() > LIGHTS_PER_GROUP {
                return Err(Rejection::TooMany {
                    most: LIGHTS_PER_GROUP as u64,
                });
            }
            changed(
                state.groups.get(&group.id).is_none_or(|g| **g != *group),
                || Event::GroupDeclared {
                    group: group.clone(),
                },
            )
        }
        Command::SwitchLight { light, on } => {
            switchable(state, light)?;
            vec![Event::LightDesired {
                light: light.clone(),
                on: *on,
                group: None,
            }]
        }
        Command::SwitchGroup { group, on } => {
            let found = state
                .groups
                .get(group)
                .ok_or_else(|| unknown("group", group))?;
            let lights = found.lights.iter().filter(|l| switchable(state, l).is_ok());
            lights
                .map(|l| Event::LightDesired {
                    light: l.clone(),
                    on: *on,
                    group: Some(group.clone()),
                })
                .collect()
        }
        Command::ReportLight { light, on } => {
            let known = state
                .lights
                .get(light)
                .ok_or_else(|| unknown("light", light))?;
            let answers =
                known.desired.is_some_and(|d| d.given_up && d.on == *on) && known.is_unanswered();
            changed(
                known.reported.is_none_or(|r| r.on != *on) || answers,
                || Event::LightReported {
                    light: light.clone(),
                    on: *on,
                },
            )
        }
        Command::GiveUpLight { light, order } => {
            let waits = state
                .lights
                .get(light)
                .is_some_and(|l| l.is_waiting() && l.desired.is_some_and(|d| d.order == *order));
            changed(waits, || Event::LightGivenUp {
                light: light.clone(),
                order: *order,
            })
        }
        Command::DeclareSensor { sensor } => {
            room(&state.sensors, &sensor.id)?;
            let same = state.sensors.get(&sensor.id).is_some_and(|s| {
                super::sensor::Sensor {
                    alarm: s.alarm,
                    ..sensor.clone()
                } == **s
            });
            changed(!same, || Event::SensorDeclared {
                sensor: super::sensor::Sensor {
                    alarm: None,
                    ..sensor.clone()
                },
            })
        }
        Command::ReportLevel {
            sensor,
            level,
            value,
        } => {
            let known = state
                .sensors
                .get(sensor)
                .ok_or_else(|| unknown("sensor", sensor))?;
            let was = known.alarm.map_or(0, |a| a.level);
            match level.cmp(&was) {
                // Who has no account says nothing: what stands in the broker of a device that left
                // must not alarm anew, for nobody could end it.
                std::cmp::Ordering::Greater if !state.is_spoken_for(sensor) => Vec::new(),
                std::cmp::Ordering::Greater => vec![Event::SensorAlarmRaised {
                    sensor: sensor.clone(),
                    level: *level,
                    value: *value,
                }],
                std::cmp::Ordering::Less => vec![Event::SensorAlarmLowered {
                    sensor: sensor.clone(),
                    level: *level,
                    value: *value,
                }],
                std::cmp::Ordering::Equal => Vec::new(),
            }
        }
        Command::DeclareSpeaker { speaker } => {
            room(&state.speakers, &speaker.id)?;
            changed(
                state
                    .speakers
                    .get(&speaker.id)
                    .is_none_or(|s| **s != *speaker),
                || Event::SpeakerDeclared {
                    speaker: speaker.clone(),
                },
            )
        }
        Command::QueueAnnouncement {
            id,
            text,
            class,
            zone,
            expires_in_ms,
        } => {
            if zone.is_empty() {
                return Err(Rejection::EmptyZone);
            }
            if let Some(missing) = zone.iter().find(|s| !state.speakers.contains_key(*s)) {
                return Err(unknown("speaker", missing));
            }
            if state.announcements.contains_key(id) {
                return Err(Rejection::Exists { id: id.to_string() });
            }
            let mut zone = zone.clone();
            zone.sort();
            zone.dedup();
            let bound = if *class == Class::Emergency {
                3_600_000
            } else {
                600_000
            };
            let expires_at = now
                .wall_ms
                .saturating_add((*expires_in_ms).clamp(1_000, bound));
            vec![Event::AnnouncementQueued {
                id: id.clone(),
                text: text.clone(),
                class: *class,
                zone,
                expires_at,
            }]
        }
        Command::BeginPlayback {
            announcement,
            speaker,
        } => {
            let play = play_of(state, announcement, speaker)?;
            changed(*play == Play::Waiting, || Event::PlaybackBegan {
                announcement: announcement.clone(),
                speaker: speaker.clone(),
            })
        }
        Command::FinishPlayback {
            announcement,
            speaker,
            how,
        } => {
            let play = play_of(state, announcement, speaker)?;
            let how = match how {
                Ending::Failed { why } => Ending::Failed {
                    why: words::line(why, 200),
                },
                Ending::Played { ms } => Ending::Played {
                    ms: (*ms).min(86_400_000),
                },
                other => other.clone(),
            };
            changed(!matches!(play, Play::Ended { .. }), || {
                Event::PlaybackFinished {
                    announcement: announcement.clone(),
                    speaker: speaker.clone(),
                    how,
                }
            })
        }
        // Stopping is always recorded, also when nothing is known to play: somebody pressed the
        // button.
        Command::StopEverything => vec![Event::EverythingStopped {}],
        Command::DeclareCamera { camera } => {
            room(&state.cameras, &camera.id)?;
            changed(
                state
                    .cameras
                    .get(&camera.id)
                    .is_none_or(|c| c.name != camera.name),
                || Event::CameraDeclared {
                    camera: super::camera::Camera {
                        signal: Presence::Unknown,
                        looks: Vec::new(),
                        ..camera.clone()
                    },
                },
            )
        }
        Command::RemoveCamera { camera } => changed(state.cameras.contains_key(camera), || {
            Event::CameraRemoved {
                camera: camera.clone(),
            }
        }),
        Command::ReportCamera { camera, here } => {
            let known = state
                .cameras
                .get(camera)
                .ok_or_else(|| unknown("camera", camera))?;
            let same = matches!(
                (known.signal, here),
                (Presence::Here { .. }, true) | (Presence::Gone { .. }, false)
            );
            changed(!same, || Event::CameraChanged {
                camera: camera.clone(),
                here: *here,
            })
        }
        Command::LookAtPictures { cameras } => {
            let mut fresh = Vec::new();
            for id in cameras {
                let known = state.cameras.get(id).ok_or_else(|| unknown("camera", id))?;
                // Whoever goes on looking is one look, not a hundred.
                let again = known.looks.iter().any(|l| {
                    l.who == *actor && (0..LOOKS_ON_MS).contains(&now.wall_ms.saturating_sub(l.at))
                });
                if !again && !fresh.contains(id) {
                    fresh.push(id.clone());
                }
            }
            changed(!fresh.is_empty(), || Event::PicturesSeen { cameras: fresh })
        }
        Command::PublishNotice {
            id,
            text,
            kind,
            until,
        } => {
            if state.notices.contains_key(id) {
                return Err(Rejection::Exists { id: id.to_string() });
            }
            // What nobody sees any more takes nobody's room, and nothing is put up for yesterday.
            if until.is_some_and(|u| u < now.wall_ms) {
                return Err(Rejection::Expired);
            }
            let up = state
                .notices
                .values()
                .filter(|n| n.until.is_none_or(|u| u >= now.wall_ms));
            if *actor == Actor::Commune
                && up.clone().filter(|n| n.from_commune).count() >= NOTICES_OF_COMMUNE
            {
                return Err(Rejection::TooMany {
                    most: NOTICES_OF_COMMUNE as u64,
                });
            }
            if up.count() >= NOTICES_UP {
                return Err(Rejection::TooMany {
                    most: NOTICES_UP as u64,
                });
            }
            vec![Event::NoticePublished {
                id: id.clone(),
                text: text.clone(),
                kind: *kind,
                until: *until,
            }]
        }
        Command::TakeDownNotice { id } => {
            if !state.notices.contains_key(id) {
                return Err(unknown("notice", id));
            }
            vec![Event::NoticeTakenDown { id: id.clone() }]
        }
        Command::PutUser { user } => {
            room(&state.users, &user.id)?;
            let mut user = user.clone();
            let known = state.users.get(&user.id);
            if known.is_some_and(|k| k.role == Role::Chief && user.role != Role::Chief)
                && chiefs(state) == 1
            {
                return Err(Rejection::LastChief);
            }
            // Never used before, also after removal and return: a session of an older one stays
            // over.
            user.generation = state.seq + 1;
            vec![Event::UserPut { user }]
        }
        Command::RenameUser {
            user,
            record,
            generation,
        } => {
            let known = state.users.get(user).ok_or_else(|| unknown("user", user))?;
            if known.generation != *generation {
                return Err(Rejection::Expired);
            }
            changed(known.record != *record, || Event::UserRenamed {
                user: user.clone(),
                record: record.clone(),
            })
        }
        Command::PutToken { token } => {
            if token.id.as_str() == FILE || state.tokens.contains_key(&token.id) {
                return Err(Rejection::Exists {
                    id: token.id.to_string(),
                });
            }
            if state.tokens.len() >= TOKENS {
                return Err(Rejection::TooMany {
                    most: TOKENS as u64,
                });
            }
            vec![Event::TokenPut {
                token: token.clone(),
            }]
        }
        Command::RemoveToken { token } => match state.tokens.get(token) {
            None if token.as_str() != FILE => return Err(unknown("token", token)),
            known => changed(known.is_none_or(|t| !t.scopes.is_empty()), || {
                Event::TokenRemoved {
                    token: token.clone(),
                }
            }),
        },
        Command::RemoveUser { user } => {
            let known = state.users.get(user).ok_or_else(|| unknown("user", user))?;
            if known.role == Role::Chief && chiefs(state) == 1 {
                return Err(Rejection::LastChief);
            }
            vec![Event::UserRemoved { user: user.clone() }]
        }
    })
}

fn changed(yes: bool, event: impl FnOnce() -> Event) -> Vec<Event> {
    if yes { vec![event()] } else { Vec::new() }
}

fn room<K: Ord, V>(things: &super::state::Things<K, V>, id: &K) -> Result<(), Rejection> {
    if things.len() < THINGS_PER_NOUN || things.contains_key(id) {
        Ok(())
    } else {
        Err(Rejection::TooMany {
            most: THINGS_PER_NOUN as u64,
        })
    }
}

fn chiefs(state: &State) -> usize {
    state
        .users
        .values()
        .filter(|u| u.role == Role::Chief)
        .count()
}

fn same_device(known: &Device, wanted: &Device) -> bool {
    known.name == wanted.name
        && known.place == wanted.place
        && (wanted.model.is_empty() || known.model == wanted.model)
}

fn switchable(state: &State, light: &super::id::EntityId) -> Result<(), Rejection> {
    if !state.lights.contains_key(light) {
        return Err(unknown("light", light));
    }
    match state.entities.get(light) {
        Some(e) if e.order.is_some() => Ok(()),
        _ => Err(Rejection::NotSwitchable {
            id: light.to_string(),
        }),
    }
}

fn play_of<'a>(
    state: &'a State,
    announcement: &super::id::AnnouncementId,
    speaker: &super::id::DeviceId,
) -> Result<&'a Play, Rejection> {
    let said = state
        .announcements
        .get(announcement)
        .ok_or_else(|| unknown("announcement", announcement))?;
    said.plays
        .get(speaker)
        .ok_or_else(|| unknown("speaker", speaker))
}
