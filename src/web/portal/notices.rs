//! The village's notices, as visitors read them.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::Portal;
use super::link_card::LinkCard;
use super::visit::PortalVisit;
use crate::domain::id::NoticeId;
use crate::domain::notice::Notice;
use crate::domain::state::VillageState;
use crate::http::assets::STYLE;
use crate::http::render::{PageContext, TextSpan, render, render_with, split_phones};
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::web::kit::notices::{
    NoticeSummary, posted_when, summarize, title_and_paragraphs_on_page,
};

/// Notices on the page of all.
const MOST: usize = 100;
/// Notices on the first page.
const NEWEST: usize = 3;
/// Urgent ones on top of a page.
const MOST_URGENT: usize = 3;

/// The notices of a page, and its day.
pub struct Lists {
    /// Titles alone, so that they stand on the first screen of a phone.
    pub is_brief: bool,
    /// The day, also by the moon: one line of a phone.
    pub date: String,
    /// Urgent notices.
    pub urgent: Vec<NoticeSummary>,
    /// The others, the newest first.
    pub others: Vec<NoticeSummary>,
}

impl Lists {
    /// Those that are shown now.
    pub fn whole(portal: &Portal, lang: Lang) -> Self {
        Self::new(portal, lang, MOST)
    }

    /// The newest of them, for the first page.
    pub fn brief(portal: &Portal, lang: Lang) -> Self {
        Self {
            is_brief: true,
            ..Self::new(portal, lang, NEWEST)
        }
    }

    fn new(portal: &Portal, lang: Lang, most: usize) -> Self {
        let app = &portal.app;
        let clock = app.supervisor.clock();
        let now = clock.wall_ms();
        let all = app.journal.state().notices_at(clock.trusted_ms());
        let (urgent, others): (Vec<_>, Vec<_>) = all.iter().partition(|n| n.details.urgent);
        let urgent = urgent.into_iter().take(MOST_URGENT);
        let others = others.into_iter().take(most);
        Self {
            is_brief: false,
            date: dates::both_calendars(lang, now),
            urgent: urgent.map(|n| summarize(app, lang, n)).collect(),
            others: others.map(|n| summarize(app, lang, n)).collect(),
        }
    }
}

/// The key of the words of the link to the other size of text.
pub const fn size_key(f: &PageContext) -> &'static str {
    if f.big { "usual-text" } else { "larger-text" }
}

#[derive(askama::Template)]
#[template(path = "portal_notices.html")]
struct AllNotices {
    f: PageContext,
    css: &'static str,
    q: String,
    size: &'static str,
    lists: Lists,
}

/// All notices.
pub async fn list(State(portal): State<Portal>, visit: PortalVisit) -> Response {
    let f = visit.context(&portal);
    render(&AllNotices {
        css: STYLE,
        q: visit.query(),
        size: size_key(&f),
        lists: Lists::whole(&portal, f.lang),
        f,
    })
}

#[derive(askama::Template)]
#[template(path = "portal_notice.html")]
struct PortalNotice {
    f: PageContext,
    css: &'static str,
    q: String,
    title: String,
    when: String,
    /// Its time is over.
    is_over: bool,
    /// The card that a link to it shows elsewhere.
    card: Option<LinkCard>,
    paragraphs: Vec<Vec<TextSpan>>,
}

/// A notice that may be read: one that is up, or one whose time is over. One that was taken down
/// may not.
pub(super) fn published(state: &VillageState, id: &NoticeId) -> Option<Notice> {
    let ended = || state.ended.get(id).filter(|ended| ended.is_expired);
    let up = state.notices.get(id).map(|notice| Notice::clone(notice));
    up.or_else(|| ended().map(|ended| ended.notice.clone()))
}

/// One notice.
pub async fn one(
    State(portal): State<Portal>,
    visit: PortalVisit,
    Path(id): Path<String>,
) -> Response {
    let f = visit.context(&portal);
    let app = &portal.app;
    let state = app.journal.state();
    let now = app.supervisor.clock().trusted_ms();
    let found = NoticeId::new(&id)
        .ok()
        .and_then(|id| published(&state, &id));
    let q = visit.query();
    match found {
        Some(notice) => {
            let (title, paragraphs) = title_and_paragraphs_on_page(app, f.lang, &notice);
            render(&PortalNotice {
                css: STYLE,
                q,
                title,
                when: posted_when(f.lang, &notice),
                is_over: notice.details.is_over(now) || !state.notices.contains_key(&notice.id),
                card: LinkCard::of(app, &notice),
                paragraphs,
                f,
            })
        }
        None => {
            let (title, detail) = (f.t("notice-no-longer"), f.t("notice-no-longer-do"));
            render_with(
                StatusCode::NOT_FOUND,
                &PortalNotice {
                    css: STYLE,
                    q,
                    title,
                    when: String::new(),
                    is_over: false,
                    card: None,
                    paragraphs: vec![split_phones(&detail)],
                    f,
                },
            )
        }
    }
}
