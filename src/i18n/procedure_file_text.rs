//! The mistakes of a file with procedures, as sentences with their place.
//!
//! Deliberately absent: the mistakes themselves. They are values of `protocol`, each with its key
//! in the locale files; a test holds both files against every one.

use super::locale::{Arg, Lang};
use crate::protocol::procedure_file::MistakeAt;

/// A mistake in words, with its line and column as far as it has them.
#[must_use]
pub fn mistake_text(lang: Lang, at: &MistakeAt) -> String {
    mistake_words(lang, at, str::to_owned)
}

/// The same for a page, where the words of the file are marked as nobody's translation.
#[must_use]
pub fn mistake_on_page(lang: Lang, at: &MistakeAt) -> String {
    mistake_words(lang, at, |words| {
        if words.is_ascii() {
            words.to_owned()
        } else {
            lang.verbatim(words)
        }
    })
}

fn mistake_words(lang: Lang, at: &MistakeAt, shown: impl Fn(&str) -> String) -> String {
    let details = at.mistake.details();
    let details: Vec<(&str, String)> = details
        .iter()
        .map(|(name, detail)| (*name, shown(detail)))
        .collect();
    let details: Vec<(&str, &str)> = details
        .iter()
        .map(|(name, detail)| (*name, detail.as_str()))
        .collect();
    let heading = shown(&at.heading);
    let why = lang.f(at.mistake.key(), &details);
    let place = [
        ("line", Arg::from(at.line)),
        ("column", Arg::from(at.column)),
        ("heading", Arg::from(&heading)),
        ("why", Arg::from(&why)),
    ];
    match (at.line, at.column, at.heading.is_empty()) {
        (0, ..) => why,
        (_, 0, _) => lang.f("procedure-file-in-line", &place),
        (_, _, true) => lang.f("procedure-file-in-column", &place),
        _ => lang.f("procedure-file-in-heading", &place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::procedure_file::FileMistake;

    #[test]
    fn every_mistake_has_a_sentence_with_its_details_in_both_languages() {
        for lang in [Lang::Vi, Lang::En] {
            for (key, details) in FileMistake::KEYS {
                let given: Vec<(&str, &str)> = details.iter().map(|d| (*d, "§")).collect();
                let words = lang.f(key, &given);
                assert!(words != *key && !words.contains('{'), "{key}: {words}");
                let told = words.matches('§').count();
                assert_eq!(told, details.len(), "{key}: {words}");
            }
        }
        let at = MistakeAt {
            line: 7,
            column: 2,
            heading: "Tên".to_owned(),
            mistake: FileMistake::Missing,
        };
        assert_eq!(
            mistake_text(Lang::Vi, &at),
            "Dòng 7, cột 2 (Tên): ô này không được để trống."
        );
    }
}
