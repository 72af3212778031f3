//! The text of a feed as the body of a draft: Markdown that shows each of its words and nothing
//! else.
//!
//! Invariants: no line becomes a heading, a list, bold words or a link with words of its own,
//! whatever characters it holds; what is made is read back and compared before it is used. A line
//! that shows itself stays as it is, so that whoever edits the draft reads plain words. An address
//! of the web leads somewhere only at the feed's own site and at official hosts; of any other the
//! scheme is left out, so it is words. Somebody who reads the draft and knows that page may write
//! the scheme in again. Telephone numbers dial what they show, as in any text. Deliberately absent:
//! a judgement of the words.

use url::Url;

use crate::config::board::{BoardConfig, FeedConfig};
use crate::domain::notice::MAX_BODY_CHARS;
use crate::http::notice_body::{NoticeBlockKind, blocks, split_address};

/// Schemes that make words an address.
const SCHEMES: [&str; 2] = ["https://", "http://"];
/// Characters that mean something within a line.
const MARKS: &str = "\\`*_[]<>&";

/// The hosts to which addresses of a feed may lead.
pub(super) struct LedHosts<'a> {
    board: &'a BoardConfig,
    /// The host of the feed, without `www.`; none = it has none.
    own: Option<String>,
}

impl<'a> LedHosts<'a> {
    /// Those of a feed.
    pub(super) fn of(board: &'a BoardConfig, feed: &FeedConfig) -> Self {
        let own = Url::parse(&feed.url).ok();
        let own = own.and_then(|url| url.host_str().map(|host| without_www(host).to_owned()));
        Self { board, own }
    }

    /// An address may lead somewhere: its host is the feed's or one below it, or it is official.
    /// One above may be everybody's, as of a site that somebody else lets.
    fn allow(&self, address: &str) -> bool {
        let url = Url::parse(address).ok();
        let host = url.as_ref().and_then(Url::host_str).map(without_www);
        let is_own = self
            .own
            .as_deref()
            .zip(host)
            .is_some_and(|(own, host)| own == host || is_below(host, own));
        is_own || self.board.allows(address)
    }
}

fn without_www(host: &str) -> &str {
    host.strip_prefix("www.").unwrap_or(host)
}

fn is_below(host: &str, of: &str) -> bool {
    host.strip_suffix(of)
        .is_some_and(|rest| rest.ends_with('.'))
}

/// The body that shows these lines; lines beyond what a body may have are left out.
pub(super) fn draft_body<'a>(
    lines: impl IntoIterator<Item = &'a str>,
    to: &LedHosts<'_>,
) -> String {
    let mut body = String::new();
    let mut left = MAX_BODY_CHARS;
    for line in lines {
        let line = with_led_addresses(line.trim(), to);
        if line.is_empty() {
            continue;
        }
        let shown = plain_line(&line, to);
        // An empty line between two keeps one from changing what the other means.
        let took = shown.chars().count() + 2;
        if took > left {
            break;
        }
        left -= took;
        if !body.is_empty() {
            body.push_str("\n\n");
        }
        body.push_str(&shown);
    }
    body
}

/// A line without the schemes of addresses that may lead nowhere.
fn with_led_addresses(line: &str, to: &LedHosts<'_>) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, address, after)) = split_address(rest) {
        out.push_str(before);
        let mut words = address;
        if !to.allow(address) {
            while let Some(bare) = SCHEMES.iter().find_map(|scheme| words.strip_prefix(scheme)) {
                words = bare;
            }
        }
        out.push_str(words);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Markdown that shows a line.
fn plain_line(line: &str, to: &LedHosts<'_>) -> String {
    // HTML may go on behind its line, and then nothing there is escaped.
    let is_html = line.starts_with('<');
    let first = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let first = line.len() - first.len();
    let is_mark = |c: char| MARKS.contains(c);
    let tries = [
        (!is_html).then(|| line.to_owned()),
        (!is_html).then(|| escaped(line, |at, _| at == first)),
        Some(escaped(line, |at, c| at == first || is_mark(c))),
    ];
    let mut tries = tries.into_iter().flatten();
    tries
        .find(|markdown| shows(markdown, line, to))
        .unwrap_or_else(|| escaped(&line.replace("://", ": //"), |_, _| true))
}

/// A line with a backslash before each mark of ASCII that is chosen by its place and itself.
fn escaped(line: &str, is_chosen: impl Fn(usize, char) -> bool) -> String {
    let mut out = String::with_capacity(line.len() + 8);
    for (at, c) in line.char_indices() {
        if c.is_ascii_punctuation() && is_chosen(at, c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Readers of this Markdown see the line as it is, in one paragraph, and nothing leads where it may
/// not.
fn shows(markdown: &str, line: &str, to: &LedHosts<'_>) -> bool {
    let blocks = blocks(markdown, str::to_owned);
    let [block] = blocks.as_slice() else {
        return false;
    };
    let ([spans], NoticeBlockKind::Paragraph) = (block.items.as_slice(), block.kind) else {
        return false;
    };
    let words: String = spans.iter().map(|span| span.words.as_str()).collect();
    words == line
        && spans.iter().all(|span| {
            let leads = !span.href.is_empty() && !span.href.starts_with("tel:");
            !span.is_bold && !span.is_break && (!leads || to.allow(&span.href))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::notice_body::{paragraphs, web_links};

    fn feed() -> FeedConfig {
        FeedConfig {
            name: "Xã Đồng Nếp".to_owned(),
            url: "https://www.xa.example/rss".to_owned(),
            hours: 6,
            inside: false,
        }
    }

    fn body(text: &str) -> String {
        let board = BoardConfig::default();
        draft_body(text.lines(), &LedHosts::of(&board, &feed()))
    }

    #[test]
    fn what_an_office_writes_stays_as_it_is() {
        for text in [
            "Kính mời bà con họp thôn lúc 19 giờ 30 (thứ Bảy, 5/12), tại nhà văn hóa.",
            "Thu 48.600.000 đ; chi 31.250.000 đ - còn 17.350.000 đ!",
            "a_b_c, 5 & 6, số 12/QĐ-UBND, *101#",
            "Xem https://xa.example/tin_tuc_1 và https://dichvucong.gov.vn/a?b=1&c=2.",
        ] {
            assert_eq!(body(text), text);
            assert_eq!(paragraphs(&body(text)), [text]);
        }
    }

    #[test]
    fn nothing_of_a_stranger_becomes_a_link_a_heading_or_bold() {
        for text in [
            "Xác nhận tại [https://dichvucong.gov.vn](https://dichvucong-gov.example/otp)",
            "[bấm đây](https://evil.example)",
            "![a](https://evil.example/a.gif)",
            "<https://evil.example> <a@evil.example>",
            "[a]: https://evil.example",
            "**đậm** __đậm__ *nghiêng* _a_ `mã`",
            "# To",
            "### Nhỏ ###",
            "> trích",
            "- một",
            "+ một",
            "* một",
            "12. mười hai",
            "3) ba",
            "---",
            "***",
            "===",
            "```",
            "~~~",
            "<script>alert(1)</script>",
            "<!-- chưa hết",
            "&lt;b&gt; &#60; &copy;",
            "\\*a\\* cuối\\",
            "https://u@evil.example https://evil.example/otp",
            "http://http://https://evil.example",
            "[1](tel:1900)",
        ] {
            let body = body(text);
            let read = blocks(&body, str::to_owned);
            let kinds: Vec<_> = read.iter().map(|block| block.kind).collect();
            assert_eq!(kinds, [NoticeBlockKind::Paragraph], "{text}: {body}");
            let spans: Vec<_> = read.iter().flat_map(|b| &b.items).flatten().collect();
            assert!(spans.iter().all(|s| !s.is_bold), "{text}: {body}");
            let hrefs: Vec<_> = spans.iter().filter(|s| !s.href.is_empty()).collect();
            let are_led = hrefs.iter().all(|s| s.href == "https://dichvucong.gov.vn/");
            assert!(are_led, "{text}: {hrefs:?}");
        }
    }

    #[test]
    fn an_address_leads_to_the_site_of_the_feed_and_to_official_hosts_alone() {
        let leads = |text: &str| web_links(&body(text));
        for own in [
            "https://xa.example/1",
            "https://www.xa.example/1",
            "http://dichvu.xa.example/1",
            "https://vneid.gov.vn/",
        ] {
            assert_eq!(leads(&format!("Xem {own}")), [own]);
        }
        for strange in [
            "https://evil.example/1",
            "https://xa.example.evil.example/",
            "https://xxa.example/",
            "https://example/",
            "https://dichvucong.gov.vn.evil.example/",
        ] {
            let text = format!("Xem {strange} ngay");
            assert!(leads(&text).is_empty(), "{strange}");
            let bare = text.replace("https://", "");
            assert_eq!(paragraphs(&body(&text)), [bare]);
        }
        // A number is what it shows.
        let spans = blocks(&body("Gọi 0977 123 456"), str::to_owned);
        assert_eq!(spans[0].items[0][1].href, "tel:0977123456");
    }

    #[test]
    fn a_site_that_somebody_lets_leads_not_to_those_who_let_it() {
        let board = BoardConfig::default();
        let mut feed = feed();
        feed.url = "https://sites.xa.example/rss".to_owned();
        let to = LedHosts::of(&board, &feed);
        assert!(to.allow("https://sites.xa.example/1") && to.allow("https://a.sites.xa.example/"));
        assert!(!to.allow("https://xa.example/url?q=https://evil.example"));
    }

    #[test]
    fn lines_do_not_change_what_others_mean() {
        let text = "Tin\n===\n<script>\n[a](https://evil.example)\n```\n**b**\n- c\nd";
        let bare = text.replace("https://", "");
        assert_eq!(paragraphs(&body(text)), bare.lines().collect::<Vec<_>>());
        let long = "*a* b".repeat(600);
        let all = format!("{long}\n{long}\nhết");
        assert!(body(&all).chars().count() <= MAX_BODY_CHARS);
        assert_eq!(paragraphs(&body(&all)), [long]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_its_own_words(
            text in "([-a-c0-9 \\\\`*_\\[\\]()<>&#+=~!.:/@|\"']|http://|https://|\n|ă){0,60}"
        ) {
            let body = body(&text);
            for block in blocks(&body, str::to_owned) {
                assert_eq!(block.kind, NoticeBlockKind::Paragraph, "{text:?}: {body:?}");
                for span in block.items.iter().flatten() {
                    let leads = !span.href.is_empty() && !span.href.starts_with("tel:");
                    assert!(!span.is_bold && !leads, "{text:?}: {body:?}");
                }
            }
        }
    }
}
