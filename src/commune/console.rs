//! The officer's page: every village, when its last message came, what it reported; and bulletins
//! to villages. This file has the routes and the sending of a bulletin; the files below make the
//! page.

mod bulletin_rows;
pub(super) mod context;
pub(super) mod page;
mod report_rows;
mod village_rows;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use self::context::{BULLETIN_LIFETIME_MS, language_of};
pub use self::context::{Console, MAX_CONCURRENT_PAGES};
use self::page::{BulletinDraft, PageMessage};
use super::sign_in;
use crate::domain::notice::{normalize, text_problem};
use crate::http::assets::STYLE;
use crate::http::compression;
use crate::http::form_token::unmask;
use crate::http::headers::{same_site, security_headers};
use crate::http::hosts::{AllowedHosts, require_known_host};
use crate::http::render::redirect_see_other;
use crate::keys::secret;
use crate::protocol::commune::Bulletin;

/// The console's routes.
pub fn router(console: Console, hosts: AllowedHosts) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/sign-in", post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/sign-out/others", post(sign_in::sign_out_others))
        .route("/lang/{tag}", get(sign_in::language))
        .route("/bulletins", post(send))
        .route("/villages.json", get(villages_json))
        .layer(DefaultBodyLimit::max(64 * 1024))
        .layer(from_fn(same_site))
        .layer(from_fn_with_state(hosts, require_known_host))
        .layer(from_fn(security_headers))
        .layer(from_fn(inline_style))
        .layer(compression::layer())
        .layer(from_fn(compression::only_for_our_own))
        .with_state(console)
}

async fn inline_style(request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    use base64ct::{Base64, Encoding as _};
    use sha2::{Digest as _, Sha256};
    static HASH: std::sync::LazyLock<String> =
        std::sync::LazyLock::new(|| Base64::encode_string(&Sha256::digest(STYLE.as_bytes())));
    let mut response = next.run(request).await;
    if let Ok(policy) = format!("default-src 'none'; style-src 'sha256-{}'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'", *HASH).parse() {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

async fn page(State(console): State<Console>, headers: HeaderMap, uri: Uri) -> Response {
    let lang = language_of(&headers);
    let done = match uri.query() {
        Some("said=sent") => Some(lang.t("commune-sent")),
        Some("said=others-out") => Some(lang.t("commune-others-out")),
        _ => None,
    };
    console
        .render(
            headers,
            StatusCode::OK,
            PageMessage {
                notice: done,
                ..PageMessage::default()
            },
        )
        .await
}

async fn send(
    State(console): State<Console>,
    headers: HeaderMap,
    axum::Form(fields): axum::Form<Vec<(String, String)>>,
) -> Response {
    let get = |name: &str| {
        fields
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.trim().to_owned())
            .unwrap_or_default()
    };
    let chosen: Vec<String> = fields
        .iter()
        .filter(|(n, _)| n == "village")
        .map(|(_, v)| v.clone())
        .filter(|v| console.villages.iter().any(|(id, _)| id == v))
        .collect();
    let ((title, body), once) = (normalize(&get("title"), &get("body")), get("once"));
    // A rejected form is shown again with what was typed and the reason: nobody types it twice.
    let lang = language_of(&headers);
    let again = |status, wrong: String| {
        let typed = BulletinDraft {
            title: title.clone(),
            body: body.clone(),
            urgent: get("urgent") == "1",
            villages: Some(chosen.clone()),
        };
        console.render(
            headers.clone(),
            status,
            PageMessage {
                error: wrong,
                draft: typed,
                notice: None,
            },
        )
    };
    let Some(token) = console.sessions.token(&headers) else {
        return redirect_see_other("/");
    };
    if !secret::constant_time_eq(&unmask(&get("form")), &console.sessions.csrf_token(&token))
        || once.len() != 32
    {
        return again(StatusCode::FORBIDDEN, lang.t("form-again")).await;
    }
    if let Some((key, n, most)) = text_problem(&title, &body) {
        return again(
            StatusCode::BAD_REQUEST,
            lang.f(key, &[("n", &n.to_string()), ("most", &most.to_string())]),
        )
        .await;
    }
    if chosen.is_empty() {
        return again(StatusCode::BAD_REQUEST, lang.t("commune-nobody")).await;
    }
    let now = console.clock.wall_ms();
    let bulletin = Bulletin {
        title: title.clone(),
        body: body.clone(),
        urgent: get("urgent") == "1",
        until: Some(now + BULLETIN_LIFETIME_MS),
    };
    let done = tokio::task::spawn_blocking({
        let (console, villages) = (console.clone(), chosen.clone());
        move || {
            console
                .store
                .queue_bulletin(&villages, &bulletin, now + BULLETIN_LIFETIME_MS, &once)
        }
    })
    .await;
    if !matches!(done, Ok(Ok(_))) {
        return again(StatusCode::SERVICE_UNAVAILABLE, lang.t("journal-closed-do")).await;
    }
    // A reload of the page behind the redirect sends nothing again.
    redirect_see_other("/?said=sent")
}

/// The villages and the last contact with each, for programs that use the officer's sign-in.
async fn villages_json(State(console): State<Console>, headers: HeaderMap) -> Response {
    if console.sessions.token(&headers).is_none() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let list = move || {
        console
            .villages
            .iter()
            .map(|(id, name)| {
                console
                    .store
                    .contact(id)
                    .map(|seen| serde_json::json!({ "id": id, "name": name, "seen": seen }))
            })
            .collect::<std::io::Result<Vec<_>>>()
    };
    match tokio::task::spawn_blocking(list).await {
        Ok(Ok(list)) => axum::Json(list).into_response(),
        // A village that cannot be read must not look like one that never connected.
        _ => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
