//! The village's notices, as visitors read them.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};

use super::Portal;
use super::link_card::LinkCard;
use super::made_once::{PageBytes, SharedPage};
use super::visit::PortalVisit;
use crate::domain::calendar::DAY_MS;
use crate::domain::id::NoticeId;
use crate::domain::notice::{Attachment, Notice, NoticeKind, NoticeLanguage};
use crate::domain::state::VillageState;
use crate::http::assets::BOARD_STYLE;
use crate::http::render::{PageContext, TextSpan, render, render_with, split_phones};
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::time::WallMs;
use crate::web::kit::app::App;
use crate::web::kit::links::PublicPage;
use crate::web::kit::notice_files;
use crate::web::kit::notice_sheet::{self, ShownNotice};
use crate::web::kit::notices::{NoticeSummary, kind_key, summarize, words_of};

/// Notices on one page of all.
const MOST: usize = 100;
/// Notices on the first page.
const NEWEST: usize = 3;
/// Urgent ones on top of a page.
const MOST_URGENT: usize = 3;
/// Notices of what lies ahead that come before the newest on the first page.
const MOST_AHEAD: usize = 2;
/// How far ahead that is, ms.
const AHEAD_MS: i64 = 14 * DAY_MS;

/// The notices of a page, and its day.
#[derive(Clone)]
pub struct Lists {
    /// Titles and days alone, so that they stand on the first screen of a phone.
    pub is_brief: bool,
    /// The day, also by the moon: one line of a phone.
    pub date: String,
    /// Urgent notices.
    pub urgent: Vec<NoticeSummary>,
    /// The others: what is past last, else the newest first; on the first page what lies ahead
    /// first, the soonest before the later.
    pub others: Vec<NoticeSummary>,
}

impl Lists {
    /// The newest of them, for the first page.
    pub fn brief(portal: &Portal, lang: Lang) -> Self {
        let app = &portal.app;
        let clock = app.supervisor.clock();
        let state = app.journal.state();
        let now = clock.trusted_ms();
        let (urgent, newest) = state.newest_notices(now, MOST_URGENT, NEWEST);
        let mut others = soonest(&state, now);
        let is_new = |n: &&Notice| others.iter().all(|known| known.id != n.id);
        let newest: Vec<_> = newest.into_iter().filter(is_new).collect();
        others.extend(newest);
        others.truncate(NEWEST);
        let summary = |n: &&Notice| summarize(app, lang, n);
        Self {
            is_brief: true,
            date: dates::both_calendars(lang, clock.wall_ms()),
            urgent: urgent.iter().map(summary).collect(),
            others: told_apart(others.iter().map(summary).collect()),
        }
    }

    /// A page of those of a kind; none = of all kinds. Gives also whether there are more.
    fn page(portal: &Portal, lang: Lang, kind: Option<NoticeKind>, from: usize) -> (Self, bool) {
        let app = &portal.app;
        let clock = app.supervisor.clock();
        let mut all = app.journal.state().notices_at(clock.trusted_ms());
        all.retain(|n| kind.is_none_or(|kind| n.details.kind == kind));
        let now = clock.wall_ms();
        all.sort_by_key(|n| !n.details.urgent && n.details.is_past(now));
        let has_more = all.len() > from.saturating_add(MOST);
        let shown = all.iter().skip(from).take(MOST);
        let (urgent, others): (Vec<_>, Vec<_>) =
            shown.partition(|n| n.details.urgent && kind.is_none());
        let lists = Self {
            is_brief: false,
            date: dates::both_calendars(lang, clock.wall_ms()),
            urgent: urgent.iter().map(|n| summarize(app, lang, n)).collect(),
            others: told_apart(others.iter().map(|n| summarize(app, lang, n)).collect()),
        };
        (lists, has_more)
    }
}

/// The notices of what happens in the next days, the soonest first.
fn soonest(state: &VillageState, now: WallMs) -> Vec<&Notice> {
    let up = state.notices.values();
    let up = up.filter(|n| !n.details.urgent && !n.details.is_over(now));
    let ahead = up.filter_map(|n| Some((n.details.ahead(now)?, &**n)));
    let mut soon: Vec<_> = ahead.filter(|(at, _)| at.since(now) <= AHEAD_MS).collect();
    soon.sort_by_key(|(at, notice)| (*at, notice.order));
    soon.truncate(MOST_AHEAD);
    soon.into_iter().map(|(_, notice)| notice).collect()
}

/// A mark that all of a list have tells nothing apart.
fn told_apart(mut all: Vec<NoticeSummary>) -> Vec<NoticeSummary> {
    if all.iter().all(|n| n.fresh) {
        for notice in &mut all {
            notice.fresh = false;
        }
    }
    all
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
    /// Address and name of the list of each kind that has one, and whether it is this list.
    kinds: Vec<(String, String, bool)>,
    /// The kind of this list; empty = all.
    kind: String,
    /// The address of the next page; empty = this is the last.
    next: String,
    lists: Lists,
}

/// All notices, or those of a kind.
pub async fn list(
    State(portal): State<Portal>,
    visit: PortalVisit,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    // An address that nobody can read asks for nothing in particular.
    let asked = Query::<Vec<(String, String)>>::try_from_uri(&uri);
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    let value = |name: &str| asked.iter().find(|(n, _)| n == name).map(|(_, v)| v);
    let kind = value("kind").and_then(|name| NoticeKind::named(name));
    let from: usize = value("from").and_then(|n| n.parse().ok()).unwrap_or(0);
    let from = if from < MOST {
        0
    } else {
        let now = portal.app.supervisor.clock().trusted_ms();
        let state = portal.app.journal.state();
        let up = state.notices.values().filter(|n| !n.details.is_over(now));
        let of_kind = up.filter(|n| kind.is_none_or(|kind| n.details.kind == kind));
        part_start(from, of_kind.count())
    };
    let place = NoticeKind::ALL.iter().position(|k| kind == Some(*k));
    let page = SharedPage::Notices(visit.lang, visit.big, place, from);
    let make = move |portal: &Portal| PageBytes::of_page(&all_notices(portal, visit, kind, from));
    match portal.shared(page, make).await {
        Ok(page) => page.answer(&headers),
        Err(failed) => failed,
    }
}

/// The first notice of the part that has this one. Parts begin at whole ones, and behind the last
/// is none: so there are no more than the notices that are up fill.
const fn part_start(from: usize, up: usize) -> usize {
    let last = up.saturating_sub(1);
    let from = if from < last { from } else { last };
    from / MOST * MOST
}

fn all_notices(
    portal: &Portal,
    visit: PortalVisit,
    kind: Option<NoticeKind>,
    from: usize,
) -> AllNotices {
    let f = visit.context(portal);
    let q = visit.query();
    let (lists, has_more) = Lists::page(portal, f.lang, kind, from);
    let state = portal.app.journal.state();
    let now = portal.app.supervisor.clock().trusted_ms();
    let address = |query: &str| format!("/t{q}&{query}");
    let is_used = |kind: NoticeKind| {
        let mut up = state.notices.values().filter(|n| !n.details.is_over(now));
        up.any(|n| n.details.kind == kind)
    };
    let mut kinds = vec![(format!("/t{q}"), f.t("all-kinds"), kind.is_none())];
    kinds.extend(
        NoticeKind::ALL
            .into_iter()
            .filter(|k| is_used(*k) || kind == Some(*k))
            .map(|k| {
                let there = address(&format!("kind={}", k.name()));
                (there, f.t(kind_key(k)), kind == Some(k))
            }),
    );
    AllNotices {
        css: &BOARD_STYLE,
        size: size_key(&f),
        kind: kind.map_or_else(String::new, |kind| f.t(kind_key(kind))),
        kinds,
        next: if has_more {
            let of_kind = kind.map_or_else(String::new, |k| format!("kind={}&", k.name()));
            address(&format!("{of_kind}from={}", from.saturating_add(MOST)))
        } else {
            String::new()
        },
        lists,
        q,
        f,
    }
}

#[derive(askama::Template)]
#[template(path = "portal_notice.html")]
struct PortalNotice {
    f: PageContext,
    css: &'static str,
    q: String,
    size: &'static str,
    sheet: ShownNotice,
    /// Where it can be heard; empty = its words are gone.
    listen: String,
    /// The card that a link to it shows elsewhere.
    card: Option<LinkCard>,
    /// Its name in public links.
    name: String,
    /// Its public link, as people type it.
    typed: String,
    /// The whole link.
    link: String,
}

#[derive(askama::Template)]
#[template(path = "portal_notice_gone.html")]
struct PortalNoticeGone {
    f: PageContext,
    css: &'static str,
    q: String,
    size: &'static str,
    title: String,
    pieces: Vec<TextSpan>,
    /// The list that is above the page: its link and its name.
    up: (&'static str, String),
    /// The words of a button to that list; empty = there is none.
    all: String,
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
    let q = visit.query();
    let found = app.journal.state().notice_linked(&id).cloned();
    match found {
        Some(notice) => {
            let files = format!("/t/{}/", notice.id);
            let mut sheet = ShownNotice::published(app, f.lang, &notice, &files);
            let papers = &notice.details.attachments;
            sheet.offer_reading(app, f.lang, papers, &q).await;
            let page = PublicPage::Notice(&notice);
            let has_words = words_of(app, &notice).is_ok();
            let is_read = notice.details.language == NoticeLanguage::Vietnamese;
            let listen = (has_words && is_read).then(|| format!("{files}listen.mp3"));
            render(&PortalNotice {
                css: &BOARD_STYLE,
                q,
                size: size_key(&f),
                card: LinkCard::of(app, &notice),
                name: notice.public_name(),
                typed: app.links.typed(page),
                link: app.links.to(page),
                sheet,
                listen: listen.unwrap_or_default(),
                f,
            })
        }
        None => render_with(
            StatusCode::NOT_FOUND,
            &PortalNoticeGone {
                css: &BOARD_STYLE,
                q,
                size: size_key(&f),
                title: f.t("notice-no-longer"),
                pieces: split_phones(&f.t("notice-no-longer-do")),
                up: ("/t", f.t("notices")),
                all: String::new(),
                f,
            },
        ),
    }
}

/// A file of a notice that visitors may read, with the name that a person gave it.
pub(super) fn file_of(portal: &Portal, id: &str, sha256: &str) -> Option<(Attachment, String)> {
    let app = &portal.app;
    let notice = app.journal.state().notice_linked(id).cloned()?;
    let name = paper_name(app, &notice, sha256)?;
    let mut files = notice.details.attachments.into_iter();
    Some((files.find(|file| file.sha256 == sha256)?, name))
}

/// The name of a paper of a notice; none = it is not there any more.
pub(super) fn paper_name(app: &App, notice: &Notice, sha256: &str) -> Option<String> {
    let files = &notice.details.attachments;
    let place = files.iter().position(|file| file.sha256 == sha256)?;
    let words = words_of(app, notice).ok()?;
    Some(words.files.get(place).cloned().unwrap_or_default())
}

/// The same as its name on a page.
pub(super) fn paper_title(app: &App, lang: Lang, notice: &Notice, sha256: &str) -> Option<String> {
    let files = &notice.details.attachments;
    let place = files.iter().position(|file| file.sha256 == sha256)?;
    let words = words_of(app, notice).ok()?;
    let title = notice_sheet::paper_title(lang, &words, &notice.details, place);
    Some(title)
}

async fn send_file(portal: &Portal, id: &str, sha256: &str, is_small: bool) -> Response {
    match file_of(portal, id, sha256) {
        Some((file, name)) => notice_files::answer(&portal.app, &file, &name, is_small).await,
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A file of a notice.
pub async fn file(
    State(portal): State<Portal>,
    Path((id, sha256)): Path<(String, String)>,
) -> Response {
    send_file(&portal, &id, &sha256, false).await
}

/// The small size of a picture of a notice.
pub async fn small_file(
    State(portal): State<Portal>,
    Path((id, sha256)): Path<(String, String)>,
) -> Response {
    send_file(&portal, &id, &sha256, true).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_as_many_parts_as_its_notices_fill() {
        for (from, up, start) in [
            (0, 0, 0),
            (5_000, 0, 0),
            (99, 700, 0),
            (100, 700, 100),
            (650, 700, 600),
            (700, 700, 600),
            (701, 701, 700),
            (usize::MAX, 701, 700),
            (usize::MAX, 100, 0),
        ] {
            assert_eq!(part_start(from, up), start, "{from} of {up}");
        }
        let asked = 0..=10_000;
        let parts = asked.map(|from| part_start(from, 700));
        let parts: std::collections::BTreeSet<_> = parts.collect();
        assert_eq!(parts.len(), 7);
    }
}
