//! The portal: the page that a visitor's phone opens by itself. No script, no cookie, no storage,
//! one request a page.
//!
//! Probes of phones get a redirect, so that the page pops up. Opening the way to the internet is
//! deliberately absent: it belongs to the guest network. Here are the page and the notices.

use std::path::PathBuf;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use crate::domain::id::NoticeId;
use crate::domain::notice::NoticeKind;
use crate::http::assets::STYLE;
use crate::http::compression;
use crate::http::headers::security_headers;
use crate::http::hosts::hostname;
use crate::http::render::{
    PageContext, TextSpan, redirect_see_other, render, render_with, split_phones,
};
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::web::kit::app::App;
use crate::web::kit::notices::{
    NoticeSummary, posted_when, summarize, title_and_paragraphs_on_page,
};

/// Paths that phones request to find out whether they are behind a portal.
const CAPTIVE_PORTAL_PROBES: [&str; 9] = [
    "/generate_204",
    "/gen_204",
    "/hotspot-detect.html",
    "/library/test/success.html",
    "/connecttest.txt",
    "/ncsi.txt",
    "/redirect",
    "/success.txt",
    "/canonical.html",
];

/// How much of a sound is in memory for each client that fetches it, bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// Preferences, carried in the address: the portal stores nothing on the phone.
#[derive(Debug, Default, Deserialize)]
pub struct PortalPreferences {
    lang: Option<String>,
    big: Option<String>,
}

/// All pages of the portal.
pub fn router(
    app: App,
    sound: impl Fn(String) -> Option<PathBuf> + Clone + Send + Sync + 'static,
) -> Router {
    let mut router = Router::new()
        .route("/", get(splash))
        .route("/t", get(list))
        .route("/t/{id}", get(one))
        .route("/in", get(enter));
    router = router.route(
        "/sound/{hash}",
        get(move |Path(hash): Path<String>| sounds(hash, sound.clone())),
    );
    for probe in CAPTIVE_PORTAL_PROBES {
        router = router.route(probe, get(|| async { redirect_found("/") }));
    }
    router
        .fallback(|| async { redirect_found("/") })
        .layer(from_fn_with_state(app.clone(), redirect_to_portal))
        .layer(from_fn(security_headers))
        .layer(from_fn(inline_style))
        .layer(compression::layer())
        .layer(from_fn(compression::only_for_our_own))
        .with_state(app)
}

/// A sound for a speaker cluster; its name is a hash that only the order contains. The file is read
/// in chunks: a client that fetches it slowly holds one chunk in memory, not the sound.
async fn sounds(
    hash: String,
    sound: impl Fn(String) -> Option<PathBuf> + Send + 'static,
) -> Response {
    let Some(path) = sound(hash) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Ok(file) = File::open(path).await else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Ok(about) = file.metadata().await else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let pieces = stream::unfold(file, |mut file| async move {
        let mut piece = vec![0; CHUNK_BYTES];
        let read = file.read(&mut piece).await;
        let read = read.map(|n| {
            piece.truncate(n);
            Bytes::from(piece)
        });
        if read.as_ref().is_ok_and(Bytes::is_empty) {
            None
        } else {
            Some((read, file))
        }
    });
    (
        [
            (header::CONTENT_TYPE, "audio/wav".to_owned()),
            (header::CONTENT_LENGTH, about.len().to_string()),
        ],
        Body::from_stream(pieces),
    )
        .into_response()
}

fn redirect_found(path: &str) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, path.to_owned())]).into_response()
}

/// A request for another host name (a probe, any site) is redirected to ours.
async fn redirect_to_portal(State(app): State<App>, request: Request, next: Next) -> Response {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let bare = hostname(host);
    let ours = app.names.is_empty()
        || bare.parse::<std::net::IpAddr>().is_ok()
        || app.names.iter().any(|n| n.eq_ignore_ascii_case(bare));
    match (ours, app.names.first()) {
        (false, Some(name)) => redirect_found(&format!("http://{name}/")),
        _ => next.run(request).await,
    }
}

/// A page of the portal is one request: its style is inline, allowed by its hash alone.
async fn inline_style(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    use base64ct::{Base64, Encoding as _};
    use sha2::{Digest as _, Sha256};
    static HASH: std::sync::LazyLock<String> =
        std::sync::LazyLock::new(|| Base64::encode_string(&Sha256::digest(STYLE.as_bytes())));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; img-src data:; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'",
        *HASH
    );
    if let Ok(value) = policy.parse() {
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, value);
    }
    response
}

/// The preferences as the query of every address.
fn query_string(f: &PageContext) -> String {
    format!(
        "?lang={}{}",
        f.lang.tag(),
        if f.big { "&big=1" } else { "" }
    )
}

#[derive(askama::Template)]
#[template(path = "splash.html")]
struct Splash {
    f: PageContext,
    css: &'static str,
    q: String,
    first: bool,
    size: &'static str,
    date: String,
    urgent: Vec<NoticeSummary>,
    notices: Vec<NoticeSummary>,
}

fn frame(app: &App, choice: &PortalPreferences) -> PageContext {
    let lang = Lang::choose(choice.lang.as_deref());
    let state = app.journal.state();
    PageContext {
        lang,
        village: lang.verbatim(&state.village.as_ref().map_or_else(
            || "Cổng Làng".to_owned(),
            |v| v.name.replacen("Thôn ", "thôn ", 1),
        )),
        big: choice.big.is_some(),
        ..PageContext::default()
    }
}

fn page(app: &App, choice: &PortalPreferences, first: bool) -> Response {
    let most = if first { 3 } else { 100 };
    let f = frame(app, choice);
    let now = app.supervisor.clock().wall_ms();
    let all = app
        .journal
        .state()
        .notices_at(app.supervisor.clock().trusted_ms());
    let (urgent, others): (Vec<_>, Vec<_>) = all.iter().partition(|n| n.kind == NoticeKind::Urgent);
    let urgent = urgent
        .into_iter()
        .take(3)
        .map(|n| summarize(app, f.lang, n))
        .collect();
    let notices = others
        .into_iter()
        .take(most)
        .map(|n| summarize(app, f.lang, n))
        .collect();
    let date = format!(
        "{} · {}",
        dates::long(f.lang, now),
        dates::lunar_words(f.lang, now)
    );
    render(&Splash {
        css: STYLE,
        q: query_string(&f),
        first,
        size: if f.big { "usual-text" } else { "larger-text" },
        date,
        urgent,
        notices,
        f,
    })
}

/// The first page.
pub async fn splash(State(app): State<App>, Query(choice): Query<PortalPreferences>) -> Response {
    page(&app, &choice, true)
}

/// All notices.
pub async fn list(State(app): State<App>, Query(choice): Query<PortalPreferences>) -> Response {
    page(&app, &choice, false)
}

/// The one tap to go on. As long as the guest network is not connected here, it leads to the
/// village's own news.
pub async fn enter(Query(choice): Query<PortalPreferences>) -> Response {
    let lang = if choice.lang.as_deref() == Some("en") {
        "en"
    } else {
        "vi"
    };
    redirect_see_other(&format!(
        "/t?lang={lang}{}",
        if choice.big.is_some() { "&big=1" } else { "" }
    ))
}

#[derive(askama::Template)]
#[template(path = "portal_notice.html")]
struct PortalNotice {
    f: PageContext,
    css: &'static str,
    q: String,
    title: String,
    when: String,
    paragraphs: Vec<Vec<TextSpan>>,
}

/// One notice.
pub async fn one(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(choice): Query<PortalPreferences>,
) -> Response {
    let f = frame(&app, &choice);
    let state = app.journal.state();
    let now = app.supervisor.clock().trusted_ms();
    let found = NoticeId::new(&id)
        .ok()
        .and_then(|id| state.notices.get(&id).cloned())
        .filter(|n| n.until.is_none_or(|u| u >= now));
    match found {
        Some(notice) => {
            let (title, paragraphs) = title_and_paragraphs_on_page(&app, f.lang, &notice);
            render(&PortalNotice {
                css: STYLE,
                q: query_string(&f),
                title,
                when: posted_when(f.lang, &*notice),
                paragraphs,
                f,
            })
        }
        None => {
            let (title, detail) = (f.t("notice-no-longer"), f.t("notice-no-longer-do"));
            render_with(
                StatusCode::NOT_FOUND,
                &PortalNotice {
                    css: STYLE,
                    q: query_string(&f),
                    title,
                    when: String::new(),
                    paragraphs: vec![split_phones(&detail)],
                    f,
                },
            )
        }
    }
}
