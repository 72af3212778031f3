//! Notices that are not up any more: those that were taken down, with who did it and when, and
//! those whose time is over. The chief reads them here, puts one up again as it was, publishes its
//! text anew, or takes one down whose time is over: until then everybody may read it.

use std::cmp::Reverse;
use std::sync::Arc;

use axum::extract::State;

use super::{ARCHIVE_PATH, FILES};
use crate::domain::actor::Actor;
use crate::domain::id::NoticeId;
use crate::domain::notice::{self, EndedNotice, Notice};
use crate::domain::state::VillageState;
use crate::http::address::PathId;
use crate::http::form::ButtonOnly;
use crate::http::page_error::{PageError, PageResult};
use crate::http::render::{PageContext, redirect_see_other, render};
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::keys::secret;
use crate::time::WallMs;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::components::{ListPage, PageSection, Row};
use crate::web::kit::form::{COMMAND_ID_MS, Post};
use crate::web::kit::notice_sheet::ShownNotice;
use crate::web::kit::notices::summarize;
use crate::web::kit::undo::Act;

/// Most notices of each list.
const MAX_LISTED: usize = 200;

/// A notice by its id, whether it is up or not.
pub(super) fn find<'a>(state: &'a VillageState, id: &NoticeId) -> Option<&'a Notice> {
    let taken_down = state.ended.get(id).map(|t| &t.notice);
    taken_down.or_else(|| state.notices.get(id).map(|n| &**n))
}

/// The notices that were taken down, the newest first.
fn taken_down(state: &VillageState) -> Vec<&Arc<EndedNotice>> {
    let mut all: Vec<_> = state.ended.values().filter(|e| !e.is_expired).collect();
    all.sort_by_key(|t| Reverse(t.order));
    all.truncate(MAX_LISTED);
    all
}

/// The notices whose time is over, the latest first.
fn expired(state: &VillageState, now: WallMs) -> Vec<&Notice> {
    let over = state.notices.values().map(|n| &**n);
    let over = over.filter(|n| n.details.is_over(now));
    let ended = state.ended.values().filter(|e| e.is_expired);
    let mut all: Vec<_> = over.chain(ended.map(|e| &e.notice)).collect();
    all.sort_by_key(|n| Reverse(n.details.until));
    all.truncate(MAX_LISTED);
    all
}

/// The person who took a notice down, and the moment.
fn taken_down_text(
    app: &App,
    lang: Lang,
    state: &Arc<VillageState>,
    taken: &EndedNotice,
) -> String {
    let who = app.actor_text(lang, state, &taken.by);
    let when = dates::moment(lang, taken.at);
    lang.f("notice-taken-down-by", &[("when", &when), ("who", &who)])
}

fn expired_text(lang: Lang, notice: &Notice) -> String {
    let when = dates::long(lang, notice.details.until.unwrap_or(notice.at));
    lang.f("notice-expired-at", &[("when", &when)])
}

/// The list.
pub async fn archive(State(app): State<App>, visit: RequestContext) -> PageResult {
    if !visit.is_chief() {
        return Err(PageError::NotPermitted);
    }
    let state = app.journal.state();
    let f = app.page_context(&visit, &state, "more");
    let row = |notice: &Notice, words: String| {
        Row {
            id: format!("notice-{}", notice.id),
            status_class: "off",
            name: summarize(&app, f.lang, notice).title,
            words,
            side: String::new(),
            href: format!("{ARCHIVE_PATH}/{}", notice.id),
            ..Row::default()
        }
        .html()
    };
    let down = taken_down(&state)
        .into_iter()
        .map(|t| row(&t.notice, taken_down_text(&app, f.lang, &state, t)))
        .collect();
    let over = expired(&state, app.supervisor.clock().trusted_ms())
        .into_iter()
        .map(|n| row(n, expired_text(f.lang, n)))
        .collect();
    let section = |name: &str, rows: Vec<String>, empty: &str| PageSection {
        name: f.t(name),
        rows,
        empty: f.t(empty),
        ..PageSection::default()
    };
    let parts = vec![
        section("notices-taken-down", down, "no-notices-taken-down"),
        section("notices-expired", over, "no-notices-expired"),
    ];
    Ok(render(&ListPage {
        title: f.t("notice-archive"),
        live: "/live/other",
        summary: String::new(),
        parts,
        links: vec![("/notices".to_owned(), f.t("notices"))],
        refresh: 0,
        f,
    }))
}

#[derive(askama::Template)]
#[template(path = "notice_archived.html")]
struct ArchivedNoticePage {
    f: PageContext,
    id: String,
    once: String,
    sheet: ShownNotice,
    /// The person who took it down and the moment, or the moment at which its time was over.
    ended: String,
    /// It may be put up again as it was.
    can_restore: bool,
    /// Everybody may still read it: its time is over.
    can_take_down: bool,
    /// Its text can be read.
    is_readable: bool,
}

/// One notice that is not up any more.
pub async fn archived(
    State(app): State<App>,
    visit: RequestContext,
    PathId(id): PathId<NoticeId>,
) -> PageResult {
    if !visit.is_chief() {
        return Err(PageError::NotPermitted);
    }
    let state = app.journal.state();
    let now = app.supervisor.clock().trusted_ms();
    let f = app.page_context(&visit, &state, "more");
    let taken = state.ended.get(&id).filter(|e| !e.is_expired);
    let notice = find(&state, &id).ok_or(PageError::NoticeGone)?;
    let is_over = notice.details.is_over(now);
    if taken.is_none() && !is_over && !state.ended.contains_key(&id) {
        return Ok(redirect_see_other(&format!("/notices/{id}")));
    }
    // The moment of its end is said once.
    let sheet = ShownNotice {
        over: String::new(),
        ..ShownNotice::published(&app, f.lang, notice, FILES)
    };
    Ok(render(&ArchivedNoticePage {
        id: notice.id.to_string(),
        sheet,
        ended: taken.map_or_else(
            || expired_text(f.lang, notice),
            |t| taken_down_text(&app, f.lang, &state, t),
        ),
        can_restore: taken.is_some_and(|t| t.by != Actor::Commune) && !is_over,
        can_take_down: taken.is_none(),
        is_readable: app.files.text(&notice.text).is_ok(),
        once: secret::token().map_err(|_| PageError::Unavailable)?,
        f,
    }))
}

/// Puts one up again as it was. The form's command id makes a double tap one tap.
pub async fn restore(
    State(app): State<App>,
    PathId(id): PathId<NoticeId>,
    Post {
        visit,
        once,
        deadline,
        ..
    }: Post<ButtonOnly>,
) -> PageResult {
    let once = once.ok_or(PageError::OldForm)?;
    let page = format!("/notices/{id}?said=restored");
    let expires_at = app.supervisor.clock().trusted_ms() + COMMAND_ID_MS;
    let order = visit.request(notice::Command::Restore { id })?;
    let order = order.idempotent(once, expires_at).before(deadline);
    let committed = app.journal.submit(order).await?;
    let offer = Act::address(Act::of(committed), &page);
    Ok(redirect_see_other(&offer))
}
