//! Rows of what villages reported: the active alarms of all villages, and below them the newest
//! entries.
//!
//! Invariant: no village hides another one's alarms, and a village that cannot be read has a row
//! that says so.

use std::collections::{BTreeMap, BTreeSet};

use super::super::read_model::ActiveAlarm;
use super::context::Console;
use crate::config::CommuneVillage;
use crate::domain::blob::BlobRef;
use crate::domain::event::{Entry, Event};
use crate::domain::id::{NoticeId, UserId};
use crate::domain::notice::MAX_TITLE_CHARS;
use crate::domain::state::VillageState;
use crate::domain::text;
use crate::domain::{
    account, camera, configuration, device, directory, guest, history, light, network, notice,
    place, procedure, sensor, speaker, storm, token, user, village,
};
use crate::http::render::plain_row;
use crate::i18n::dates;
use crate::i18n::locale::{Lang, capital};
use crate::journal::codec;
use crate::time::WallMs;
use crate::view::history_text::{HistoryNames, SentenceContext};

/// Newest records of a village that are read for its rows.
const MAX_RECORDS_SCANNED: usize = 400;
/// Alarms of one village that have a row each.
const MAX_ALARM_ROWS: usize = 20;
/// Rows of all villages that are shown beside the alarms.
const MAX_REPORT_ROWS: usize = 12;

/// A row, and the time by which it is sorted.
type DatedRow = (WallMs, String);

impl Console {
    /// Active alarms of these villages, and below them the newest entries. Of each thing only the
    /// newest entry has a row, so that one that comes and goes does not push the others out.
    pub(super) fn report_rows(
        &self,
        lang: Lang,
        now: WallMs,
        villages: &[CommuneVillage],
    ) -> Vec<String> {
        let (mut alarms, mut news): (Vec<DatedRow>, Vec<DatedRow>) = Default::default();
        for CommuneVillage { id, name, .. } in villages {
            let village = VillageReport {
                console: self,
                lang,
                now,
                id,
                // A page of one village names it once.
                name: if villages.len() > 1 {
                    lang.verbatim(name)
                } else {
                    String::new()
                },
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
            Ok(Some(text)) => {
                let first = text.lines().next().unwrap_or_default();
                lang.verbatim(&text::line(first, MAX_TITLE_CHARS))
            }
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
    now: WallMs,
    id: &'a str,
    /// Stands before each sentence; empty = nothing does.
    name: String,
}

impl VillageReport<'_> {
    fn row(&self, mark: &str, at: WallMs, words: &str) -> DatedRow {
        let at = at.min(self.now);
        let words = if self.name.is_empty() {
            capital(words)
        } else {
            format!("{}: {words}", self.name)
        };
        (at, plain_row(mark, &words, &dates::since(self.now, at)))
    }

    fn name_of(&self, thing: &str) -> String {
        let name = self.console.store.name_of(self.id, thing);
        self.lang.verbatim(name.as_deref().unwrap_or(thing))
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
                    ("value", &dates::number(self.lang, alarm.value, 1)),
                ],
            );
            rows.push(self.row("bad", alarm.at, &words));
        }
        rows
    }

    /// Rows of the newest entries that tell an officer something; `newest` begins with the newest.
    fn news_rows(&self, newest: &[Vec<u8>]) -> Vec<DatedRow> {
        let entries: Vec<Entry> = newest
            .iter()
            .filter_map(|bytes| codec::decode_entry(bytes).ok())
            .collect();
        let titles = published(&entries);
        let names = |person| ReportedNames {
            report: self,
            notices: &titles,
            person,
        };
        // Of a village's people only its chief publishes notices.
        let (anybody, chief) = (names("commune-person"), names("commune-person-chief"));
        let by = |names| SentenceContext {
            lang: self.lang,
            names,
        };
        let context_of = |event: &Event| match event {
            Event::Notice(_) => by(&chief),
            _ => by(&anybody),
        };
        let mut rows = Vec::new();
        let mut subjects = BTreeSet::new();
        for (n, entry) in entries.iter().enumerate() {
            if !is_reported(&entry.event) {
                continue;
            }
            let context = context_of(&entry.event);
            let mut words = context.entry(entry);
            // A village that was set back gives numbers out again: the cause is the nearest older
            // entry of that number.
            let cause = entries[n..].iter().find(|e| Some(e.seq) == entry.cause);
            if let Some(cause) = cause {
                let why = context_of(&cause.event).entry(cause);
                words = format!("{words} · {}", self.lang.f("because", &[("what", &why)]));
            }
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
                let mark = context.event(entry).mark;
                rows.push(self.row(mark, entry.wall_ms, &words));
            }
        }
        rows
    }
}

/// The texts of the notices that these entries published or corrected.
fn published(entries: &[Entry]) -> BTreeMap<NoticeId, BlobRef> {
    entries
        .iter()
        .filter_map(|entry| match &entry.event {
            Event::Notice(
                notice::Event::Published { id, text, .. }
                | notice::Event::Corrected { id, text, .. },
            ) => Some((id.clone(), text.clone())),
            _ => None,
        })
        .collect()
}

/// Names as a village reported them. The commune knows the ids of its people, not their names, and
/// an id tells an officer nothing.
struct ReportedNames<'a> {
    report: &'a VillageReport<'a>,
    notices: &'a BTreeMap<NoticeId, BlobRef>,
    /// The key of the word for one of its people.
    person: &'static str,
}

impl HistoryNames for ReportedNames<'_> {
    fn state(&self) -> Option<&VillageState> {
        None
    }

    fn name(&self, id: &str) -> String {
        self.report.name_of(id)
    }

    fn noun(&self, _: Lang, id: &str) -> String {
        self.report.name_of(id)
    }

    fn given(&self, name: String) -> String {
        self.report.lang.verbatim(&name)
    }

    fn text(&self, lang: Lang, text: &BlobRef) -> String {
        let report = self.report;
        report.console.title(lang, report.id, text.id.as_str())
    }

    fn notice_title(&self, lang: Lang, notice: &NoticeId) -> Option<String> {
        self.notices.get(notice).map(|text| self.text(lang, text))
    }

    fn person(&self, lang: Lang, _: &UserId) -> String {
        lang.t(self.person)
    }

    fn person_in(&self, _: &BlobRef) -> Option<String> {
        None
    }
}

/// Whether an event tells an officer something. Every event is named, so that a new one is not
/// forgotten.
const fn is_reported(event: &Event) -> bool {
    match event {
        Event::Notice(
            notice::Event::Published { .. }
            | notice::Event::Corrected { .. }
            | notice::Event::TakenDown { .. }
            | notice::Event::Restored { .. },
        )
        | Event::Sensor(sensor::Event::AlarmLowered { level: 0, .. })
        | Event::Light(light::Event::GivenUp { .. })
        | Event::Camera(camera::Event::SignalChanged { .. } | camera::Event::Removed { .. })
        | Event::Device(device::Event::PresenceChanged { .. })
        | Event::Speaker(speaker::Event::EverythingStopped {})
        | Event::History(history::Event::Booted { .. } | history::Event::Damaged { .. }) => true,
        // Active alarms have rows of their own.
        Event::Sensor(
            sensor::Event::Declared { .. }
            | sensor::Event::AlarmRaised { .. }
            | sensor::Event::AlarmLowered { .. },
        )
        | Event::Light(
            light::Event::GroupDeclared { .. }
            | light::Event::Desired { .. }
            | light::Event::Reported { .. },
        )
        | Event::Camera(camera::Event::Declared { .. } | camera::Event::Viewed { .. })
        | Event::Device(
            device::Event::Declared { .. }
            | device::Event::EntitiesAdopted { .. }
            | device::Event::EntitiesWithdrawn { .. },
        )
        | Event::Speaker(
            speaker::Event::Declared { .. }
            | speaker::Event::AnnouncementQueued { .. }
            | speaker::Event::PlaybackBegan { .. }
            | speaker::Event::PlaybackFinished { .. },
        )
        | Event::History(
            history::Event::ClockKnown { .. }
            | history::Event::Trimmed { .. }
            | history::Event::Erased { .. }
            | history::Event::CommandRefused { .. },
        )
        | Event::Village(village::Event::Declared { .. })
        | Event::Place(place::Event::Declared { .. })
        | Event::Configuration(
            configuration::Event::ThingsNamed { .. } | configuration::Event::ThingPutAway { .. },
        )
        // Of these only the rules leave a village.
        | Event::Guest(
            guest::Event::RulesSet { .. }
            | guest::Event::Decided { .. }
            | guest::Event::Forgotten { .. }
            | guest::Event::Cut { .. },
        )
        // The commune has the last day of each notice; the others never leave a village.
        | Event::Notice(
            notice::Event::Expired { .. }
            | notice::Event::DraftSaved { .. }
            | notice::Event::Scheduled { .. }
            | notice::Event::DraftRemoved { .. },
        )
        // These never leave a village.
        | Event::Account(account::Event::Granted { .. } | account::Event::Revoked { .. })
        | Event::User(
            user::Event::Put { .. }
            | user::Event::Renamed { .. }
            | user::Event::Removed { .. }
            | user::Event::SignedIn { .. }
            | user::Event::SignedOut { .. }
            | user::Event::PhonesSignedOut { .. }
            | user::Event::WrongPinsTried { .. },
        )
        | Event::Token(token::Event::Put { .. } | token::Event::Removed { .. })
        | Event::Network(
            network::Event::AddressReserved { .. } | network::Event::AddressReleased { .. },
        )
        | Event::Directory(
            directory::Event::Replaced { .. }
            | directory::Event::Labelled { .. }
            | directory::Event::LabelWithdrawn { .. },
        )
        | Event::Procedure(procedure::Event::Replaced { .. })
        | Event::Storm(storm::Event::PlanSet { .. }) => false,
    }
}
