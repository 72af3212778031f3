//! The words of both languages: every placeholder of a sentence is in both, and is given wherever
//! the sentence is said.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("text")
}

/// The placeholders of every key.
fn placeholders(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut key = String::new();
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        if line.starts_with(|c: char| c.is_ascii_lowercase())
            && let Some((name, _)) = line.split_once('=')
        {
            name.trim().clone_into(&mut key);
        }
        // “{ $name }” and “{ $n ->”; a “$USER” for the terminal is no placeholder.
        let parts: Vec<&str> = line.split('$').collect();
        let names = parts
            .windows(2)
            .filter(|pair| pair[0].trim_end().ends_with('{'))
            .map(|pair| {
                pair[1]
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
                    .collect::<String>()
            });
        out.entry(key.clone()).or_default().extend(names);
    }
    out
}

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs" || e == "html") {
            out.push(path);
        }
    }
}

/// The names in a list that was written out in a `let` before the call: `f("key", &list)`.
fn named_list(before: &str, inside: &str) -> Option<BTreeSet<String>> {
    let list = inside.trim_matches([',', ' ']).strip_prefix('&')?;
    let (_, rest) = before.rsplit_once(&format!("let {list} = ["))?;
    let (pairs, _) = rest.split_once("];")?;
    let names = pairs.split("(\"").skip(1);
    Some(
        names
            .filter_map(|p| p.split_once('"'))
            .map(|(name, _)| name.to_owned())
            .collect(),
    )
}

/// Every sentence that is said with its key written out: the key and what it is given.
fn said(text: &str) -> Vec<(String, BTreeSet<String>)> {
    let literal = |text: &str| {
        text.strip_prefix('"')
            .and_then(|t| t.split_once('"'))
            .map(|(a, rest)| (a.to_owned(), rest.to_owned()))
    };
    // However a call is broken over lines, it is read as one.
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ").replace("( \"", "(\"");
    let mut out = Vec::new();
    for (call, kind) in [
        (".t(", 0),
        (".t1(", 1),
        (".t2(", 2),
        (".f(", 3),
        (".failure(", 3),
    ] {
        for (at, _) in text.match_indices(call) {
            let rest = &text[at + call.len()..];
            let Some((key, rest)) = literal(rest.trim_start()) else {
                continue;
            };
            // What stands between the brackets of this call.
            let mut depth = 1;
            let end = rest.char_indices().find(|(_, c)| {
                depth += i32::from(matches!(c, '(' | '[')) - i32::from(matches!(c, ')' | ']'));
                depth == 0
            });
            let inside = &rest[..end.map_or(rest.len(), |(n, _)| n)];
            let given = match kind {
                // (name, value) pairs in a list, written out here or in a `let` above; one that
                // came from elsewhere is not judged.
                3 if !inside.contains("&[") => match named_list(&text[..at], inside) {
                    Some(names) => names,
                    None => continue,
                },
                3 => inside
                    .split("(\"")
                    .skip(1)
                    .filter_map(|p| p.split_once('"'))
                    .map(|(name, _)| name.to_owned())
                    .collect(),
                _ => inside
                    .split(", \"")
                    .skip(1)
                    .filter_map(|p| p.split_once('"'))
                    .map(|(name, _)| name.to_owned())
                    .collect(),
            };
            out.push((key, given));
        }
    }
    out
}

#[test]
fn both_languages_have_the_same_placeholders_and_every_caller_gives_them() {
    let both = |lang: &str| {
        let mut all = placeholders(&read(&format!("src/i18n/locales/{lang}.ftl")));
        all.append(&mut placeholders(&read(&format!(
            "src/i18n/locales/cli.{lang}.ftl"
        ))));
        all
    };
    let (vi, en) = (both("vi"), both("en"));
    for (key, names) in &vi {
        assert_eq!(en.get(key), Some(names), "placeholders of {key}");
    }
    let mut paths = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut paths,
    );
    let (mut looked, mut lacking) = (0, Vec::new());
    for path in paths {
        for (key, given) in said(&std::fs::read_to_string(&path).expect("text")) {
            let Some(wanted) = vi.get(&key) else { continue };
            looked += 1;
            let missing: Vec<&String> = wanted.difference(&given).collect();
            if !missing.is_empty() {
                lacking.push(format!(
                    "{}: {key} is not given {missing:?}",
                    path.display()
                ));
            }
        }
    }
    assert!(lacking.is_empty(), "{lacking:#?}");
    assert!(
        looked > 200,
        "only {looked} were found: how sentences are said has changed"
    );
}

#[test]
fn the_test_sees_what_it_is_for() {
    assert_eq!(
        said("lang.f(\"wrong-pin\", &[(\"n\", &x.to_string())])"),
        [("wrong-pin".to_owned(), BTreeSet::from(["n".to_owned()]))]
    );
    assert_eq!(
        said("let all = [ (\"n\", 1), (\"m\", 2), ]; lang.f(\"a\", &all)"),
        [(
            "a".to_owned(),
            BTreeSet::from(["n".to_owned(), "m".to_owned()])
        )]
    );
    assert_eq!(
        said("f.t2(\"a-b\", \"x\", g(1), \"y\", 2)"),
        [(
            "a-b".to_owned(),
            BTreeSet::from(["x".to_owned(), "y".to_owned()])
        )]
    );
    assert_eq!(
        placeholders("a = sudo usermod { $user } $USER")["a"],
        BTreeSet::from(["user".to_owned()])
    );
    assert_eq!(
        placeholders(
            "a = Sai { $name }, { $n } lần\n\
             b = { $n ->\n    [one] { $n } try\n   *[other] { $m } tries\n }"
        )["b"],
        BTreeSet::from(["n".to_owned(), "m".to_owned()])
    );
}
