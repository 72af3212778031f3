//! The choices of a list in a form.
//!
//! Deliberately absent: how a list looks; templates draw it.

use crate::domain::notice::RiskLevel;
use crate::i18n::locale::Lang;

/// One choice of a list in a form.
#[derive(Debug, Clone)]
pub struct SelectOption {
    /// The value that is sent.
    pub value: String,
    /// Its words.
    pub words: String,
    /// It is chosen.
    pub chosen: bool,
}

/// The levels of risk of which a notice or a bulletin may warn, none of them first; `chosen` is the
/// value of the field.
#[must_use]
pub fn risk_options(lang: Lang, chosen: &str) -> Vec<SelectOption> {
    let option = |value: String, key: &str| SelectOption {
        chosen: chosen == value,
        words: lang.t(key),
        value,
    };
    let levels = RiskLevel::ALL.map(|level| {
        let number = level.number().to_string();
        let key = format!("risk-level-{number}");
        option(number, &key)
    });
    let none = std::iter::once(option(String::new(), "risk-none"));
    none.chain(levels).collect()
}
