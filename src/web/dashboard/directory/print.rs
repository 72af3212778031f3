//! Sheets to print: the page that lists them, and each as PDF. A phone has no printer: the two that
//! a village prints once can be handed on from the page as files.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};

use crate::domain::id::{NoticeId, PlaceId};
use crate::http::address::PathId;
use crate::http::page_error::{PageError, PageResult};
use crate::http::render::{PageContext, render};
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::print::PrintFailed;
use crate::web::kit::printed;

/// The names of the files of the village's sheets.
const WALL: &str = "to-dan-tuong";
const ALLEYS: &str = "dau-duong-dau-ngo";

/// A road with its sheets.
struct RoadPrint {
    id: String,
    name: String,
}

#[derive(askama::Template)]
#[template(path = "print.html")]
struct SheetsPage {
    f: PageContext,
    /// Address, words and the name of the file of each sheet of the village.
    sheets: Vec<(&'static str, String, &'static str)>,
    roads: Vec<RoadPrint>,
}

/// The page with all that can be printed.
pub async fn sheets(State(app): State<App>, visit: RequestContext) -> PageResult {
    if !visit.is_chief() {
        return Err(PageError::NotPermitted);
    }
    let f = app.page_context(&visit, &app.journal.state(), "more");
    let map = app.live.directory.get();
    let mut sheets = vec![("/print/wall.pdf", f.t("print-wall"), WALL)];
    if map.is_some() {
        sheets.push(("/print/roads.pdf", f.t("print-alleys"), ALLEYS));
    }
    let roads = map.iter().flat_map(|map| &map.data().roads);
    let roads = roads.map(|road| RoadPrint {
        id: road.id.to_string(),
        name: f.verbatim(&road.name),
    });
    Ok(render(&SheetsPage {
        sheets,
        roads: roads.collect(),
        f,
    }))
}

/// Makes a file off the async threads: a plate for each of 400 houses takes its time.
async fn pdf(
    app: App,
    visit: RequestContext,
    name: &'static str,
    make: impl FnOnce(&App) -> Result<Vec<u8>, PrintFailed> + Send + 'static,
) -> PageResult {
    if !visit.is_chief() {
        return Err(PageError::NotPermitted);
    }
    let made = tokio::task::spawn_blocking(move || make(&app)).await;
    let bytes = made
        .map_err(|_| PageError::Unavailable)?
        .map_err(|why| match why {
            PrintFailed::TooManyPlates => PageError::Rejected("print-too-many"),
            PrintFailed::NotMade => PageError::Unavailable,
        })?;
    Ok(answer(name, bytes))
}

fn answer(name: &str, bytes: Vec<u8>) -> Response {
    (
        [
            (CONTENT_TYPE, "application/pdf".to_owned()),
            (CACHE_CONTROL, "no-store".to_owned()),
            (
                CONTENT_DISPOSITION,
                format!("inline; filename=\"{name}.pdf\""),
            ),
        ],
        bytes,
    )
        .into_response()
}

/// The sheet for the wall of the village hall.
pub async fn wall(State(app): State<App>, visit: RequestContext) -> PageResult {
    pdf(app, visit, WALL, printed::wall).await
}

/// The sheets at the heads of all roads and alleys.
pub async fn alleys(State(app): State<App>, visit: RequestContext) -> PageResult {
    pdf(app, visit, ALLEYS, |app| printed::alleys(app, None)).await
}

/// The plates of a road.
pub async fn plates(
    State(app): State<App>,
    visit: RequestContext,
    PathId(road): PathId<PlaceId>,
) -> PageResult {
    let is_known = known(&app, &road);
    is_known.then_some(()).ok_or(PageError::NotFound)?;
    pdf(app, visit, "bien-so-nha", move |app| {
        printed::plates(app, &road)
    })
    .await
}

/// The stickers of a road.
pub async fn stickers(
    State(app): State<App>,
    visit: RequestContext,
    PathId(road): PathId<PlaceId>,
) -> PageResult {
    let is_known = known(&app, &road);
    is_known.then_some(()).ok_or(PageError::NotFound)?;
    pdf(app, visit, "tem-so-nha", move |app| {
        printed::stickers(app, &road)
    })
    .await
}

/// A notice on paper.
pub async fn notice(
    State(app): State<App>,
    visit: RequestContext,
    PathId(id): PathId<NoticeId>,
) -> PageResult {
    let notice = app.journal.state().notices.get(&id).map(Arc::clone);
    let notice = notice.ok_or(PageError::NotFound)?;
    pdf(app, visit, "thong-bao", move |app| {
        printed::notice(app, &notice)
    })
    .await
}

fn known(app: &App, road: &PlaceId) -> bool {
    let map = app.live.directory.get();
    map.is_some_and(|map| map.road_index(road).is_some())
}
