//! The one sentence about what is broken, as a banner that leads to the list of devices.

use super::super::components::{Banner, html, status_class};
use crate::i18n::locale::Lang;
use crate::protocol::village_status::VillageStatus;
use crate::view::status_text;

/// The banner; `id` is its element, `href` the list that it leads to (empty = it stands on it).
pub(in crate::web) fn status_banner(
    lang: Lang,
    now: i64,
    status: &VillageStatus,
    id: &str,
    href: &'static str,
) -> String {
    let sentence = status_text::sentence(lang, now, &status.summary);
    html(&Banner {
        id: id.to_owned(),
        status_class: sentence.status.map_or("info", status_class),
        title: sentence.title,
        detail: sentence.detail,
        href,
    })
}
