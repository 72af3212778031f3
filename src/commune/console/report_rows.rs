//! What villages told: their alarms in force, and below them what was told last.
//!
//! Invariant: none hides another's; what cannot be read is said, never left out.

use std::collections::BTreeSet;

use super::context::Console;
use crate::domain::event::{Entry, Event};
use crate::domain::notice::MAX_TITLE_CHARS;
use crate::domain::text;
use crate::http::data_loss;
use crate::http::dates;
use crate::http::locale::{Lang, capital, noun};

/// Newest records of a village that are looked through, and rows that are shown beside the alarms.
const MAX_RECORDS_SCANNED: usize = 400;
/// Alarms of one village that have a row each.
const MAX_ALARM_ROWS: usize = 20;
const MAX_REPORT_ROWS: usize = 12;

impl Console {
    /// Alarms in force of all villages, and below what was told last; of each thing only the
    /// newest, so that one that comes and goes does not push the others out.
    pub(super) fn report_rows(&self, lang: Lang, now: i64) -> Vec<String> {
        let (mut alarms, mut news): (Vec<(i64, String)>, Vec<(i64, String)>) = Default::default();
        let row = |mark, at: i64, village: &str, words: &str| {
            (
                at.min(now),
                crate::http::render::plain_row(
                    mark,
                    &format!("{village}: {words}"),
                    &dates::since(now, at.min(now)),
                ),
            )
        };
        for (id, name) in self.villages.iter() {
            let called = |thing: &str| {
                self.store
                    .name_of(id, thing)
                    .unwrap_or_else(|_| thing.to_owned())
            };
            let (Ok(mut in_force), Ok(newest)) = (
                self.store.alarms(id),
                self.store.newest(id, MAX_RECORDS_SCANNED),
            ) else {
                alarms.push(row("bad", now, name, &lang.t("commune-unread")));
                continue;
            };
            // None hides another's: of each village the newest, and how many more there are.
            let more = in_force.len().saturating_sub(MAX_ALARM_ROWS);
            if more > 0 {
                alarms.push(row(
                    "bad",
                    now,
                    name,
                    &lang.f("commune-more-alarms", &[("n", &more.to_string())]),
                ));
            }
            in_force.sort_by_key(|alarm| std::cmp::Reverse(alarm.at));
            for alarm in in_force.into_iter().take(MAX_ALARM_ROWS) {
                let words = lang.f(
                    "commune-raised",
                    &[
                        ("name", &called(&alarm.sensor)),
                        ("value", &dates::number(alarm.value, 1)),
                    ],
                );
                alarms.push(row("bad", alarm.at, name, &words));
            }
            let mut seen = BTreeSet::new();
            let mut down = BTreeSet::new();
            for bytes in newest {
                let Ok(entry) = serde_json::from_slice::<Entry>(&bytes) else {
                    continue;
                };
                let (words, mark) = match &entry.event {
                    Event::NoticeTakenDown { id } => {
                        down.insert(id.clone());
                        continue;
                    }
                    Event::NoticePublished {
                        id: notice, text, ..
                    } => {
                        let key = if down.contains(notice) {
                            "happened-taken-down-one"
                        } else {
                            "happened-published"
                        };
                        (
                            lang.f(key, &[("text", &self.title(lang, id, text.id.as_str()))]),
                            "",
                        )
                    }
                    Event::SensorAlarmLowered {
                        sensor,
                        value,
                        level: 0,
                    } => (
                        lang.f(
                            "commune-lowered",
                            &[
                                ("name", &called(sensor.as_str())),
                                ("value", &dates::number(*value, 1)),
                            ],
                        ),
                        "",
                    ),
                    Event::LightGivenUp { light, .. } => (
                        capital(&lang.f(
                            "happened-gave-up",
                            &[("name", &noun(lang, "a-light", &called(light.as_str())))],
                        )),
                        "bad",
                    ),
                    Event::CameraChanged { camera, here } => (
                        lang.f(
                            if *here {
                                "happened-picture"
                            } else {
                                "happened-no-picture"
                            },
                            &[("name", &called(camera.as_str()))],
                        ),
                        if *here { "" } else { "bad" },
                    ),
                    Event::CameraRemoved { camera } => (
                        lang.f(
                            "happened-camera-removed",
                            &[("name", &called(camera.as_str()))],
                        ),
                        "",
                    ),
                    Event::PresenceChanged { device, here } => (
                        lang.f(
                            if *here {
                                "happened-here"
                            } else {
                                "happened-gone"
                            },
                            &[("name", &called(device.as_str()))],
                        ),
                        if *here { "" } else { "bad" },
                    ),
                    Event::EverythingStopped {} => (lang.t("happened-stopped"), "warn"),
                    Event::Booted { boot, .. } => (
                        lang.f("happened-booted", &[("n", &boot.to_string())]),
                        "off",
                    ),
                    Event::HistoryDamaged { from, to, lost, .. } => {
                        (data_loss::history_loss_text(lang, *from, *to, *lost), "bad")
                    }
                    _ => continue,
                };
                // That something answers again is no news by itself; it only makes its silence old.
                let is_well = matches!(
                    entry.event,
                    Event::PresenceChanged { here: true, .. }
                        | Event::CameraChanged { here: true, .. }
                        | Event::CameraRemoved { .. }
                );
                let subject = entry
                    .event
                    .subject()
                    .map_or_else(|| words.clone(), str::to_owned);
                if seen.insert(subject) && !is_well {
                    news.push(row(mark, entry.wall_ms, name, &words));
                }
            }
        }
        alarms.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        news.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        alarms
            .into_iter()
            .chain(news.into_iter().take(MAX_REPORT_ROWS))
            .map(|(_, row)| row)
            .collect()
    }

    /// The first line of people's words; words that stayed in the village or cannot be read are not
    /// “nothing”.
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
