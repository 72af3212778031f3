//! The places of the map in lists: the hall, the school, where people take shelter.
//!
//! Invariant: no list looks for a way; how far a place is from the hall stands in the map.

use crate::domain::directory::data::Site;
use crate::domain::directory::map::VillageMap;
use crate::i18n::locale::{Lang, capital};

/// A place so near to the hall is at it, metres.
pub(super) const NEXT_DOOR_M: u32 = 20;

/// A link in a list.
pub(super) struct DirectoryLink {
    pub href: String,
    pub words: String,
    pub small: String,
    /// The number on the map; none = it has none.
    pub number: Option<usize>,
}

/// The places with the way from the village hall, shelters first.
pub(super) fn site_links(lang: Lang, map: &VillageMap, q: &str) -> Vec<DirectoryLink> {
    let sites = map.sites_in_order().into_iter();
    sites
        .filter_map(|site| site_link(lang, map, site, q))
        .collect()
}

/// The way to each shelter of the map.
pub(super) fn shelter_links(lang: Lang, map: &VillageMap, q: &str) -> Vec<DirectoryLink> {
    let sites = map.sites_in_order().into_iter();
    let is_shelter = |site: &usize| map.data().sites.get(*site).is_some_and(Site::is_shelter);
    sites
        .take_while(is_shelter)
        .filter_map(|site| site_link(lang, map, site, q))
        .collect()
}

/// A place with the way from the village hall; none = there is no such place.
pub(super) fn site_link(
    lang: Lang,
    map: &VillageMap,
    site: usize,
    q: &str,
) -> Option<DirectoryLink> {
    let known = map.data().sites.get(site)?;
    let hall = map.hall().filter(|(hall, _)| *hall != site);
    let far = hall.and_then(|(_, hall)| Some((hall, map.metres_from_hall(site)?)));
    let small = far.map(|(hall, metres)| {
        let (name, n) = (lang.verbatim(&hall.name), metres.to_string());
        if metres < NEXT_DOOR_M {
            lang.f("way-at", &[("name", &name)])
        } else {
            lang.f("way-from-metres", &[("name", &name), ("n", &n)])
        }
    });
    Some(DirectoryLink {
        href: format!("/s/{}{q}", known.id),
        words: lang.verbatim(&known.name),
        small: small.unwrap_or_else(|| capital(&lang.verbatim(&known.kind))),
        number: None,
    })
}
