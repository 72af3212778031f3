//! The style sheets that pages have in common.

use std::sync::LazyLock;

/// The style sheet of the village's pages and the commune's.
pub const STYLE: &str = include_str!("assets/village.css");

/// The same with what only the visitors' pages have: the other pages stay small without it.
pub const BOARD_STYLE: &str = concat!(
    include_str!("assets/village.css"),
    include_str!("assets/board.css")
);

/// [`STYLE`] as it is sent: without comments and without space that says nothing.
pub static COMPACT_STYLE: LazyLock<String> = LazyLock::new(|| compact(STYLE));

/// A sheet without comments, and without space beside its signs. No text in quotation marks of the
/// sheet may have a sign or two spaces in a row.
fn compact(sheet: &str) -> String {
    let mut bare = String::with_capacity(sheet.len());
    let mut rest = sheet;
    while let Some((before, comment)) = rest.split_once("/*") {
        bare.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    bare.push_str(rest);
    let mut compact = bare.split_whitespace().collect::<Vec<_>>().join(" ");
    for sign in ["{", "}", ";", ","] {
        compact = compact.replace(&format!(" {sign}"), sign);
        compact = compact.replace(&format!("{sign} "), sign);
    }
    compact
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compact_sheet_says_the_same() {
        let sheet = "/* Head */\na , b { color : red ; margin: 0 1px; }\n\
                     /* x */ @media (a: b) { i { top: 0 } }";
        let said = "a,b{color : red;margin: 0 1px;}@media (a: b){i{top: 0}}";
        assert_eq!(compact(sheet), said);
        let in_quotes = STYLE.split('"').skip(1).step_by(2);
        let breaks = |text: &str| text.contains("  ") || text.contains(['{', '}', ';', ',']);
        assert_eq!(in_quotes.filter(|text| breaks(text)).count(), 0);
    }
}
