//! How much of a text can be Vietnamese: each word is taken apart into beginning, vowels, end and
//! tone.
//!
//! Only words beyond ASCII count, because the others read the same in every encoding. A word that
//! passes need not exist; it is enough that the wrong encodings give words that cannot.

use unicode_normalization::UnicodeNormalization as _;

const BEGINNINGS: [&str; 28] = [
    "ngh", "ng", "nh", "gh", "gi", "kh", "ph", "qu", "th", "tr", "ch", "b", "c", "d", "đ", "g",
    "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "x", "",
];
const VOWELS: [&str; 62] = [
    "a", "ă", "â", "e", "ê", "i", "o", "ô", "ơ", "u", "ư", "y", "ai", "ao", "au", "ay", "âu", "ây",
    "eo", "êu", "ia", "iê", "iu", "iêu", "oa", "oă", "oe", "oi", "oai", "oay", "oao", "oeo", "oo",
    "ôi", "ơi", "ua", "uâ", "uê", "ui", "uô", "uôi", "uơ", "uy", "uya", "uyê", "uyu", "ưa", "ươ",
    "ưi", "ươi", "ưu", "ươu", "yê", "yêu", "uây", "ya", "êa", "uă", "ue", "ueo", "uao", "uai",
];
const ENDS: [&str; 9] = ["ch", "nh", "ng", "c", "m", "n", "p", "t", ""];

/// The words beyond ASCII of a text, and how many of them can be Vietnamese.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SyllableScore {
    /// Words beyond ASCII.
    pub(super) words: usize,
    /// Of these, syllables.
    pub(super) syllables: usize,
}

impl SyllableScore {
    /// Syllables of a hundred words.
    pub(super) fn percent(self) -> usize {
        let hundredfold = self.syllables * 100;
        hundredfold.checked_div(self.words).unwrap_or(0)
    }
}

/// Counts the words of a text.
pub(super) fn score(text: &str) -> SyllableScore {
    let mut score = SyllableScore::default();
    // A sign that is no letter may be one in another encoding: it stays within its word.
    let is_between = |c: char| c.is_whitespace() || c.is_ascii() && !c.is_ascii_alphanumeric();
    let is_quotation = |c: char| matches!(c, '\u{2010}'..='\u{2026}');
    for word in text.split(|c| is_between(c) || is_quotation(c)) {
        if !word.is_ascii() {
            score.words += 1;
            score.syllables += usize::from(is_syllable(word));
        }
    }
    score
}

/// Whether a word can be a syllable with at most one tone.
fn is_syllable(word: &str) -> bool {
    let mut tones = 0;
    let plain: String = word
        .to_lowercase()
        .nfd()
        .filter(|c| {
            let is_tone = matches!(c, '\u{300}' | '\u{301}' | '\u{303}' | '\u{309}' | '\u{323}');
            tones += usize::from(is_tone);
            !is_tone
        })
        .nfc()
        .collect();
    tones <= 1
        && BEGINNINGS.iter().any(|beginning| {
            plain.strip_prefix(beginning).is_some_and(|rest| {
                ENDS.iter().any(|end| {
                    let middle = rest.strip_suffix(end);
                    middle.is_some_and(|middle| VOWELS.contains(&middle))
                })
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syllables_pass_and_letters_of_a_font_do_not() {
        for word in [
            "nghiêng",
            "Đường",
            "quyết",
            "giấy",
            "xoáy",
            "khuỷu",
            "ỷ",
            "ưu",
            "hộ",
            "tịch",
            "quá",
            "gì",
            "nguyễn",
            "ngoằn",
            "thuở",
        ] {
            assert!(is_syllable(word), "{word}");
        }
        for word in ["b¶n", "hoä", "ñöôøng", "thoân", "ấấ", "cafés"] {
            assert!(!is_syllable(word), "{word}");
        }
    }
}
