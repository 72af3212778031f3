//! Rendering, and the context that every page has: language, village, the signed-in person, and the
//! token for its forms.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::response::{Html, IntoResponse as _, Response};

use super::verbatim_html::with_languages;
use crate::i18n::locale::Lang;

/// The context of a page.
#[derive(Debug, Clone, Default)]
pub struct PageContext {
    /// Language.
    pub lang: Lang,
    /// “Thôn Bến Thóc”.
    pub village: String,
    /// “xã Đồng Nếp”.
    pub commune: String,
    /// “Ông Mẫu”; empty = nobody is signed in.
    pub person: String,
    /// May speak, publish, manage people.
    pub is_chief: bool,
    /// Which of the five tabs at the bottom is open.
    pub tab: &'static str,
    /// Token for forms.
    pub csrf: String,
    /// The announcement on air; “Dừng tất cả” stands on every page then.
    pub on_air: Option<String>,
    /// Entry number for live updates to go on from.
    pub seq: u64,
    /// Telephone of the technician; empty = none is known.
    pub technician: String,
    /// Larger text was asked for.
    pub big: bool,
    /// A message that is shown once: what just happened.
    pub flash: Option<String>,
    /// Moment of the page by the gateway's monotonic clock, for the script that tells how old a tap
    /// is; empty = the page has no script.
    pub stamp: String,
    /// “09:12”, when the page was made.
    pub clock: String,
    /// HTML of the bar that offers to take back what was just done; empty = there is nothing.
    pub undo: String,
}

/// A telephone as a phone dials it: digits and a leading plus.
#[must_use]
pub fn dial(phone: &str) -> String {
    let is_dialled = |c: &char| c.is_ascii_digit() || *c == '+';
    phone.chars().filter(is_dialled).collect()
}

impl PageContext {
    /// The technician's telephone as a phone dials it: digits and a leading plus.
    #[must_use]
    pub fn technician_dial(&self) -> String {
        dial(&self.technician)
    }

    /// The tag of the language that this page is not in.
    #[must_use]
    pub const fn other(&self) -> &'static str {
        self.lang.other().tag()
    }

    /// Words that nobody translates, as this page shows them.
    #[must_use]
    pub fn verbatim(&self, words: &str) -> String {
        self.lang.verbatim(words)
    }

    /// The text of a key.
    #[must_use]
    pub fn t(&self, key: &str) -> String {
        self.lang.t(key)
    }

    /// The text of a key with one argument.
    #[must_use]
    pub fn t1(&self, key: &str, name: &str, value: impl std::fmt::Display) -> String {
        self.lang.f(key, &[(name, &value.to_string())])
    }

    /// The text of a key with two arguments.
    #[must_use]
    pub fn t2(
        &self,
        key: &str,
        a: &str,
        x: impl std::fmt::Display,
        b: &str,
        y: impl std::fmt::Display,
    ) -> String {
        self.lang
            .f(key, &[(a, &x.to_string()), (b, &y.to_string())])
    }
}

/// Renders a page.
#[must_use]
pub fn render(template: &impl askama::Template) -> Response {
    render_with(StatusCode::OK, template)
}

/// Renders a page with a status.
#[must_use]
pub fn render_with(status: StatusCode, template: &impl askama::Template) -> Response {
    match page_html(template) {
        Some(html) => (status, Html(html)).into_response(),
        None => failed_page(),
    }
}

/// A page as HTML; none = its template failed. The cause is logged here, once.
#[must_use]
pub fn page_html(template: &impl askama::Template) -> Option<String> {
    let html = template.render();
    let html = html.inspect_err(|error| tracing::error!(%error, "page template failed to render"));
    html.ok().map(with_languages)
}

/// The answer instead of a page that could not be made.
#[must_use]
pub fn failed_page() -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, "trang này chưa mở được").into_response()
}

/// A text as HTML and XML show it, also within an attribute.
#[must_use]
pub fn markup_escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Redirects with 303 See Other: the response to a form, so that a reload repeats nothing.
#[must_use]
pub fn redirect_see_other(path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, path.to_owned())]).into_response()
}

/// A file that is part of the program; browsers cache it for a day.
#[must_use]
pub fn asset(kind: &'static str, content: &'static [u8]) -> Response {
    (
        [
            (CONTENT_TYPE, kind),
            (axum::http::header::CACHE_CONTROL, "public, max-age=86400"),
        ],
        content,
    )
        .into_response()
}

#[derive(askama::Template)]
#[template(
    source = "<li><span class=\"mark {{ mark }}\"></span>\
        <span class=\"what\"><b>{{ words }}</b></span>\
        <time class=\"num\">{{ side }}</time></li>",
    ext = "html"
)]
struct PlainRow<'a> {
    mark: &'a str,
    words: &'a str,
    side: &'a str,
}

/// A row of plain text with a time at the right; `mark` is `""` well, `off`, `bad`, `warn`.
#[must_use]
pub fn plain_row(mark: &str, words: &str, side: &str) -> String {
    let row = askama::Template::render(&PlainRow { mark, words, side });
    with_languages(row.unwrap_or_default())
}

/// A part of a text: words, or a telephone number with the digits that a phone dials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextSpan {
    /// As it is read.
    pub words: String,
    /// Digits to dial; empty = just words.
    pub dial: String,
}

impl TextSpan {
    /// A telephone that stands alone.
    #[must_use]
    pub fn telephone(number: &str) -> Self {
        Self {
            words: number.to_owned(),
            dial: dial(number),
        }
    }
}

/// Bytes of the telephone number that a text begins with, and what a phone dials: a 0 or a +84, and
/// nine digits more (ten after a 2), one space or full stop between digits at most; none = it does
/// not begin with one.
fn parse_phone(text: &str) -> Option<(usize, String)> {
    let (prefix, rest) = ["0", "+84"]
        .iter()
        .find_map(|prefix| Some((*prefix, text.strip_prefix(prefix)?)))?;
    let bytes = rest.as_bytes();
    let (mut digits, mut at) = (String::new(), 0);
    while digits.len() < 9 + usize::from(digits.starts_with('2')) {
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(d), _) if d.is_ascii_digit() => digits.push(char::from(*d)),
            (Some(b' ' | b'.'), Some(d)) if d.is_ascii_digit() => {}
            _ => break,
        }
        at += 1;
    }
    let ends = bytes.get(at).is_none_or(|b| !b.is_ascii_digit());
    let dial = format!("{prefix}{digits}");
    (digits.len() >= 9 && ends).then_some((prefix.len() + at, dial))
}

/// Splits a text at its telephone numbers: a number that cannot be tapped is copied wrongly at
/// night.
#[must_use]
pub fn split_phones(text: &str) -> Vec<TextSpan> {
    let mut out: Vec<TextSpan> = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_fresh = matches!(first, '0' | '+')
            && !plain.ends_with(|c: char| c.is_alphanumeric() || c == '.');
        if let Some((length, dial)) = parse_phone(rest).filter(|_| is_fresh) {
            if !plain.is_empty() {
                out.push(TextSpan {
                    words: std::mem::take(&mut plain),
                    dial: String::new(),
                });
            }
            out.push(TextSpan {
                words: rest[..length].to_owned(),
                dial,
            });
            rest = &rest[length..];
        } else {
            plain.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    if !plain.is_empty() {
        out.push(TextSpan {
            words: plain,
            dial: String::new(),
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telephone_numbers_can_be_tapped_and_nothing_else() {
        let told = |text: &str| {
            split_phones(text)
                .into_iter()
                .map(|p| (p.words, p.dial))
                .collect::<Vec<_>>()
        };
        let words = |w: &str| (w.to_owned(), String::new());
        assert_eq!(
            told("Trực: 0000 000 011. Nguồn"),
            [
                words("Trực: "),
                ("0000 000 011".to_owned(), "0000000011".to_owned()),
                words(". Nguồn")
            ]
        );
        let dialled = |text: &str| {
            split_phones(text)
                .into_iter()
                .map(|p| p.dial)
                .filter(|d| !d.is_empty())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            dialled("0912 345 678 2 lần, 0912 345 678. 2 xe"),
            ["0912345678", "0912345678"]
        );
        assert_eq!(
            dialled("0912345678 24 giờ; 0912345679 0912345680; 024 3825 1234"),
            ["0912345678", "0912345679", "0912345680", "02438251234"]
        );
        assert_eq!(
            dialled("+84 912 345 678; +842438251234; 84 912 345 678; +84 12; a+84912345678"),
            ["+84912345678", "+842438251234"]
        );
        let abroad = TextSpan::telephone("+84 912 345 678");
        assert_eq!(abroad.dial, "+84912345678");
        for text in [
            "",
            "Ngày 21/11/2026, 07 giờ",
            "mã 1.001193",
            "số 10000000000",
            "A0123456789",
            "0 giờ 30 ngày 01.02",
        ] {
            assert_eq!(
                told(text),
                if text.is_empty() {
                    vec![]
                } else {
                    vec![words(text)]
                }
            );
        }
    }
}
