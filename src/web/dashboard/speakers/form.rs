//! The page with its form: the sentence, where it is to be played, what went wrong, what was
//! played.

use super::results::{latest_result, recent_list};
use crate::domain::state::VillageState;
use crate::http::render::PageContext;
use crate::http::wrong_input::WrongInput;
use crate::i18n::locale::Lang;
use crate::protocol::village_status::{Status, ThingKind, VillageStatus};
use crate::view::status_text;
use crate::view::village_status::{is_reachable, not_working};
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::components::{Banner, Fragment, status_class};

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
    /// Why the sentence was not accepted.
    wrong: WrongInput,
    speakers: Vec<SpeakerOption>,
    /// Without script the page reloads after this many seconds while something plays; 0 = never.
    refresh: u8,
    last: String,
    /// The clusters that will not be heard; HTML.
    unreachable: String,
    played: String,
}

impl SpeakersPage {
    /// The same with a note on top.
    pub(super) fn noting(mut self, note: String) -> Self {
        self.f.flash = Some(note);
        self
    }
}

/// The speaker clusters; `chosen` by the form that was submitted, or else all that will be heard.
fn pick(
    app: &App,
    lang: Lang,
    state: &VillageState,
    status: &VillageStatus,
    chosen: Option<&[String]>,
) -> Vec<SpeakerOption> {
    let now = app.supervisor.clock().wall_ms();
    let one = |s: &std::sync::Arc<crate::domain::speaker::Speaker>| {
        let horns = lang.f("horns", &[("n", s.horns)]);
        let thing = status.of(ThingKind::Speaker, s.id.as_str());
        let words = match thing {
            None => lang.t("device-sent-away"),
            Some(t) if is_reachable(t) => horns,
            Some(t) => status_text::reason_text(lang, now, t),
        };
        let chosen = chosen.map_or(thing.is_some_and(is_reachable), |c| {
            c.iter().any(|z| z == s.id.as_str())
        });
        SpeakerOption {
            id: s.id.to_string(),
            status_class: thing.map_or("off", |t| status_class(t.status)),
            name: lang.verbatim(&s.name),
            words,
            chosen,
        }
    };
    state.speakers.values().map(one).collect()
}

/// The names of the clusters that will not be heard.
pub(in crate::web) fn unreachable_names(status: &VillageStatus) -> String {
    not_working(status, ThingKind::Speaker)
        .into_iter()
        .map(|t| t.name)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The clusters that will not be heard, before anybody speaks; empty = every cluster will be.
pub(super) fn unreachable_banner(lang: Lang, status: &VillageStatus) -> Fragment {
    let counts = status.speakers;
    if counts.working == counts.all {
        return Fragment::empty("unreachable");
    }
    Banner {
        id: "unreachable".into(),
        status_class: status_class(if counts.working == 0 {
            Status::Broken
        } else {
            Status::Attention
        }),
        title: unreachable_text(lang, status),
        detail: if counts.working == 0 {
            lang.t("speakers-none-reachable-do")
        } else {
            String::new()
        },
        href: "",
    }
    .fragment()
}

/// The clusters that will not be heard, in one sentence.
pub(super) fn unreachable_text(lang: Lang, status: &VillageStatus) -> String {
    let counts = status.speakers;
    let key = if counts.working == 0 {
        "speakers-none-reachable"
    } else {
        "speakers-unreachable"
    };
    lang.f(
        key,
        &[
            ("n", &(counts.all - counts.working).to_string()),
            ("all", &counts.all.to_string()),
            ("names", &unreachable_names(status)),
        ],
    )
}

pub(super) fn form(
    app: &App,
    visit: &RequestContext,
    text: String,
    chosen: Option<&[String]>,
    wrong: WrongInput,
) -> SpeakersPage {
    let state = app.journal.state();
    let status = app.status_on_page(visit.lang, &state);
    let f = app.page_context(visit, &state, "speakers");
    // The result of the last announcement says nothing about the sentence that is being corrected.
    let last = if wrong.is_empty() && text.is_empty() {
        latest_result(app, f.lang, &state).html
    } else {
        String::new()
    };
    let (speakers, played) = (
        pick(app, f.lang, &state, &status, chosen),
        recent_list(app, visit, &state).html,
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
        unreachable: unreachable_banner(visit.lang, &status).html,
        played,
    }
}
