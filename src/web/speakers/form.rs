//! The page with its form: the sentence, where it is to be played, what went wrong, what was played.

use super::super::app::{App, Visit};
use super::played::{last, played_list};
use crate::domain::device::Presence;
use crate::domain::state::State as Village;
use crate::doors::dates;
use crate::doors::locale::Lang;
use crate::doors::page::Frame;

/// Characters of a typed sentence.
pub(super) const SENTENCE: usize = 1_000;

struct Pick {
    id: String,
    mark: &'static str,
    name: String,
    words: String,
    chosen: bool,
}

#[derive(askama::Template)]
#[template(path = "speakers.html")]
pub(super) struct SpeakersPage {
    f: Frame,
    text: String,
    /// Why the sentence was not taken; empty = nothing is wrong.
    wrong: String,
    speakers: Vec<Pick>,
    /// Without script the page asks again after so many seconds while something plays; 0 = never.
    refresh: u8,
    last: String,
    played: String,
}

/// The clusters; `chosen` by the form that comes back, or else all that answer.
fn pick(app: &App, lang: Lang, state: &Village, chosen: Option<&[String]>) -> Vec<Pick> {
    let now = app.house.clock().wall_ms();
    let one = |s: &std::sync::Arc<crate::domain::speaker::Speaker>| {
        let horns = lang.f("horns", &[("n", &s.horns.to_string())]);
        let (words, mark) = match state
            .devices
            .get(&s.id)
            .map(|d| d.presence)
            .unwrap_or_default()
        {
            _ if state.is_sent_away(&s.id) => (lang.t("device-sent-away"), "off"),
            Presence::Here { .. } => (horns, ""),
            Presence::Unknown => (format!("{horns} · {}", lang.t("device-unknown")), "off"),
            Presence::Gone { since } => (
                lang.f("device-gone", &[("since", &dates::since(now, since))]),
                "bad",
            ),
        };
        let chosen = chosen.map_or(mark.is_empty(), |c| c.iter().any(|z| z == s.id.as_str()));
        Pick {
            id: s.id.to_string(),
            mark,
            name: s.name.clone(),
            words,
            chosen,
        }
    };
    state.speakers.values().map(one).collect()
}

pub(super) fn form(
    app: &App,
    visit: &Visit,
    text: String,
    chosen: Option<&[String]>,
    wrong: String,
) -> SpeakersPage {
    let state = app.journal.state();
    let f = app.frame(visit, &state, "speakers");
    // What went before says nothing of the sentence that is being mended.
    let last = if wrong.is_empty() && text.is_empty() {
        last(app, f.lang, &state)
    } else {
        String::new()
    };
    let (speakers, played) = (
        pick(app, f.lang, &state, chosen),
        played_list(app, visit, &state),
    );
    let refresh =
        if visit.said.as_deref() == Some("playing") && f.on_air.is_some() && text.is_empty() {
            5
        } else {
            0
        };
    SpeakersPage {
        f,
        text,
        wrong,
        speakers,
        refresh,
        last,
        played,
    }
}
