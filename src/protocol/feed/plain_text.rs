//! HTML of others as plain text: tags become nothing or a line break, entities their character.

use quick_xml::escape::resolve_html5_entity;

/// Elements whose content nobody reads.
const SILENT: [&str; 3] = ["script", "style", "head"];
/// Elements that begin a line.
const BREAKING: [&str; 12] = [
    "p", "br", "div", "li", "tr", "h1", "h2", "h3", "h4", "ul", "ol", "table",
];

/// The text that a reader of the HTML sees.
pub(super) fn plain_text(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('&') {
            rest = entity(rest, &mut out);
            continue;
        }
        let end = rest.find('>').map_or(rest.len(), |end| end + 1);
        let (tag, after) = rest.split_at(end);
        let name: String = tag
            .trim_start_matches(['<', '/'])
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase();
        if BREAKING.contains(&name.as_str()) {
            out.push('\n');
        }
        rest = if SILENT.contains(&name.as_str()) && !tag.starts_with("</") {
            let close = format!("</{name}");
            let lower = after.to_ascii_lowercase();
            lower.find(&close).map_or("", |at| &after[at..])
        } else {
            after
        };
    }
    out.push_str(rest);
    let lines = out.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

/// Writes the character of the entity at the beginning of the text; gives the rest.
fn entity<'a>(text: &'a str, out: &mut String) -> &'a str {
    let end = text.bytes().take(12).position(|b| b == b';');
    let named = end.and_then(|end| {
        let name = &text[1..end];
        let number = name
            .strip_prefix('#')
            .map(|n| match n.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => n.parse(),
            });
        let c = match number {
            Some(n) => char::from_u32(n.ok()?)?.to_string(),
            None => resolve_html5_entity(name)?.to_owned(),
        };
        Some((c, &text[end + 1..]))
    });
    match named {
        Some((c, rest)) => {
            out.push_str(&c);
            rest
        }
        None => {
            out.push('&');
            &text[1..]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_words_and_lines() {
        for (html, text) in [
            (
                "<p>Họp&nbsp;thôn</p><p>19 giờ 30</p>",
                "Họp\u{a0}thôn\n19 giờ 30",
            ),
            ("a<br/>b<BR>c", "a\nb\nc"),
            ("<script>alert('x')</script>Tin", "Tin"),
            (
                "<style>p{}</style ><b>Tin</b> &amp; &#7885; &#x1ECD; &lt;b&gt;",
                "Tin & ọ ọ <b>",
            ),
            ("5 < 6 &", "5"),
            ("&khong; &", "&khong; &"),
            ("<script>vô tận", ""),
            ("", ""),
        ] {
            assert_eq!(plain_text(html), text, "{html}");
        }
    }
}
