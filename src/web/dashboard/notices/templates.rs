//! Beginnings of notices that a chief writes often, as data.
//!
//! Invariant: every template of the file can be used; a test reads them all. A file that cannot be
//! read would leave the page without templates, never without its form.

use std::sync::LazyLock;

use serde::Deserialize;

const FILE: &str = include_str!("templates.toml");

/// The choice of days that ends with the day of the occasion.
pub(super) const UNTIL_HELD: &str = "held";

/// The beginning of a notice.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoticeTemplate {
    /// Its name in addresses.
    pub(super) id: String,
    /// Its name for people.
    pub(super) name: String,
    /// The kind of the notice.
    pub(super) kind: String,
    /// It is urgent.
    #[serde(default)]
    pub(super) urgent: bool,
    /// Title.
    pub(super) title: String,
    /// Body.
    pub(super) body: String,
    /// It has a day and a place.
    #[serde(default)]
    pub(super) occasion: bool,
    /// How long it is shown: a value of the form's choice.
    pub(super) days: String,
}

#[derive(Deserialize)]
struct TemplateFile {
    template: Vec<NoticeTemplate>,
}

/// All templates, in the order of the page.
pub(super) fn all() -> &'static [NoticeTemplate] {
    static ALL: LazyLock<Vec<NoticeTemplate>> = LazyLock::new(|| {
        toml::from_str::<TemplateFile>(FILE).map_or_else(|_| Vec::new(), |file| file.template)
    });
    &ALL
}

/// The template of this name.
pub(super) fn named(id: &str) -> Option<&'static NoticeTemplate> {
    all().iter().find(|template| template.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::notice::{NoticeKind, NoticeWords, text_problem};

    #[test]
    fn every_template_begins_a_notice_that_could_be_published() {
        let file = toml::from_str::<TemplateFile>(FILE).expect("readable");
        assert_eq!(file.template, all());
        let ids: BTreeSet<_> = all().iter().map(|t| &t.id).collect();
        assert_eq!((ids.len(), all().len()), (8, 8));
        for template in all() {
            assert!(NoticeKind::named(&template.kind).is_some(), "{template:?}");
            let words = NoticeWords::of(&template.title, &template.body);
            assert_eq!(text_problem(&words.title, &words.body), None);
            assert_eq!(words.body, template.body.trim());
            let days = ["0", "2", "7", "30", UNTIL_HELD];
            assert!(days.contains(&&*template.days), "{template:?}");
            let is_held = template.days == UNTIL_HELD;
            assert!(!is_held || template.occasion, "{template:?}");
        }
    }
}
