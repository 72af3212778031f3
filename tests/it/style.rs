//! How the program is written, as a test: comments say who does what, a type's name means one
//! thing, a function is no longer than a person reads at once, no line is wider than a screen.
//!
//! `scripts/measures` counts the same with the same rules, without a compiler. Each rule has
//! samples here of what it refuses and what it lets pass.

use std::collections::BTreeMap;

use crate::support::imports::blank;
use crate::tidy::{product, texts};

/// Most characters of a line of the program: what rustfmt leaves alone, a person breaks.
const MAX_LINE_CHARS: usize = 100;
/// Most lines of a function.
const MAX_FUNCTION_LINES: usize = 100;

/// Names that several types have, each with its reason.
const SHARED_NAMES: [(&str, &str); 2] = [
    ("Command", "each noun has its commands: light::Command"),
    ("Event", "each noun has its events: light::Event"),
];

/// Words that stand for a noun. A sentence that begins with one tells neither who acts nor on what.
const PRONOUNS: [&str; 10] = [
    "Who",
    "Whom",
    "Whose",
    "Whoever",
    "Whomever",
    "What",
    "Whatever",
    "Whichever",
    "That",
    "Whence",
];

/// The comments of a file: the lines that follow each other as one text, with the number of the
/// first.
fn comments(text: &str) -> Vec<(usize, String)> {
    let mut out: Vec<(usize, String)> = Vec::new();
    let mut is_open = false;
    for (n, line) in (1..).zip(text.lines()) {
        let Some(words) = line.trim_start().strip_prefix("//") else {
            is_open = false;
            continue;
        };
        let words = words.strip_prefix(['/', '!']).unwrap_or(words);
        let words = words.strip_prefix(' ').unwrap_or(words);
        match out.last_mut().filter(|_| is_open) {
            Some((_, comment)) => {
                comment.push(' ');
                comment.push_str(words);
            }
            None => out.push((n, words.to_owned())),
        }
        is_open = true;
    }
    out
}

/// The beginnings of sentences in a comment that have a pronoun without a noun before it. A
/// question may begin so, and “That is why …” joins two sentences.
fn headless(comment: &str) -> Vec<&str> {
    let begins = [". ", ": ", "; "]
        .iter()
        .flat_map(|mark| comment.match_indices(mark))
        .map(|(at, mark)| at + mark.len());
    std::iter::once(0)
        .chain(begins)
        .map(|at| &comment[at..])
        .filter(|sentence| {
            let end = sentence.find(|c: char| !c.is_alphanumeric() && c != '_');
            let (word, rest) = sentence.split_at(end.unwrap_or(sentence.len()));
            let is_question = rest.split('.').next().is_some_and(|s| s.contains('?'));
            PRONOUNS.contains(&word) && !rest.starts_with(" is why") && !is_question
        })
        .collect()
}

#[test]
fn comments_name_who_does_what() {
    for (path, text) in product() {
        for (line, comment) in comments(&text) {
            let found = headless(&comment);
            assert!(
                found.is_empty(),
                "{path}:{line}: a sentence begins with a pronoun that stands for no noun: {found:?}"
            );
        }
    }
}

#[test]
fn a_sentence_without_a_head_is_found_and_others_are_let_pass() {
    let found = |text: &str| -> usize {
        let all = comments(text);
        all.iter().map(|(_, comment)| headless(comment).len()).sum()
    };
    for wrong in [
        "/// Who asks.\nfn f() {}\n",
        "    // It waits here. What comes later is sent.\n",
        "//! Sign-ins:\n//! Whoever leaves loses them.\n",
        "/// One rule: That which is\n/// old goes.\n",
        "// Nothing is lost; Whatever comes.\n",
    ] {
        assert_eq!(found(wrong), 1, "{wrong}");
    }
    for right in [
        "/// The officer who asks.\n",
        "// Results that come later are sent when they come.\n",
        "// What if it is full? It waits.\n",
        "// The folder is new. That is why nothing is read.\n",
        "/// Whenever it rains.\n",
        "let text = \"Who asks\"; // Who asks\n",
    ] {
        assert_eq!(found(right), 0, "{right}");
    }
}

/// The names of the types that a file defines, without those of its tests.
fn type_names(text: &str) -> Vec<&str> {
    let product = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(text);
    let mut out = Vec::new();
    for line in product.lines() {
        let item = line.trim_start();
        let item = item.strip_prefix("pub").map_or(item, |rest| {
            let inner = rest.strip_prefix('(').and_then(|r| r.split_once(')'));
            inner.map_or(rest, |(_, rest)| rest).trim_start()
        });
        let Some((kind, rest)) = item.split_once(' ') else {
            continue;
        };
        // A type inside of an implementation is one of its trait.
        let is_associated = kind == "type" && line.starts_with(' ');
        if ["struct", "enum", "type", "trait"].contains(&kind) && !is_associated {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            out.push(&rest[..end.unwrap_or(rest.len())]);
        }
    }
    out.retain(|name| name.starts_with(char::is_uppercase));
    out
}

/// The names that more than one file defines, each with its files.
fn shared_names(sources: &[(String, String)]) -> BTreeMap<&str, Vec<&str>> {
    let mut files: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (path, text) in sources {
        for name in type_names(text) {
            files.entry(name).or_default().push(path);
        }
    }
    files.retain(|_, files| files.len() > 1);
    files
}

#[test]
fn a_type_name_means_one_thing() {
    let sources = product();
    let found = shared_names(&sources);
    for (name, files) in &found {
        assert!(
            SHARED_NAMES.iter().any(|(shared, _)| shared == name),
            "{name} is defined in {files:?}"
        );
    }
    for (name, reason) in SHARED_NAMES {
        assert!(
            found.contains_key(name),
            "{name} means one thing now: take it from the list ({reason})"
        );
    }
}

#[test]
fn a_type_name_that_means_two_things_is_found_however_it_is_written() {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let sources = [
        file("a.rs", "pub(super) struct Fold<T>(T);\nenum Lone {}\n"),
        file(
            "b.rs",
            "mod inner {\n    pub type Fold = u8;\n    trait Part {}\n}\n",
        ),
        file(
            "c.rs",
            "    pub(in crate::view) enum Fold {\ntype Part = u8;\n",
        ),
        file(
            "d.rs",
            "impl A for B {\n    type Lone = u8;\n}\n#[cfg(test)]\n\
             mod tests {\n    struct Lone;\n}\n",
        ),
    ];
    let found = shared_names(&sources);
    assert_eq!(
        found,
        BTreeMap::from([
            ("Fold", vec!["a.rs", "c.rs"]),
            ("Part", vec!["b.rs", "c.rs"])
        ])
    );
}

/// The functions of a file that are longer than [`MAX_FUNCTION_LINES`] and give no reason for it:
/// the line, the name and the length of each.
fn long_functions(text: &str) -> Vec<(usize, String, usize)> {
    let code = blank(text);
    let is_word = |at: usize| {
        code.get(at)
            .is_some_and(|c| c.is_alphanumeric() || *c == '_')
    };
    let line_of = |at: usize| 1 + code[..at].iter().filter(|c| **c == '\n').count();
    let mut out = Vec::new();
    for at in 0..code.len() {
        let is_function = code[at..].starts_with(&['f', 'n', ' ']) && (at == 0 || !is_word(at - 1));
        if !is_function || !is_word(at + 3) {
            continue;
        }
        let name: String = code[at + 3..]
            .iter()
            .take_while(|c| c.is_alphanumeric() || **c == '_')
            .collect();
        let Some(end) = end_of_function(&code, at) else {
            continue;
        };
        let (first, lines) = (line_of(at), line_of(end) - line_of(at) + 1);
        // Its attributes stand above it, behind the item before.
        let above: Vec<&str> = text.lines().take(first - 1).collect();
        let attributes = above.rsplit(|line| line.trim().is_empty()).next();
        let has_reason = attributes.is_some_and(|lines| {
            let text = lines.join(" ");
            text.contains("clippy::too_many_lines") && text.contains("reason =")
        });
        if lines > MAX_FUNCTION_LINES && !has_reason {
            out.push((first, name, lines));
        }
    }
    out
}

/// Where the body of the function ends that begins at `at`; none = it has no body.
fn end_of_function(code: &[char], at: usize) -> Option<usize> {
    let mut brackets = 0_i32;
    let body = (at..code.len()).find(|i| {
        brackets += match code[*i] {
            '(' | '[' => 1,
            ')' | ']' => -1,
            _ => 0,
        };
        brackets == 0 && matches!(code[*i], '{' | ';')
    })?;
    if code[body] == ';' {
        return None;
    }
    let mut braces = 0_i32;
    (body..code.len()).find(|i| {
        braces += match code[*i] {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        braces == 0
    })
}

#[test]
fn functions_are_short_or_say_why_not() {
    for (path, text) in texts(&["src", "tests", "benches", "examples"]) {
        let found = long_functions(&text);
        assert!(
            found.is_empty(),
            "{path}: functions (line, name, lines) that give no reason: {found:?}"
        );
    }
}

#[test]
fn no_line_of_the_program_is_wider_than_a_screen() {
    for (path, text) in product() {
        for (n, line) in (1..).zip(text.lines()) {
            let chars = line.chars().count();
            assert!(chars <= MAX_LINE_CHARS, "{path}:{n} has {chars} characters");
        }
    }
}

#[test]
fn a_long_function_is_found_unless_it_gives_a_reason() {
    let body = "    // {\n    let a = '{';\n".repeat(50);
    let long = format!("fn f(a: [u8; 2]) {{\n{body}}}\n");
    assert_eq!(long_functions(&long), [(1, "f".to_owned(), 102)]);
    let reason = "#[expect(clippy::too_many_lines, reason = \"one table\")]\n";
    assert_eq!(long_functions(&format!("{reason}{long}")), []);
    assert_eq!(
        long_functions(&format!("{reason}fn g() {{}}\n\n{long}")).len(),
        1
    );
    let short = "    let a = 1;\n".repeat(98);
    assert_eq!(
        long_functions(&format!(
            "trait T {{\n    fn g();\n}}\nfn f() {{\n{short}}}\n"
        )),
        []
    );
}
