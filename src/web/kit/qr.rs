//! Codes (QR) of links and of the wifi.
//!
//! Invariants: a code holds a text that stands beside it in letters; it has the four light modules
//! of margin that readers need; its size is bounded by the length of links. Deliberately absent:
//! logos and colours in a code. Old phones do not read them.

use std::fmt::Write as _;

use fast_qr::{ECL, QRBuilder};

/// Longest text of a code, bytes: a public base, a path and an id.
pub const MAX_CODE_BYTES: usize = 300;
/// Light modules around a code.
pub const MARGIN: usize = 4;

/// How much of a code may be lost before it cannot be read any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeUse {
    /// On paper indoors, or on a screen.
    Paper,
    /// On a wall outside, engraved or under the sun.
    Outside,
}

/// A code: dark and light modules in a square.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeMatrix {
    size: usize,
    dark: Vec<bool>,
}

impl CodeMatrix {
    /// The code of a text; none = the text is too long for one.
    #[must_use]
    pub fn new(text: &str, usage: CodeUse) -> Option<Self> {
        if text.len() > MAX_CODE_BYTES {
            return None;
        }
        let level = match usage {
            CodeUse::Paper => ECL::M,
            CodeUse::Outside => ECL::Q,
        };
        let code = QRBuilder::new(text).ecl(level).build().ok()?;
        let size = code.size;
        let dark = (0..size)
            .flat_map(|y| code[y][..size].iter().map(|module| module.value()))
            .collect();
        Some(Self { size, dark })
    }

    /// Modules of a side, without the margin.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// The runs of dark modules: row, first module, how many.
    pub fn runs(&self) -> impl Iterator<Item = (usize, usize, usize)> + '_ {
        self.dark
            .chunks(self.size.max(1))
            .enumerate()
            .flat_map(|(y, row)| {
                let mut x = 0;
                std::iter::from_fn(move || {
                    x += row[x..].iter().take_while(|dark| !**dark).count();
                    let run = row[x..].iter().take_while(|dark| **dark).count();
                    let from = x;
                    x += run;
                    (run > 0).then_some((y, from, run))
                })
            })
    }

    /// The code as a drawing; `words` tells what it is.
    #[must_use]
    pub fn svg(&self, words: &str) -> String {
        let side = self.size + 2 * MARGIN;
        let words = words
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('"', "&quot;");
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" role=\"img\" \
             aria-label=\"{words}\" shape-rendering=\"crispEdges\">\
             <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/>\
             <path d=\""
        );
        // A stroke of a row is half as long in bytes as its outline.
        for (y, x, run) in self.runs() {
            let _ = write!(out, "M{} {}h{run}", x + MARGIN, y + MARGIN);
        }
        out.push_str("\" stroke=\"#000\" transform=\"translate(0 .5)\"/></svg>");
        out
    }
}

/// The text of the code by which a phone joins an open wifi. Signs that have a meaning in it are
/// escaped.
#[must_use]
pub fn wifi_text(name: &str) -> String {
    let mut out = "WIFI:T:nopass;S:".to_owned();
    for c in name.chars() {
        if matches!(c, '\\' | ';' | ',' | ':' | '"') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push_str(";;");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wifi_is_named_as_phones_read_it() {
        assert_eq!(
            wifi_text("Thôn Bến Thóc"),
            "WIFI:T:nopass;S:Thôn Bến Thóc;;"
        );
        assert_eq!(
            wifi_text("a;b\\c:\"d\",e"),
            "WIFI:T:nopass;S:a\\;b\\\\c\\:\\\"d\\\"\\,e;;"
        );
    }

    #[test]
    fn a_code_has_its_three_corners_and_its_margin() {
        let code = CodeMatrix::new("https://benthoc.example/r", CodeUse::Outside).expect("fits");
        let first: Vec<_> = code.runs().take_while(|(y, ..)| *y == 0).collect();
        assert_eq!(first.first(), Some(&(0, 0, 7)));
        assert_eq!(first.last(), Some(&(0, code.size() - 7, 7)));
        let svg = code.svg("mã \"thử\" <1>");
        assert!(
            svg.contains("aria-label=\"mã &quot;thử&quot; &lt;1>\""),
            "{svg}"
        );
        assert!(svg.contains(&format!("viewBox=\"0 0 {0} {0}\"", code.size() + 8)));
        assert_eq!(CodeMatrix::new(&"x".repeat(301), CodeUse::Paper), None);
    }
}
