//! Public links: the one place that makes the address of a page as it stands in a code, on paper,
//! in a feed and in a message.
//!
//! Invariants: a link is the public base of the configuration (`[links] public_base`) and a path
//! that never changes; it is the same on the village's wifi, at a mirror and on paper. Without a
//! base the local name of the portal stands in its place. The path of a notice has its short code;
//! the one with its whole id stays good. Every path is built here and read by the portal's routes;
//! a page that moves keeps its old path. Deliberately absent: a shortener of others, and anything
//! in a link that tells who scanned it.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::domain::id::is_id;
use crate::domain::notice::Notice;

/// A page that anybody may open, with the path that it has for ever. [`PublicPath::parse`] has the
/// same paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicPage<'a> {
    /// The first page.
    Home,
    /// All notices and documents.
    Notices,
    /// One notice or document.
    Notice(&'a Notice),
    /// All administrative procedures.
    Procedures,
    /// One procedure, by its code.
    Procedure(&'a str),
    /// All roads and alleys, with the map.
    Roads,
    /// One road or alley, by its id.
    Road(&'a str),
    /// One house, by its id.
    House(&'a str),
    /// One place, by its id.
    Site(&'a str),
    /// The page for a night of storm.
    Storm,
    /// The addresses that are the right ones.
    Addresses,
}

impl PublicPage<'_> {
    /// The path, which begins with `/`.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Home => "/".to_owned(),
            Self::Notices => "/t".to_owned(),
            Self::Notice(notice) => format!("/t/{}", notice.public_name()),
            Self::Procedures => "/p".to_owned(),
            Self::Procedure(code) => format!("/p/{}", segment(code)),
            Self::Roads => "/r".to_owned(),
            Self::Road(id) => format!("/r/{}", segment(id)),
            Self::House(id) => format!("/h/{}", segment(id)),
            Self::Site(id) => format!("/s/{}", segment(id)),
            Self::Storm => "/khan".to_owned(),
            Self::Addresses => "/addresses".to_owned(),
        }
    }
}

/// One segment of a path: bytes that have a meaning there are written as `%XX`.
fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A path of the portal that somebody asks a code for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicPath(String);

impl PublicPath {
    /// The path that this text names, without its first `/`; none = it is none of [`PublicPage`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let known = match text.split_once('/') {
            Some(("t" | "p" | "r" | "h" | "s", id)) => is_id(id),
            Some(_) => false,
            None => matches!(text, "t" | "p" | "r" | "khan" | "addresses"),
        };
        known.then(|| Self(format!("/{text}")))
    }

    /// The path, which begins with `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Makes links; clones share the base.
#[derive(Debug, Clone)]
pub struct PublicLinks {
    /// The base without a slash at its end.
    base: Arc<str>,
}

impl PublicLinks {
    /// Links on the base of the configuration, or else on the portal's local name.
    #[must_use]
    pub fn new(public_base: Option<&str>, local_name: &str) -> Self {
        let base = public_base.map_or_else(
            || format!("http://{local_name}"),
            |base| base.trim_end_matches('/').to_owned(),
        );
        Self { base: base.into() }
    }

    /// The link of a page, as it stands in a code.
    #[must_use]
    pub fn to(&self, page: PublicPage<'_>) -> String {
        self.at(&page.path())
    }

    /// The link of a path that begins with `/`.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The link of a page as people type it: without its scheme. The slash behind a name alone
    /// stays, because without it a browser searches for a name whose ending it does not know.
    #[must_use]
    pub fn typed(&self, page: PublicPage<'_>) -> String {
        let link = self.to(page);
        match link.split_once("://") {
            Some((_, typed)) => typed.to_owned(),
            None => link,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::blob::BlobRef;
    use crate::domain::id::{BlobId, NoticeId};
    use crate::domain::notice::{NoticeDetails, NoticeKind};
    use crate::time::WallMs;

    #[test]
    fn a_link_is_the_base_and_a_path_that_stays() {
        let notice = |id: &str| Notice {
            id: NoticeId::new(id).expect("an id"),
            text: BlobRef {
                id: BlobId::new("b").expect("an id"),
                mac: "00".repeat(32),
                len: 1,
            },
            details: NoticeDetails::of(NoticeKind::Notice),
            at: WallMs::new(0),
            order: 218,
            first_order: None,
            from_commune: false,
            versions: Vec::new(),
        };
        let (short, long) = (notice("tb-01"), notice("a5b36d216727dd6b6bcb9a6ba6ad98dc"));
        let links = PublicLinks::new(Some("https://benthoc.example/"), "nhavanhoa.lan");
        for (page, link) in [
            (PublicPage::Home, "https://benthoc.example/"),
            (PublicPage::Notices, "https://benthoc.example/t"),
            (
                PublicPage::Notice(&short),
                "https://benthoc.example/t/tb-01",
            ),
            (PublicPage::Notice(&long), "https://benthoc.example/t/RHND"),
            (PublicPage::Procedures, "https://benthoc.example/p"),
            (
                PublicPage::Procedure("1.001193"),
                "https://benthoc.example/p/1.001193",
            ),
            (PublicPage::Roads, "https://benthoc.example/r"),
            (
                PublicPage::Road("ngo-cay-da"),
                "https://benthoc.example/r/ngo-cay-da",
            ),
            (PublicPage::House("tc-7"), "https://benthoc.example/h/tc-7"),
            (
                PublicPage::Site("tram-y-te"),
                "https://benthoc.example/s/tram-y-te",
            ),
            (PublicPage::Storm, "https://benthoc.example/khan"),
            (PublicPage::Addresses, "https://benthoc.example/addresses"),
        ] {
            assert_eq!(links.to(page), link);
            assert_eq!(links.typed(page), link["https://".len()..]);
        }
    }

    #[test]
    fn without_a_base_the_local_name_stands_in_its_place() {
        let links = PublicLinks::new(None, "nhavanhoa.lan");
        assert_eq!(links.to(PublicPage::Home), "http://nhavanhoa.lan/");
        assert_eq!(links.typed(PublicPage::Home), "nhavanhoa.lan/");
        assert_eq!(links.at("/feed.xml"), "http://nhavanhoa.lan/feed.xml");
    }

    #[test]
    fn a_base_may_have_a_folder() {
        let base = Some("https://xa.example/ben-thoc");
        let links = PublicLinks::new(base, "nhavanhoa.lan");
        assert_eq!(links.to(PublicPage::Roads), "https://xa.example/ben-thoc/r");
    }

    #[test]
    fn a_code_of_others_cannot_leave_its_segment() {
        assert_eq!(
            PublicPage::Procedure("../x?y#z đ").path(),
            "/p/..%2Fx%3Fy%23z%20%C4%91"
        );
    }

    #[test]
    fn only_paths_of_the_portal_are_public() {
        for path in [
            "t",
            "t/tb-01",
            "p/1.001193",
            "r",
            "r/ngo-cay-da",
            "h/tc-7",
            "khan",
        ] {
            let parsed = PublicPath::parse(path).expect(path);
            assert_eq!(parsed.as_str(), format!("/{path}"));
        }
        for path in [
            "",
            "in",
            "x/y",
            "r/a/b",
            "r/../x",
            "https://x.example",
            "t/",
            "manage",
        ] {
            assert_eq!(PublicPath::parse(path), None, "{path}");
        }
    }
}
