//! A request of the portal: whose phone sent it, and what it prefers. Preferences are carried in
//! the address, because the portal stores nothing on the phone; an address that nobody can read
//! prefers nothing, and gets its page all the same.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};

use axum::extract::{ConnectInfo, FromRequestParts, Query};
use axum::http::request::Parts;

use super::Portal;
use crate::http::render::PageContext;
use crate::http::serve::{Peer, counted_as};
use crate::i18n::locale::Lang;

/// A request of the portal.
#[derive(Debug, Clone, Copy)]
pub struct PortalVisit {
    /// Language.
    pub lang: Lang,
    /// Larger text.
    pub big: bool,
    /// The address of the phone.
    pub address: IpAddr,
}

impl PortalVisit {
    /// The request of these parts.
    pub fn of(parts: &Parts) -> Self {
        let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let pairs = query.map(|Query(pairs)| pairs).unwrap_or_default();
        let value = |name: &str| pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v);
        let address = match parts.extensions.get::<ConnectInfo<Peer>>() {
            Some(ConnectInfo(Peer::Tcp { address, .. })) => address.ip().to_canonical(),
            _ => Ipv4Addr::LOCALHOST.into(),
        };
        Self {
            lang: Lang::choose(value("lang").map(String::as_str)),
            big: value("big").is_some(),
            address,
        }
    }

    /// The address by which its turns are counted.
    pub fn counted(self) -> IpAddr {
        counted_as(self.address)
    }

    /// The context of every page of this request.
    pub fn context(self, portal: &Portal) -> PageContext {
        let state = portal.app.journal.state();
        let commune = state.village.as_ref();
        let commune = commune.map_or_else(String::new, |v| self.lang.verbatim(&v.commune));
        let village = state.village.as_ref().map_or_else(
            || "Cổng Làng".to_owned(),
            |v| v.name.replacen("Thôn ", "thôn ", 1),
        );
        PageContext {
            lang: self.lang,
            village: self.lang.verbatim(&village),
            commune,
            big: self.big,
            ..PageContext::default()
        }
    }

    /// The preferences as the query of every address.
    pub fn query(self) -> String {
        let big = if self.big { "&big=1" } else { "" };
        format!("?lang={}{big}", self.lang.tag())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PortalVisit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}
