//! Thông báo: the list, one notice, its files, taking it down. Writing is in `form` and `publish`,
//! what is not up any more in `archive`. A notice is written once; the portal and the commune get
//! the same text.

mod archive;
mod content;
mod form;
mod meanwhile;
mod outside;
mod page;
mod publish;
mod templates;
mod upload;

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

pub use self::archive::{archive, archived, restore};
pub(super) use self::content::NOTICE_FIELDS;
pub(super) use self::form::typed_again;
pub use self::form::{correct, draft, mend, new, nothing_typed, preview};
pub use self::publish::{publish, remove_draft, save_draft};
pub(super) use self::upload::take_files;
use crate::domain::id::NoticeId;
use crate::domain::notice::{self, Notice, NoticeDraft, NoticeWords};
use crate::http::address::{PathId, Query};
use crate::http::form::ButtonOnly;
use crate::http::fragment::html;
use crate::http::notice_body;
use crate::http::page_error::{PageError, PageResult};
use crate::http::render::{PageContext, redirect_see_other, render};
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::keys::secret;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::components::{ListPage, PageSection, Row};
use crate::web::kit::form::{COMMAND_ID_MS, Post};
use crate::web::kit::links::PublicPage;
use crate::web::kit::notice_files;
use crate::web::kit::notice_sheet::{ShownNotice, as_message};
use crate::web::kit::notices::summarize;
use crate::web::kit::undo::Act;

/// Where the notices that are not up any more stand.
const ARCHIVE_PATH: &str = "/notices/archive";
/// Where files of notices are for whoever writes them.
const FILES: &str = "/notices/file/";
/// Notices on one page of the list.
const PAGE_NOTICES: usize = 100;
/// Most characters of a draft's title in the list.
const MAX_TITLE_CHARS: usize = 120;

/// The list: drafts, then what is up, a hundred a page.
pub async fn page(
    State(app): State<App>,
    visit: RequestContext,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let state = app.journal.state();
    let f = app.page_context(&visit, &state, "more");
    let from = query.iter().find(|(name, _)| name == "from");
    let from = from.and_then(|(_, n)| n.parse::<usize>().ok()).unwrap_or(0);
    let up = state.notices_at(app.supervisor.clock().trusted_ms());
    let rows = up.iter().skip(from).take(PAGE_NOTICES);
    let rows = rows.map(|n| row(&app, f.lang, n)).collect();
    let mut parts = Vec::new();
    if f.is_chief {
        parts.extend(outside::troubles(&app, &f));
    }
    if f.is_chief && !state.drafts.is_empty() {
        let mut drafts: Vec<_> = state.drafts.values().collect();
        drafts.sort_by_key(|draft| (draft.publish_at, std::cmp::Reverse(draft.order)));
        parts.push(PageSection {
            name: f.t("notice-drafts"),
            controls: waiting_for_time(&app, &f, &drafts),
            rows: drafts.iter().map(|d| draft_row(&app, &f, d)).collect(),
            ..PageSection::default()
        });
    }
    parts.push(PageSection {
        name: if parts.is_empty() {
            String::new()
        } else {
            f.t("notices-up")
        },
        rows,
        empty: f.t("no-notices"),
        ..PageSection::default()
    });
    let mut links = Vec::new();
    if up.len() > from.saturating_add(PAGE_NOTICES) {
        let next = format!("/notices?from={}", from.saturating_add(PAGE_NOTICES));
        links.push((next, f.t("notices-older")));
    }
    if f.is_chief {
        links.push((ARCHIVE_PATH.to_owned(), f.t("notice-archive")));
    }
    render(&ListPage {
        title: f.t("notices"),
        live: "/live/other",
        summary: if f.is_chief {
            format!(
                "<p><a class=\"button go huge\" href=\"/notices/new\">{}</a></p>",
                f.t("write-notice")
            )
        } else {
            String::new()
        },
        parts,
        links,
        refresh: 0,
        f,
    })
}

fn row(app: &App, lang: Lang, notice: &Notice) -> String {
    let b = summarize(app, lang, notice);
    Row {
        id: format!("notice-{}", b.id),
        status_class: if notice.details.urgent { "warn" } else { "" },
        name: b.title,
        words: format!("{} · {}", b.kind, b.when),
        side: String::new(),
        href: format!("/notices/{}", b.id),
        ..Row::default()
    }
    .html()
}

#[derive(askama::Template)]
#[template(path = "notice_draft_row.html")]
struct DraftRow<'a> {
    f: &'a PageContext,
    id: &'a NoticeId,
    title: String,
    words: String,
    /// Its time is over before it went up; empty = it is not.
    late: String,
}

fn draft_row(app: &App, f: &PageContext, draft: &NoticeDraft) -> String {
    let saved = dates::moment(f.lang, draft.at);
    // Its moment came when its own time was over already: nobody else tells the chief.
    let is_over = draft.details.is_over(app.supervisor.clock().trusted_ms());
    html(&DraftRow {
        f,
        id: &draft.id,
        title: app.text_on_page(f.lang, &draft.text, MAX_TITLE_CHARS),
        late: if is_over {
            f.t("notice-draft-over")
        } else {
            String::new()
        },
        words: draft.publish_at.map_or_else(
            || f.t1("notice-draft-saved-at", "when", &saved),
            |at| f.t1("notice-publish-at", "when", dates::moment(f.lang, at)),
        ),
    })
}

/// A sentence above scheduled drafts while the machine does not know the time.
fn waiting_for_time(app: &App, f: &PageContext, drafts: &[&Arc<NoticeDraft>]) -> String {
    let waits = drafts.iter().any(|draft| draft.publish_at.is_some());
    if waits && !app.supervisor.clock().may_act() {
        let words = f.t("notice-waits-for-time");
        format!("<p class=\"say warn\">{words}</p>")
    } else {
        String::new()
    }
}

#[derive(askama::Template)]
#[template(path = "notice.html")]
struct NoticePage {
    f: PageContext,
    id: String,
    once: String,
    sheet: ShownNotice,
    receipt: String,
    is_chief: bool,
    can_correct: bool,
    /// As a message, to be shared or copied.
    message: String,
    /// Where phones open it.
    address: String,
    /// Its first picture; empty = it has none.
    picture: String,
    /// Its versions before: until when and by whom, and their lines; the newest first.
    versions: Vec<(String, Vec<String>)>,
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
    let sheet = ShownNotice::published(&app, f.lang, notice, FILES);
    let words = app.files.text(&notice.text);
    let words = words.map_or_else(|_| NoticeWords::default(), |t| NoticeWords::decode(&t));
    let address = app.links.to(PublicPage::Notice(&notice.id));
    let versions = notice.versions.iter().rev().map(|version| {
        let when = dates::moment(f.lang, version.replaced_at);
        let who = app.actor_text(f.lang, &state, &version.by);
        let until = f
            .lang
            .f("notice-version-until", &[("when", &when), ("who", &who)]);
        let lines = app.files.text(&version.text).map_or_else(
            |_| vec![f.t("erased")],
            |text| {
                let words = NoticeWords::decode(&text);
                let title = std::iter::once(words.title);
                let lines = title.chain(notice_body::paragraphs(&words.body));
                lines.map(|line| f.verbatim(&line)).collect()
            },
        );
        (until, lines)
    });
    Ok(render(&NoticePage {
        id: notice.id.to_string(),
        once: secret::token().map_err(|_| PageError::Unavailable)?,
        message: as_message(&sheet, &words, &address),
        picture: sheet
            .pictures
            .first()
            .map_or_else(String::new, |picture| picture.whole.clone()),
        address,
        versions: versions.collect(),
        sheet,
        receipt,
        is_chief: f.is_chief,
        can_correct: !notice.from_commune,
        f,
    }))
}

/// A file of a notice, for the village's own people; one of a draft or of the archive is the
/// chief's alone.
async fn send_file(app: &App, visit: &RequestContext, sha256: &str, is_small: bool) -> PageResult {
    let state = app.journal.state();
    let mut up = state.notices.values().flat_map(|n| &n.details.attachments);
    if !visit.is_chief() && !up.any(|file| file.sha256 == sha256) {
        return Err(PageError::NotFound);
    }
    let file = app.attachments.find(sha256).ok_or(PageError::NotFound)?;
    // The portal gives a paper its own name; here its hash is enough.
    Ok(notice_files::answer(app, &file, "", is_small).await)
}

/// A file of a notice.
pub async fn file(
    State(app): State<App>,
    visit: RequestContext,
    axum::extract::Path(sha256): axum::extract::Path<String>,
) -> PageResult {
    send_file(&app, &visit, &sha256, false).await
}

/// The small size of a picture of a notice.
pub async fn small_file(
    State(app): State<App>,
    visit: RequestContext,
    axum::extract::Path(sha256): axum::extract::Path<String>,
) -> PageResult {
    send_file(&app, &visit, &sha256, true).await
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
    let until = app.supervisor.clock().trusted_ms() + COMMAND_ID_MS;
    let order = visit.request(notice::Command::TakeDown { id })?;
    let order = order.idempotent(once, until).before(deadline);
    let committed = app.journal.submit(order).await?;
    let offer = Act::address(Act::of(committed), "/notices?said=taken-down");
    Ok(redirect_see_other(&offer))
}
