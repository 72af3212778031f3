//! The map of the village and the list of procedures, given as files: chosen, looked at in words,
//! and put in force; the one before stays at hand.
//!
//! Invariants: a file is taken whole or refused whole, with the place of each mistake; what is in
//! force stays until somebody has seen what would change and pressed the button. The button names
//! the file that the gateway wrote of what it understood, never the file as it came. A label of a
//! house that does not follow to a map is named before, and withdrawn only when that is ticked.
//! Deliberately absent: changing a map or a list on a page; the usual tools do that.

mod incoming;

use std::str::FromStr;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};

use self::incoming::IncomingTable;
pub(super) use self::incoming::take_file;
use crate::domain::blob::BlobRef;
use crate::domain::changes::Changes;
use crate::domain::command::Command;
use crate::domain::id::BlobId;
use crate::domain::state::VillageState;
use crate::domain::{directory, procedure};
use crate::http::address::PathId;
use crate::http::form::{FormContent, FormFields};
use crate::http::page_error::{PageError, PageResult};
use crate::http::render::{PageContext, redirect_see_other, render_with};
use crate::http::wrong_input::WrongInput;
use crate::i18n::dates;
use crate::i18n::locale::{Arg, Lang};
use crate::i18n::map_text::problem_text;
use crate::protocol::procedure_file;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::directory::{MapRefusal, PreparedMap, kept_map, prepare_map};
use crate::web::kit::form::Post;
use crate::web::kit::procedures::{NotTaken, kept_list, prepare_list, told};

/// The things of the board that are given as a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoardFile {
    /// The map of roads and houses.
    Map,
    /// The list of procedures.
    Procedures,
}

impl FromStr for BoardFile {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "map" => Ok(Self::Map),
            "procedures" => Ok(Self::Procedures),
            _ => Err(()),
        }
    }
}

/// A file that is in force or was, in the words of its page.
struct GivenFile {
    file: BlobRef,
    words: String,
}

impl BoardFile {
    /// The end of its address, and of the keys of its sentences.
    const fn name(self) -> &'static str {
        match self {
            Self::Map => "map",
            Self::Procedures => "procedures",
        }
    }

    /// The page on which people see it.
    const fn public_path(self) -> &'static str {
        match self {
            Self::Map => "r",
            Self::Procedures => "p",
        }
    }

    /// Most bytes of a file.
    const fn most_bytes(self) -> usize {
        match self {
            Self::Map => directory::MAX_MAP_BYTES,
            Self::Procedures => procedure::MAX_LIST_BYTES,
        }
    }

    /// The kinds of files that a phone offers to choose from.
    const fn accepts(self) -> &'static str {
        match self {
            Self::Map => ".geojson,.json,application/geo+json,application/json",
            Self::Procedures => ".csv,.txt,text/csv,text/plain",
        }
    }

    fn key(self, what: &str) -> String {
        format!("{}-file-{what}", self.name())
    }

    /// The page with an answer in the bar.
    fn page(self, said: &str) -> String {
        format!("/files/{}?said={}", self.name(), self.key(said))
    }

    /// The file in force, and the one before.
    fn given(self, lang: Lang, state: &VillageState) -> [Option<GivenFile>; 2] {
        let map = |map: &directory::DirectoryMap| GivenFile {
            file: map.file.clone(),
            words: lang.f(
                "map-file-of",
                &[
                    ("roads", Arg::from(map.roads)),
                    ("houses", Arg::from(map.houses)),
                    ("when", Arg::Text(&dates::moment(lang, map.at))),
                ],
            ),
        };
        let list = |list: &procedure::ProcedureCatalogue| GivenFile {
            file: list.file.clone(),
            words: lang.f(
                "procedures-file-of",
                &[
                    ("n", Arg::from(list.count)),
                    ("when", Arg::Text(&dates::moment(lang, list.at))),
                ],
            ),
        };
        match self {
            Self::Map => {
                let known = &state.directory;
                [known.map.as_ref().map(map), known.before.as_ref().map(map)]
            }
            Self::Procedures => {
                let (now, before) = (&state.procedures, &state.procedures_before);
                [now.as_deref().map(list), before.as_deref().map(list)]
            }
        }
    }

    /// The changes that a file brings which the gateway wrote; none = there is no such file.
    async fn kept(self, app: &App, lang: Lang, file: BlobRef, withdraw: bool) -> Option<Brought> {
        let app = app.clone();
        let read = move || match self {
            Self::Map => kept_map(&app, file).map(|map| Brought::map(&app, lang, map, withdraw)),
            Self::Procedures => kept_list(&app, file).map(|list| Brought {
                command: list.into(),
                counts: String::new(),
                changes: Vec::new(),
                lost: None,
                labels: Vec::new(),
            }),
        };
        tokio::task::spawn_blocking(read).await.ok().flatten()
    }
}

#[derive(askama::Template)]
#[template(path = "board_file.html")]
struct BoardFilePage {
    f: PageContext,
    wrong: WrongInput,
    /// The places of the mistakes.
    mistakes: Vec<String>,
    kind: BoardFile,
    title: String,
    about: String,
    /// The file in force.
    now: String,
    /// There is one.
    is_given: bool,
    /// The file before: its words, and how the button names it; none = there is none.
    before: Option<(String, String)>,
}

#[derive(askama::Template)]
#[template(path = "board_file_preview.html")]
struct BoardFilePreview {
    f: PageContext,
    wrong: WrongInput,
    kind: BoardFile,
    title: String,
    /// The numbers of things in the file.
    counts: String,
    /// The changes, a sentence each; empty = nothing would change.
    changes: Vec<String>,
    /// The things that would be lost, under their sentence.
    lost: Option<(String, Vec<String>)>,
    /// Houses whose labels would be withdrawn.
    labels: Vec<String>,
    /// How the button names the file.
    file: String,
}

/// How a button names a file.
fn file_field(file: &BlobRef) -> String {
    format!("{} {} {}", file.id, file.mac, file.len)
}

/// The button of a form, the file that it is about, and whether labels in doubt go with it.
pub struct FileButton {
    file: Option<BlobRef>,
    withdraw_labels: bool,
}

impl FormContent<App> for FileButton {
    fn read(fields: FormFields) -> Self {
        let mut parts = fields.get("file").split(' ');
        let mut part = || parts.next().unwrap_or_default().to_owned();
        let (id, mac, len) = (part(), part(), part());
        let file = BlobId::new(&id).ok().zip(len.parse().ok());
        Self {
            file: file.map(|(id, len)| BlobRef { id, mac, len }),
            withdraw_labels: !fields.get("withdraw-labels").is_empty(),
        }
    }
}

fn page(
    app: &App,
    visit: &RequestContext,
    kind: BoardFile,
    status: StatusCode,
    wrong: WrongInput,
    mistakes: Vec<String>,
) -> Response {
    let state = app.journal.state();
    let f = app.page_context(visit, &state, "more");
    let [now, before] = kind.given(f.lang, &state);
    render_with(
        status,
        &BoardFilePage {
            title: f.t(&kind.key("title")),
            about: f.t(&kind.key("do")),
            is_given: now.is_some(),
            now: now.map_or_else(|| f.t(&kind.key("none")), |now| now.words),
            before: before.map(|before| (before.words, file_field(&before.file))),
            wrong,
            mistakes,
            kind,
            f,
        },
    )
}

/// The page on which a file is chosen.
pub async fn form(
    State(app): State<App>,
    visit: RequestContext,
    PathId(kind): PathId<BoardFile>,
) -> Response {
    let none = WrongInput::default();
    page(&app, &visit, kind, StatusCode::OK, none, Vec::new())
}

/// The list of procedures that is in force, as a file for an office program.
pub async fn now(
    State(app): State<App>,
    visit: RequestContext,
    PathId(kind): PathId<BoardFile>,
) -> PageResult {
    if visit.user.is_none() {
        return Err(PageError::NotPermitted);
    }
    let list = app.procedures().await;
    if kind != BoardFile::Procedures || list.all.is_empty() {
        return Err(PageError::NotFound);
    }
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-16le"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_DISPOSITION, "attachment; filename=\"thu-tuc.csv\""),
    ];
    Ok((headers, procedure_file::write_for_office(&list.all)).into_response())
}

/// The changes that a file brings, in words.
struct Brought {
    command: Command,
    counts: String,
    changes: Vec<String>,
    lost: Option<(String, Vec<String>)>,
    /// Houses whose labels do not follow.
    labels: Vec<String>,
}

impl Brought {
    /// `withdraw` = the labels in doubt go.
    fn map(app: &App, lang: Lang, map: PreparedMap, withdraw: bool) -> Self {
        let changes = [
            change_words(lang, "map-file-houses", map.house_changes),
            change_words(lang, "map-file-roads", map.road_changes),
            change_words(lang, "map-file-sites", map.site_changes),
        ];
        Self {
            command: map.command(withdraw).into(),
            counts: lang.f(
                "map-file-counts",
                &[("houses", map.houses), ("roads", map.roads)],
            ),
            changes: changes.into_iter().flatten().collect(),
            labels: map.houses_in_doubt(app, lang),
            lost: (!map.lost_links.is_empty()).then(|| (lang.t("map-file-lost"), map.lost_links)),
        }
    }
}

/// Why it brings nothing.
enum NotBrought {
    Mistakes(Vec<String>),
    NotStored,
}

fn change_words(lang: Lang, key: &str, changes: Changes) -> Option<String> {
    let told = [
        ("new", changes.new),
        ("changed", changes.changed),
        ("gone", changes.gone),
    ];
    (!changes.is_none()).then(|| lang.f(key, &told))
}

async fn map_brings(app: &App, lang: Lang, bytes: Vec<u8>) -> Result<Brought, NotBrought> {
    let map = prepare_map(app, bytes).await.map_err(|why| match why {
        MapRefusal::NotWritten => NotBrought::NotStored,
        MapRefusal::Mistakes(problems) => {
            let told = problems.iter().map(|problem| problem_text(lang, problem));
            NotBrought::Mistakes(told.collect())
        }
    })?;
    Ok(Brought::map(app, lang, map, false))
}

async fn list_brings(app: &App, lang: Lang, bytes: Vec<u8>) -> Result<Brought, NotBrought> {
    let list = prepare_list(app, bytes).await.map_err(|why| match why {
        NotTaken::NotStored => NotBrought::NotStored,
        NotTaken::Mistakes(mistakes) => NotBrought::Mistakes(told(lang, &mistakes)),
    })?;
    let counts = match list.old_font {
        None => lang.f("procedures-file-counts", &[("n", list.count)]),
        Some(font) => {
            let told = [("n", Arg::from(list.count)), ("written", Arg::Text(font))];
            lang.f("procedures-file-counts-font", &told)
        }
    };
    let changes = change_words(lang, "procedures-file-changes", list.changes);
    let gone: Vec<_> = list.gone.iter().map(|p| lang.verbatim(p)).collect();
    Ok(Brought {
        command: list.command.into(),
        counts,
        changes: changes.into_iter().collect(),
        lost: (!gone.is_empty()).then(|| (lang.t("procedures-file-lost"), gone)),
        labels: Vec::new(),
    })
}

/// Reads a file and says what it would change. Nothing is changed yet.
pub async fn preview(
    State(app): State<App>,
    PathId(kind): PathId<BoardFile>,
    Extension(IncomingTable(bytes)): Extension<IncomingTable>,
    Post { visit, .. }: Post<FormFields>,
) -> Response {
    let lang = visit.lang;
    let refused = |status, why: String, mistakes| {
        let wrong = WrongInput::in_field("upload", why);
        page(&app, &visit, kind, status, wrong, mistakes)
    };
    if bytes.is_empty() {
        let why = lang.t("file-not-chosen");
        return refused(StatusCode::BAD_REQUEST, why, Vec::new());
    }
    let brought = match kind {
        BoardFile::Map => map_brings(&app, lang, bytes).await,
        BoardFile::Procedures => list_brings(&app, lang, bytes).await,
    };
    let brought = match brought {
        Ok(brought) => brought,
        Err(NotBrought::Mistakes(told)) => {
            let why = lang.f("file-mistakes", &[("n", told.len())]);
            return refused(StatusCode::BAD_REQUEST, why, told);
        }
        Err(NotBrought::NotStored) => {
            let why = lang.t("notice-not-written");
            return refused(StatusCode::SERVICE_UNAVAILABLE, why, Vec::new());
        }
    };
    let none = WrongInput::default();
    preview_page(&app, &visit, kind, StatusCode::OK, brought, none)
}

/// The page that says what a file would change.
fn preview_page(
    app: &App,
    visit: &RequestContext,
    kind: BoardFile,
    status: StatusCode,
    brought: Brought,
    wrong: WrongInput,
) -> Response {
    let f = app.page_context(visit, &app.journal.state(), "more");
    render_with(
        status,
        &BoardFilePreview {
            wrong,
            title: f.t(&kind.key("preview")),
            kind,
            counts: brought.counts,
            changes: brought.changes,
            lost: brought.lost,
            labels: brought.labels,
            file: brought.command.blob().map(file_field).unwrap_or_default(),
            f,
        },
    )
}

/// Puts in force a file that was looked at, or the one that was in force before. Sent twice it
/// changes nothing more: it names the file.
async fn put_in_force(
    app: &App,
    kind: BoardFile,
    post: Post<FileButton>,
    said: &str,
) -> PageResult {
    let (lang, withdraw) = (post.visit.lang, post.form.withdraw_labels);
    let file = post.form.file.ok_or(PageError::OldForm)?;
    let brought = kind.kept(app, lang, file, withdraw).await;
    let brought = brought.ok_or(PageError::OldForm)?;
    if !brought.labels.is_empty() && !withdraw {
        let why = lang.t("map-file-labels-first");
        let wrong = WrongInput::in_field("withdraw-labels", why);
        let status = StatusCode::CONFLICT;
        return Ok(preview_page(app, &post.visit, kind, status, brought, wrong));
    }
    let order = post.visit.request(brought.command)?;
    let committed = app.journal.submit(order.before(post.deadline)).await?;
    let said = if committed.first == 0 { "same" } else { said };
    Ok(redirect_see_other(&kind.page(said)))
}

/// Puts a file in force that was looked at.
pub async fn take(
    State(app): State<App>,
    PathId(kind): PathId<BoardFile>,
    post: Post<FileButton>,
) -> PageResult {
    put_in_force(&app, kind, post, "taken").await
}

/// Puts the file in force again that was in force before.
pub async fn restore(
    State(app): State<App>,
    PathId(kind): PathId<BoardFile>,
    post: Post<FileButton>,
) -> PageResult {
    put_in_force(&app, kind, post, "restored").await
}
