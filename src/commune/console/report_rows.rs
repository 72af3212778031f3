//! Rows of what villages reported: the active alarms of all villages, and below them the newest
//! entries.
//!
//! Invariant: no village hides another one's alarms, and a village that cannot be read has a row
//! that says so.

use std::collections::BTreeSet;

use super::super::read_model::ActiveAlarm;
use super::context::Console;
use crate::domain::event::Event;
use crate::domain::id::NoticeId;
use crate::domain::notice::{self, MAX_TITLE_CHARS};
use crate::domain::text;
use crate::domain::{camera, device, history, light, sensor, speaker};
use crate::http::render::plain_row;
use crate::i18n::data_loss;
use crate::i18n::dates;
use crate::i18n::locale::{Lang, capital, noun};
use crate::journal::codec;

/// Newest records of a village that are read for its rows.
const MAX_RECORDS_SCANNED: usize = 400;
/// Alarms of one village that have a row each.
const MAX_ALARM_ROWS: usize = 20;
/// Rows of all villages that are shown beside the alarms.
const MAX_REPORT_ROWS: usize = 12;

/// A row, and the time by which it is sorted, wall ms.
type DatedRow = (i64, String);

impl Console {
    /// Active alarms of all villages, and below them the newest entries. Of each thing only the
    /// newest entry has a row, so that one that comes and goes does not push the others out.
    pub(super) fn report_rows(&self, lang: Lang, now: i64) -> Vec<String> {
        let (mut alarms, mut news): (Vec<DatedRow>, Vec<DatedRow>) = Default::default();
        for (id, name) in self.villages.iter() {
            let village = VillageReport {
                console: self,
                lang,
                now,
                id,
                name,
            };
            let (Ok(active), Ok(newest)) = (
                self.store.alarms(id),
                self.store.newest(id, MAX_RECORDS_SCANNED),
            ) else {
                alarms.push(village.row("bad", now, &lang.t("commune-unread")));
                continue;
            };
            alarms.extend(village.alarm_rows(active));
            news.extend(village.news_rows(&newest));
        }
        alarms.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        news.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        alarms
            .into_iter()
            .chain(news.into_iter().take(MAX_REPORT_ROWS))
            .map(|(_, row)| row)
            .collect()
    }

    /// The first line of a text. A text that stayed in the village or cannot be read is shown as
    /// “…”, not as nothing.
    fn title(&self, lang: Lang, village: &str, blob: &str) -> String {
        match self.store.text(village, blob) {
            Ok(Some(text)) => text::line(text.lines().next().unwrap_or_default(), MAX_TITLE_CHARS),
            Ok(None) if self.store.is_erased(village, blob).unwrap_or(false) => lang.t("erased"),
            Ok(None) => "…".to_owned(),
            Err(cause) => {
                tracing::error!(village, blob, %cause, "bulletin text of village unreadable");
                "…".to_owned()
            }
        }
    }
}

/// One village whose rows are made.
struct VillageReport<'a> {
    console: &'a Console,
    lang: Lang,
    now: i64,
    id: &'a str,
    name: &'a str,
}

impl VillageReport<'_> {
    fn row(&self, mark: &str, at: i64, words: &str) -> DatedRow {
        let at = at.min(self.now);
        (
            at,
            plain_row(
                mark,
                &format!("{}: {words}", self.name),
                &dates::since(self.now, at),
            ),
        )
    }

    fn name_of(&self, thing: &str) -> String {
        self.console
            .store
            .name_of(self.id, thing)
            .unwrap_or_else(|_| thing.to_owned())
    }

    /// The newest alarms, a row each, and a row that says how many more there are: a village with
    /// many alarms must not hide those of the others.
    fn alarm_rows(&self, mut active: Vec<ActiveAlarm>) -> Vec<DatedRow> {
        let mut rows = Vec::new();
        let more = active.len().saturating_sub(MAX_ALARM_ROWS);
        if more > 0 {
            rows.push(
                self.row(
                    "bad",
                    self.now,
                    &self
                        .lang
                        .f("commune-more-alarms", &[("n", &more.to_string())]),
                ),
            );
        }
        active.sort_by_key(|alarm| std::cmp::Reverse(alarm.at));
        for alarm in active.into_iter().take(MAX_ALARM_ROWS) {
            let words = self.lang.f(
                "commune-raised",
                &[
                    ("name", &self.name_of(&alarm.sensor)),
                    ("value", &dates::number(alarm.value, 1)),
                ],
            );
            rows.push(self.row("bad", alarm.at, &words));
        }
        rows
    }

    /// Rows of the newest entries that tell an officer something; `newest` begins with the newest.
    fn news_rows(&self, newest: &[Vec<u8>]) -> Vec<DatedRow> {
        let mut rows = Vec::new();
        let mut subjects = BTreeSet::new();
        let mut taken_down = BTreeSet::new();
        for bytes in newest {
            let Ok(entry) = codec::decode_entry(bytes) else {
                continue;
            };
            if let Event::Notice(notice::Event::TakenDown { id }) = &entry.event {
                taken_down.insert(id.clone());
                continue;
            }
            let Some((words, mark)) = self.event_text(&entry.event, &taken_down) else {
                continue;
            };
            // A thing that answers again is no news by itself: its entry only hides the older one
            // of its silence.
            let is_well = matches!(
                entry.event,
                Event::Device(device::Event::PresenceChanged { here: true, .. })
                    | Event::Camera(
                        camera::Event::SignalChanged { here: true, .. }
                            | camera::Event::Removed { .. }
                    )
            );
            let subject = entry
                .event
                .subject()
                .map_or_else(|| words.clone(), str::to_owned);
            if subjects.insert(subject) && !is_well {
                rows.push(self.row(mark, entry.wall_ms, &words));
            }
        }
        rows
    }

    /// The sentence and the mark of an event; none = it has no row. `taken_down` are the notices
    /// that newer entries took down.
    fn event_text(
        &self,
        event: &Event,
        taken_down: &BTreeSet<NoticeId>,
    ) -> Option<(String, &'static str)> {
        let lang = self.lang;
        Some(match event {
            Event::Notice(notice::Event::Published {
                id: notice, text, ..
            }) => {
                let key = if taken_down.contains(notice) {
                    "happened-taken-down-one"
                } else {
                    "happened-published"
                };
                (
                    lang.f(
                        key,
                        &[("text", &self.console.title(lang, self.id, text.id.as_str()))],
                    ),
                    "",
                )
            }
            Event::Sensor(sensor::Event::AlarmLowered {
                sensor,
                value,
                level: 0,
            }) => (
                lang.f(
                    "commune-lowered",
                    &[
                        ("name", &self.name_of(sensor.as_str())),
                        ("value", &dates::number(*value, 1)),
                    ],
                ),
                "",
            ),
            Event::Light(light::Event::GivenUp { light, .. }) => (
                capital(&lang.f(
                    "happened-gave-up",
                    &[(
                        "name",
                        &noun(lang, "a-light", &self.name_of(light.as_str())),
                    )],
                )),
                "bad",
            ),
            Event::Camera(camera::Event::SignalChanged { camera, here }) => (
                lang.f(
                    if *here {
                        "happened-picture"
                    } else {
                        "happened-no-picture"
                    },
                    &[("name", &self.name_of(camera.as_str()))],
                ),
                if *here { "" } else { "bad" },
            ),
            Event::Camera(camera::Event::Removed { camera }) => (
                lang.f(
                    "happened-camera-removed",
                    &[("name", &self.name_of(camera.as_str()))],
                ),
                "",
            ),
            Event::Device(device::Event::PresenceChanged { device, here }) => (
                lang.f(
                    if *here {
                        "happened-here"
                    } else {
                        "happened-gone"
                    },
                    &[("name", &self.name_of(device.as_str()))],
                ),
                if *here { "" } else { "bad" },
            ),
            Event::Speaker(speaker::Event::EverythingStopped {}) => {
                (lang.t("happened-stopped"), "warn")
            }
            Event::History(history::Event::Booted { boot, .. }) => (
                lang.f("happened-booted", &[("n", &boot.to_string())]),
                "off",
            ),
            Event::History(history::Event::Damaged { from, to, lost, .. }) => {
                (data_loss::history_loss_text(lang, *from, *to, *lost), "bad")
            }
            _ => return None,
        })
    }
}
