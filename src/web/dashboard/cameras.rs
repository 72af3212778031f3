//! Camera: a wall of stills, and one camera with its live video and its access log.
//!
//! Every view is in the access log before a picture is sent.

mod access_log;
mod status_text;
mod wall;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use axum::response::{AppendHeaders, IntoResponse as _};

pub use self::access_log::record_view;
use self::access_log::view_list;
use self::status_text::camera_status;
pub use self::wall::{fragments, page};
use crate::domain::id::CameraId;
use crate::domain::state::VillageState;
use crate::http::address::PathId;
use crate::http::page_error::{PageError, PageResult};
use crate::http::render::{PageContext, render};
use crate::live::pictures::SourceStatus;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::components::Fragment;

#[derive(askama::Template)]
#[template(path = "camera.html")]
struct CameraPage {
    f: PageContext,
    id: String,
    name: String,
    is_called: bool,
    /// The text on the picture while none comes, and while only stills come.
    wait: String,
    slow: String,
    lost: bool,
    sentence: String,
    looks: String,
}

/// The fragments of one camera's page; none = there is no such camera.
pub fn camera_fragments(
    app: &App,
    visit: &RequestContext,
    state: &VillageState,
    id: &str,
) -> Option<Vec<Fragment>> {
    let c = state.cameras.values().find(|c| c.id.as_str() == id)?;
    Some(vec![
        camera_status(app, visit.lang, state, c),
        view_list(app, visit.lang, c),
    ])
}

/// One camera.
pub async fn camera_page(
    State(app): State<App>,
    visit: RequestContext,
    PathId(id): PathId<CameraId>,
) -> PageResult {
    let state = app.journal.state();
    let camera = state.cameras.get(&id).ok_or(PageError::NotFound)?;
    let f = app.page_context(&visit, &state, "cameras");
    let is_called = app
        .live
        .pictures
        .get(&camera.id)
        .is_some_and(|p| p.source_status() != SourceStatus::NoAddress);
    let (wait, slow) = if camera.signal.is_offline() {
        ("watch-lost", "watch-lost")
    } else {
        ("watch-wait", "watch-slow")
    };
    let (wait, slow) = (f.t(wait), f.t(slow));
    Ok(render(&CameraPage {
        lost: camera.signal.is_offline(),
        wait,
        slow,
        id: id.to_string(),
        name: f.verbatim(&camera.name),
        is_called,
        sentence: camera_status(&app, f.lang, &state, camera).html,
        looks: view_list(&app, f.lang, camera).html,
        f,
    }))
}

/// The newest still of a camera; `at` in the query = the small one that the wall shows.
pub async fn still(
    State(app): State<App>,
    visit: RequestContext,
    PathId(id): PathId<CameraId>,
    uri: Uri,
    headers: HeaderMap,
) -> PageResult {
    record_view(&app, &visit, vec![id.clone()]).await?;
    // The wall names the minute and gets the still that exists; the page of one camera waits for a
    // fresh one, and asks each time whether there is another.
    let is_tile = uri.query().is_some_and(|q| q.starts_with("at="));
    let still = if is_tile {
        app.live.pictures.get(&id).and_then(|p| p.still())
    } else {
        let now = app.supervisor.clock().wall_ms();
        app.live.pictures.fresh_still(&id, now).await
    };
    let Some(still) = still else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    let (image, size, cache) = if is_tile {
        (still.tile, "tile", "private, max-age=120")
    } else {
        (still.jpeg, "full", "private, no-cache")
    };
    let tag = format!("\"{size}-{:x}\"", still.at_ms.ms());
    // How old it is by our clock: the phone's may show another time.
    let now = app.supervisor.clock().wall_ms();
    let age = now.since(still.at_ms).max(0) / 1_000;
    let has_it = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .any(|v| *v == tag);
    let about = AppendHeaders([
        (header::CACHE_CONTROL, cache.to_owned()),
        (header::ETAG, tag),
        (
            HeaderName::from_static("still-at"),
            still.at_ms.ms().to_string(),
        ),
        (HeaderName::from_static("still-age"), age.to_string()),
    ]);
    if has_it {
        return Ok((StatusCode::NOT_MODIFIED, about).into_response());
    }
    Ok(([(header::CONTENT_TYPE, "image/jpeg")], about, image).into_response())
}
