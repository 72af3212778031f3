//! Words that nobody translates: names of places and things, notices, whatever people typed. They
//! are Vietnamese also within an English sentence.
//!
//! A sentence is one string, so these words are marked in it: by two characters that Unicode has
//! for setting a piece of text apart and that nothing shows. Pages turn the marks into `lang="vi"`
//! (`http::verbatim_html`), so that a screen reader speaks a name as the village does. Invariant:
//! only pages mark words; a terminal, a program and a loudspeaker get them bare. Deliberately
//! absent: HTML.

/// Stands before the words: FIRST STRONG ISOLATE.
pub const BEGIN: char = '\u{2068}';
/// Stands behind the words: POP DIRECTIONAL ISOLATE.
pub const END: char = '\u{2069}';

/// The words with their marks; nothing stays nothing.
#[must_use]
pub fn mark(words: &str) -> String {
    if words.is_empty() {
        String::new()
    } else {
        format!("{BEGIN}{}{END}", bare(words))
    }
}

/// The words without marks.
#[must_use]
pub fn bare(words: &str) -> String {
    words.replace([BEGIN, END], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_marked_once_and_what_was_typed_brings_no_marks_of_its_own() {
        assert_eq!(mark("Cổng làng"), "\u{2068}Cổng làng\u{2069}");
        assert_eq!(mark(&mark("Cổng làng")), mark("Cổng làng"));
        assert_eq!(mark("a\u{2069}b\u{2068}"), mark("ab"));
        assert_eq!(mark(""), "");
        assert_eq!(bare(&mark("Cổng làng")), "Cổng làng");
    }
}
