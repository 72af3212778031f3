//! A row of a list, as every audience shows it.

use super::fragment::{Fragment, html};

/// A row: a thing, its status, a time or a link.
#[derive(askama::Template, Debug, Clone, Default)]
#[template(path = "row.html")]
pub struct Row {
    /// Element id.
    pub id: String,
    /// `""` well, `off`, `bad`, `warn`.
    pub status_class: &'static str,
    /// Name in bold.
    pub name: String,
    /// State in words.
    pub words: String,
    /// Time at the right.
    pub side: String,
    /// Where it leads; empty = nowhere.
    pub href: String,
    /// Lines that are folded away beneath; a row with a link has none.
    pub parts: Vec<String>,
    /// The words that unfold it.
    pub parts_label: String,
}

impl Row {
    /// As a fragment.
    #[must_use]
    pub fn fragment(&self) -> Fragment {
        Fragment::new(&self.id, self)
    }

    /// As HTML.
    #[must_use]
    pub fn html(&self) -> String {
        html(self)
    }
}
