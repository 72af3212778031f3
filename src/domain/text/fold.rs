//! Texts as a search compares them: “Họp thôn”, “họp thon” and “HOP THON” are the same.
//!
//! Invariants: a folded text is lower case, without the marks of letters and tones, with `d` for
//! `đ` (and for `ð`, which old programs write in its place); folding it again changes nothing. Two
//! texts that differ only in marks, in capitals or in how Unicode writes them (NFC, NFD) have the
//! same fold. There is this one function for everything that is searched, so a word is found
//! everywhere or nowhere. A word *with its marks* is the same however its tone is placed (“hoá”,
//! “hóa”). Deliberately absent: spelling mistakes, abbreviations and word stems.

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

/// A word without its marks, and with them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MarkedWord {
    /// As [`fold`] makes it.
    pub folded: String,
    /// Its tones, then its letters with their other marks, in lower case; the same as `folded` when
    /// it has none.
    pub marked: String,
}

impl MarkedWord {
    /// Whether it has a mark that tells it from others.
    #[must_use]
    pub fn has_marks(&self) -> bool {
        self.folded != self.marked
    }
}

/// The marks that are tones: grave, acute, tilde, hook above, dot below.
const fn is_tone(c: char) -> bool {
    matches!(c, '\u{300}' | '\u{301}' | '\u{303}' | '\u{309}' | '\u{323}')
}

/// The words of a text as it is written; their folds are the words of its fold.
pub fn marked_words(text: &str) -> impl Iterator<Item = MarkedWord> {
    let mut letters = text.nfkd().flat_map(char::to_lowercase);
    std::iter::from_fn(move || {
        let (mut folded, mut tones, mut marked) = (String::new(), String::new(), String::new());
        loop {
            let next = letters.next();
            match next {
                Some(c) if is_combining_mark(c) => {
                    let kept = if is_tone(c) { &mut tones } else { &mut marked };
                    kept.push(c);
                }
                Some(c) if c.is_alphanumeric() => {
                    let is_d = matches!(c, 'đ' | 'ð');
                    folded.push(if is_d { 'd' } else { c });
                    marked.push(if is_d { 'đ' } else { c });
                }
                _ if !folded.is_empty() => {
                    let marked = format!("{tones}{marked}");
                    return Some(MarkedWord { folded, marked });
                }
                None => return None,
                Some(_) => {
                    tones.clear();
                    marked.clear();
                }
            }
        }
    })
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

    #[test]
    fn a_word_with_its_marks_is_the_same_wherever_its_tone_stands() {
        let marked = |text: &str| marked_words(text).map(|w| w.marked).collect::<Vec<_>>();
        assert_eq!(marked("Văn HÓA, hoá"), marked("văn hoá hóa"));
        assert_eq!(marked("ho\u{323}p thôn"), marked("HỌP THÔN"));
        assert_eq!(marked("Ðăng ký"), marked("đăng ky\u{301}"));
        for other in ["hóp thôn", "họp thon", "hop thôn", "hợp thôn"] {
            assert_ne!(marked(other), marked("họp thôn"), "{other}");
        }
        let plain: Vec<MarkedWord> = marked_words("So 7, ngo 12").collect();
        assert!(plain.iter().all(|word| !word.has_marks()), "{plain:?}");
        assert!(marked_words("đi").all(|word| word.has_marks()));
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

        #[test]
        fn words_with_their_marks_fold_to_the_words_of_the_fold(
            text in r"(\PC|\pM|[a-zđĐơưễộữİß ]){0,40}"
        ) {
            let folded = fold(&text);
            let marked: Vec<String> = marked_words(&text).map(|word| word.folded).collect();
            prop_assert_eq!(marked, words(&folded).collect::<Vec<_>>());
        }
    }
}
