//! The style sheets that pages have in common.

use std::sync::LazyLock;

/// The style sheet of the village's pages and the commune's.
pub const STYLE: &str = include_str!("assets/village.css");

/// The sheet of the visitors' pages, which stands in each of them: what only they have, and what of
/// [`STYLE`] they have too.
pub static BOARD_STYLE: LazyLock<String> = LazyLock::new(|| {
    let sheet = [STYLE, include_str!("assets/board.css")].concat();
    without(&compact(&sheet), &NOT_FOR_VISITORS)
});

/// The same for the storm page alone, which an old phone must open at once: without the parts of
/// other pages.
pub static STORM_STYLE: LazyLock<String> = LazyLock::new(|| without(&BOARD_STYLE, &NOT_IN_A_STORM));

/// Parts that the storm page does not have.
pub const NOT_IN_A_STORM: [&str; 34] = [
    ".call",
    ".sides",
    "ol.way",
    ".way li",
    ".map",
    ".doors",
    ".check",
    ".code",
    "ol.say",
    ".tiles",
    "nav.tiles",
    ".kinds",
    ".photo",
    ".facts",
    ".words",
    "blockquote",
    ".pass",
    ".papers",
    "input",
    "label",
    "audio",
    ".go",
    ".stop",
    ".huge",
    ".pair",
    ".brief",
    ".tag",
    "h1.day",
    ".lead",
    ".address",
    "a.address",
    "details",
    "summary",
    "[open]",
];

/// Names that no page of visitors has. A rule that is about nothing else is not sent to them.
pub const NOT_FOR_VISITORS: [&str; 40] = [
    ".dial",
    ".danger",
    "summary.button",
    ".feet",
    ".picture",
    ".wall",
    ".poster",
    ".chart",
    ".week",
    ".watch",
    ".switch",
    ".undo",
    ".old",
    ".kept",
    ".scroll",
    "main.wide",
    ".bar.wide",
    ".apart",
    ".ok",
    "#link",
    "#urgent",
    "#alarm",
    "#broken",
    "#broken-more",
    "#on-air",
    "aria-invalid",
    "table",
    "th",
    "td",
    "select",
    "textarea",
    "fieldset",
    "legend",
    "video",
    "time",
    ".rows form",
    ".rows button",
    ".rows label",
    "form.pair",
    "::placeholder",
];

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

/// A compact sheet without the rules that are about these names, without the space behind colons
/// and the last semicolon of a rule. No selector may have a comma in brackets.
fn without(sheet: &str, names: &[&str]) -> String {
    let mut small = String::with_capacity(sheet.len());
    let mut rest = sheet;
    while let Some((head, behind)) = rest.split_once('{') {
        let end = end_of_block(behind);
        let (block, after) = behind.split_at(end);
        rest = after.strip_prefix('}').unwrap_or_default();
        let is_group = head.starts_with("@media");
        let selectors = head
            .split(',')
            .filter(|selector| !is_about(selector, names));
        let selectors = selectors.collect::<Vec<_>>().join(",").replace(" > ", ">");
        let block = if is_group {
            without(block, names)
        } else {
            let block = block.trim().trim_end_matches(';');
            block.replace(": ", ":")
        };
        if !selectors.is_empty() && !block.is_empty() {
            small.push_str(&format!("{}{{{block}}}", selectors.trim()));
        }
    }
    small
}

/// Where the brace is that ends a block.
fn end_of_block(text: &str) -> usize {
    let mut depth = 0_u32;
    for (at, sign) in text.char_indices() {
        match sign {
            '{' => depth += 1,
            '}' if depth == 0 => return at,
            '}' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

/// Whether a selector is about one of these classes, ids and elements.
fn is_about(selector: &str, names: &[&str]) -> bool {
    let is_part = |sign: char| sign.is_ascii_alphanumeric() || sign == '-';
    names.iter().any(|name| {
        selector.match_indices(name).any(|(at, _)| {
            let before = selector[..at].chars().next_back();
            let after = selector[at + name.len()..].chars().next();
            let begins = !name.starts_with(is_part) || !before.is_some_and(is_part);
            let is_class = !name.starts_with(is_part) || before != Some('.');
            begins && is_class && !after.is_some_and(is_part)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visitors_get_no_rule_that_is_about_other_pages() {
        let sheet = compact(
            ".feet, .say { top: 0; } .feet a { x: y } .quiet .ok { a: b } time { c: d }\n\
             @media print { .wall { a: b } .timer > a { top: 1px; } }\n\
             @media (a: b) { td { c: d } }\n\
             @page { margin: 15mm; } .rows a.what, .rows label.what { a: b }",
        );
        assert_eq!(
            without(&sheet, &NOT_FOR_VISITORS),
            ".say{top:0}@media print{.timer>a{top:1px}}@page{margin:15mm}.rows a.what{a:b}"
        );
        let selectors = STYLE.split('}').filter_map(|rule| rule.split_once('{'));
        for (selector, _) in selectors {
            let in_brackets = selector
                .split('(')
                .skip(1)
                .filter_map(|s| s.split(')').next());
            assert!(in_brackets.clone().all(|s| !s.contains(',')), "{selector}");
        }
        let open = BOARD_STYLE.matches('{').count();
        assert_eq!(open, BOARD_STYLE.matches('}').count());
        assert!(BOARD_STYLE.len() < 11_200, "{} bytes", BOARD_STYLE.len());
        assert!(STORM_STYLE.len() < 7_000, "{} bytes", STORM_STYLE.len());
        for name in [".say", ".rows>li", ".calls a", ".skip", ".paper", "main a"] {
            assert!(STORM_STYLE.contains(name), "{name}");
        }
    }

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
