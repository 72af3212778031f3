//! Why a form is shown again, and which of its fields the reason is about. The field is marked, and
//! the browser goes to it; a reason that is about no field gets the focus itself.

use crate::domain::notice::text_problem;
use crate::i18n::locale::Lang;

/// The reason; empty = nothing was wrong, the form is shown for the first time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WrongInput {
    /// In words.
    pub why: String,
    /// Id of the field; empty = no field of the form is wrong.
    pub field: &'static str,
}

impl From<String> for WrongInput {
    fn from(why: String) -> Self {
        Self { why, field: "" }
    }
}

impl WrongInput {
    /// A reason that is about a field.
    #[must_use]
    pub const fn in_field(field: &'static str, why: String) -> Self {
        Self { why, field }
    }

    /// The first mistake of a notice or a bulletin as it was typed; none = there is none.
    #[must_use]
    pub fn in_notice(lang: Lang, title: &str, body: &str) -> Option<Self> {
        let (key, n, most) = text_problem(title, body)?;
        let field = match key {
            "notice-long-body" => "body",
            "notice-empty" if !title.is_empty() => "body",
            _ => "title",
        };
        let why = lang.f(key, &[("n", &n.to_string()), ("most", &most.to_string())]);
        Some(Self::in_field(field, why))
    }

    /// Nothing was wrong.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.why.is_empty()
    }

    /// The reason is about this field.
    #[must_use]
    pub fn is_in(&self, field: &str) -> bool {
        !self.is_empty() && self.field == field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_refused_at_the_first_field_that_is_wrong() {
        let field = |title: &str, body: &str| {
            WrongInput::in_notice(Lang::Vi, title, body).map(|wrong| wrong.field)
        };
        assert_eq!(field("", ""), Some("title"));
        assert_eq!(field("", "Tối nay."), Some("title"));
        assert_eq!(field("Họp thôn", ""), Some("body"));
        assert_eq!(field(&"à".repeat(151), "Tối nay."), Some("title"));
        assert_eq!(field("Họp thôn", &"à".repeat(8_001)), Some("body"));
        assert_eq!(field("Họp thôn", "Tối nay."), None);
        assert!(!WrongInput::default().is_in(""));
    }
}
