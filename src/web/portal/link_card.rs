//! The card that a link to a notice shows elsewhere, in Zalo or on Facebook: Open Graph.
//!
//! Invariant: everything in it is public on the page itself; addresses are public links.

use axum::response::Response;

use crate::domain::calendar::rfc3339;
use crate::domain::notice::Notice;
use crate::http::render::asset;
use crate::i18n::locale::Lang;
use crate::web::kit::app::App;
use crate::web::kit::links::PublicPage;
use crate::web::kit::notices::title_and_paragraphs;

/// Most characters of a description.
const MAX_DESCRIPTION_CHARS: usize = 200;
/// The picture of a card whose notice has none.
const PICTURE: &[u8] = include_bytes!("assets/card.png");
/// Where it is.
pub(super) const PICTURE_PATH: &str = "/card.png";

/// A card.
pub(super) struct LinkCard {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) url: String,
    pub(super) picture: String,
    /// The village.
    pub(super) site: String,
    /// When it was published, by RFC 3339.
    pub(super) published: String,
}

impl LinkCard {
    /// The card of a notice; none = its text cannot be read.
    pub(super) fn of(app: &App, notice: &Notice) -> Option<Self> {
        app.files.get(&notice.text).ok()?;
        let (title, body) = title_and_paragraphs(app, Lang::Vi, notice);
        let body = body.join(" ");
        let description = if body.chars().count() > MAX_DESCRIPTION_CHARS {
            body.chars()
                .take(MAX_DESCRIPTION_CHARS)
                .chain(['…'])
                .collect()
        } else {
            body
        };
        let state = app.journal.state();
        let site = state.village.as_ref().map(|v| v.name.clone());
        Some(Self {
            title,
            description,
            url: app.links.to(PublicPage::Notice(&notice.id)),
            picture: app.links.at(PICTURE_PATH),
            site: site.unwrap_or_default(),
            published: rfc3339(notice.at),
        })
    }
}

/// The picture.
pub(super) async fn picture() -> Response {
    asset("image/png", PICTURE)
}
