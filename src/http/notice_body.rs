//! The body of a notice, as it is shown: a subset of Markdown, read into blocks of spans.
//!
//! Invariants: what comes out is paragraphs, two sizes of headings, two kinds of lists, bold words
//! and links, and nothing else; the templates write their tags and escape every word. HTML in a
//! body is read as the characters that it is made of. A link leads to `http`, `https`, `tel` or
//! `mailto` and names no user of a host; any other is its words alone. The host or number of a link
//! stands behind its words unless they say it, so no words hide where it leads. Each line that
//! somebody typed stays a line of its own. The tree has one level, so no body makes it deep.
//! Deliberately absent: pictures in the text (they are attachments), tables, raw HTML, code.

use pulldown_cmark::{
    Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, TextMergeStream,
};
use url::Url;

use super::render::split_phones;

/// A part of a line: words that look alike and lead to one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NoticeSpan {
    /// As it is read.
    pub words: String,
    /// In bold.
    pub is_bold: bool,
    /// Where it leads; empty = nowhere.
    pub href: String,
    /// A line ends here; it has no words.
    pub is_break: bool,
}

/// The kind of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeBlockKind {
    /// A heading beneath the title.
    Heading,
    /// A smaller one.
    Subheading,
    /// A paragraph.
    Paragraph,
    /// A list with bullets.
    Bullets,
    /// A list with numbers.
    Numbers,
}

/// A block of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeBlock {
    /// Its kind.
    pub kind: NoticeBlockKind,
    /// The first number of a list with numbers.
    pub start: u64,
    /// Its items; all but lists have one.
    pub items: Vec<Vec<NoticeSpan>>,
}

impl NoticeBlock {
    const fn new(kind: NoticeBlockKind) -> Self {
        Self {
            kind,
            start: 1,
            items: Vec::new(),
        }
    }

    /// The name of its element.
    #[must_use]
    pub const fn tag(&self) -> &'static str {
        match self.kind {
            NoticeBlockKind::Heading => "h2",
            NoticeBlockKind::Subheading => "h3",
            NoticeBlockKind::Paragraph => "p",
            NoticeBlockKind::Bullets => "ul",
            NoticeBlockKind::Numbers => "ol",
        }
    }

    /// It is a list.
    #[must_use]
    pub const fn is_list(&self) -> bool {
        matches!(
            self.kind,
            NoticeBlockKind::Bullets | NoticeBlockKind::Numbers
        )
    }
}

/// The body as blocks; `shown` makes the words of a page of words that somebody typed.
#[must_use]
pub fn blocks(body: &str, shown: impl Fn(&str) -> String) -> Vec<NoticeBlock> {
    let mut blocks = parse(body);
    let items = blocks.iter_mut().flat_map(|block| &mut block.items);
    for span in items.flatten().filter(|span| !span.is_break) {
        // A telephone number is the same in every language.
        if !span.href.starts_with("tel:") {
            span.words = shown(&span.words);
        }
    }
    blocks
}

/// The body as plain lines: to be read aloud, cut for a list, or sent as a message.
#[must_use]
pub fn paragraphs(body: &str) -> Vec<String> {
    let line = |spans: &[NoticeSpan]| -> String {
        spans
            .iter()
            .map(|span| if span.is_break { " " } else { &*span.words })
            .collect()
    };
    parse(body)
        .iter()
        .flat_map(|block| &block.items)
        .map(|item| line(item))
        .collect()
}

/// The body as plain lines in which the points of a list keep their marks: to be sent or printed.
#[must_use]
pub fn marked_lines(body: &str) -> Vec<String> {
    let mut lines = paragraphs(body);
    let blocks = parse(body);
    let marks = blocks.iter().flat_map(|block| {
        let numbers = block.start..;
        block
            .items
            .iter()
            .zip(numbers)
            .map(|(_, n)| match block.kind {
                NoticeBlockKind::Bullets => "- ".to_owned(),
                NoticeBlockKind::Numbers => format!("{n}. "),
                _ => String::new(),
            })
    });
    for (line, mark) in lines.iter_mut().zip(marks) {
        line.insert_str(0, &mark);
    }
    lines
}

/// The addresses of the web to which a body leads.
#[must_use]
pub fn web_links(body: &str) -> Vec<String> {
    let blocks = parse(body);
    let spans = blocks.into_iter().flat_map(|block| block.items).flatten();
    let mut links: Vec<String> = spans
        .map(|span| span.href)
        .filter(|href| href.starts_with("https://") || href.starts_with("http://"))
        .collect();
    // A link has several spans.
    links.dedup();
    links
}

fn parse(body: &str) -> Vec<NoticeBlock> {
    let mut reader = NoticeBodyReader::default();
    let body = with_lists_ended(body);
    for event in TextMergeStream::new(Parser::new_ext(&body, Options::empty())) {
        reader.take(event);
    }
    reader.end_block();
    reader.blocks
}

/// The body with an empty line behind each list: Markdown takes a line that follows at its margin
/// into the last item, and whoever typed it meant a line of its own.
fn with_lists_ended(body: &str) -> String {
    let mut ended = String::with_capacity(body.len() + 16);
    let mut is_in_list = false;
    for line in body.split_inclusive('\n') {
        let is_blank = line.trim().is_empty();
        let is_item = begins_item(line.trim_start());
        if is_in_list && !is_blank && !is_item && !line.starts_with([' ', '\t']) {
            ended.push('\n');
            is_in_list = false;
        }
        is_in_list = is_item || (is_in_list && !is_blank);
        ended.push_str(line);
    }
    ended
}

fn begins_item(line: &str) -> bool {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let mark = if (1..=9).contains(&digits) {
        line[digits..].strip_prefix(['.', ')'])
    } else {
        line.strip_prefix(['-', '*', '+'])
    };
    mark.is_some_and(|rest| rest.starts_with([' ', '\t']))
}

/// Collects blocks from the events of the parser.
#[derive(Default)]
struct NoticeBodyReader {
    blocks: Vec<NoticeBlock>,
    /// The line that is being read.
    line: Vec<NoticeSpan>,
    heading: Option<NoticeBlockKind>,
    /// How many lists are open; items of inner lists become items of the outermost.
    lists: usize,
    bold: usize,
    /// Where the open links lead.
    links: Vec<String>,
    /// The words of the open link.
    link_words: String,
}

impl NoticeBodyReader {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.open(tag),
            Event::End(tag) => self.close(tag),
            Event::Text(words) if self.links.is_empty() => self.words(&words),
            Event::Text(words) => {
                self.link_words.push_str(&words);
                self.span(&words, self.links.last().cloned());
            }
            // Code and HTML are the characters that somebody typed.
            Event::Code(words)
            | Event::Html(words)
            | Event::InlineHtml(words)
            | Event::InlineMath(words)
            | Event::DisplayMath(words)
            | Event::FootnoteReference(words) => self.words(&words),
            Event::SoftBreak | Event::HardBreak => self.end_line(),
            Event::Rule | Event::TaskListMarker(_) => self.end_block(),
        }
    }

    fn open(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => {
                self.end_block();
                self.heading = Some(match level {
                    HeadingLevel::H1 | HeadingLevel::H2 => NoticeBlockKind::Heading,
                    _ => NoticeBlockKind::Subheading,
                });
            }
            Tag::List(start) => {
                self.end_block();
                if self.lists == 0 {
                    let mut list = NoticeBlock::new(if start.is_some() {
                        NoticeBlockKind::Numbers
                    } else {
                        NoticeBlockKind::Bullets
                    });
                    list.start = start.unwrap_or(1);
                    self.blocks.push(list);
                }
                self.lists += 1;
            }
            Tag::Item | Tag::BlockQuote(_) | Tag::CodeBlock(_) | Tag::HtmlBlock => self.end_block(),
            // A second paragraph of an item is another line of it.
            Tag::Paragraph if self.lists > 0 && !self.line.is_empty() => self.end_line(),
            Tag::Strong => self.bold += 1,
            Tag::Link {
                link_type: LinkType::Email,
                dest_url,
                ..
            } => self.open_link(safe_href(&format!("mailto:{dest_url}"))),
            Tag::Link { dest_url, .. } => self.open_link(safe_href(&dest_url)),
            // The words that stand for a picture are words.
            _ => {}
        }
    }

    fn close(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Strong => self.bold = self.bold.saturating_sub(1),
            TagEnd::Link => {
                if let Some(href) = self.links.pop()
                    && let Some(target) = undisclosed_target(&self.link_words, &href)
                {
                    self.span(&format!(" ({target})"), Some(href));
                }
            }
            TagEnd::Paragraph if self.lists > 0 => {}
            TagEnd::List(_) => {
                self.end_block();
                self.lists = self.lists.saturating_sub(1);
            }
            TagEnd::Paragraph
            | TagEnd::Heading(_)
            | TagEnd::Item
            | TagEnd::CodeBlock
            | TagEnd::HtmlBlock
            | TagEnd::BlockQuote(_) => {
                self.end_block();
                self.heading = None;
            }
            _ => {}
        }
    }

    fn open_link(&mut self, href: String) {
        self.links.push(href);
        self.link_words.clear();
    }

    /// A line that somebody typed is a paragraph, or a line of an item.
    fn end_line(&mut self) {
        if self.lists == 0 && self.heading.is_none() {
            self.end_block();
        } else {
            self.line.push(NoticeSpan {
                is_break: true,
                ..NoticeSpan::default()
            });
        }
    }

    /// Puts the line that is being read where it belongs.
    fn end_block(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        while line.last().is_some_and(|span| span.is_break) {
            line.pop();
        }
        if line.iter().all(|span| span.words.trim().is_empty()) {
            return;
        }
        let open_list = self.blocks.last_mut().filter(|b| b.is_list());
        match open_list.filter(|_| self.lists > 0) {
            Some(list) => list.items.push(line),
            None => {
                let kind = self.heading.unwrap_or(NoticeBlockKind::Paragraph);
                let mut block = NoticeBlock::new(kind);
                block.items.push(line);
                self.blocks.push(block);
            }
        }
    }

    /// Words outside links: lines, addresses and telephone numbers are found in them.
    fn words(&mut self, words: &str) {
        for (number, line) in words.split('\n').enumerate() {
            if number > 0 {
                self.end_line();
            }
            let mut rest = line;
            while let Some((before, address, after)) = split_address(rest) {
                self.plain(before);
                self.span(address, Some(safe_href(address)));
                rest = after;
            }
            self.plain(rest);
        }
    }

    fn plain(&mut self, words: &str) {
        for piece in split_phones(words) {
            let href = (!piece.dial.is_empty()).then(|| format!("tel:{}", piece.dial));
            self.span(&piece.words, href);
        }
    }

    fn span(&mut self, words: &str, href: Option<String>) {
        if !words.is_empty() {
            self.line.push(NoticeSpan {
                words: words.replace('\n', " "),
                is_bold: self.bold > 0,
                href: href.unwrap_or_default(),
                is_break: false,
            });
        }
    }
}

/// The address of a link as it may be followed; empty = it may not.
fn safe_href(typed: &str) -> String {
    let Ok(url) = Url::parse(typed.trim()) else {
        return String::new();
    };
    let is_safe = match url.scheme() {
        // A name before the host looks like the host: https://vneid.gov.vn@example.com.
        "http" | "https" => url.has_host() && url.username().is_empty() && url.password().is_none(),
        "tel" => {
            let number = url.path();
            !number.is_empty()
                && number
                    .bytes()
                    .all(|b| b.is_ascii_digit() || b"+-.() ".contains(&b))
        }
        "mailto" => url.path().contains('@'),
        _ => false,
    };
    if is_safe { url.into() } else { String::new() }
}

/// Where a link leads, when its words do not say it: `[https://vneid.gov.vn](https://example.com)`
/// leads to `example.com`. None = they say it, or it leads nowhere.
fn undisclosed_target(words: &str, href: &str) -> Option<String> {
    let url = Url::parse(href).ok()?;
    let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
    let words = words.to_lowercase();
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '@' | '+' | '_');
    // Names of hosts, addresses of mail, and numbers with points.
    let mut named = words
        .split(|c| !is_part(c))
        .map(|part| part.trim_matches('.'))
        .filter(|part| part.contains(['.', '@']))
        .peekable();
    let (target, is_said) = match url.scheme() {
        "tel" => {
            let number = url.path();
            (number, digits(&words) == digits(number))
        }
        "mailto" => {
            let address = url.path();
            let is_said = named.peek().is_some();
            let is_said = is_said && named.all(|part| part == address.to_lowercase());
            (address, is_said)
        }
        _ => {
            let host = url.host_str()?;
            let is_said = named.peek().is_some() && named.all(|part| part == host);
            (host, is_said)
        }
    };
    (!is_said).then(|| target.to_owned())
}

/// The first address of the web in a text, with the words before and behind it.
#[must_use]
pub fn split_address(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.find("http")?;
        let rest = &text[at..];
        let is_whole = !text[..at].ends_with(|c: char| c.is_alphanumeric());
        if is_whole && (rest.starts_with("http://") || rest.starts_with("https://")) {
            let ends =
                |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '“' | '”' | '|');
            let end = rest.find(ends).unwrap_or(rest.len());
            let is_mark =
                |c: char| matches!(c, '.' | ',' | ';' | ':' | '!' | '?' | ')' | '\'' | '…');
            let address = rest[..end].trim_end_matches(is_mark);
            if !safe_href(address).is_empty() {
                return Some((&text[..at], address, &rest[address.len()..]));
            }
            // None begins within one that may not be followed.
            from = at + end;
        } else {
            from = at + "http".len();
        }
    }
}

#[cfg(test)]
mod tests;
