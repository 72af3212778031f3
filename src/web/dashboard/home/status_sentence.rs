//! The one sentence about what is broken: as a banner, or as a banner that leads to the list of
//! devices with its detail apart from it.

use crate::i18n::locale::Lang;
use crate::protocol::village_status::VillageStatus;
use crate::view::status_text::{self, StatusSentence};
use crate::web::kit::components::{Banner, html, status_class};

fn banner(sentence: StatusSentence, id: &str) -> Banner {
    Banner {
        id: id.to_owned(),
        status_class: sentence.status.map_or("info", status_class),
        title: sentence.title,
        detail: sentence.detail,
        href: "",
    }
}

/// The banner with its detail; `id` is its element.
pub(in crate::web) fn status_banner(
    lang: Lang,
    now: i64,
    status: &VillageStatus,
    id: &str,
) -> String {
    let sentence = status_text::sentence(lang, now, &status.summary);
    html(&banner(sentence, id))
}

/// The sentence of the home page, which leads to the list of devices.
pub(super) fn status_title(lang: Lang, now: i64, status: &VillageStatus) -> String {
    let sentence = status_text::sentence(lang, now, &status.summary);
    html(&Banner {
        detail: String::new(),
        href: "/devices",
        ..banner(sentence, "broken")
    })
}

/// The other faults, and the advice.
pub(super) fn status_detail(lang: Lang, now: i64, status: &VillageStatus) -> String {
    html(&StatusDetail {
        detail: status_text::sentence(lang, now, &status.summary).detail,
    })
}

#[derive(askama::Template)]
#[template(path = "status_detail.html")]
struct StatusDetail {
    detail: String,
}
