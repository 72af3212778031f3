//! Troubles with the pages of others to which the board points: feeds that cannot be read, links
//! that do not open. The chief reads them above the drafts.
//!
//! Invariant: the troubles are those of health and of `live`; nothing is judged here. Deliberately
//! absent: mending. A link is mended where it stands, a feed in the configuration.

use crate::domain::id::{NoticeId, ProcedureId};
use crate::http::render::PageContext;
use crate::i18n::reason_text::reason_text;
use crate::live::dead_links::LinkPlace;
use crate::supervisor::health::HealthPart;
use crate::web::kit::app::App;
use crate::web::kit::components::{PageSection, Row};
use crate::web::kit::notices::title_and_paragraphs;

/// Most links that are named.
const MOST_NAMED: usize = 20;

/// The section; none = nothing is amiss.
pub(super) fn troubles(app: &App, f: &PageContext) -> Option<PageSection> {
    let parts = app.supervisor.health().parts();
    let reason = parts.get(&HealthPart::Feeds);
    let reason = reason.and_then(|part| part.reason.as_ref());
    let of_feeds = reason.map(|reason| Row {
        status_class: "warn",
        name: reason_text(f.lang, reason),
        words: f.t("outside-feed-do"),
        ..Row::default()
    });
    let dead = app.live.dead_links.all();
    let of_links = dead.iter().take(MOST_NAMED).map(|(link, place)| {
        let (words, href) = place_words(app, f, place);
        Row {
            status_class: "warn",
            name: f.t1("outside-link", "link", link),
            words,
            href,
            ..Row::default()
        }
    });
    let rows: Vec<String> = of_feeds
        .into_iter()
        .chain(of_links)
        .enumerate()
        .map(|(n, row)| {
            let id = format!("outside-{n}");
            Row { id, ..row }.html()
        })
        .collect();
    (!rows.is_empty()).then(|| PageSection {
        name: f.t("outside-troubles"),
        rows,
        ..PageSection::default()
    })
}

/// Where a link stands, in words, and where that is mended.
fn place_words(app: &App, f: &PageContext, place: &LinkPlace) -> (String, String) {
    match place {
        LinkPlace::Official => (f.t("outside-official"), String::new()),
        LinkPlace::Procedure(code) => (procedure_words(f, code), String::new()),
        LinkPlace::Notice(id) => (notice_words(app, f, id), format!("/notices/{id}")),
    }
}

fn procedure_words(f: &PageContext, code: &ProcedureId) -> String {
    f.t1("outside-procedure", "code", code.as_str())
}

fn notice_words(app: &App, f: &PageContext, id: &NoticeId) -> String {
    let state = app.journal.state();
    let title = state.notices.get(id).map_or_else(String::new, |notice| {
        title_and_paragraphs(app, f.lang, notice).0
    });
    f.t1("outside-notice", "title", f.lang.verbatim(&title))
}
