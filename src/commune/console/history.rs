//! Nhật ký of the commune: who did what, newest first. A day, a person and a village may be chosen;
//! the choice stands in the address, so it can be sent and printed.

use axum::extract::State;
use serde::Deserialize;

use super::super::history::{CommuneEntry, CommuneHistoryQuery};
use super::super::history_text::CommuneHistoryText;
use super::context::{Console, Reader};
use super::frame::{Frame, RowList};
use crate::domain::calendar::{day_number, day_start, day_text, parse_day};
use crate::http::address::Query;
use crate::http::page_error::PageResult;
use crate::http::render::render;
use crate::http::row::Row;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::view::history_rows::HistoryRow;

/// Entries of one page.
const ENTRIES_PER_PAGE: usize = 100;
/// Longest key or id that is looked for, bytes.
const MAX_KEY_BYTES: usize = 80;

/// The choice as it stands in the address.
#[derive(Debug, Default, Deserialize)]
pub(super) struct HistoryAddress {
    before: Option<u64>,
    /// `2026-11-21`.
    day: Option<String>,
    /// The key of an author.
    person: Option<String>,
    /// The id of a village.
    village: Option<String>,
}

impl HistoryAddress {
    /// The choice, with everything left out that is malformed.
    fn query(&self) -> CommuneHistoryQuery {
        let key = |text: &Option<String>| {
            text.clone().filter(|text| {
                (1..=MAX_KEY_BYTES).contains(&text.len())
                    && text
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"-_.@".contains(&b))
            })
        };
        CommuneHistoryQuery {
            day: self.day.as_deref().and_then(parse_day),
            person: key(&self.person),
            village: key(&self.village),
        }
    }
}

/// The address of the page before the entry `before`.
fn href(query: &CommuneHistoryQuery, before: Option<u64>) -> String {
    let parts = [
        before.map(|n| format!("before={n}")),
        query.day.map(|n| format!("day={}", day_text(n))),
        query.person.as_ref().map(|p| format!("person={p}")),
        query.village.as_ref().map(|v| format!("village={v}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        "/history".to_owned()
    } else {
        format!("/history?{}", parts.join("&"))
    }
}

/// The rows of one day.
struct HistoryDay {
    /// “Thứ Bảy 21/11/2026”.
    name: String,
    /// HTML of the list.
    rows: String,
}

/// A value that may be chosen, with its words.
struct HistoryChoice {
    value: String,
    words: String,
    is_chosen: bool,
}

#[derive(askama::Template)]
#[template(path = "console_history.html")]
struct CommuneHistoryPage {
    f: Frame,
    /// The choice in words, so that a printed page says what it is.
    title: String,
    /// The chosen day, as the field has it; empty = every day.
    day: String,
    /// Address of the day before and of the day after; empty = that is still to come.
    earlier: String,
    later: String,
    is_chosen: bool,
    people: Vec<HistoryChoice>,
    villages: Vec<HistoryChoice>,
    days: Vec<HistoryDay>,
    /// The sentence instead of rows.
    empty: String,
    /// Address of the next page; empty = there is none.
    older: String,
}

/// The choices of a list; one that is chosen is among them, also when nobody has it any more.
fn choices(known: Vec<(String, String)>, chosen: Option<&String>) -> Vec<HistoryChoice> {
    let is_known = chosen.is_none_or(|c| known.iter().any(|(value, _)| value == c));
    let more = chosen.filter(|_| !is_known).map(|c| (c.clone(), c.clone()));
    let choice = |(value, words): (String, String)| HistoryChoice {
        is_chosen: chosen == Some(&value),
        value,
        words,
    };
    known.into_iter().chain(more).map(choice).collect()
}

fn chosen_words(choices: &[HistoryChoice]) -> Option<String> {
    let chosen = choices.iter().find(|choice| choice.is_chosen);
    chosen.map(|choice| choice.words.clone())
}

impl Console {
    fn history_text(&self, lang: Lang) -> CommuneHistoryText<'_> {
        CommuneHistoryText {
            lang,
            now: self.clock.wall_ms(),
            store: &self.store,
            villages: &self.villages,
            officers: &self.officers,
        }
    }

    /// Rows under the day of each.
    fn history_days(&self, lang: Lang, entries: &[CommuneEntry]) -> Vec<HistoryDay> {
        let text = self.history_text(lang);
        let mut days: Vec<(i64, Vec<String>, String)> = Vec::new();
        for row in text.rows(entries) {
            let on = day_number(row.at);
            if days.last().is_none_or(|(day, ..)| *day != on) {
                days.push((on, Vec::new(), dates::long(lang, row.at)));
            }
            if let Some((_, rows, _)) = days.last_mut() {
                rows.push(row_html(lang, row));
            }
        }
        days.into_iter()
            .map(|(day, rows, name)| HistoryDay {
                name,
                rows: RowList {
                    id: &format!("day-{}", day_text(day)),
                    rows: &rows,
                    empty: "",
                }
                .fragment()
                .html,
            })
            .collect()
    }

    fn history_page(&self, f: Frame, query: &CommuneHistoryQuery, before: u64) -> PageResult {
        let found = self.store.history(query, before, ENTRIES_PER_PAGE);
        let is_unread = found.is_err();
        let found = found.unwrap_or_default();
        let people = self.history_text(f.lang).people();
        let people = choices(people, query.person.as_ref());
        let known = self.villages.iter();
        let villages = choices(
            known.map(|v| (v.id.clone(), f.verbatim(&v.name))).collect(),
            query.village.as_ref(),
        );
        let chosen = [
            chosen_words(&villages),
            chosen_words(&people),
            query.day.map(|n| dates::long(f.lang, day_start(n))),
        ];
        let chosen: Vec<String> = chosen.into_iter().flatten().collect();
        let today = day_number(self.clock.wall_ms());
        let shown = query.day.unwrap_or(today);
        let on = |day| CommuneHistoryQuery {
            day: Some(day),
            ..query.clone()
        };
        let empty = match (is_unread, found.next, chosen.is_empty()) {
            (true, ..) => "commune-unread",
            (false, Some(_), _) => "history-not-yet",
            (false, None, true) => "no-history",
            (false, None, false) => "history-none-chosen",
        };
        Ok(render(&CommuneHistoryPage {
            title: if chosen.is_empty() {
                f.t("history")
            } else {
                f.t1("history-of", "name", chosen.join(" · "))
            },
            day: query.day.map(day_text).unwrap_or_default(),
            earlier: href(&on(shown - 1), None),
            later: if shown < today {
                href(&on(shown + 1), None)
            } else {
                String::new()
            },
            is_chosen: !chosen.is_empty(),
            people,
            villages,
            days: self.history_days(f.lang, &found.entries),
            empty: f.t(empty),
            older: found
                .next
                .map_or_else(String::new, |next| href(query, Some(next))),
            f,
        }))
    }
}

fn row_html(lang: Lang, row: HistoryRow) -> String {
    let side = dates::clock(row.at);
    let part = |part: crate::view::history_text::ResultPart| match part.at {
        Some(at) => format!("{} · {}", part.words, dates::clock(at)),
        None => part.words,
    };
    Row {
        id: format!("e{}", row.seq),
        status_class: row.mark,
        name: row.what,
        words: row.detail,
        side,
        parts: row.parts.into_iter().map(part).collect(),
        parts_label: lang.t("history-parts"),
        ..Row::default()
    }
    .html()
}

/// The page.
pub(super) async fn page(
    State(console): State<Console>,
    Reader { officer, lang }: Reader,
    Query(address): Query<HistoryAddress>,
) -> PageResult {
    let before = address.before.unwrap_or(u64::MAX);
    let query = address.query();
    console
        .page(lang, officer, move |console, f| {
            console.history_page(f, &query, before)
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_chosen_stands_in_the_address_and_only_that() {
        let query = HistoryAddress {
            before: None,
            day: Some("2026-11-21".into()),
            person: Some("@technician".into()),
            village: Some("<script>".into()),
        }
        .query();
        assert_eq!(
            href(&query, Some(7)),
            "/history?before=7&day=2026-11-21&person=@technician"
        );
        let nothing = HistoryAddress {
            day: Some("2026-02-30".into()),
            person: Some(String::new()),
            ..HistoryAddress::default()
        };
        assert_eq!(href(&nothing.query(), None), "/history");
    }
}
