//! Texts as a search compares them: “Họp thôn”, “họp thon” and “HOP THON” are the same.
//!
//! Invariants: a folded text is lower case, without the marks of letters and tones, with `d` for
//! `đ` (and for `ð`, which old programs write in its place); folding it again changes nothing. Two
//! texts that differ only in marks, in capitals or in how Unicode writes them (NFC, NFD) have the
//! same fold. There is this one function for everything that is searched, so a word is found
//! everywhere or nowhere. Deliberately absent: spelling mistakes, abbreviations and word stems.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// The text without marks and capitals.
#[must_use]
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .map(|c| if matches!(c, 'đ' | 'ð') { 'd' } else { c })
        .filter(|c| !is_combining_mark(*c))
        .collect()
}

/// The words of a folded text: its letters and digits that stand together.
pub fn words(folded: &str) -> impl Iterator<Item = &str> {
    folded
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn marks_capitals_and_forms_of_unicode_make_no_difference() {
        for (text, folded) in [
            ("Họp thôn", "hop thon"),
            ("ĐƯỜNG BỜ KÊNH", "duong bo kenh"),
            ("nhà văn hóa", "nha van hoa"),
            ("nhà văn hoá", "nha van hoa"),
            ("Ho\u{323}p tho\u{302}n", "hop thon"),
            ("Ðăng ký", "dang ky"),
            ("1.001193", "1.001193"),
            ("ﬁ Ⅳ", "fi iv"),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
        let found: Vec<String> = words(&fold("Số 7, ngõ 12 (Giếng Làng)"))
            .map(str::to_owned)
            .collect();
        assert_eq!(found, ["so", "7", "ngo", "12", "gieng", "lang"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 512,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn folding_twice_changes_nothing(text in r"(\PC|\pM|[a-zđĐơưễộữİß ]){0,40}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }
    }
}
