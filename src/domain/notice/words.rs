//! The words of a notice: all that a person typed of it, and how they are one blob.
//!
//! Invariants: what [`NoticeWords::decode`] reads is what [`NoticeWords::encode`] wrote; the text
//! of an older program (the title, a line break, the body) reads as its title and its body. Every
//! part is cleaned (`domain::text`), so a record separator stands in none of them. A blob that was
//! erased takes all of it: the history tells that there was a notice, and not one word of it.

use serde::{Deserialize, Serialize};

use crate::domain::text;

/// Most characters of a title.
pub const MAX_TITLE_CHARS: usize = 150;
/// Most characters of a body.
pub const MAX_BODY_CHARS: usize = 8_000;
/// Most characters of a place, of a source, and of the name of a file.
pub const MAX_LINE_CHARS: usize = 120;

/// Begins each part behind title and body. No cleaned text contains it.
const SEPARATOR: char = '\u{1e}';

/// The first problem of a title and a body as they were typed: the key of the sentence, the number
/// of characters and the most there may be; `None` when there is no problem. Notices and the
/// commune's bulletins have the same bounds.
#[must_use]
pub fn text_problem(title: &str, body: &str) -> Option<(&'static str, usize, usize)> {
    if title.is_empty() || body.is_empty() {
        return Some(("notice-empty", 0, 0));
    }
    let long = [
        ("notice-long-title", title.chars().count(), MAX_TITLE_CHARS),
        ("notice-long-body", body.chars().count(), MAX_BODY_CHARS),
    ];
    long.into_iter().find(|(_, n, most)| n > most)
}

/// A title and a body as a person typed them, cleaned: no hidden characters, and nothing that
/// changes the direction of writing.
#[must_use]
pub fn normalize(title: &str, body: &str) -> (String, String) {
    (text::line(title, usize::MAX), text::body(body, usize::MAX))
}

/// All that a person typed of a notice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeWords {
    /// The title, one line.
    pub title: String,
    /// The body, several lines.
    pub body: String,
    /// Where an event takes place; empty = it is not said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// The authority that warns, or whose text this is; empty = the village itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// The names of the attachments, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

impl NoticeWords {
    /// A title and a body and nothing else, cleaned.
    #[must_use]
    pub fn of(title: &str, body: &str) -> Self {
        let (title, body) = normalize(title, body);
        Self {
            title,
            body,
            ..Self::default()
        }
    }

    /// The same, cleaned, with lines that are no longer than they may be.
    #[must_use]
    pub fn cleaned(&self) -> Self {
        let line = |typed: &str| text::line(typed, MAX_LINE_CHARS);
        Self {
            place: line(&self.place),
            source: line(&self.source),
            files: self.files.iter().map(|name| line(name)).collect(),
            ..Self::of(&self.title, &self.body)
        }
    }

    /// The text of the blob.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut out = format!("{}\n{}", self.title, self.body);
        let named = [("place", &self.place), ("source", &self.source)];
        let said = named.into_iter().filter(|(_, words)| !words.is_empty());
        let files = self.files.iter().map(|name| ("file", name));
        for (name, words) in said.chain(files) {
            out.push(SEPARATOR);
            out.push_str(name);
            out.push('=');
            out.push_str(words);
        }
        out
    }

    /// Reads the text of a blob.
    #[must_use]
    pub fn decode(stored: &str) -> Self {
        let mut parts = stored.split(SEPARATOR);
        let first = parts.next().unwrap_or_default();
        let (title, body) = first.split_once('\n').unwrap_or((first, ""));
        let mut words = Self {
            title: title.to_owned(),
            body: body.to_owned(),
            ..Self::default()
        };
        for (name, said) in parts.filter_map(|part| part.split_once('=')) {
            match name {
                "place" => said.clone_into(&mut words.place),
                "source" => said.clone_into(&mut words.source),
                "file" => words.files.push(said.to_owned()),
                _ => {}
            }
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_as_they_were_written_and_older_ones_too() {
        let words = NoticeWords {
            place: "Nhà văn hóa = hội trường".into(),
            source: "Đài khí tượng thủy văn".into(),
            files: vec!["Quy ước.pdf".into(), String::new()],
            ..NoticeWords::of("Họp thôn", "Mời bà con.\nMang theo giấy tờ.")
        };
        assert_eq!(NoticeWords::decode(&words.encode()), words);
        let old = NoticeWords::of("Họp thôn", "Mời bà con.");
        assert_eq!(old.encode(), "Họp thôn\nMời bà con.");
        assert_eq!(NoticeWords::decode("Họp thôn\nMời bà con."), old);
        assert_eq!(NoticeWords::decode("Chỉ tiêu đề").body, "");
        let later = format!("{}\u{1e}later=x\u{1e}loose", old.encode());
        assert_eq!(
            NoticeWords::decode(&later),
            old,
            "a part of a later program"
        );
    }

    #[test]
    fn nothing_typed_makes_a_part_of_its_own() {
        let typed = NoticeWords {
            title: "Họp\u{1e}place=x thôn".into(),
            body: "Mời\u{1e}source=x".into(),
            place: "Đình\u{1e}file=x\n\u{202e}làng".into(),
            source: "x".repeat(500),
            files: vec!["gpj\u{202e}.exe".into()],
        };
        let clean = typed.cleaned();
        assert_eq!(NoticeWords::decode(&clean.encode()), clean);
        assert_eq!(clean.place, "Đìnhfile=x làng");
        assert_eq!(clean.files, ["gpj.exe"]);
        assert_eq!(clean.source.chars().count(), MAX_LINE_CHARS);
    }
}
