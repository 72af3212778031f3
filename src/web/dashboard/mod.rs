//! The dashboard's routes, and who may use each.

mod as_people;
mod board_file;
mod cameras;
pub mod devices;
mod directory;
mod history;
pub(super) mod history_names;
mod history_rows;
mod home;
mod lights;
pub mod live_updates;
pub mod live_video;
mod more;
pub mod notices;
mod sensors;
mod sign_in;
pub mod sign_in_log;
mod speakers;
mod storm;
mod undo;
mod wifi;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get};

use crate::http::assets::COMPACT_STYLE;
use crate::http::compression;
use crate::http::form::{form, sign_in_form};
use crate::http::headers::{same_site, security_headers};
use crate::http::hosts::{AllowedHosts, require_known_host};
use crate::http::page_error::{PageError, error_pages};
use crate::http::render::asset;
use crate::i18n::locale::Lang;
use crate::web::kit::app::App;

const SCRIPT: &str = include_str!("assets/live.js");
const CAMERA: &str = include_str!("assets/camera.js");
const SHARE: &str = include_str!("assets/share.js");
const ICON: &str = include_str!("assets/icon.svg");
/// The same drawing as pictures, for phones whose home screen takes no SVG.
const ICON_192: &[u8] = include_bytes!("assets/icon-192.png");
const ICON_512: &[u8] = include_bytes!("assets/icon-512.png");

/// Longest body of a form, bytes: a notice of 8,000 characters, each of which takes up to twelve
/// bytes on its way, and what stands beside it.
const MAX_FORM_BYTES: usize = 128 * 1024;
/// Longest body of the sign-in's form, bytes: it may carry a form with longer names of its fields.
const MAX_SIGN_IN_BYTES: usize = MAX_FORM_BYTES + 8 * 1024;

/// The forms that signed-in people send: where each is sent, and its handler. No other route of the
/// pages takes a form, but for the sign-in.
fn forms() -> [(&'static str, MethodRouter<App>); 25] {
    [
        ("/lights/{id}", form(lights::switch)),
        ("/groups/{id}", form(lights::switch_group)),
        ("/notices", form(notices::publish)),
        ("/notices/preview", form(notices::preview)),
        ("/notices/new", form(notices::mend)),
        ("/notices/drafts", form(notices::save_draft)),
        ("/notices/drafts/{id}/remove", form(notices::remove_draft)),
        ("/notices/archive/{id}/restore", form(notices::restore)),
        ("/notices/{id}/down", form(notices::take_down)),
        ("/speakers/hear", form(speakers::preview_form)),
        (speakers::ANNOUNCE_PATH, form(speakers::announce)),
        ("/speakers/stop", form(speakers::stop)),
        ("/wifi/cut", form(wifi::cut)),
        ("/wifi/decide", form(wifi::decide)),
        ("/wifi/forget", form(wifi::forget)),
        ("/wifi/rules", form(wifi::set)),
        ("/directory/label", form(directory::label)),
        ("/directory/withdraw", form(directory::withdraw)),
        ("/files/{kind}", form(board_file::preview)),
        ("/files/{kind}/take", form(board_file::take)),
        ("/files/{kind}/restore", form(board_file::restore)),
        ("/storm", form(storm::set)),
        ("/undo", form(undo::undo)),
        ("/sign-out", form(sign_in::sign_out)),
        ("/sign-out/others", form(sign_in::sign_out_others)),
    ]
}

/// The paths that forms of signed-in people are sent to.
#[must_use]
pub fn form_paths() -> Vec<&'static str> {
    forms().map(|(path, _)| path).into()
}

/// The sheets of codes to print.
fn print_routes() -> Router<App> {
    Router::new()
        .route("/print", get(directory::sheets))
        .route("/print/wall.pdf", get(directory::wall))
        .route("/print/roads.pdf", get(directory::alleys))
        .route("/print/plates/{road}", get(directory::plates))
        .route("/print/stickers/{road}", get(directory::stickers))
        .route("/print/notices/{id}", get(directory::notice))
}

/// All pages of the village's own people.
pub fn router(app: App, hosts: AllowedHosts) -> Router {
    let inside = Router::new()
        .route("/", get(home::page))
        .route("/lights", get(lights::page))
        .route("/sensors", get(sensors::page))
        .route("/devices", get(devices::page))
        .route("/cameras", get(cameras::page))
        .route("/cameras/{id}", get(cameras::camera_page))
        .route("/cameras/{id}/still", get(cameras::still))
        .route("/cameras/{id}/live", get(live_video::live))
        .route("/more", get(more::page))
        .route("/notices", get(notices::page))
        .route("/notices/new", get(notices::new))
        .route("/notices/preview", get(notices::nothing_typed))
        .route("/notices/archive", get(notices::archive))
        .route("/notices/archive/{id}", get(notices::archived))
        .route("/notices/drafts/{id}", get(notices::draft))
        .route("/notices/file/{sha256}", get(notices::file))
        .route("/notices/file/{sha256}/small", get(notices::small_file))
        .route("/notices/{id}", get(notices::one))
        .route("/notices/{id}/correct", get(notices::correct))
        .route("/speakers", get(speakers::page))
        .route("/speakers/hear", get(speakers::preview))
        .route("/speakers/sound", get(speakers::preview_sound))
        .route("/wifi", get(wifi::page))
        .route("/wifi/devices/{id}", get(wifi::one))
        .route("/wifi/rules", get(wifi::rules_form))
        .route("/wifi/sheet", get(wifi::sheet))
        .route("/directory", get(directory::show))
        .route("/files/{kind}", get(board_file::form))
        .route("/files/{kind}/now", get(board_file::now))
        .merge(print_routes())
        .route("/as-people/{*path}", get(as_people::lead))
        .route("/storm", get(storm::page))
        .route("/history", get(history::page))
        .route("/live/{page}", get(live_updates::follow))
        .route("/me", get(sign_in::me));
    let inside = forms()
        .into_iter()
        .fold(inside, |router, (path, handler)| {
            router.route(path, handler)
        })
        .layer(from_fn_with_state(app.clone(), sign_in::require_sign_in))
        .layer(from_fn_with_state(app.clone(), notices::take_files))
        .layer(from_fn_with_state(app.clone(), board_file::take_file));
    Router::new()
        .merge(inside)
        .route(
            "/sign-in",
            get(sign_in::form)
                .merge(sign_in_form(sign_in::sign_in))
                .layer(DefaultBodyLimit::max(MAX_SIGN_IN_BYTES)),
        )
        .route("/lang/{tag}", get(sign_in::language))
        .route("/big", get(sign_in::toggle_large_text))
        .route(
            "/a/village.css",
            get(|| async { asset("text/css; charset=utf-8", COMPACT_STYLE.as_bytes()) }),
        )
        .route(
            "/a/live.js",
            get(|| async { asset("text/javascript; charset=utf-8", SCRIPT.as_bytes()) }),
        )
        .route(
            "/a/camera.js",
            get(|| async { asset("text/javascript; charset=utf-8", CAMERA.as_bytes()) }),
        )
        .route(
            "/a/share.js",
            get(|| async { asset("text/javascript; charset=utf-8", SHARE.as_bytes()) }),
        )
        .route(
            "/a/icon-192.png",
            get(|| async { asset("image/png", ICON_192) }),
        )
        .route(
            "/a/icon-512.png",
            get(|| async { asset("image/png", ICON_512) }),
        )
        .route(
            "/a/icon.svg",
            get(|| async { asset("image/svg+xml", ICON.as_bytes()) }),
        )
        .route("/manifest.webmanifest", get(manifest))
        .method_not_allowed_fallback(|| async { PageError::MethodNotAllowed })
        .merge(crate::web::api::router(app.clone()))
        .fallback(|| async { PageError::NotFound })
        .layer(from_fn_with_state(app.clone(), error_pages::<App>))
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .layer(from_fn(same_site))
        .layer(from_fn_with_state(hosts, require_known_host))
        .layer(from_fn(security_headers))
        .layer(compression::layer())
        .layer(from_fn(compression::only_for_our_own))
        .with_state(app)
}

/// The app on a phone's home screen: its icon, and shortcuts to the two things that must be near.
async fn manifest(State(app): State<App>) -> Response {
    let name = app
        .journal
        .state()
        .village
        .as_ref()
        .map_or_else(|| "Cổng Làng".to_owned(), |v| v.name.clone());
    let manifest = serde_json::json!({
        "name": name,
        "short_name": "Cổng Làng",
        "lang": "vi",
        "start_url": "/",
        "display": "standalone",
        "background_color": "#faf7f0", "theme_color": "#17694f",
        "icons": [
            { "src": "/a/icon-192.png", "sizes": "192x192", "type": "image/png", "purpose": "any" },
            { "src": "/a/icon-512.png", "sizes": "512x512", "type": "image/png", "purpose": "any" },
            {
                "src": "/a/icon.svg", "sizes": "any", "type": "image/svg+xml",
                "purpose": "any maskable"
            },
        ],
        "shortcuts": [
            { "name": Lang::Vi.t("shortcut-speak"), "url": "/speakers" },
            { "name": Lang::Vi.t("shortcut-stop"), "url": "/speakers#stop" },
        ],
    });
    (
        [(header::CONTENT_TYPE, "application/manifest+json")],
        manifest.to_string(),
    )
        .into_response()
}
