//! The access log: every look is in it before a picture is given, and who looked stands beneath the
//! picture.

use axum::response::Response;

use super::super::app::{App, Visit};
use super::super::rows::{Row, html};
use crate::domain::camera::Camera;
use crate::domain::command::Command;
use crate::domain::id::CameraId;
use crate::doors::dates;
use crate::doors::locale::Lang;

#[derive(askama::Template)]
#[template(
    source = "<ul class=\"rows sheet\" id=\"looks\">{% for row in rows %}{{ row|safe }}{% else %}<li>{{ empty }}</li>{% endfor %}</ul>",
    ext = "html"
)]
struct Looks {
    rows: Vec<String>,
    empty: String,
}

pub(super) fn looks(app: &App, lang: Lang, c: &Camera) -> String {
    let (now, state) = (app.house.clock().wall_ms(), app.journal.state());
    let rows = c
        .looks
        .iter()
        .rev()
        .map(|l| {
            Row {
                mark: "off",
                name: app.who(lang, &state, &l.who),
                words: dates::date(l.at),
                side: dates::since(now, l.at),
                ..Row::default()
            }
            .html()
        })
        .collect();
    html(&Looks {
        rows,
        empty: lang.t("camera-nobody-looked"),
    })
}

/// Writes the look into the access log.
///
/// # Errors
/// The page that tells why no picture is given.
pub async fn look(app: &App, visit: &Visit, cameras: Vec<CameraId>) -> Result<(), Response> {
    app.submit(visit, Command::LookAtPictures { cameras })
        .await
        .map(|_| ())
}
