//! Texts are compressed on the wire, pictures, sounds and streams of events are not.
//!
//! The length of a compressed response tells whether something on it repeats (BREACH). Two things
//! stand against that: a page's CSRF token is another text in each response
//! ([`super::form_token`]), and a response to a request that another site caused is not compressed
//! at all, so that nobody can make a browser ask often and compare.

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};

/// The layer that compresses (gzip).
pub fn layer() -> CompressionLayer<impl Predicate> {
    // Pictures and events are left out by the default.
    CompressionLayer::new().compress_when(
        DefaultPredicate::new()
            .and(NotForContentType::const_new("audio/"))
            .and(NotForContentType::const_new("video/"))
            .and(NotForContentType::const_new("application/octet-stream")),
    )
}

/// Takes back what the client said about compression when another site caused the request. To be
/// laid around [`layer`].
pub async fn only_for_our_own(mut request: Request, next: Next) -> Response {
    if is_from_elsewhere(request.headers()) {
        request.headers_mut().remove(header::ACCEPT_ENCODING);
    }
    next.run(request).await
}

fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    headers
        .get("sec-fetch-site")
        .is_some_and(|site| site != "same-origin" && site != "none")
}
