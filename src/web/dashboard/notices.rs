//! Thông báo: write, publish, take down. A notice is written once; the portal and the commune get
//! the same text.

mod archive;
mod form;

use axum::extract::State;
use axum::response::Response;

pub use self::archive::{archive, archived, restore};
pub(super) use self::form::typed_again;
pub use self::form::{mend, new, nothing_typed, preview, publish};
use crate::domain::id::NoticeId;
use crate::domain::notice;
use crate::http::address::PathId;
use crate::http::form::ButtonOnly;
use crate::http::page_error::{PageError, PageResult};
use crate::http::render::{PageContext, TextSpan, redirect_see_other, render};
use crate::keys::secret;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::components::{ListPage, PageSection, Row};
use crate::web::kit::form::Post;
use crate::web::kit::notices::{posted_when, summarize, title_and_paragraphs_on_page};
use crate::web::kit::undo::Act;

/// How long the command id of a form is remembered, ms.
const DAY_MS: i64 = 86_400_000;
/// Where the notices that are not up any more stand.
const ARCHIVE_PATH: &str = "/notices/archive";

/// The list.
pub async fn page(State(app): State<App>, visit: RequestContext) -> Response {
    let state = app.journal.state();
    let f = app.page_context(&visit, &state, "more");
    let rows = state
        .notices_at(app.supervisor.clock().trusted_ms())
        .iter()
        .map(|n| {
            let b = summarize(&app, f.lang, n);
            Row {
                id: format!("notice-{}", b.id),
                status_class: if n.details.urgent { "warn" } else { "" },
                name: b.title,
                words: b.when,
                side: String::new(),
                href: format!("/notices/{}", b.id),
                ..Row::default()
            }
            .html()
        })
        .collect();
    let write = if f.is_chief {
        format!(
            "<p><a class=\"button go huge\" href=\"/notices/new\">{}</a></p>",
            f.t("write-notice")
        )
    } else {
        String::new()
    };
    let parts = vec![PageSection {
        rows,
        empty: f.t("no-notices"),
        ..PageSection::default()
    }];
    render(&ListPage {
        title: f.t("notices"),
        live: "/live/other",
        summary: write,
        parts,
        links: if f.is_chief {
            vec![(ARCHIVE_PATH.to_owned(), f.t("notice-archive"))]
        } else {
            Vec::new()
        },
        refresh: 0,
        f,
    })
}

#[derive(askama::Template)]
#[template(path = "notice.html")]
struct NoticePage {
    f: PageContext,
    id: String,
    once: String,
    title: String,
    when: String,
    paragraphs: Vec<Vec<TextSpan>>,
    receipt: String,
    can_take_down: bool,
}

/// One notice.
pub async fn one(
    State(app): State<App>,
    visit: RequestContext,
    PathId(id): PathId<NoticeId>,
) -> PageResult {
    let state = app.journal.state();
    let f = app.page_context(&visit, &state, "more");
    if f.is_chief && state.ended.contains_key(&id) {
        return Ok(redirect_see_other(&format!("{ARCHIVE_PATH}/{id}")));
    }
    let notice = state.notices.get(&id).ok_or(PageError::NoticeGone)?;
    let (title, paragraphs) = title_and_paragraphs_on_page(&app, f.lang, notice);
    let link = app.live.uplink.get();
    let receipt = f.t(if notice.from_commune {
        "receipt-theirs"
    } else if !link.configured {
        "receipt-none"
    } else if link.received >= notice.order {
        "receipt-has"
    } else {
        "receipt-not-yet"
    });
    Ok(render(&NoticePage {
        id: notice.id.to_string(),
        once: secret::token().map_err(|_| PageError::Unavailable)?,
        title,
        when: posted_when(f.lang, &**notice),
        paragraphs,
        receipt,
        can_take_down: f.is_chief,
        f,
    }))
}

/// Takes one down. The form's command id makes a double tap harmless: it does not tell that there
/// is no such notice.
pub async fn take_down(
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
    let until = app.supervisor.clock().trusted_ms() + DAY_MS;
    let order = visit.request(notice::Command::TakeDown { id })?;
    let order = order.idempotent(once, until).before(deadline);
    let committed = app.journal.submit(order).await?;
    let offer = Act::address(Act::of(committed), "/notices?said=taken-down");
    Ok(redirect_see_other(&offer))
}
