//! A notice as people pass it on: as a message, and on paper.
//!
//! Invariants: the points of a list stay points, because a line that lost its mark reads as another
//! sentence; a notice that was corrected says so before anything else, because the one of before is
//! in the same group of people already. Deliberately absent: the notice as it is read out
//! (`notice_sheet`); an ear has no use for marks.

use super::notice_sheet::{ShownNotice, as_message};
use crate::domain::notice::NoticeWords;
use crate::http::notice_body::{marked_lines, paragraphs};
use crate::i18n::locale::Lang;

/// A notice as a message to be shared: what it is, days, its lines, its address.
#[must_use]
pub fn as_shared(lang: Lang, sheet: &ShownNotice, words: &NoticeWords, address: &str) -> String {
    let message = as_message(sheet, words, "");
    let head = message.lines().count() - paragraphs(&words.body).len();
    let mut lines = Vec::new();
    if !sheet.corrected.is_empty() {
        lines.push(lang.t("notice-shared-corrected"));
    }
    lines.extend(message.lines().take(head).map(str::to_owned));
    lines.extend(marked_lines(&words.body));
    if !address.is_empty() {
        lines.push(address.to_owned());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_stay_points_and_a_correction_comes_first() {
        let body = "Nội dung:\n- Tổng kết năm\n- **Công khai** quỹ\n\n1. Một\n2. Hai\nHết.";
        let words = NoticeWords::of("Mời họp thôn", body);
        let mut sheet = ShownNotice {
            kind: "Mời họp".to_owned(),
            facts: vec![("Nơi".to_owned(), "nhà văn hóa".to_owned())],
            ..ShownNotice::default()
        };
        let plain = "Mời họp thôn\nNơi: nhà văn hóa\nNội dung:\n- Tổng kết năm\n- Công khai quỹ\n\
            1. Một\n2. Hai\nHết.";
        assert_eq!(as_shared(Lang::Vi, &sheet, &words, ""), plain);
        sheet.corrected = "Đã sửa lúc 10:00".to_owned();
        let told = as_shared(Lang::Vi, &sheet, &words, "https://x/1");
        assert_eq!(told, format!("ĐÃ SỬA:\n{plain}\nhttps://x/1"));
    }
}
