//! The one sentence about what is broken: as a banner, or as a banner that leads to the list of
//! devices with its detail apart from it.

use crate::i18n::locale::Lang;
use crate::protocol::village_status::VillageStatus;
use crate::time::WallMs;
use crate::view::status_text::{self, StatusSentence};
use crate::web::kit::components::{Banner, Fragment, status_class};

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
    now: WallMs,
    status: &VillageStatus,
    id: &str,
) -> Fragment {
    let sentence = status_text::sentence(lang, now, &status.summary);
    banner(sentence, id).fragment()
}

/// The sentence of the home page, which leads to the list of devices.
pub(super) fn status_title(lang: Lang, now: WallMs, status: &VillageStatus) -> Fragment {
    let sentence = status_text::sentence(lang, now, &status.summary);
    Banner {
        detail: String::new(),
        href: "/devices",
        ..banner(sentence, "broken")
    }
    .fragment()
}

/// The other faults, and the advice.
pub(super) fn status_detail(lang: Lang, now: WallMs, status: &VillageStatus) -> Fragment {
    let detail = status_text::sentence(lang, now, &status.summary).detail;
    Fragment::new("broken-more", &StatusDetail { detail })
}

#[derive(askama::Template)]
#[template(path = "status_detail.html")]
struct StatusDetail {
    detail: String,
}
