//! The officer's pages: every village, when its last message came, what it reported; bulletins to
//! villages, and what became of them. This file has the routes; the files below make the pages.

mod bulletin_form;
mod bulletin_rows;
pub(super) mod context;
pub(super) mod draft;
pub(super) mod forms;
pub(super) mod frame;
mod history;
mod live_updates;
mod official;
mod pages;
mod problems;
mod report_rows;
mod village_rows;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get};

use self::context::Visit;
pub use self::context::{Console, ConsoleParts, MAX_CONCURRENT_PAGES, MAX_FOLLOWERS};
use self::frame::CSS;
use super::sign_in;
use crate::http::compression;
use crate::http::form::{form, sign_in_form};
use crate::http::headers::{same_site, security_headers};
use crate::http::hosts::{AllowedHosts, require_known_host};
use crate::http::page_error::error_pages;
use crate::http::render::{asset, redirect_see_other};

/// Longest body of a form, bytes.
const MAX_FORM_BYTES: usize = 128 * 1024;
/// Longest body of the sign-in's form, bytes: it may carry a bulletin.
const MAX_SIGN_IN_BYTES: usize = MAX_FORM_BYTES + 8 * 1024;

/// The forms that signed-in officers send: where each is sent, and its handler. No other route of
/// the console takes a form, but for the sign-in.
fn forms() -> [(&'static str, MethodRouter<Console>); 3] {
    [
        ("/bulletins", form(bulletin_form::send)),
        ("/sign-out", form(sign_in::sign_out)),
        ("/sign-out/others", form(sign_in::sign_out_others)),
    ]
}

/// The paths that forms of signed-in officers are sent to.
#[must_use]
pub fn form_paths() -> Vec<&'static str> {
    forms().map(|(path, _)| path).into()
}

/// The console's routes.
pub fn router(console: Console, hosts: AllowedHosts) -> Router {
    let pages = Router::new()
        .route("/", get(pages::home))
        // A browser that goes back to the address of a form, or changes the language there.
        .route("/sign-out", get(to_home))
        .route("/sign-out/others", get(to_home))
        .route(
            "/sign-in",
            get(to_home)
                .merge(sign_in_form(sign_in::sign_in))
                .layer(DefaultBodyLimit::max(MAX_SIGN_IN_BYTES)),
        )
        .route("/me", get(sign_in::me))
        .route("/lang/{tag}", get(sign_in::language))
        .route("/bulletins", get(pages::bulletins))
        .route("/bulletins/new", get(bulletin_form::new))
        .route("/bulletins/{number}", get(pages::bulletin))
        .route("/villages/{id}", get(pages::village))
        .route("/history", get(history::page))
        .route("/villages.json", get(villages_json))
        .route("/live/{*page}", get(live_updates::follow))
        .route("/a/console.js", get(script));
    forms()
        .into_iter()
        .fold(pages, |router, (path, handler)| router.route(path, handler))
        .layer(from_fn_with_state(console.clone(), error_pages::<Console>))
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .layer(from_fn(same_site))
        .layer(from_fn_with_state(console.clone(), problems::explain))
        .layer(from_fn_with_state(hosts, require_known_host))
        .layer(from_fn(security_headers))
        .layer(from_fn(inline_style))
        .layer(compression::layer())
        .layer(from_fn(compression::only_for_our_own))
        .with_state(console)
}

async fn to_home() -> Response {
    redirect_see_other("/")
}

/// The script of live updates.
async fn script() -> Response {
    asset(
        "text/javascript; charset=utf-8",
        include_bytes!("console/assets/console.js"),
    )
}

async fn inline_style(request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    use base64ct::{Base64, Encoding as _};
    use sha2::{Digest as _, Sha256};
    static HASH: std::sync::LazyLock<String> =
        std::sync::LazyLock::new(|| Base64::encode_string(&Sha256::digest(CSS.as_bytes())));
    let mut response = next.run(request).await;
    if let Ok(policy) = format!(
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'sha256-{}'; img-src \
         data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        *HASH
    )
    .parse()
    {
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The villages and the last contact with each, for programs that use the officer's sign-in.
async fn villages_json(State(console): State<Console>, visit: Visit) -> Response {
    if visit.officer.is_none() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let list = move || {
        console
            .villages
            .iter()
            .map(|v| {
                console
                    .store
                    .contact(&v.id)
                    .map(|seen| serde_json::json!({ "id": v.id, "name": v.name, "seen": seen }))
            })
            .collect::<std::io::Result<Vec<_>>>()
    };
    match tokio::task::spawn_blocking(list).await {
        Ok(Ok(list)) => axum::Json(list).into_response(),
        // A village that cannot be read must not look like one that never connected.
        _ => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
