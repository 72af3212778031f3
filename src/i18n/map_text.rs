//! Mistakes in a file with a map, in the reader's language.

use super::locale::{Arg, Lang};
use super::reason_text::keyed_text;
use crate::protocol::map_file::MapProblem;

/// A mistake with its line and column.
#[must_use]
pub fn problem_text(lang: Lang, problem: &MapProblem) -> String {
    lang.f(
        "map-problem",
        &[
            ("line", Arg::from(problem.line)),
            ("column", Arg::from(problem.column)),
            (
                "why",
                Arg::Text(&keyed_text(lang, &problem.mistake.keyed())),
            ),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::reason_text::assert_worded;
    use crate::protocol::map_file::MapMistake;

    #[test]
    fn every_mistake_of_a_map_has_its_words_in_both_languages() {
        assert_worded(MapMistake::KEYS);
    }

    #[test]
    fn a_mistake_is_told_with_line_and_column() {
        let problem = MapProblem {
            line: 12,
            column: 7,
            mistake: MapMistake::PropertyPrivate {
                name: "chu_ho".to_owned(),
            },
        };
        assert!(problem_text(Lang::Vi, &problem).starts_with("dòng 12, cột 7: “chu_ho”"));
        assert!(problem_text(Lang::En, &problem).starts_with("line 12, column 7: “chu_ho”"));
    }
}
