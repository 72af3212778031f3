//! What the program writes into its log, held against `docs/logging.md`: every message that the
//! document quotes is written, every field is listed, and each message has the form that it sets.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::imports::blank;
use crate::tidy::product;

/// Most characters of a message.
const MAX_MESSAGE_CHARS: usize = 70;
/// Names that a message may begin with; other messages begin with a small letter.
const NAMES: [&str; 5] = ["TLS ", "CA ", "PIN ", "RTSP ", "HTTP "];
/// The message that is a line of a worker's own log.
const LINE_OF_A_WORKER: &str = "{text}";

/// A call that writes a line.
#[derive(Debug)]
struct Line {
    level: String,
    fields: Vec<String>,
    /// The message; empty = it has none.
    message: String,
    /// The file.
    path: String,
}

/// The lines that a file writes.
fn lines_of(path: &str, text: &str) -> Vec<Line> {
    let text = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(text);
    let (code, all) = (blank(text), text.chars().collect::<Vec<char>>());
    let head: Vec<char> = "tracing::".chars().collect();
    let mut out = Vec::new();
    for at in 0..code.len() {
        if !code[at..].starts_with(&head) {
            continue;
        }
        let level: String = code[at + head.len()..]
            .iter()
            .take_while(|c| c.is_alphanumeric())
            .collect();
        let open = at + head.len() + level.len() + 1;
        if code[open - 1..].starts_with(&['!', '(']) {
            let (fields, message) = arguments(&code, &all, open + 1);
            out.push(Line {
                level,
                fields,
                message,
                path: path.to_owned(),
            });
        }
    }
    out
}

/// The names of the fields and the message of the call whose arguments begin at `at`.
fn arguments(code: &[char], all: &[char], at: usize) -> (Vec<String>, String) {
    let (mut fields, mut message) = (Vec::new(), String::new());
    let (mut depth, mut begin) = (0, at);
    for (i, c) in code.iter().enumerate().skip(at) {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth < 0 || depth == 0 && *c == ',' {
            let argument: String = all[begin..i].iter().collect();
            let argument = argument.trim();
            if let Some(literal) = argument.strip_prefix('"') {
                message = one_line(literal.strip_suffix('"').unwrap_or(literal));
            } else if !argument.is_empty() {
                let name = argument.split('=').next().unwrap_or(argument).trim();
                fields.push(name.trim_start_matches(['%', '?']).to_owned());
            }
            begin = i + 1;
        }
        if depth < 0 {
            break;
        }
    }
    (fields, message)
}

/// A literal without the breaks of its source.
fn one_line(literal: &str) -> String {
    let mut parts = literal.split("\\\n");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.trim_start())
}

fn lines() -> Vec<Line> {
    let sources = product();
    let all = sources
        .iter()
        .flat_map(|(path, text)| lines_of(path, text))
        .collect::<Vec<_>>();
    assert!(all.len() > 150, "the program writes {} lines", all.len());
    all
}

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/logging.md");
    std::fs::read_to_string(path).expect("docs/logging.md")
}

/// What stands between back quotes, but not in the blocks that are indented.
fn quoted(text: &str) -> Vec<&str> {
    let prose = text.lines().filter(|line| !line.starts_with("    "));
    prose
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

/// The part of the document below a heading.
fn section<'a>(document: &'a str, heading: &str) -> &'a str {
    let below = document.split(heading).nth(1).expect("the heading");
    below.split("\n## ").next().unwrap_or(below)
}

#[test]
fn every_message_that_the_document_quotes_is_written() {
    let (lines, document) = (lines(), document());
    let mut seen = 0;
    for words in quoted(&document) {
        let is_message = words.contains(' ')
            && words
                .chars()
                .all(|c| c.is_alphabetic() || " :;,".contains(c))
            && !["systemctl ", "conglang "]
                .iter()
                .any(|c| words.starts_with(c));
        if is_message {
            seen += 1;
            assert!(
                lines.iter().any(|line| line.message == words),
                "docs/logging.md quotes “{words}”, which nothing writes"
            );
        }
    }
    assert!(seen >= 8, "{seen} messages are quoted");
    let filter = section(&document, "## How to read them");
    let filter = quoted(filter).into_iter().find(|q| q.starts_with("info,"));
    let filter = filter.expect("the default filter");
    let (_, main) = product()
        .into_iter()
        .find(|(path, _)| path == "src/main.rs")
        .expect("src/main.rs");
    assert!(main.contains(&format!("\"{filter}\"")), "{filter}");
}

#[test]
fn every_field_is_listed_and_every_listed_field_is_written() {
    let document = document();
    let table = section(&document, "## Fields").lines();
    let listed: BTreeSet<&str> = table
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split(" |").next())
        .flat_map(|names| names.split(['`', ',', ' ']))
        .filter(|name| !name.is_empty())
        .collect();
    let lines = lines();
    let mut written = BTreeSet::new();
    for line in &lines {
        for field in &line.fields {
            assert!(
                listed.contains(field.as_str()),
                "{}: the field {field} of “{}” is not in docs/logging.md",
                line.path,
                line.message
            );
            written.insert(field.as_str());
        }
    }
    assert_eq!(listed, written, "listed, and written");
}

#[test]
fn a_message_is_a_short_phrase_without_values() {
    for line in lines() {
        let (message, path) = (&line.message, &line.path);
        if message == LINE_OF_A_WORKER && path == "src/supervisor/worker.rs" {
            continue;
        }
        assert!(!message.is_empty(), "{path}: a line has a message");
        assert!(
            message.chars().count() <= MAX_MESSAGE_CHARS && !message.ends_with('.'),
            "{path}: “{message}” has at most {MAX_MESSAGE_CHARS} characters and no full stop"
        );
        assert!(
            !message.contains('{'),
            "{path}: “{message}” contains a value, which is a field"
        );
        assert!(
            message.starts_with(char::is_lowercase)
                || NAMES.iter().any(|name| message.starts_with(name)),
            "{path}: “{message}” begins with a small letter"
        );
        assert!(
            ["error", "warn", "info", "debug"].contains(&line.level.as_str()),
            "{path}: “{message}” is written as {}",
            line.level
        );
    }
}

#[test]
fn lines_are_found_however_they_are_written() {
    let text = "fn f() {\n    // tracing::warn!(a, \"b\");\n    \
        tracing::info!(%cause, n = f(1, \"x, y\"), \"disk \\\n        full; waiting\");\n    \
        match a { _ => tracing::warn!(?self.b, \"c\",), }\n}\n\
        #[cfg(test)]\nmod tests {\n    fn g() { tracing::error!(\"{x}\"); }\n}\n";
    let lines = lines_of("a.rs", text);
    let seen: Vec<(&str, Vec<&str>, &str)> = lines
        .iter()
        .map(|line| {
            let fields = line.fields.iter().map(String::as_str).collect();
            (line.level.as_str(), fields, line.message.as_str())
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("info", vec!["cause", "n"], "disk full; waiting"),
            ("warn", vec!["self.b"], "c"),
        ]
    );
}
