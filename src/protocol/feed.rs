//! News of other pages: RSS 2.0, RSS 1.0 and Atom, as far as a notice needs them.
//!
//! Invariants: any bytes give entries or a reason, never a panic and never more than
//! [`MOST_ENTRIES`] entries of bounded texts. Texts come out plain: no tag, no entity, no hidden
//! character. Entities that a document defines itself are not expanded. Deliberately absent:
//! pictures, authors and categories.

mod moment;
mod plain_text;

use quick_xml::Reader;
use quick_xml::escape::resolve_html5_entity;
use quick_xml::events::{BytesStart, Event};

use self::moment::parse_moment;
use self::plain_text::plain_text;
use super::text_encoding;
use crate::domain::text;
use crate::time::WallMs;

/// Most entries of a document, the first ones.
pub const MOST_ENTRIES: usize = 50;
/// Most characters of a title.
const MAX_TITLE_CHARS: usize = 150;
/// Most characters of a text.
const MAX_TEXT_CHARS: usize = 4_000;
/// Longest id or link, bytes; longer ones count as missing.
const MAX_LINK_BYTES: usize = 1_000;
/// Longest text of a field before it is cleaned, bytes.
const MAX_FIELD_BYTES: usize = 64 * 1024;
/// How deep elements may lie in each other.
const MAX_DEPTH: usize = 64;

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEntry {
    /// The text that tells it from others: its id, else its link, else its title.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its text, or the beginning of it.
    pub text: String,
    /// Its page.
    pub link: Option<String>,
    /// When it was published; none = it does not say so in a way that is known.
    pub at: Option<WallMs>,
}

/// Why a document cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// It is no text.
    #[error("the document is no text")]
    NotText,
    /// It is no XML, or it is cut off.
    #[error("the document is no whole XML")]
    NotXml,
    /// It is XML of another kind: a web page.
    #[error("the document is no RSS and no Atom")]
    NotFeed,
}

/// A field of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Title,
    Summary,
    Content,
    Link,
    Id,
    Published,
    Updated,
}

impl Field {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "title" => Self::Title,
            "description" | "summary" => Self::Summary,
            "content" | "encoded" => Self::Content,
            "link" => Self::Link,
            "guid" | "id" => Self::Id,
            "pubDate" | "published" | "date" => Self::Published,
            "updated" => Self::Updated,
            _ => return None,
        })
    }
}

/// An entry whose end was not read yet.
#[derive(Debug, Default)]
struct OpenEntry {
    fields: Vec<(Field, String)>,
    /// The link of Atom, which is an attribute.
    href: Option<String>,
}

impl OpenEntry {
    fn first(&self, field: Field) -> &str {
        let found = self.fields.iter().find(|(f, _)| *f == field);
        found.map_or("", |(_, text)| text.trim())
    }

    fn close(self) -> Option<FeedEntry> {
        let bounded = |text: &str| {
            let text = text::line(text, usize::MAX);
            (!text.is_empty() && text.len() <= MAX_LINK_BYTES).then_some(text)
        };
        let link = self.href.as_deref().and_then(bounded);
        let link = link.or_else(|| bounded(self.first(Field::Link)));
        let is_page = |link: &String| link.starts_with("https://") || link.starts_with("http://");
        let link = link.filter(is_page);
        let title = text::line(&plain_text(self.first(Field::Title)), MAX_TITLE_CHARS);
        let content = plain_text(self.first(Field::Content));
        let summary = plain_text(self.first(Field::Summary));
        let text = if content.trim().is_empty() {
            summary
        } else {
            content
        };
        let at = parse_moment(self.first(Field::Published));
        Some(FeedEntry {
            id: bounded(self.first(Field::Id))
                .or_else(|| link.clone())
                .or_else(|| bounded(&title))?,
            title,
            text: text::body(&text, MAX_TEXT_CHARS),
            link,
            at: at.or_else(|| parse_moment(self.first(Field::Updated))),
        })
    }
}

/// Reads a document.
///
/// # Errors
/// [`FeedError`].
pub fn read(bytes: &[u8]) -> Result<Vec<FeedEntry>, FeedError> {
    let (document, _) = text_encoding::decode(bytes).map_err(|_| FeedError::NotText)?;
    let mut reader = Reader::from_str(&document);
    reader.config_mut().check_end_names = false;
    let mut reading = FeedReading::default();
    loop {
        match reader.read_event().map_err(|_| FeedError::NotXml)? {
            Event::Start(element) => reading.start(&element)?,
            Event::Empty(element) => {
                reading.start(&element)?;
                reading.end();
            }
            Event::End(_) => reading.end(),
            Event::Text(text) => reading.text(&text.xml10_content()),
            Event::CData(text) => reading.text(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let name = reference.xml10_content();
                match reference.resolve_char_ref() {
                    Ok(Some(c)) => reading.text(c.encode_utf8(&mut [0; 4])),
                    _ => reading.text(resolve_html5_entity(&name).unwrap_or_default()),
                }
            }
            Event::Eof => break,
            _ => {}
        }
        if reading.entries.len() >= MOST_ENTRIES {
            return Ok(reading.entries);
        }
    }
    match (reading.is_feed, reading.depth) {
        (false, _) => Err(FeedError::NotFeed),
        (true, 0) => Ok(reading.entries),
        (true, _) => Err(FeedError::NotXml),
    }
}

/// A document that is being read.
#[derive(Debug, Default)]
struct FeedReading {
    depth: usize,
    is_feed: bool,
    /// The entry that is open, and how deep it lies.
    open: Option<(OpenEntry, usize)>,
    /// The field that is open, and how deep it lies.
    field: Option<usize>,
    entries: Vec<FeedEntry>,
}

impl FeedReading {
    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), FeedError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(FeedError::NotXml);
        }
        let name = element.local_name();
        let name: &str = name.as_ref();
        if self.depth == 1 {
            self.is_feed = matches!(name, "rss" | "RDF" | "feed");
            return if self.is_feed {
                Ok(())
            } else {
                Err(FeedError::NotFeed)
            };
        }
        let depth = self.depth;
        match &mut self.open {
            None if matches!(name, "item" | "entry") => {
                self.open = Some((OpenEntry::default(), depth));
            }
            None => {}
            Some((entry, at)) if depth == *at + 1 => {
                if let Some(field) = Field::named(name) {
                    if field == Field::Link {
                        entry.href = entry.href.take().or_else(|| page_of(element));
                    }
                    entry.fields.push((field, String::new()));
                    self.field = Some(depth);
                }
            }
            // An element within a text: a paragraph, a line.
            Some(_) => {
                if matches!(name, "p" | "br" | "div" | "li" | "tr") {
                    self.text("\n");
                }
            }
        }
        Ok(())
    }

    fn end(&mut self) {
        if self.field == Some(self.depth) {
            self.field = None;
        }
        if self.open.as_ref().is_some_and(|(_, at)| *at == self.depth)
            && let Some((entry, _)) = self.open.take()
        {
            self.entries.extend(entry.close());
        }
        self.depth = self.depth.saturating_sub(1);
    }

    fn text(&mut self, words: &str) {
        if self.field.is_some()
            && let Some((entry, _)) = &mut self.open
            && let Some((_, text)) = entry.fields.last_mut()
        {
            let room = MAX_FIELD_BYTES.saturating_sub(text.len());
            text.push_str(&words[..words.floor_char_boundary(room)]);
        }
    }
}

/// The page that a link of Atom names; none = it names something else.
fn page_of(element: &BytesStart<'_>) -> Option<String> {
    let value = |name: &str| {
        let attribute = element.try_get_attribute(name).ok()??;
        let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0);
        value.ok().map(std::borrow::Cow::into_owned)
    };
    let relation = value("rel").unwrap_or_else(|| "alternate".to_owned());
    value("href").filter(|_| relation == "alternate")
}

#[cfg(test)]
mod tests;
