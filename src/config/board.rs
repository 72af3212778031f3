//! The addresses to which the board points: official ones, and places of help with papers.
//!
//! Invariants: the addresses of the country are built in (`official.toml`); a village adds its own
//! and takes none away. A link leads out of the board only to a host among them, or below one.
//! Deliberately absent: a judgement of pages; a host is right or it is not listed.

use serde::Deserialize;

use super::bounds::{name, telephone};
use super::mistake::ConfigMistake;
use super::read::Section;

/// Hours between two readings of a feed that says nothing else.
const FEED_HOURS: u64 = 6;
/// The addresses of the country.
const BUILT_IN: &str = include_str!("official.toml");

/// The purpose of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfficialKind {
    /// Public services and identity.
    Service,
    /// Health.
    Health,
    /// Electricity.
    Electricity,
    /// Water.
    Water,
    /// Telephones for emergencies.
    Emergency,
}

impl OfficialKind {
    /// All kinds, in the order of the page.
    pub const ALL: [Self; 5] = [
        Self::Service,
        Self::Health,
        Self::Electricity,
        Self::Water,
        Self::Emergency,
    ];
}

/// An address that is the right one.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficialAddress {
    /// Its purpose.
    pub kind: OfficialKind,
    /// The authority's name.
    pub name: String,
    /// The same in English; empty = it has one name in every language.
    #[serde(default)]
    pub name_en: String,
    /// The page; none = a telephone only.
    pub url: Option<String>,
    /// The telephone; none = a page only.
    pub phone: Option<String>,
    /// When people need it, in Vietnamese.
    #[serde(default)]
    pub what: String,
    /// The same in English; empty = only in Vietnamese.
    #[serde(default)]
    pub what_en: String,
    /// The degrees north between which it serves; none = everywhere.
    #[serde(default)]
    pub between: Option<(f64, f64)>,
}

impl OfficialAddress {
    /// Whether it serves a village there; a village of which nobody said where it is has them all.
    #[must_use]
    pub fn serves(&self, latitude: Option<f64>) -> bool {
        let both = self.between.zip(latitude);
        both.is_none_or(|((south, north), latitude)| (south..north).contains(&latitude))
    }

    /// The host of its page.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        host_of(self.url.as_deref()?)
    }
}

/// The host of an address of the web, without `www.`.
fn host_of(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() {
        return None;
    }
    let host = url.host_str()?.trim_end_matches('.').to_ascii_lowercase();
    Some(host.strip_prefix("www.").unwrap_or(&host).to_owned())
}

/// A place where people get help with papers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelpPlace {
    /// The helpers, or the place: “Tổ công nghệ số cộng đồng, nhà văn hóa”.
    pub name: String,
    /// When somebody is there; empty = not said.
    pub hours: String,
    /// The telephone; none = there is none.
    pub phone: Option<String>,
}

/// A feed of another page: the commune's news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedConfig {
    /// The page's name, which a draft tells as its source.
    pub name: String,
    /// The address of the feed, RSS or Atom.
    pub url: String,
    /// Hours between two readings.
    pub hours: u64,
    /// Its host may lie in a network of the house or of the offices; without this a feed is read
    /// from the internet alone.
    pub inside: bool,
}

/// The addresses to which the board points.
#[derive(Debug, Clone, PartialEq)]
pub struct BoardConfig {
    /// Official addresses: those of the country, then the village's.
    pub official: Vec<OfficialAddress>,
    /// Whether somebody held those of the country against their owners' own pages.
    pub is_checked: bool,
    /// Places of help.
    pub help: Vec<HelpPlace>,
    /// Feeds of other pages whose news become drafts.
    pub feeds: Vec<FeedConfig>,
}

impl Default for BoardConfig {
    fn default() -> Self {
        let (official, is_checked) = built_in();
        Self {
            official,
            is_checked,
            help: Vec::new(),
            feeds: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
struct BuiltIn {
    /// Whether it was checked.
    checked: bool,
    official: Vec<OfficialAddress>,
}

fn built_in() -> (Vec<OfficialAddress>, bool) {
    let file = toml::from_str(BUILT_IN).ok();
    file.map_or_else(Default::default, |file: BuiltIn| {
        (file.official, file.checked)
    })
}

impl BoardConfig {
    /// Whether a link may lead out of the board: its host is an official one, or below one.
    #[must_use]
    pub fn allows(&self, url: &str) -> bool {
        let Some(host) = host_of(url) else {
            return false;
        };
        let mut known = self.official.iter().filter_map(OfficialAddress::host);
        known.any(|known| {
            host.strip_suffix(&known)
                .is_some_and(|below| below.is_empty() || below.ends_with('.'))
        })
    }
}

/// Takes over the lists of one layer.
pub(super) fn apply(root: &mut Section<'_, '_>, board: &mut BoardConfig) {
    for mut s in root.tables("official") {
        let (kind, url) = (s.require("kind"), s.get_parsed("url", page));
        let (phone, what) = (s.get_parsed("phone", telephone), s.get("what"));
        let (name_en, what_en) = (s.get("name_en"), s.get("what_en"));
        if let (Some(kind), Some(name)) = (kind, s.require_parsed("name", name)) {
            board.official.push(OfficialAddress {
                kind,
                name,
                name_en: name_en.unwrap_or_default(),
                url,
                phone,
                what: what.unwrap_or_default(),
                what_en: what_en.unwrap_or_default(),
                between: None,
            });
        }
        s.finish();
    }
    for mut s in root.tables("feed") {
        let every = s.get_checked("hours", hours).unwrap_or(FEED_HOURS);
        let inside = s.get("inside").unwrap_or_default();
        let url = s.require_parsed("url", page);
        if let (Some(name), Some(url)) = (s.require_parsed("name", name), url) {
            board.feeds.push(FeedConfig {
                name,
                url,
                hours: every,
                inside,
            });
        }
        s.finish();
    }
    for mut s in root.tables("help") {
        let hours = s.get("hours").unwrap_or_default();
        let phone = s.get_parsed("phone", telephone);
        if let Some(name) = s.require_parsed("name", name) {
            board.help.push(HelpPlace { name, hours, phone });
        }
        s.finish();
    }
}

fn hours(n: u64) -> Result<u64, ConfigMistake> {
    if (1..=168).contains(&n) {
        Ok(n)
    } else {
        Err(ConfigMistake::NotHours)
    }
}

fn page(text: &str) -> Result<String, ConfigMistake> {
    if host_of(text).is_some() {
        Ok(text.to_owned())
    } else {
        Err(ConfigMistake::NotPage {
            text: text.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_country_s_addresses_are_there_and_no_look_alike_passes() {
        let board = BoardConfig::default();
        assert!(board.official.len() >= 12);
        for kind in [OfficialKind::Service, OfficialKind::Emergency] {
            assert!(board.official.iter().any(|a| a.kind == kind));
        }
        for address in &board.official {
            assert!(address.url.is_some() || address.phone.is_some());
            assert!(address.url.is_none() || address.host().is_some());
            assert!(!address.what.is_empty() && !address.what_en.is_empty());
        }
        let electricity = |latitude| {
            let official = board.official.iter();
            let of_kind = official.filter(|a| a.kind == OfficialKind::Electricity);
            of_kind.filter(|a| a.serves(latitude)).count()
        };
        assert_eq!(
            [Some(19.0), Some(14.0), Some(10.0), None].map(electricity),
            [1, 1, 1, 3]
        );
        for right in [
            "https://dichvucong.gov.vn/p/home/x.html?ma_thu_tuc=1.001193",
            "https://www.dichvucong.gov.vn",
            "https://csdl.dichvucong.gov.vn/",
            "https://DichVuCong.gov.vn.",
        ] {
            assert!(board.allows(right), "{right}");
        }
        for wrong in [
            "https://dichvucong.bvgov.com/",
            "https://dichvucong.gov.vn.evil.example/",
            "https://xdichvucong.gov.vn/",
            "https://dichvucong.gov.vn@evil.example/",
            "https://evil.example/dichvucong.gov.vn",
            "javascript:alert(1)",
            "ftp://dichvucong.gov.vn/",
            "dichvucong.gov.vn",
            "https://gov.vn/",
        ] {
            assert!(!board.allows(wrong), "{wrong}");
        }
    }
}
