//! The access log: every view is recorded before a picture is sent, and the viewers are listed
//! beneath the picture.

use crate::domain::camera::{self, Camera};
use crate::domain::id::CameraId;
use crate::http::page_error::PageError;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::components::{Fragment, Row};

#[derive(askama::Template)]
#[template(
    source = "<ul class=\"rows sheet\" id=\"looks\">\
        {% for row in rows %}{{ row|safe }}{% else %}<li>{{ empty }}</li>{% endfor %}\
        </ul>",
    ext = "html"
)]
struct ViewList {
    rows: Vec<String>,
    empty: String,
}

pub(super) fn view_list(app: &App, lang: Lang, c: &Camera) -> Fragment {
    let (now, state) = (app.supervisor.clock().wall_ms(), app.journal.state());
    let rows = c
        .looks
        .iter()
        .rev()
        .map(|l| {
            Row {
                status_class: "off",
                name: app.actor_text(lang, &state, &l.who),
                words: dates::date(l.at),
                side: dates::since(now, l.at),
                ..Row::default()
            }
            .html()
        })
        .collect();
    let empty = lang.t("camera-nobody-looked");
    Fragment::new("looks", &ViewList { rows, empty })
}

/// Records the view in the access log.
///
/// # Errors
/// Why no picture is sent.
pub async fn record_view(
    app: &App,
    visit: &RequestContext,
    cameras: Vec<CameraId>,
) -> Result<(), PageError> {
    app.submit(visit, camera::Command::View { cameras }).await?;
    Ok(())
}
