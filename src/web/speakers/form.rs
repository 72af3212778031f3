//! The page with its form: the sentence, where it is to be played, what went wrong, what was
//! played.

use super::super::app::{App, RequestContext};
use super::results::{latest_result, recent_list};
use crate::domain::device::Availability;
use crate::domain::state::VillageState;
use crate::http::render::PageContext;
use crate::i18n::dates;
use crate::i18n::locale::Lang;

/// Most characters of a typed sentence.
pub(super) const MAX_SENTENCE_CHARS: usize = 1_000;

struct SpeakerOption {
    id: String,
    status_class: &'static str,
    name: String,
    words: String,
    chosen: bool,
}

#[derive(askama::Template)]
#[template(path = "speakers.html")]
pub(super) struct SpeakersPage {
    f: PageContext,
    text: String,
    /// Why the sentence was not accepted; empty = nothing is wrong.
    wrong: String,
    speakers: Vec<SpeakerOption>,
    /// Without script the page reloads after this many seconds while something plays; 0 = never.
    refresh: u8,
    last: String,
    played: String,
}

/// The speaker clusters; `chosen` by the form that was submitted, or else all that answer.
fn pick(
    app: &App,
    lang: Lang,
    state: &VillageState,
    chosen: Option<&[String]>,
) -> Vec<SpeakerOption> {
    let now = app.supervisor.clock().wall_ms();
    let one = |s: &std::sync::Arc<crate::domain::speaker::Speaker>| {
        let horns = lang.f("horns", &[("n", &s.horns.to_string())]);
        let (words, mark) = match state
            .devices
            .get(&s.id)
            .map(|d| d.availability)
            .unwrap_or_default()
        {
            _ if state.is_revoked(&s.id) => (lang.t("device-sent-away"), "off"),
            Availability::Online { .. } => (horns, ""),
            Availability::Unknown => (format!("{horns} · {}", lang.t("device-unknown")), "off"),
            Availability::Offline { since } => (
                lang.f("device-gone", &[("since", &dates::since(now, since))]),
                "bad",
            ),
        };
        let chosen = chosen.map_or(mark.is_empty(), |c| c.iter().any(|z| z == s.id.as_str()));
        SpeakerOption {
            id: s.id.to_string(),
            status_class: mark,
            name: s.name.clone(),
            words,
            chosen,
        }
    };
    state.speakers.values().map(one).collect()
}

pub(super) fn form(
    app: &App,
    visit: &RequestContext,
    text: String,
    chosen: Option<&[String]>,
    wrong: String,
) -> SpeakersPage {
    let state = app.journal.state();
    let f = app.page_context(visit, &state, "speakers");
    // The result of the last announcement says nothing about the sentence that is being corrected.
    let last = if wrong.is_empty() && text.is_empty() {
        latest_result(app, f.lang, &state)
    } else {
        String::new()
    };
    let (speakers, played) = (
        pick(app, f.lang, &state, chosen),
        recent_list(app, visit, &state),
    );
    let refresh =
        if visit.flash.as_deref() == Some("playing") && f.on_air.is_some() && text.is_empty() {
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
