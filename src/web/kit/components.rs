//! Rows, banners and other parts of pages that live updates send again.

pub use crate::http::fragment::{Fragment, html};
use crate::http::render::PageContext;
pub use crate::http::row::Row;
use crate::protocol::village_status::Status;

/// The class of a status in the style sheet; the word for it always stands beside it.
#[must_use]
pub const fn status_class(status: Status) -> &'static str {
    match status {
        Status::Well => "",
        Status::Waiting | Status::Attention => "warn",
        Status::Broken => "bad",
    }
}

/// One sentence that a page opens with.
#[derive(askama::Template, Debug, Clone, Default)]
#[template(path = "say.html")]
pub struct Banner {
    /// Element id.
    pub id: String,
    /// `""` well, `warn`, `bad`, `info`.
    pub status_class: &'static str,
    /// The sentence.
    pub title: String,
    /// A second sentence; empty = none.
    pub detail: String,
    /// The list that the sentence leads to; empty = none.
    pub href: &'static str,
}

/// A tile of the home page.
#[derive(Debug, Clone, Default)]
pub struct Tile {
    /// Element id.
    pub id: String,
    /// Where it leads.
    pub href: &'static str,
    /// Something is wrong.
    pub bad: bool,
    /// Its drawing: a name of `templates/components/icon.html`.
    pub icon: &'static str,
    /// In bold.
    pub name: String,
    /// Beneath.
    pub words: String,
}

/// A section of a list page.
#[derive(Debug, Clone, Default)]
pub struct PageSection {
    /// Heading; empty = none.
    pub name: String,
    /// HTML of controls above the rows.
    pub controls: String,
    /// HTML of rows.
    pub rows: Vec<String>,
    /// The sentence of an empty list.
    pub empty: String,
}

/// A page that is lists and links.
#[derive(askama::Template)]
#[template(path = "list.html")]
pub struct ListPage {
    /// The context of the page.
    pub f: PageContext,
    /// Heading.
    pub title: String,
    /// Where live updates come from.
    pub live: &'static str,
    /// HTML of the sentence that it opens with.
    pub summary: String,
    /// The lists.
    pub parts: Vec<PageSection>,
    /// Links at the end: address and words.
    pub links: Vec<(String, String)>,
    /// Without script the page reloads after this many seconds, while something is pending; 0 =
    /// never.
    pub refresh: u8,
}

impl ListPage {
    /// Its sentence and its rows are replaced while it is read: they are told when they change.
    fn changes_by_itself(&self) -> bool {
        !matches!(self.live, "" | "/live/other")
    }
}

impl Banner {
    /// As a fragment.
    #[must_use]
    pub fn fragment(&self) -> Fragment {
        Fragment::new(&self.id, self)
    }
}
