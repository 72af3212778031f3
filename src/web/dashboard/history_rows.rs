//! History in rows: which entries share a row, with time and cause.

use std::sync::PoisonError;

use crate::domain::actor::Actor;
use crate::domain::event::{Entry, Event};
use crate::domain::state::VillageState;
use crate::domain::{device, light, notice};
use crate::i18n::dates;
use crate::i18n::locale::{Lang, capital};
use crate::web::kit::app::App;
use crate::web::kit::components::Row;
use crate::web::kit::names::noun_of;

/// Most taken-down notices whose texts are remembered, so that open pages do not search history
/// each second.
const MAX_CACHED_TITLES: usize = 500;

/// Whether two entries share a row: one tap switched them together, or one device announced them
/// together.
fn is_same_row(a: &Entry, b: &Entry) -> bool {
    let near = a.actor == b.actor && (a.wall_ms - b.wall_ms).abs() < 2_000;
    match (&a.event, &b.event) {
        (
            Event::Light(light::Event::Desired {
                on: x,
                group: Some(g),
                ..
            }),
            Event::Light(light::Event::Desired {
                on: y,
                group: Some(h),
                ..
            }),
        ) => near && x == y && g == h,
        // A bridge sends a discovery message for each of its sensors.
        (
            Event::Device(device::Event::EntitiesAdopted { device: x, .. }),
            Event::Device(device::Event::EntitiesAdopted { device: y, .. }),
        ) => x == y && (a.wall_ms - b.wall_ms).abs() < 60_000,
        // A speaker cluster on a bad link goes offline and online all day.
        (
            Event::Device(device::Event::PresenceChanged { device: x, .. }),
            Event::Device(device::Event::PresenceChanged { device: y, .. }),
        ) => x == y && (a.wall_ms - b.wall_ms).abs() < 1_800_000,
        _ => false,
    }
}

impl App {
    /// One entry as a row: event, actor, cause, time.
    #[must_use]
    pub fn entry_row(
        &self,
        lang: Lang,
        state: &VillageState,
        entry: &Entry,
        cause: Option<&Entry>,
    ) -> Row {
        let (name, mark) = self.event_text(lang, state, &entry.event);
        // A dead device publishes nothing: the gateway noticed.
        let silent = matches!(
            entry.event,
            Event::Device(device::Event::PresenceChanged { here: false, .. })
        );
        let mut words = self.actor_text(
            lang,
            state,
            if silent { &Actor::System } else { &entry.actor },
        );
        if let Some(cause) = cause {
            let (why, _) = self.event_text(lang, state, &cause.event);
            words = format!("{words} · {}", lang.f("because", &[("what", &why)]));
        }
        Row {
            id: format!("e{}", entry.seq),
            status_class: mark,
            name,
            words,
            side: dates::since(self.supervisor.clock().wall_ms(), entry.wall_ms),
            href: String::new(),
        }
    }

    /// The entry that led to `entry`, read from history; none = nothing did, or it is not there any
    /// more.
    pub(in crate::web) async fn cause_of(
        &self,
        entry: &Entry,
    ) -> Option<std::sync::Arc<crate::journal::StoredEntry>> {
        let seq = entry.cause?;
        let found = self.journal.after(seq.saturating_sub(1), 1).await;
        found.into_iter().next().filter(|c| c.entry.seq == seq)
    }

    /// Entries as rows with their wall time in ms, newest first, with their causes read from
    /// history; `most` rows.
    pub async fn entry_rows(
        &self,
        lang: Lang,
        entries: &[std::sync::Arc<crate::journal::StoredEntry>],
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
                .take_while(|pair| is_same_row(&pair[0].entry, &pair[1].entry))
                .count();
            // One change to offline and back is shown as it was; more changes share one row.
            if matches!(
                newest.event,
                Event::Device(device::Event::PresenceChanged { .. })
            ) && times < 3
            {
                times = 1;
            }
            told += times;
            // The first entry stands for all of one tap, or of one device's discovery messages.
            let stored = &rest[times - 1];
            let cause = self.cause_of(&stored.entry).await;
            let mut row = self.entry_row(
                lang,
                &state,
                &stored.entry,
                cause.as_ref().map(|c| &c.entry),
            );
            if let Event::Notice(notice::Event::TakenDown { id }) = &stored.entry.event
                && let Some(text) = self.title_of(lang, id.as_str(), stored.entry.seq).await
            {
                row.name = lang.f("happened-taken-down-one", &[("text", &text)]);
            }
            if times > 1
                && let Event::Device(device::Event::PresenceChanged { device, here }) =
                    &newest.event
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
                row.status_class = if *here { "warn" } else { "bad" };
                row.side = dates::since(self.supervisor.clock().wall_ms(), newest.wall_ms);
            }
            out.push((newest.wall_ms, row.html()));
        }
        out
    }
}

impl App {
    /// The title of a notice that was taken down, as it was published before the entry `seq`.
    async fn title_of(&self, lang: Lang, notice: &str, seq: u64) -> Option<String> {
        let known = self
            .taken_down_titles
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&seq)
            .cloned();
        let text = match known {
            Some(text) => text,
            None => {
                // A query that failed is not remembered as “no text”.
                let told = self.about(notice, seq, 1).await?;
                let text = told.iter().find_map(|s| {
                    if let Event::Notice(notice::Event::Published { text, .. }) = &s.entry.event {
                        Some(text.clone())
                    } else {
                        None
                    }
                });
                let mut titles = self
                    .taken_down_titles
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                if titles.len() >= MAX_CACHED_TITLES {
                    titles.pop_first();
                }
                titles.insert(seq, text.clone());
                text
            }
        };
        text.map(|text| self.text_of(lang, &text, 60))
    }
}
