//! Marks of words that nobody translates (`i18n::verbatim`) become the language of an element.
//!
//! Words that are all that an element holds give the element its language; others get a `span`. An
//! attribute cannot hold elements: there the marks go, and the element has the language when the
//! whole value is such words. Invariant: no mark leaves in a page. Deliberately absent: marks that
//! reach over a tag, and inline scripts; no page has either.

use crate::i18n::verbatim::{BEGIN, END, bare};

const LANGUAGE: &str = " lang=\"vi\"";
/// Elements that hold text and no elements.
const TEXT_ONLY: [&str; 3] = ["title", "option", "textarea"];

/// The start tag that was written last, as long as only space follows it.
struct StartTag<'a> {
    name: &'a str,
    /// Where in the page an attribute can be added.
    end: usize,
    has_language: bool,
}

/// HTML whose marks became languages.
#[must_use]
pub fn with_languages(html: String) -> String {
    if !html.contains([BEGIN, END]) {
        return html;
    }
    let mut out = String::with_capacity(html.len() + html.len() / 8);
    let mut start: Option<StartTag<'_>> = None;
    let mut is_text_only = false;
    let mut rest = html.as_str();
    while let Some(at) = rest.find(['<', BEGIN, END]) {
        let (text, from) = rest.split_at(at);
        if !text.trim().is_empty() {
            start = None;
        }
        out.push_str(text);
        if from.starts_with('<') {
            let (tag, after) = from.split_at(tag_length(from));
            start = write_tag(&mut out, tag);
            is_text_only = start.as_ref().is_some_and(|s| TEXT_ONLY.contains(&s.name));
            rest = after;
            continue;
        }
        let Some((words, after)) = marked(from) else {
            rest = from.get(BEGIN.len_utf8()..).unwrap_or_default();
            continue;
        };
        match start.take() {
            Some(tag) if is_all_of(tag.name, after) => {
                out.push_str(words);
                if !tag.has_language {
                    out.insert_str(tag.end, LANGUAGE);
                }
            }
            _ if is_text_only => out.push_str(words),
            _ => out.push_str(&format!("<span{LANGUAGE}>{words}</span>")),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The words between the mark that a text begins with and the mark that ends them, and the rest;
/// none = a mark that stands alone.
fn marked(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix(BEGIN)?;
    let (words, after) = inside.split_once(END)?;
    (!words.contains(['<', BEGIN])).then_some((words, after))
}

/// Whether nothing but the end of the element follows.
fn is_all_of(element: &str, after: &str) -> bool {
    after
        .trim_start()
        .strip_prefix("</")
        .and_then(|end| end.strip_prefix(element))
        .is_some_and(|end| end.starts_with('>'))
}

/// Bytes of the tag that a text begins with. A `>` within quotes does not end it.
fn tag_length(text: &str) -> usize {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return at + 1,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    text.len()
}

/// Writes a tag without marks. Gives it back when it is a start tag.
fn write_tag<'a>(out: &mut String, tag: &'a str) -> Option<StartTag<'a>> {
    let inside = tag.strip_prefix('<')?.trim_end_matches('>');
    let name = inside.split([' ', '\n', '/']).next().unwrap_or_default();
    let is_start = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let has_language = inside.contains(" lang=");
    out.push_str(&bare(tag));
    let end = out.len() - usize::from(tag.ends_with('>'));
    if is_start && !has_language && is_some_value_marked(inside) {
        out.insert_str(end, LANGUAGE);
        return None;
    }
    is_start.then_some(StartTag {
        name,
        end,
        has_language,
    })
}

/// Whether the whole value of an attribute is marked words.
fn is_some_value_marked(tag: &str) -> bool {
    tag.split("=\"").skip(1).any(|value| {
        marked(value).is_some_and(|(words, after)| !words.contains('"') && after.starts_with('"'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::verbatim::mark;

    fn told(html: &str) -> String {
        with_languages(html.replace('[', "\u{2068}").replace(']', "\u{2069}"))
    }

    #[test]
    fn words_within_a_sentence_get_a_language_and_words_alone_give_it_to_their_element() {
        assert_eq!(
            told("<b>Switched on lamp [Cổng làng]</b>"),
            "<b>Switched on lamp <span lang=\"vi\">Cổng làng</span></b>"
        );
        assert_eq!(
            told("<b class=\"a>b\">\n [Cổng làng] </b>"),
            "<b class=\"a>b\" lang=\"vi\">\n Cổng làng </b>"
        );
        assert_eq!(
            told("<p>[A], [B]</p>"),
            "<p><span lang=\"vi\">A</span>, <span lang=\"vi\">B</span></p>"
        );
        assert_eq!(
            told("<a><img src=\"x\"> [A] </a>"),
            "<a><img src=\"x\"> <span lang=\"vi\">A</span> </a>",
            "the picture is not what is named"
        );
        assert_eq!(
            told("<a><b>[A]</b> [B]</a>"),
            "<a><b lang=\"vi\">A</b> <span lang=\"vi\">B</span></a>"
        );
        assert_eq!(told("<b lang=\"vi\">[A]</b>"), "<b lang=\"vi\">A</b>");
    }

    #[test]
    fn what_holds_no_elements_gets_none() {
        assert_eq!(
            told("<title>[Cổng chợ] · [Thôn Bến Thóc]</title>"),
            "<title>Cổng chợ · Thôn Bến Thóc</title>"
        );
        assert_eq!(
            told("<select><option value=\"a\">[A]</option><option>all [A]</option></select>"),
            "<select><option value=\"a\" lang=\"vi\">A</option><option>all A</option></select>"
        );
        assert_eq!(
            told("<button aria-label=\"Turn on [A]\">x</button><input value=\"[A]\"><i>[B]</i>"),
            "<button aria-label=\"Turn on A\">x</button>\
             <input value=\"A\" lang=\"vi\"><i lang=\"vi\">B</i>"
        );
    }

    #[test]
    fn a_mark_that_stands_alone_goes_and_what_has_none_stays() {
        assert_eq!(told("<p>[A<b>B]</b> ]</p>"), "<p>A<b>B</b> </p>");
        assert_eq!(told("<p>a &lt; b</p>"), "<p>a &lt; b</p>");
        let page = with_languages(format!("<p>{}</p>", mark("A")));
        assert_eq!(with_languages(page.clone()), page);
    }
}
