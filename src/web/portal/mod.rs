//! The portal: the pages that a visitor's phone opens by itself. No script, no cookie, no storage,
//! one request a page; a notice's pictures are requests of their own.
//!
//! Invariants: what a phone asks of any other host is answered by a redirection to these pages, and
//! never as if the internet had answered. A page is answered once for each connection: what the
//! kernel led here stays led here, so a phone that was let in must open another connection. HTTPS
//! of others is never answered.
//!
//! Deliberately absent: a proof that the tap came from our own page. There is no cookie to tie it
//! to, and mini-browsers leave out `Origin`. All that another site can do with a form of its own is
//! to let in the very phone that shows it, on the terms of everybody, which costs the village
//! nothing; it learns nothing from the answer. A link or a prefetching browser lets nobody in,
//! because only POST does.

mod addresses;
mod busy;
mod captive;
mod codes;
mod directory;
mod directory_map;
mod enter;
mod feeds;
mod gate;
mod link_card;
mod listen;
mod made_once;
mod map_labels;
mod notices;
mod papers;
mod places;
mod procedures;
mod rules;
mod search;
pub mod session_api;
mod sounds;
mod splash;
pub mod staff;
mod storm;
mod visit;
mod ways;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Request};
use axum::http::header;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;

use self::made_once::{MadeOnce, SharedPages};
use self::splash::FrontParts;
use crate::http::assets::{BOARD_STYLE, STORM_STYLE};
use crate::http::compression;
use crate::http::headers::security_headers;
use crate::i18n::locale::Lang;
use crate::supervisor::fair_turns::FairTurns;
use crate::web::kit::app::App;

/// Longest body of a request, bytes: the tap has none.
const MAX_BODY_BYTES: usize = 1_024;

/// Where the portal is found.
#[derive(Clone, Default)]
pub struct PortalSite {
    /// Its names; people are told the first.
    pub names: Vec<String>,
    /// Addresses of this machine in the networks that it serves. Empty = it serves none: another
    /// router leads visitors here, and any address may be ours.
    pub addresses: Vec<IpAddr>,
    /// The staff's way to the dashboard; none = the box serves the staff no network.
    pub staff: Option<staff::StaffWay>,
}

impl PortalSite {
    /// The address of the first page.
    fn url(&self) -> Option<String> {
        self.names.first().map(|name| format!("http://{name}/"))
    }

    /// The address that people type to come back; none = no name is known. Without the slash a
    /// browser searches for a name whose ending it does not know.
    #[must_use]
    pub fn typed(&self) -> Option<String> {
        self.names.first().map(|name| format!("{name}/"))
    }
}

/// The parts that the handlers of the portal share.
#[derive(Clone)]
struct Portal {
    app: App,
    site: Arc<PortalSite>,
    /// Pages and feeds that all see alike.
    pages: SharedPages,
    /// The parts of the first page that all see alike, without and with a large button.
    fronts: MadeOnce<(Lang, bool), FrontParts>,
    /// Turns of pages that are dear to make.
    page_turns: FairTurns,
    /// Turns of texts that are to be spoken.
    listening_turns: FairTurns,
}

/// All pages of the portal.
pub fn router(
    app: App,
    site: PortalSite,
    sound: impl Fn(String) -> Option<PathBuf> + Clone + Send + Sync + 'static,
) -> Router {
    let portal = Portal {
        app,
        site: Arc::new(site),
        pages: SharedPages::default(),
        fronts: MadeOnce::default(),
        page_turns: busy::page_turns(),
        listening_turns: listen::listening_turns(),
    };
    Router::new()
        .route("/", get(splash::page))
        .route("/t", get(notices::list))
        .route("/t/{id}", get(notices::one))
        .route("/r", get(directory::list))
        .route("/r/{id}", get(directory::road))
        .route("/r/{id}/to/{house}", get(ways::to_house))
        .route("/h/{id}", get(ways::house))
        .route("/s/{id}", get(ways::place))
        .route("/qr/{*page}", get(codes::code))
        .route("/p", get(procedures::list))
        .route("/p/{code}", get(procedures::one))
        .route("/search", get(search::page))
        .route("/khan", get(storm::page))
        .route(feeds::RSS_PATH, get(feeds::rss))
        .route(feeds::JSON_PATH, get(feeds::json_feed))
        .route(link_card::PICTURE_PATH, get(link_card::picture))
        .route("/addresses", get(addresses::page))
        .route("/t/{id}/listen.mp3", get(listen::notice))
        .route("/t/{id}/{sha256}", get(notices::file))
        .route("/t/{id}/{sha256}/listen.mp3", get(listen::paper))
        .route("/t/{id}/{sha256}/small", get(notices::small_file))
        .route("/t/{id}/{sha256}/read", get(papers::page))
        .route("/t/{id}/{sha256}/page/{number}", get(papers::picture))
        .route("/rules", get(rules::page))
        .route("/manage", get(staff::open))
        .route("/in", get(captive::go_home).post(enter::tap))
        .route(
            "/sound/{hash}",
            get(move |Path(hash): Path<String>| sounds::sound(hash, sound.clone())),
        )
        .fallback(captive::go_home)
        .method_not_allowed_fallback(captive::go_home)
        .layer(from_fn_with_state(portal.clone(), captive::lead_here))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn(security_headers))
        .layer(from_fn(inline_style))
        .layer(from_fn(captive::close_connection))
        .layer(compression::layer())
        .layer(from_fn(compression::only_for_our_own))
        .with_state(portal)
}

/// A page of the portal is one request: its style is inline, one of two, allowed by its hash alone.
async fn inline_style(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    use base64ct::{Base64, Encoding as _};
    use sha2::{Digest as _, Sha256};
    static HASHES: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let hash = |style: &str| Base64::encode_string(&Sha256::digest(style.as_bytes()));
        [&BOARD_STYLE, &STORM_STYLE]
            .map(|style| format!("'sha256-{}'", hash(style)))
            .join(" ")
    });
    let policy = format!(
        "default-src 'none'; style-src {}; img-src 'self' data:; media-src 'self'; \
         form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        *HASHES
    );
    if let Ok(value) = policy.parse() {
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, value);
    }
    response
}
