//! The language of the terminal that a command on the control socket came from.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use crate::i18n::locale::Lang;

/// The language of the technician's terminal, as the command names it in `accept-language`.
pub(in crate::web) struct TerminalLang(pub(in crate::web) Lang);

impl<S: Sync> FromRequestParts<S> for TerminalLang {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let named = parts.headers.get(header::ACCEPT_LANGUAGE);
        Ok(Self(Lang::choose(named.and_then(|v| v.to_str().ok()))))
    }
}
