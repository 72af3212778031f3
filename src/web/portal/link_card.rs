//! The card that a link to a notice shows elsewhere, in Zalo or on Facebook: Open Graph.
//!
//! Invariants: everything in it is public on the page itself; addresses are public links. The
//! picture is the notice's first that is stored, whole, with its width and height; else the stock
//! one.

use axum::response::Response;

use crate::domain::calendar::rfc3339;
use crate::domain::notice::{AttachmentKind, Notice};
use crate::http::notice_body::paragraphs;
use crate::http::render::asset;
use crate::store::attachments::media_type;
use crate::web::kit::app::App;
use crate::web::kit::links::PublicPage;
use crate::web::kit::notices::words_of;

/// Most characters of a description.
const MAX_DESCRIPTION_CHARS: usize = 200;
/// The picture of a card whose notice has none.
const PICTURE: &[u8] = include_bytes!("assets/card.png");
/// Its width and height.
const PICTURE_SIZE: (u32, u32) = (512, 512);
/// Where it is.
pub(super) const PICTURE_PATH: &str = "/card.png";

/// The picture of a card.
pub(super) struct CardPicture {
    pub(super) url: String,
    /// Its type, for HTTP.
    pub(super) kind: &'static str,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// A card.
pub(super) struct LinkCard {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) url: String,
    pub(super) picture: CardPicture,
    /// The village.
    pub(super) site: String,
    /// When it was published, by RFC 3339.
    pub(super) published: String,
}

impl LinkCard {
    /// The card of a notice; none = its text cannot be read.
    pub(super) fn of(app: &App, notice: &Notice) -> Option<Self> {
        let words = words_of(app, notice).ok()?;
        let body = paragraphs(&words.body).join(" ");
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
            title: words.title,
            description,
            url: app.links.to(PublicPage::Notice(notice)),
            picture: CardPicture::of(app, notice),
            site: site.unwrap_or_default(),
            published: rfc3339(notice.at),
        })
    }
}

impl CardPicture {
    fn of(app: &App, notice: &Notice) -> Self {
        let mut files = notice.details.attachments.iter();
        let own = files.find_map(|file| {
            let is_picture = file.kind == AttachmentKind::Picture;
            let size = file.size.filter(|_| is_picture)?;
            app.attachments.path(file).exists().then_some((file, size))
        });
        match own {
            Some((file, (width, height))) => Self {
                url: app.links.at(&format!("/t/{}/{}", notice.id, file.sha256)),
                kind: media_type(file.kind),
                width,
                height,
            },
            None => Self {
                url: app.links.at(PICTURE_PATH),
                kind: "image/png",
                width: PICTURE_SIZE.0,
                height: PICTURE_SIZE.1,
            },
        }
    }
}

/// The picture.
pub(super) async fn picture() -> Response {
    asset("image/png", PICTURE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stock_picture_is_as_large_as_the_card_says() {
        let side = |at: usize| PICTURE.get(at..at + 4).and_then(|b| b.try_into().ok());
        let size = (side(16), side(20));
        let size = (
            size.0.map(u32::from_be_bytes),
            size.1.map(u32::from_be_bytes),
        );
        assert_eq!(size, (Some(PICTURE_SIZE.0), Some(PICTURE_SIZE.1)));
    }
}
