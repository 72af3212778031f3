//! Thông báo: one notice, its files, taking it down. The list is in `list`, writing in `form` and
//! `publish`, what is not up any more in `archive`. A notice is written once; the portal and the
//! commune get the same text.

mod archive;
mod content;
mod form;
mod list;
mod meanwhile;
mod outside;
mod page;
mod publish;
mod templates;
mod unfinished;
mod upload;

use axum::extract::State;

pub use self::archive::{archive, archived, restore};
pub(super) use self::content::NOTICE_FIELDS;
pub(super) use self::form::typed_again;
pub use self::form::{correct, draft, mend, new, nothing_typed, preview};
pub use self::list::page;
pub use self::publish::{publish, remove_draft, save_draft};
pub(super) use self::upload::take_files;
use crate::domain::id::NoticeId;
use crate::domain::notice::{self, NoticeKind, NoticeWords};
use crate::http::address::PathId;
use crate::http::form::ButtonOnly;
use crate::http::notice_body;
use crate::http::page_error::{PageError, PageResult};
use crate::http::render::{PageContext, redirect_see_other, render};
use crate::i18n::dates;
use crate::keys::secret;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::form::{COMMAND_ID_MS, Post};
use crate::web::kit::links::PublicPage;
use crate::web::kit::notice_files;
use crate::web::kit::notice_share::as_shared;
use crate::web::kit::notice_sheet::ShownNotice;
use crate::web::kit::undo::Act;

/// Where the notices that are not up any more stand.
const ARCHIVE_PATH: &str = "/notices/archive";
/// Where files of notices are for whoever writes them.
const FILES: &str = "/notices/file/";

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
    /// It is about a day and a place, which change more often than its words.
    has_occasion: bool,
    /// It was published a moment ago: what is done with it now stands before it.
    is_fresh: bool,
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
    } else if link.up {
        "receipt-sending"
    } else {
        "receipt-not-yet"
    });
    let sheet = ShownNotice::published(&app, f.lang, notice, FILES);
    let words = app.files.text(&notice.text);
    let words = words.map_or_else(|_| NoticeWords::default(), |t| NoticeWords::decode(&t));
    let address = app.links.to(PublicPage::Notice(notice));
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
        message: as_shared(f.lang, &sheet, &words, &address),
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
        has_occasion: notice.details.occasion.is_some()
            || matches!(notice.details.kind, NoticeKind::Meeting | NoticeKind::Event),
        is_fresh: f.is_chief && visit.flash.as_deref() == Some("published"),
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
