//! History in words: who, what, since when, why.

use std::sync::PoisonError;

use super::app::App;
use super::rows::Row;
use crate::domain::actor::Actor;
use crate::domain::entity::Kind;
use crate::domain::event::{Entry, Event};
use crate::domain::id::EntityId;
use crate::domain::state::State;
use crate::doors::dates;
use crate::doors::locale::{Lang, capital, noun};
use crate::doors::losses;

/// Notices that were taken down whose words are remembered, so that open pages do not search
/// history each second.
const TITLES: usize = 500;

/// What people call a lamp, a device, a sensor, a cluster, a camera; its id when it has no name.
#[must_use]
pub fn name_of(state: &State, id: &str) -> String {
    let light = state
        .lights
        .iter()
        .find(|(k, _)| k.as_str() == id)
        .map(|(_, v)| v.name.clone());
    light
        .or_else(|| {
            state
                .sensors
                .iter()
                .find(|(k, _)| k.as_str() == id)
                .map(|(_, v)| v.name.clone())
        })
        .or_else(|| {
            state
                .speakers
                .iter()
                .find(|(k, _)| k.as_str() == id)
                .map(|(_, v)| v.name.clone())
        })
        .or_else(|| {
            state
                .devices
                .iter()
                .find(|(k, _)| k.as_str() == id)
                .map(|(_, v)| v.name.clone())
        })
        .or_else(|| {
            state
                .cameras
                .iter()
                .find(|(k, _)| k.as_str() == id)
                .map(|(_, v)| v.name.clone())
        })
        .unwrap_or_else(|| id.to_owned())
}

/// The same with its noun, as it stands within a sentence: “đèn Cổng làng”, “loa Nhà văn hóa”.
fn noun_of(lang: Lang, state: &State, id: &str) -> String {
    let name = name_of(state, id);
    if state.lights.keys().any(|k| k.as_str() == id) {
        noun(lang, "a-light", &name)
    } else if state.speakers.keys().any(|k| k.as_str() == id) {
        noun(lang, "a-speaker", &name)
    } else {
        name
    }
}

/// That a mark was passed, upwards or downwards: which mark, and what was measured.
fn passed(lang: Lang, state: &State, sensor: &EntityId, level: u8, value: f64, up: bool) -> String {
    let name = name_of(state, sensor.as_str());
    if !up
        && state
            .device_of(sensor)
            .is_none_or(|d| state.is_sent_away(&d.id))
    {
        // Nobody said that the danger is over: nobody is asked any more.
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
        .and_then(|s| s.marks.get(usize::from(level).saturating_sub(1)))
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

/// Entries that are told in one row: one tap switched them together, one device announced them
/// together.
fn is_one_story(a: &Entry, b: &Entry) -> bool {
    let near = a.actor == b.actor && (a.wall_ms - b.wall_ms).abs() < 2_000;
    match (&a.event, &b.event) {
        (
            Event::LightDesired {
                on: x,
                group: Some(g),
                ..
            },
            Event::LightDesired {
                on: y,
                group: Some(h),
                ..
            },
        ) => near && x == y && g == h,
        // A bridge announces each of its sensors apart.
        (Event::EntitiesAdopted { device: x, .. }, Event::EntitiesAdopted { device: y, .. }) => {
            x == y && (a.wall_ms - b.wall_ms).abs() < 60_000
        }
        // A cluster on a bad link comes and goes all day.
        (Event::PresenceChanged { device: x, .. }, Event::PresenceChanged { device: y, .. }) => {
            x == y && (a.wall_ms - b.wall_ms).abs() < 1_800_000
        }
        _ => false,
    }
}

impl App {
    /// Who did it, in words.
    #[must_use]
    pub fn who(&self, lang: Lang, state: &State, actor: &Actor) -> String {
        match actor {
            Actor::House => lang.t("by-house"),
            Actor::Commune => lang.t("by-commune"),
            Actor::Console => lang.t("by-console"),
            Actor::Device { .. } => lang.t("by-device"),
            Actor::Program { id } => lang.f("by-program", &[("name", id.as_str())]),
            Actor::User { id } => state
                .users
                .get(id)
                .and_then(|u| self.sessions.person(u))
                .map_or_else(|| id.to_string(), |p| p.name),
        }
    }

    /// What happened, in words, and its mark.
    #[must_use]
    pub fn what(&self, lang: Lang, state: &State, event: &Event) -> (String, &'static str) {
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
                (losses::of_history(lang, *from, *to, *lost), "bad")
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
                        ("things", &objects(entities)),
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
            } => (passed(lang, state, sensor, *level, *value, true), "warn"),
            Event::SensorAlarmLowered {
                sensor,
                level,
                value,
            } => (
                passed(lang, state, sensor, level.saturating_add(1), *value, false),
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
                how: crate::domain::speaker::Ending::Played { .. },
                ..
            } => (named("happened-played", speaker.as_str()), ""),
            Event::PlaybackFinished {
                speaker,
                how: crate::domain::speaker::Ending::Stopped,
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
            Event::PicturesSeen { cameras } => (seen(lang, state, cameras), "off"),
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

    /// One entry as a row: what, who, why, when.
    #[must_use]
    pub fn entry_row(
        &self,
        lang: Lang,
        state: &State,
        entry: &Entry,
        cause: Option<&Entry>,
    ) -> Row {
        let (name, mark) = self.what(lang, state, &entry.event);
        // A device that died says nothing: the house noticed.
        let silent = matches!(entry.event, Event::PresenceChanged { here: false, .. });
        let mut words = self.who(
            lang,
            state,
            if silent { &Actor::House } else { &entry.actor },
        );
        if let Some(cause) = cause {
            let (why, _) = self.what(lang, state, &cause.event);
            words = format!("{words} · {}", lang.f("because", &[("what", &why)]));
        }
        Row {
            id: format!("e{}", entry.seq),
            mark,
            name,
            words,
            side: dates::since(self.house.clock().wall_ms(), entry.wall_ms),
            href: String::new(),
        }
    }

    /// Entries as rows with their wall time in ms, newest first, with their causes read from
    /// history; `most` rows.
    pub async fn entry_rows(
        &self,
        lang: Lang,
        entries: &[std::sync::Arc<crate::journal::Stored>],
        most: usize,
    ) -> Vec<(i64, String)> {
        let state = self.journal.state();
        let mut out = Vec::new();
        let mut told = 0;
        while let Some(newest) = entries
            .get(told)
            .map(|s| &s.entry)
            .filter(|_| out.len() < most)
        {
            let rest = &entries[told..];
            let mut times = 1 + rest
                .windows(2)
                .take_while(|pair| is_one_story(&pair[0].entry, &pair[1].entry))
                .count();
            // Coming and going once is told as it was; more often it is one row.
            if matches!(newest.event, Event::PresenceChanged { .. }) && times < 3 {
                times = 1;
            }
            told += times;
            // Of one tap, or one device's announcements, the first entry tells it.
            let stored = &rest[times - 1];
            let cause = match stored.entry.cause {
                Some(seq) => self
                    .journal
                    .after(seq.saturating_sub(1), 1)
                    .await
                    .into_iter()
                    .next()
                    .filter(|c| c.entry.seq == seq),
                None => None,
            };
            let mut row = self.entry_row(
                lang,
                &state,
                &stored.entry,
                cause.as_ref().map(|c| &c.entry),
            );
            if let Event::NoticeTakenDown { id } = &stored.entry.event
                && let Some(text) = self.title_of(lang, id.as_str(), stored.entry.seq).await
            {
                row.name = lang.f("happened-taken-down-one", &[("text", &text)]);
            }
            if times > 1
                && let Event::PresenceChanged { device, here } = &newest.event
            {
                let key = if *here {
                    "happened-flapped-here"
                } else {
                    "happened-flapped-gone"
                };
                row.name = capital(&lang.f(
                    key,
                    &[
                        ("name", &noun_of(lang, &state, device.as_str())),
                        ("n", &times.to_string()),
                    ],
                ));
                row.mark = if *here { "warn" } else { "bad" };
                row.side = dates::since(self.house.clock().wall_ms(), newest.wall_ms);
            }
            out.push((newest.wall_ms, row.html()));
        }
        out
    }
}

impl App {
    /// The title of a notice that is no longer up, as it was published before the entry `seq`.
    async fn title_of(&self, lang: Lang, notice: &str, seq: u64) -> Option<String> {
        let known = self
            .titles
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&seq)
            .cloned();
        let text = match known {
            Some(text) => text,
            None => {
                // What could not be asked is not remembered as nothing.
                let told = self.about(notice, seq, 1).await?;
                let text = told.iter().find_map(|s| {
                    if let Event::NoticePublished { text, .. } = &s.entry.event {
                        Some(text.clone())
                    } else {
                        None
                    }
                });
                let mut titles = self.titles.lock().unwrap_or_else(PoisonError::into_inner);
                if titles.len() >= TITLES {
                    titles.pop_first();
                }
                titles.insert(seq, text.clone());
                text
            }
        };
        text.map(|text| self.text_of(lang, &text, 60))
    }
}

/// What a device took back, as it called it in its topics.
fn objects(entities: &[EntityId]) -> String {
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

/// Which cameras were looked at.
fn seen(lang: Lang, state: &State, cameras: &[crate::domain::id::CameraId]) -> String {
    match cameras {
        [one] => lang.f("happened-seen", &[("name", &name_of(state, one.as_str()))]),
        many => lang.f("happened-seen-many", &[("n", &many.len().to_string())]),
    }
}

/// True for what people want to see on the first page: not the setting-up.
#[must_use]
pub const fn is_news(event: &Event) -> bool {
    !matches!(
        event,
        Event::VillageDeclared { .. }
            | Event::PlaceDeclared { .. }
            | Event::DeviceDeclared { .. }
            | Event::AccessGranted { .. }
            | Event::EntitiesAdopted { .. }
            | Event::GroupDeclared { .. }
            | Event::SensorDeclared { .. }
            | Event::SpeakerDeclared { .. }
            | Event::CameraDeclared { .. }
            | Event::CameraRemoved { .. }
            | Event::Configured { .. }
            | Event::PicturesSeen { .. }
            | Event::PlaybackBegan { .. }
            | Event::LightDesired { .. }
    )
}
