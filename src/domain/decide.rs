//! The one place where the village is changed: a command and the state give events, or a rejection.
//!
//! Invariants: pure; never panics on any input; the events it returns, applied in order, leave the
//! state as the command's author would expect. A `Declare…` or `Report…` that changes nothing gives
//! no events. Two checks come before every decision: whether the actor may give the command
//! ([`super::permissions`]), and whether its values are within their bounds
//! ([`super::validation`]). The type of a rejection, and the helpers that every decision uses, are
//! in [`super::rejection`].

use super::actor::Actor;
use super::command::Command;
use super::device::{Availability, Device};
use super::event::Event;
use super::permissions::authorize;
pub use super::rejection::{Now, Rejection};
use super::rejection::{check_capacity, emit_if, unknown};
use super::state::{ERASED_KEPT, VillageState};
use super::validation::validate;
use super::{announcements, removal, users};

/// Most notices that are published and not expired.
pub const MAX_NOTICES: usize = 500;
/// Most lamps of one group.
pub const MAX_LIGHTS_PER_GROUP: usize = 500;

/// Most of those notices that may be the commune's.
pub const MAX_COMMUNE_NOTICES: usize = 100;

/// An actor that views a camera again within this time, ms, continues the same view.
const VIEW_CONTINUES_MS: i64 = 600_000;

/// Turns a command into events.
///
/// # Errors
/// [`Rejection`] when the command is not carried out; the state is unchanged then.
#[expect(
    clippy::too_many_lines,
    reason = "one arm per command: the table of contents of what can happen"
)]
pub fn decide(
    state: &VillageState,
    actor: &Actor,
    command: &Command,
    now: Now,
) -> Result<Vec<Event>, Rejection> {
    authorize(state, actor, command)?;
    validate(command)?;
    Ok(match command {
        Command::DeclareVillage { village } => {
            emit_if(state.village.as_deref() != Some(village), || {
                Event::VillageDeclared {
                    village: village.clone(),
                }
            })
        }
        Command::DeclarePlace { place } => {
            check_capacity(&state.places, &place.id)?;
            emit_if(
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
            emit_if(from <= to && *to < state.seq, || Event::HistoryTrimmed {
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
        Command::EraseBlob { blob } => emit_if(!state.erased.contains(blob), || Event::Erased {
            blob: blob.clone(),
        }),
        Command::DeclareDevice { device } => {
            check_capacity(&state.devices, &device.id)?;
            emit_if(
                state
                    .devices
                    .get(&device.id)
                    .is_none_or(|d| !same_device(d, device)),
                || Event::DeviceDeclared {
                    device: Device {
                        availability: Availability::Unknown,
                        ..device.clone()
                    },
                },
            )
        }
        Command::GrantAccess { account } => {
            check_capacity(&state.accounts, &account.name)?;
            // At each start the gateway grants the accounts of the configuration again. An account
            // that people revoked stays revoked.
            let taken = *actor == Actor::System && state.revoked.contains(&account.name);
            emit_if(
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
        Command::RevokeAccess { account } => removal::revoke(state, account)?,
        Command::AdoptEntities {
            device,
            model,
            entities,
        } => removal::adopt(state, device, model, entities)?,
        Command::WithdrawEntities { device, entities } => {
            removal::withdraw(state, device, entities)
        }
        Command::NoteConfigured { things } => removal::note_configured(state, things),
        Command::PutAway { thing } => removal::put_away(state, thing),
        Command::ReportPresence { device, here } => {
            let known = state
                .devices
                .get(device)
                .ok_or_else(|| unknown("device", device))?;
            let same = matches!(
                (known.availability, here),
                (Availability::Online { .. }, true) | (Availability::Offline { .. }, false)
            );
            // The retained availability message of a revoked device is still in the broker; it does
            // not mean that the device answers.
            let away = *here && state.is_revoked(device);
            emit_if(!same && !away, || Event::PresenceChanged {
                device: device.clone(),
                here: *here,
            })
        }
        Command::DeclareGroup { group } => {
            check_capacity(&state.groups, &group.id)?;
            if group.lights.len() > MAX_LIGHTS_PER_GROUP {
                return Err(Rejection::TooMany {
                    most: MAX_LIGHTS_PER_GROUP as u64,
                });
            }
            emit_if(
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
            emit_if(
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
                .is_some_and(|l| l.is_pending() && l.desired.is_some_and(|d| d.order == *order));
            emit_if(waits, || Event::LightGivenUp {
                light: light.clone(),
                order: *order,
            })
        }
        Command::DeclareSensor { sensor } => {
            check_capacity(&state.sensors, &sensor.id)?;
            let same = state.sensors.get(&sensor.id).is_some_and(|s| {
                super::sensor::Sensor {
                    alarm: s.alarm,
                    ..sensor.clone()
                } == **s
            });
            emit_if(!same, || Event::SensorDeclared {
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
                // A device without an account cannot report. Its retained readings are still in the
                // broker; they must not raise a new alarm, because nobody could end it.
                std::cmp::Ordering::Greater if !state.has_account(sensor) => Vec::new(),
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
            check_capacity(&state.speakers, &speaker.id)?;
            emit_if(
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
        } => announcements::queue(state, id, text, *class, zone, *expires_in_ms, now)?,
        Command::BeginPlayback {
            announcement,
            speaker,
        } => announcements::begin(state, announcement, speaker)?,
        Command::FinishPlayback {
            announcement,
            speaker,
            how,
        } => announcements::finish(state, announcement, speaker, how)?,
        // Stopping is always recorded, also when nothing is known to play: somebody pressed the
        // button.
        Command::StopEverything => vec![Event::EverythingStopped {}],
        Command::DeclareCamera { camera } => {
            check_capacity(&state.cameras, &camera.id)?;
            emit_if(
                state
                    .cameras
                    .get(&camera.id)
                    .is_none_or(|c| c.name != camera.name),
                || Event::CameraDeclared {
                    camera: super::camera::Camera {
                        signal: Availability::Unknown,
                        looks: Vec::new(),
                        ..camera.clone()
                    },
                },
            )
        }
        Command::RemoveCamera { camera } => emit_if(state.cameras.contains_key(camera), || {
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
                (Availability::Online { .. }, true) | (Availability::Offline { .. }, false)
            );
            emit_if(!same, || Event::CameraChanged {
                camera: camera.clone(),
                here: *here,
            })
        }
        Command::ViewCameras { cameras } => {
            let mut fresh = Vec::new();
            for id in cameras {
                let known = state.cameras.get(id).ok_or_else(|| unknown("camera", id))?;
                // An actor that keeps viewing a camera is recorded once, not with every request.
                let again = known.looks.iter().any(|l| {
                    l.who == *actor
                        && (0..VIEW_CONTINUES_MS).contains(&now.wall_ms.saturating_sub(l.at))
                });
                if !again && !fresh.contains(id) {
                    fresh.push(id.clone());
                }
            }
            emit_if(!fresh.is_empty(), || Event::CamerasViewed {
                cameras: fresh,
            })
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
            // A notice that would be expired already is rejected, and expired notices do not count
            // against the limits below.
            if until.is_some_and(|u| u < now.wall_ms) {
                return Err(Rejection::Expired);
            }
            let up = state
                .notices
                .values()
                .filter(|n| n.until.is_none_or(|u| u >= now.wall_ms));
            if *actor == Actor::Commune
                && up.clone().filter(|n| n.from_commune).count() >= MAX_COMMUNE_NOTICES
            {
                return Err(Rejection::TooMany {
                    most: MAX_COMMUNE_NOTICES as u64,
                });
            }
            if up.count() >= MAX_NOTICES {
                return Err(Rejection::TooMany {
                    most: MAX_NOTICES as u64,
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
        Command::PutUser { user } => users::put(state, user)?,
        Command::RenameUser {
            user,
            record,
            generation,
        } => users::rename(state, user, record, *generation)?,
        Command::PutToken { token } => users::put_token(state, token)?,
        Command::RemoveToken { token } => users::remove_token(state, token)?,
        Command::RemoveUser { user } => users::remove(state, user)?,
    })
}

fn same_device(known: &Device, wanted: &Device) -> bool {
    known.name == wanted.name
        && known.place == wanted.place
        && (wanted.model.is_empty() || known.model == wanted.model)
}

fn switchable(state: &VillageState, light: &super::id::EntityId) -> Result<(), Rejection> {
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
