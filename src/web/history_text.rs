//! One entry in words: its actor, and what happened, with its status class.
//!
//! Every event is listed by name: a new event compiles only when somebody wrote its sentence.

use super::app::App;
use super::names::{name_of, noun_of};
use crate::domain::actor::Actor;
use crate::domain::entity::Kind;
use crate::domain::event::Event;
use crate::domain::id::EntityId;
use crate::domain::state::VillageState;
use crate::i18n::data_loss;
use crate::i18n::dates;
use crate::i18n::locale::{Lang, capital};

/// A crossed threshold, upwards or downwards: which threshold, and the measured value.
fn threshold_text(
    lang: Lang,
    state: &VillageState,
    sensor: &EntityId,
    level: u8,
    value: f64,
    up: bool,
) -> String {
    let name = name_of(state, sensor.as_str());
    if !up
        && state
            .device_of(sensor)
            .is_none_or(|d| state.is_revoked(&d.id))
    {
        // Nobody reported that the danger is over: the sensor has no device any more, or the
        // device's account was revoked.
        return lang.f("happened-alarm-dropped", &[("name", &name)]);
    }
    if state
        .entities
        .get(sensor)
        .is_some_and(|e| e.kind == Kind::BinarySensor)
    {
        return lang.f(
            if up {
                "happened-alarm"
            } else {
                "happened-alarm-over"
            },
            &[("name", &name)],
        );
    }
    let known = state.sensors.get(sensor);
    let (unit, decimals) =
        known.map_or((String::new(), 1), |s| (s.unit.clone(), s.decimals.max(1)));
    let with_unit = |v: f64| {
        format!("{} {unit}", dates::number(v, decimals))
            .trim()
            .to_owned()
    };
    let mark = known
        .and_then(|s| s.thresholds.get(usize::from(level).saturating_sub(1)))
        .map(|m| with_unit(*m))
        .unwrap_or_default();
    lang.f(
        if up {
            "happened-raised"
        } else {
            "happened-lowered"
        },
        &[
            ("name", &name),
            ("mark", &mark),
            ("value", &with_unit(value)),
        ],
    )
}

impl App {
    /// The actor, in words.
    #[must_use]
    pub fn actor_text(&self, lang: Lang, state: &VillageState, actor: &Actor) -> String {
        match actor {
            Actor::System => lang.t("by-house"),
            Actor::Commune => lang.t("by-commune"),
            Actor::LocalAdmin => lang.t("by-console"),
            Actor::Device { .. } => lang.t("by-device"),
            Actor::Program { id } => lang.f("by-program", &[("name", id.as_str())]),
            Actor::User { id } => state
                .users
                .get(id)
                .and_then(|u| self.sessions.person(u))
                .map_or_else(|| id.to_string(), |p| p.name),
        }
    }

    /// The event in words, and its status class.
    #[must_use]
    #[expect(
        clippy::too_many_lines,
        reason = "one table, an arm for each event: split up, nobody would see that none is missing"
    )]
    pub fn event_text(
        &self,
        lang: Lang,
        state: &VillageState,
        event: &Event,
    ) -> (String, &'static str) {
        let named =
            |key: &str, id: &str| capital(&lang.f(key, &[("name", &noun_of(lang, state, id))]));
        match event {
            Event::Booted { boot, .. } => {
                (lang.f("happened-booted", &[("n", &boot.to_string())]), "")
            }
            Event::ClockKnown { .. } => (lang.t("happened-clock"), ""),
            Event::HistoryTrimmed { from, to } => (
                lang.f(
                    "happened-trimmed",
                    &[("from", &from.to_string()), ("to", &to.to_string())],
                ),
                "off",
            ),
            Event::HistoryDamaged { from, to, lost, .. } => {
                (data_loss::history_loss_text(lang, *from, *to, *lost), "bad")
            }
            Event::Erased { .. } => (lang.t("happened-erased"), ""),
            Event::VillageDeclared { .. } => (lang.t("happened-village"), ""),
            Event::PlaceDeclared { place } => {
                (lang.f("happened-place", &[("name", &place.name)]), "")
            }
            Event::DeviceDeclared { device } => {
                (lang.f("happened-device", &[("name", &device.name)]), "")
            }
            Event::AccessGranted { account } => {
                (named("happened-access", account.name.as_str()), "")
            }
            Event::AccessRevoked { account } => {
                (named("happened-revoked", account.as_str()), "warn")
            }
            Event::EntitiesAdopted { device, .. } => {
                (named("happened-adopted", device.as_str()), "")
            }
            Event::EntitiesWithdrawn { device, entities } => (
                capital(&lang.f(
                    "happened-withdrawn",
                    &[
                        ("name", &noun_of(lang, state, device.as_str())),
                        ("things", &object_names(entities)),
                    ],
                )),
                "off",
            ),
            Event::Configured { things } => (
                lang.f("happened-configured", &[("n", &things.len().to_string())]),
                "",
            ),
            Event::ThingPutAway { thing } => {
                (lang.f("happened-put-away", &[("name", thing.id())]), "off")
            }
            Event::PresenceChanged { device, here: true } => {
                (named("happened-here", device.as_str()), "")
            }
            Event::PresenceChanged {
                device,
                here: false,
            } => (named("happened-gone", device.as_str()), "bad"),
            Event::GroupDeclared { group } => {
                (lang.f("happened-group", &[("name", &group.name)]), "")
            }
            Event::LightDesired {
                on,
                group: Some(group),
                ..
            } => {
                let name = state
                    .groups
                    .get(group)
                    .map_or_else(|| group.to_string(), |g| g.name.clone());
                (
                    lang.f(
                        if *on {
                            "happened-group-on"
                        } else {
                            "happened-group-off"
                        },
                        &[("name", &name)],
                    ),
                    "",
                )
            }
            Event::LightDesired { light, on, .. } => (
                named(
                    if *on {
                        "happened-wanted-on"
                    } else {
                        "happened-wanted-off"
                    },
                    light.as_str(),
                ),
                "",
            ),
            Event::LightReported { light, on } => (
                named(
                    if *on { "happened-lit" } else { "happened-dark" },
                    light.as_str(),
                ),
                if *on { "" } else { "off" },
            ),
            Event::LightGivenUp { light, .. } => (named("happened-gave-up", light.as_str()), "bad"),
            Event::SensorDeclared { sensor } => {
                (lang.f("happened-sensor", &[("name", &sensor.name)]), "")
            }
            Event::SensorAlarmRaised {
                sensor,
                level,
                value,
            } => (
                threshold_text(lang, state, sensor, *level, *value, true),
                "warn",
            ),
            Event::SensorAlarmLowered {
                sensor,
                level,
                value,
            } => (
                threshold_text(lang, state, sensor, level.saturating_add(1), *value, false),
                "",
            ),
            Event::SpeakerDeclared { speaker } => {
                (lang.f("happened-speaker", &[("name", &speaker.name)]), "")
            }
            Event::AnnouncementQueued { text, .. } => (
                lang.f(
                    "happened-queued",
                    &[("text", &self.text_of(lang, text, 60))],
                ),
                "",
            ),
            Event::PlaybackBegan { speaker, .. } => (named("happened-began", speaker.as_str()), ""),
            Event::PlaybackFinished {
                speaker,
                how: crate::domain::speaker::PlaybackOutcome::Played { .. },
                ..
            } => (named("happened-played", speaker.as_str()), ""),
            Event::PlaybackFinished {
                speaker,
                how: crate::domain::speaker::PlaybackOutcome::Stopped,
                ..
            } => (named("played-stopped", speaker.as_str()), "off"),
            Event::PlaybackFinished { speaker, .. } => {
                (named("happened-not-played", speaker.as_str()), "bad")
            }
            Event::EverythingStopped {} => (lang.t("happened-stopped"), "warn"),
            Event::CameraDeclared { camera } => {
                (lang.f("happened-camera", &[("name", &camera.name)]), "")
            }
            Event::CameraRemoved { camera } => {
                (named("happened-camera-removed", camera.as_str()), "")
            }
            Event::CameraChanged { camera, here } => (
                named(
                    if *here {
                        "happened-picture"
                    } else {
                        "happened-no-picture"
                    },
                    camera.as_str(),
                ),
                if *here { "" } else { "bad" },
            ),
            Event::CamerasViewed { cameras } => (viewed_text(lang, state, cameras), "off"),
            Event::NoticePublished { text, .. } => (
                lang.f(
                    "happened-published",
                    &[("text", &self.text_of(lang, text, 60))],
                ),
                "",
            ),
            Event::NoticeTakenDown { .. } => (lang.t("happened-taken-down"), "off"),
            Event::UserPut { user } => (
                lang.f(
                    "happened-user",
                    &[(
                        "name",
                        &self
                            .sessions
                            .person(user)
                            .map_or_else(|| user.id.to_string(), |p| p.name),
                    )],
                ),
                "",
            ),
            Event::UserRenamed { user, record } => (
                lang.f(
                    "happened-renamed",
                    &[(
                        "name",
                        &self
                            .sessions
                            .person_in(record)
                            .map_or_else(|| user.to_string(), |p| p.name),
                    )],
                ),
                "",
            ),
            Event::TokenPut { token } => (
                lang.f(
                    "happened-token",
                    &[
                        ("name", token.id.as_str()),
                        (
                            "scopes",
                            &token
                                .scopes
                                .iter()
                                .map(|s| s.name())
                                .collect::<Vec<_>>()
                                .join(", "),
                        ),
                    ],
                ),
                "",
            ),
            Event::TokenRemoved { token } => (
                lang.f("happened-token-gone", &[("name", token.as_str())]),
                "warn",
            ),
            Event::UserRemoved { user } => (
                lang.f("happened-user-gone", &[("name", user.as_str())]),
                "warn",
            ),
            Event::CommandRefused { .. } => (lang.t("happened-refused"), "warn"),
        }
    }
}

/// Names of withdrawn entities, as the device calls them in its topics.
fn object_names(entities: &[EntityId]) -> String {
    entities
        .iter()
        .map(|e| {
            e.as_str()
                .split_once('.')
                .map_or(e.as_str(), |(_, object)| object)
        })
        .collect::<Vec<_>>()
        .join(", ")
}

/// The cameras that were viewed.
fn viewed_text(
    lang: Lang,
    state: &VillageState,
    cameras: &[crate::domain::id::CameraId],
) -> String {
    match cameras {
        [one] => lang.f("happened-seen", &[("name", &name_of(state, one.as_str()))]),
        many => lang.f("happened-seen-many", &[("n", &many.len().to_string())]),
    }
}
