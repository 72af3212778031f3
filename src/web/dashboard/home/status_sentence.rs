//! The one sentence about what is broken: as a banner, or as a banner that leads to the list of
//! devices with its detail apart from it.

use crate::http::render::dial;
use crate::i18n::locale::Lang;
use crate::protocol::village_status::{Status, VillageStatus};
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

#[derive(askama::Template)]
#[template(path = "status_title.html")]
struct StatusTitle {
    status_class: &'static str,
    title: String,
    /// The words of the call; empty = nobody need be called.
    call: String,
    /// The number that it dials.
    dial: String,
}

/// The sentence of the home page, which leads to the list of devices; with the technician's
/// telephone when something is broken.
pub(super) fn status_title(
    lang: Lang,
    now: WallMs,
    status: &VillageStatus,
    technician: &str,
) -> Fragment {
    let sentence = status_text::sentence(lang, now, &status.summary);
    let is_broken = sentence.status == Some(Status::Broken) && !technician.is_empty();
    let title = StatusTitle {
        status_class: sentence.status.map_or("info", status_class),
        title: sentence.title,
        call: if is_broken {
            lang.f("call-technician", &[("phone", technician)])
        } else {
            String::new()
        },
        dial: dial(technician),
    };
    Fragment::new("broken", &title)
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
