//! Hôm nay: one sentence about what is broken since when, tiles, and what just happened.

mod status_sentence;
mod tiles;

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

pub(super) use self::status_sentence::status_banner;
use self::status_sentence::{status_detail, status_title};
use self::tiles::tiles;
use super::history_names::HistoryReader;
use crate::domain::entity::Kind;
use crate::domain::sensor::{Alarm, Sensor};
use crate::domain::state::VillageState;
use crate::http::render::{PageContext, render};
use crate::i18n::locale::Lang;
use crate::i18n::{amounts, dates};
use crate::journal::index::EntryQuery;
use crate::view::history_rows::is_news;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::components::{Banner, Fragment, Tile, html};
use crate::web::kit::notices::{NoticeSummary, summarize};

/// Rows of what just happened.
const RECENT_ROWS: usize = 6;

#[derive(askama::Template)]
#[template(path = "today.html")]
struct HomePage {
    f: PageContext,
    date: String,
    urgent: String,
    broken: String,
    /// The other faults and the advice, below the buttons: the buttons stay in view.
    more: String,
    alarm: String,
    tiles: Vec<Tile>,
    recent: Vec<String>,
}

/// Urgent notices with their text: they stand on top of everything and appear on an open page by
/// themselves.
fn urgent(app: &App, lang: Lang, state: &VillageState) -> Fragment {
    let notices: Vec<NoticeSummary> = state
        .newest_notices(app.supervisor.clock().trusted_ms(), 2, 0)
        .0
        .iter()
        .map(|n| summarize(app, lang, n))
        .collect();
    let read = lang.t("see-notice");
    Fragment::new("urgent", &UrgentNotices { notices, read })
}

#[derive(askama::Template)]
#[template(path = "urgent.html")]
struct UrgentNotices {
    notices: Vec<NoticeSummary>,
    read: String,
}

/// Alarms stand before everything else: smoke and the like first, then by level; no alarm hides
/// another.
fn alarm(app: &App, lang: Lang, state: &VillageState) -> Fragment {
    let now = app.supervisor.clock().wall_ms();
    let yes_no = |s: &Sensor| {
        state
            .entities
            .get(&s.id)
            .is_some_and(|e| e.kind == Kind::BinarySensor)
    };
    let mut all: Vec<_> = state
        .sensors
        .values()
        .filter_map(|s| s.alarm.map(|a| (yes_no(s), a, s)))
        .collect();
    all.sort_by_key(|(smoke, a, _)| std::cmp::Reverse((*smoke, a.level)));
    let one = |(smoke, a, s): &(bool, Alarm, &Arc<Sensor>)| {
        let since = dates::since(now, a.at);
        let name = lang.verbatim(&s.name);
        if *smoke {
            let detail = state
                .entities
                .get(&s.id)
                .and_then(|e| super::sensors::binary_state_text(app, lang, e))
                .map(|(words, _)| words)
                .unwrap_or_default();
            return html(&Banner {
                id: String::new(),
                status_class: "bad",
                title: lang.f("alarm-smoke", &[("name", &name), ("since", &since)]),
                detail,
                ..Banner::default()
            });
        }
        let (mark, is_falling) = super::sensors::crossed_threshold(app, s, a);
        let key = if is_falling {
            "alarm-falling"
        } else {
            "alarm-now"
        };
        let title = lang.f(
            key,
            &[
                ("name", &name),
                ("mark", &dates::number(lang, mark, s.decimals)),
                ("unit", &amounts::unit(lang, &s.unit)),
                ("since", &since),
            ],
        );
        html(&Banner {
            id: String::new(),
            status_class: if a.level > 1 { "bad" } else { "warn" },
            title,
            detail: lang.t("sensor-note"),
            ..Banner::default()
        })
    };
    Fragment {
        id: "alarm".to_owned(),
        html: format!(
            "<div id=\"alarm\">{}</div>",
            all.iter().map(one).collect::<String>()
        ),
    }
}

async fn recent_rows(app: &App, lang: Lang) -> Vec<String> {
    // Drafts are no news.
    let reader = HistoryReader {
        lang,
        shows_drafts: false,
    };
    let page = app
        .history_page(
            reader,
            &EntryQuery::default(),
            is_news,
            u64::MAX,
            RECENT_ROWS,
        )
        .await
        .unwrap_or_default();
    page.rows
        .into_iter()
        .take(RECENT_ROWS)
        .map(|row| app.history_row_html(lang, row))
        .collect()
}

#[derive(askama::Template)]
#[template(path = "today_tile.html")]
struct TilePart<'a> {
    t: &'a Tile,
}

/// The fragments of this page.
pub async fn fragments(app: &App, visit: &RequestContext, state: &VillageState) -> Vec<Fragment> {
    let lang = visit.lang;
    let status = app.status_on_page(lang, state);
    let now = app.supervisor.clock().wall_ms();
    let mut out = vec![
        urgent(app, lang, state),
        status_title(lang, now, &status, &app.technician),
        status_detail(lang, now, &status),
        alarm(app, lang, state),
    ];
    out.extend(
        tiles(app, lang, state, &status)
            .iter()
            .map(|t| Fragment::new(&t.id, &TilePart { t })),
    );
    out.push(Fragment {
        id: "recent".to_owned(),
        html: format!(
            "<ul class=\"rows sheet\" id=\"recent\">{}</ul>",
            recent_rows(app, lang).await.concat()
        ),
    });
    out
}

/// The page.
pub async fn page(State(app): State<App>, visit: RequestContext) -> Response {
    let state = app.village();
    let f = app.page_context(&visit, &state, "today");
    let now = app.supervisor.clock().wall_ms();
    let urgent = urgent(&app, f.lang, &state).html;
    let date = format!(
        "{} · {}",
        dates::long(f.lang, now),
        dates::lunar_words(f.lang, now)
    );
    let alarm = alarm(&app, f.lang, &state).html;
    let status = app.status_on_page(f.lang, &state);
    let (broken, tiles, recent) = (
        status_title(f.lang, now, &status, &app.technician).html,
        tiles(&app, f.lang, &state, &status),
        recent_rows(&app, f.lang).await,
    );
    render(&HomePage {
        date,
        urgent,
        more: status_detail(f.lang, now, &status).html,
        broken,
        alarm,
        tiles,
        recent,
        f,
    })
}
