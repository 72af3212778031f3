//! Nhật ký: what happened, in words, with who did it and what came of it; newest first. A day, a
//! person and a thing may be chosen; the choice stands in the address, so it can be sent and
//! printed.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::history_names::HistoryReader;
use crate::domain::actor::Actor;
use crate::domain::calendar::{day_number, day_start, day_text, parse_day};
use crate::domain::state::VillageState;
use crate::http::address::Query;
use crate::http::render::{PageContext, render};
use crate::i18n::dates;
use crate::journal::index::EntryQuery;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::components::{ListPage, PageSection, html};
use crate::web::kit::names::name_of;

/// Rows of one page, about.
const ROWS_PER_PAGE: usize = 50;
/// Things that may be chosen from the list; others are reached from their own pages.
const MAX_LISTED_THINGS: usize = 300;

/// The filter as it stands in the address.
#[derive(Debug, Default, Deserialize)]
pub struct HistoryQuery {
    before: Option<u64>,
    /// `2026-11-21`.
    day: Option<String>,
    /// The key of an actor.
    person: Option<String>,
    /// The id of a thing.
    about: Option<String>,
}

/// The filter without its malformed parts.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Chosen {
    /// The number of the day.
    day: Option<i64>,
    person: Option<String>,
    about: Option<String>,
}

impl Chosen {
    fn of(query: HistoryQuery) -> Self {
        // Ids and keys as they stand in entries; any other text is ignored.
        let id = |text: &String| {
            (1..=80).contains(&text.len())
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.@".contains(&b))
        };
        Self {
            day: query.day.as_deref().and_then(parse_day),
            person: query.person.filter(id),
            about: query.about.filter(id),
        }
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The address of the page before the entry `before`.
    fn href(&self, before: Option<u64>) -> String {
        let parts = [
            before.map(|n| format!("before={n}")),
            self.day.map(|n| format!("day={}", day_text(n))),
            self.person.as_ref().map(|p| format!("person={p}")),
            self.about.as_ref().map(|a| format!("about={a}")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() {
            "/history".to_owned()
        } else {
            format!("/history?{}", parts.join("&"))
        }
    }

    fn entries(&self, state: &VillageState) -> EntryQuery {
        EntryQuery {
            about: self
                .about
                .as_ref()
                .map_or_else(Vec::new, |id| state.with_parts(id)),
            by: self.person.clone(),
            from_ms: self.day.map(day_start),
            to_ms: self.day.map(|n| day_start(n + 1)),
        }
    }
}

/// The form from which days, people and things are chosen.
#[derive(askama::Template)]
#[template(path = "history_filter.html")]
struct HistoryFilter<'a> {
    f: &'a PageContext,
    /// The chosen day, as the field has it; empty = every day.
    day: String,
    /// Address of the day before and of the day after; empty = that is still to come.
    earlier: String,
    later: String,
    is_chosen: bool,
    /// Value, words, whether it is chosen.
    people: Vec<(String, String, bool)>,
    things: Vec<(String, String, bool)>,
}

/// A value with its words, and whether it is the chosen one.
fn option(value: String, words: String, chosen: Option<&String>) -> (String, String, bool) {
    let is_chosen = chosen == Some(&value);
    (value, words, is_chosen)
}

fn people(app: &App, f: &PageContext, chosen: Option<&String>) -> Vec<(String, String, bool)> {
    let state = app.journal.state();
    let mut actors: Vec<Actor> = state
        .users
        .keys()
        .map(|id| Actor::User { id: id.clone() })
        .collect();
    actors.extend([Actor::LocalAdmin, Actor::Commune]);
    actors.extend(
        state
            .tokens
            .keys()
            .map(|id| Actor::Program { id: id.clone() }),
    );
    let mut out: Vec<(String, String, bool)> = actors
        .iter()
        .filter_map(|actor| {
            let words = app.actor_text(f.lang, &state, actor);
            Some(option(actor.key()?, words, chosen))
        })
        .collect();
    // Somebody who was removed is still found by an address.
    if let Some(id) = chosen.filter(|c| !out.iter().any(|(value, ..)| value == *c)) {
        out.push((id.clone(), id.clone(), true));
    }
    out
}

fn things(
    f: &PageContext,
    state: &VillageState,
    chosen: Option<&String>,
) -> Vec<(String, String, bool)> {
    let ids = state
        .lights
        .keys()
        .map(ToString::to_string)
        .chain(state.groups.keys().map(ToString::to_string))
        .chain(state.sensors.keys().map(ToString::to_string))
        .chain(state.speakers.keys().map(ToString::to_string))
        .chain(state.cameras.keys().map(ToString::to_string));
    let mut out: Vec<(String, String, bool)> = ids
        .map(|id| {
            let words = f.verbatim(&thing_name(state, &id));
            option(id, words, chosen)
        })
        .collect();
    out.sort_by(|a, b| a.1.cmp(&b.1));
    out.truncate(MAX_LISTED_THINGS);
    if let Some(id) = chosen.filter(|c| !out.iter().any(|(value, ..)| value == *c)) {
        out.push((id.clone(), f.verbatim(&thing_name(state, id)), true));
    }
    out
}

fn thing_name(state: &VillageState, id: &str) -> String {
    let group = state.groups.iter().find(|(k, _)| k.as_str() == id);
    group.map_or_else(|| name_of(state, id), |(_, g)| g.name.clone())
}

fn filter(app: &App, f: &PageContext, state: &VillageState, chosen: &Chosen) -> String {
    let today = day_number(app.supervisor.clock().wall_ms());
    let shown = chosen.day.unwrap_or(today);
    let on = |day| Chosen {
        day: Some(day),
        ..chosen.clone()
    };
    html(&HistoryFilter {
        f,
        day: chosen.day.map(day_text).unwrap_or_default(),
        earlier: on(shown - 1).href(None),
        later: if shown < today {
            on(shown + 1).href(None)
        } else {
            String::new()
        },
        is_chosen: !chosen.is_empty(),
        people: people(app, f, chosen.person.as_ref()),
        things: things(f, state, chosen.about.as_ref()),
    })
}

/// The heading: what was chosen, so that a printed page says what it is.
fn title(app: &App, f: &PageContext, state: &VillageState, chosen: &Chosen) -> String {
    let person = chosen.person.as_ref().map(|key| {
        let known = people(app, f, Some(key));
        let name = known.into_iter().find(|(value, ..)| value == key);
        name.map_or_else(|| key.clone(), |(_, name, _)| name)
    });
    let parts = [
        chosen
            .about
            .as_ref()
            .map(|id| f.verbatim(&thing_name(state, id))),
        person,
        chosen.day.map(|n| dates::long(f.lang, day_start(n))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        f.t("history")
    } else {
        f.t1("history-of", "name", parts.join(" · "))
    }
}

/// The page.
pub async fn page(
    State(app): State<App>,
    visit: RequestContext,
    Query(query): Query<HistoryQuery>,
) -> Response {
    let state = app.journal.state();
    let f = app.page_context(&visit, &state, "more");
    let before = query.before.unwrap_or(u64::MAX);
    let chosen = Chosen::of(query);
    let found = app
        .history_page(
            HistoryReader {
                lang: f.lang,
                shows_drafts: f.is_chief,
            },
            &chosen.entries(&state),
            |_| true,
            before,
            ROWS_PER_PAGE,
        )
        .await;
    let is_unread = found.is_none();
    let found = found.unwrap_or_default();
    let mut parts: Vec<PageSection> = Vec::new();
    let mut day = None;
    for row in found.rows {
        let on = day_number(row.at);
        if day != Some(on) {
            day = Some(on);
            parts.push(PageSection {
                name: dates::long(f.lang, row.at),
                ..PageSection::default()
            });
        }
        let html = app.history_row_html(f.lang, row);
        if let Some(part) = parts.last_mut() {
            part.rows.push(html);
        }
    }
    if parts.is_empty() {
        let key = match (is_unread, found.next, chosen.is_empty()) {
            (true, ..) => "history-unread",
            (false, Some(_), _) => "history-not-yet",
            (false, None, true) => "no-history",
            (false, None, false) => "history-none-chosen",
        };
        parts.push(PageSection {
            empty: f.t(key),
            ..PageSection::default()
        });
    }
    let older = found
        .next
        .map(|next| (chosen.href(Some(next)), f.t("older")));
    render(&ListPage {
        title: title(&app, &f, &state, &chosen),
        live: "/live/other",
        summary: filter(&app, &f, &state, &chosen),
        parts,
        links: older.into_iter().collect(),
        refresh: 0,
        f,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_chosen_stands_in_the_address_and_only_that() {
        let chosen = Chosen::of(HistoryQuery {
            before: None,
            day: Some("2026-11-21".into()),
            person: Some("mau".into()),
            about: Some("<script>".into()),
        });
        assert_eq!(
            chosen.href(Some(7)),
            "/history?before=7&day=2026-11-21&person=mau"
        );
        assert_eq!(
            chosen.day,
            Some(day_number(crate::time::WallMs::new(1_795_244_700_000)))
        );
        let nothing = Chosen::of(HistoryQuery {
            day: Some(String::new()),
            person: Some(String::new()),
            ..HistoryQuery::default()
        });
        assert!(nothing.is_empty());
        assert_eq!(nothing.href(None), "/history");
        for wrong in [
            "2026-02-30",
            "2026-13-01",
            "x",
            "2026-1",
            "2026-01-01-01",
            "-5-01-01",
        ] {
            assert_eq!(parse_day(wrong), None, "{wrong}");
        }
    }
}
