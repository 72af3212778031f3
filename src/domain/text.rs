//! Texts that people read, cleaned so that they can be shown: the one place for every audience.
//!
//! Invariants: a cleaned text is NFC, shows every character that it contains, and reads in the
//! order in which it is stored; cleaning it again changes nothing. A page, a terminal and a speech
//! program get the same text, so nothing in it may steer one of them: no control characters,
//! nothing that changes the direction of writing, nothing invisible, no pile of combining marks on
//! one letter. A line has no line breaks; a body has `\n` only. Emoji may be joined; letters may
//! not be (nobody here writes Persian). Deliberately absent: a judgement of what is polite, and
//! escaping for HTML (the templates do that).

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

pub mod fold;

/// Most combining marks on one letter; Vietnamese in NFC needs none.
const MAX_COMBINING_MARKS: usize = 4;

/// Most characters of a name: of a village, a place, a device, a light group, a sensor, a camera, a
/// person.
pub const MAX_NAME_CHARS: usize = 120;
/// Most characters of a unit as printed.
pub const MAX_UNIT_CHARS: usize = 16;

/// True for a character that no reader sees or that changes the order of the text: control
/// characters, bidirectional marks and overrides, joiners and other invisible signs, noncharacters.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'
                | '\u{1160}'
                | '\u{17b4}'
                | '\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fdd0}'..='\u{fdef}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
        || c as u32 & 0xfffe == 0xfffe
}

/// True when a joiner between this character and another of its kind makes one emoji of the two.
const fn is_emoji(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{2bff}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}')
}

/// The text in NFC without hidden characters; `breaks` = line breaks stay, as `\n`, otherwise they
/// become spaces.
fn strip_hidden(text: &str, breaks: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut last = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let c = match c {
            '\r' if chars.peek() == Some(&'\n') => continue,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                if breaks {
                    '\n'
                } else {
                    ' '
                }
            }
            '\t' | '\u{2800}' => ' ',
            '\u{200d}'
                if last.is_some_and(is_emoji) && chars.peek().copied().is_some_and(is_emoji) =>
            {
                '\u{200d}'
            }
            hidden if is_hidden(hidden) => continue,
            seen => seen,
        };
        last = Some(c);
        out.push(c);
    }
    let mut marks = 0;
    out.nfc()
        .filter(|c| {
            marks = if is_combining_mark(*c) { marks + 1 } else { 0 };
            marks <= MAX_COMBINING_MARKS
        })
        .collect()
}

/// The first `most` characters. The end never falls between a letter and its combining marks, or
/// within a joined emoji.
fn truncate(text: &str, most: usize) -> &str {
    match text.char_indices().nth(most) {
        None => text,
        Some((end, next)) => {
            let head = &text[..end];
            let head = if is_combining_mark(next) {
                head.trim_end_matches(is_combining_mark)
                    .char_indices()
                    .next_back()
                    .map_or("", |(at, _)| &head[..at])
            } else {
                head
            };
            head.trim_end_matches('\u{200d}')
        }
    }
}

/// Cleans a name, a title or a reason: one line, single spaces, at most `most` characters.
#[must_use]
pub fn line(text: &str, most: usize) -> String {
    let one = strip_hidden(text, false)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    truncate(&one, most).trim_end().to_owned()
}

/// A line as a sentence that ends, for what is read out or follows on: one that ends with a sign
/// stays as it is.
#[must_use]
pub fn sentence(line: &str) -> String {
    let line = line.trim_end();
    if line.is_empty() || line.ends_with(['.', '!', '?', '…', ':', ';', ',']) {
        line.to_owned()
    } else {
        format!("{line}.")
    }
}

/// Cleans a text of several lines: the line breaks stay, hidden characters go; at most `most`
/// characters.
#[must_use]
pub fn body(text: &str, most: usize) -> String {
    let all = strip_hidden(text, true);
    truncate(all.trim(), most).trim_end().to_owned()
}

/// True when the text is a line as [`line`] leaves it, and no longer than `most` characters.
#[must_use]
pub fn is_line(text: &str, most: usize) -> bool {
    fits(text, most) && line(text, most) == text
}

/// True when the text is as [`body`] leaves it, and no longer than `most` characters.
#[cfg(test)]
fn is_body(text: &str, most: usize) -> bool {
    fits(text, most) && body(text, most) == text
}

/// Checks the length. `most` characters are at most four bytes each, so a text with more bytes is
/// rejected without counting its characters.
fn fits(text: &str, most: usize) -> bool {
    text.len() <= most.saturating_mul(4) && text.chars().count() <= most
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_turns_words_around_or_hides_in_them_is_gone() {
        for (given, shown) in [
            ("Họp \u{202e}gnàl\u{202c} thôn", "Họp gnàl thôn"),
            ("a\u{2066}b\u{2069}c\u{200e}\u{200f}\u{61c}d", "abcd"),
            ("Tra\u{323}m Bo\u{31b}m", "Trạm Bơm"),
            ("một\u{200b}hai\u{feff}ba\u{ad}bốn\u{2060}", "mộthaibabốn"),
            ("a\u{200d}b\u{200c}c", "abc"),
            ("👩\u{200d}🌾 vụ mùa", "👩\u{200d}🌾 vụ mùa"),
            ("❤\u{fe0f}\u{200d}🔥", "❤\u{fe0f}\u{200d}🔥"),
            ("a\u{7}\u{1b}[31mb\u{9b}c\u{0}", "a[31mbc"),
            ("x\u{ffff}y\u{fdd0}z\u{1fffe}", "xyz"),
            ("  một \t hai\r\nba\rbốn\u{2028}năm ", "một hai ba bốn năm"),
            ("\u{3164}\u{2800}", ""),
            ("e\u{e0041}\u{e0042}", "e"),
        ] {
            assert_eq!(line(given, 100), shown, "{given:?}");
        }
        assert_eq!(
            body("một\r\nhai\rba\u{2029}bốn\u{b}\u{202e}năm\n", 100),
            "một\nhai\nba\nbốn\nnăm"
        );
        let heap = format!("a{}b", "\u{30d}".repeat(500));
        assert_eq!(line(&heap, 100).chars().count(), 2 + MAX_COMBINING_MARKS);
    }

    #[test]
    fn a_cut_leaves_whole_letters() {
        assert_eq!(line("một hai", 4), "một");
        assert_eq!(
            line("xa\u{30d}\u{30e}", 2),
            "x",
            "half of a letter is another letter"
        );
        assert_eq!(line("👩\u{200d}🌾", 2), "👩");
        assert!(
            is_line("Ngõ Cầu Tre", 11)
                && !is_line("Ngõ Cầu Tre", 10)
                && !is_line("Ngõ  Cầu", 20)
                && !is_line("a\nb", 20)
                && is_body("a\nb", 3)
                && !is_body("a\r\nb", 20)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 512,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn cleaning_twice_changes_nothing(
            text in r"(\PC|\pC|\pM|[aeo👩🌾\u{200d}\u{202e}\r\n\t ]){0,60}",
            most in 0usize..70,
        ) {
            for (once, again) in [
                (line(&text, most), line(&line(&text, most), most)),
                (body(&text, most), body(&body(&text, most), most)),
            ] {
                prop_assert_eq!(&once, &again);
                prop_assert!(once.chars().count() <= most);
                let is_bad = |c: &char| is_hidden(*c) && !['\n', '\u{200d}'].contains(c);
                let bad: Vec<char> = once.chars().filter(is_bad).collect();
                prop_assert!(bad.is_empty(), "{:?}", bad);
            }
            prop_assert!(!line(&text, most).contains('\n'));
            prop_assert!(is_line(&line(&text, most), most) && is_body(&body(&text, most), most));
        }
    }
}
