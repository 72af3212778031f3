//! Pieces of a page that live updates send again, each with the id of its element.

use super::verbatim_html::with_languages;

/// A piece of a page that live updates send again: HTML that replaces the element with its id. The
/// outermost element has that id, and the page has one place for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fragment {
    /// Id of the element.
    pub id: String,
    /// The element.
    pub html: String,
}

impl Fragment {
    /// The fragment of a template; `id` is the id of its outermost element.
    #[must_use]
    pub fn new(id: impl Into<String>, template: &impl askama::Template) -> Self {
        Self {
            id: id.into(),
            html: html(template),
        }
    }

    /// The place of a fragment that has nothing to show now.
    #[must_use]
    pub fn empty(id: &str) -> Self {
        Self {
            html: format!("<div id=\"{id}\"></div>"),
            id: id.to_owned(),
        }
    }
}

/// HTML of a template; an error is logged and shows as nothing.
#[must_use]
pub fn html(template: &impl askama::Template) -> String {
    let rendered = template.render().unwrap_or_else(|error| {
        tracing::error!(%error, "fragment template failed to render");
        String::new()
    });
    with_languages(rendered)
}
