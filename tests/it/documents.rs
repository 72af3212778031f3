//! What the documents say of the tree, held against the tree: paths, the files of the tests and
//! what each lane and clock is called, the names of tests by which a command is shown.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::tidy::texts;

/// Folders of the repository; a word that begins with one is a path.
const FOLDERS: [&str; 9] = [
    "src/",
    "docs/",
    "scripts/",
    "tests/",
    "examples/",
    "config/",
    "systemd/",
    "benches/",
    "fuzz/",
];
/// Paths that are only an example, with the document that gives them, or that lay there once.
const NOT_THERE: [(&str, &str); 3] = [
    ("CONTRIBUTING.md", "src/app/services/light.rs"),
    ("docs/decisions/0003-broker.md", "src/broker/router.rs"),
    ("docs/mqtt-conformance.md", "tests/wire/FILE"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect(path)
}

/// The files with this ending in a folder and below.
fn files_below(folder: &Path, ending: &str, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            files_below(&path, ending, out);
        } else if path.extension().is_some_and(|e| e == ending) {
            out.push(path);
        }
    }
}

/// The part of a document from a line that begins so up to the next heading.
fn section<'a>(document: &'a str, begin: &str) -> &'a str {
    let from = document.find(begin).expect(begin);
    let section = &document[from..];
    let end = section[1..].find("\n## ").map_or(section.len(), |n| n + 1);
    &section[..end]
}

/// What stands between back quotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The cells of a column of the tables in a text, without their heads.
fn column(text: &str, n: usize) -> Vec<&str> {
    let rows = text.lines().filter(|line| line.starts_with("| "));
    rows.skip(1)
        .filter_map(|row| row.split('|').nth(n))
        .collect()
}

#[test]
fn documents_name_only_paths_that_are_there() {
    let mut documents: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md"]
        .map(|name| root().join(name))
        .into();
    files_below(&root().join("docs"), "md", &mut documents);
    let mut seen = 0;
    for document in documents {
        let name = document.strip_prefix(root()).expect("inside").display();
        let text = std::fs::read_to_string(&document).expect("text");
        let words = text.split(|c: char| c.is_whitespace() || "`(),;|”“".contains(c));
        for word in words {
            let path = word.trim_end_matches(['.', ':', '*']);
            if !FOLDERS.iter().any(|folder| path.starts_with(folder)) || path.contains('…') {
                continue;
            }
            seen += 1;
            let is_exempt = NOT_THERE.contains(&(&*name.to_string(), path));
            assert!(
                root().join(path).exists() || is_exempt,
                "{name} names {path}"
            );
        }
    }
    assert!(seen > 300, "{seen} paths are named");
}

/// The table of `docs/testing.md` tells where a test belongs, so each file of `tests/it` stands in
/// it.
#[test]
fn every_file_of_tests_has_its_place_in_the_table() {
    let document = read("docs/testing.md");
    let table = section(&document, "| about | files in");
    let mut named: BTreeSet<&str> = column(table, 2).into_iter().flat_map(quoted).collect();
    named.retain(|name| !name.ends_with('/'));
    let mut paths = Vec::new();
    files_below(&root().join("tests/it"), "rs", &mut paths);
    let found: BTreeSet<String> = paths
        .iter()
        .map(|path| path.strip_prefix(root().join("tests/it")).expect("inside"))
        .map(|path| path.with_extension("").display().to_string())
        .map(|name| name.trim_start_matches("support/").to_owned())
        .filter(|name| name != "main" && name != "mod")
        .collect();
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(named, found, "named, and there");
}

/// A bound counts as held because a test holds it: the last column names a module or a test of it.
#[test]
fn every_bound_of_the_security_page_names_tests_that_exist() {
    let tests = texts(&["src", "tests/it"]);
    let is_file = |module: &str| {
        let path = module.replace("::", "/");
        let mut paths = [
            format!("src/{path}.rs"),
            format!("src/{path}/mod.rs"),
            format!("tests/it/{path}.rs"),
        ]
        .into_iter();
        paths.any(|path| root().join(path).is_file())
    };
    let is_test = |module: &str, name: &str| {
        let path = module.replace("::", "/");
        let begin = format!("fn {}", name.trim_end_matches('…'));
        let places = [format!("src/{path}"), format!("tests/it/{path}")];
        let in_module = |file: &str| places.iter().any(|place| file.starts_with(place.as_str()));
        tests
            .iter()
            .any(|(file, text)| in_module(file) && text.contains(&begin))
    };
    let document = read("docs/security.md");
    let mut seen = 0;
    for named in column(&document, 5).into_iter().flat_map(quoted) {
        seen += 1;
        let module = named.trim_end_matches("::…");
        let parts = named.rsplit_once("::");
        let is_there = is_file(module) || parts.is_some_and(|(m, name)| is_test(m, name));
        assert!(is_there, "docs/security.md names {named}");
    }
    assert!(seen > 50, "{seen} tests are named");
}

#[test]
fn lanes_and_clocks_are_those_of_the_scripts() {
    let document = read("docs/testing.md");
    let lanes = column(section(&document, "## The lanes"), 1);
    let lanes: Vec<&str> = lanes.into_iter().flat_map(quoted).collect();
    let expected = format!("lanes=\"{}\"", lanes.join(" "));
    assert!(read("scripts/test").contains(&expected), "{expected}");
    let clocks = column(section(&document, "## Any day, any zone"), 1);
    let clocks: Vec<&str> = clocks.into_iter().flat_map(quoted).collect();
    let expected = format!("names=({})", clocks.join(" "));
    assert!(read("scripts/clocks").contains(&expected), "{expected}");
}

/// A command that names a test of another time runs nothing, and says so to somebody who trusts the
/// document.
#[test]
fn commands_are_shown_with_tests_that_exist() {
    let tests = texts(&["src", "tests/it"]);
    let mut seen = 0;
    for document in ["docs/testing.md", "CONTRIBUTING.md", "README.md"] {
        let text = read(document);
        let names = text
            .match_indices("--only ")
            .map(|(at, flag)| &text[at + flag.len()..]);
        for name in names.filter_map(|rest| rest.split([' ', '\n', '`', '|']).next()) {
            if name.starts_with(char::is_uppercase) {
                continue; // NAME and LANE stand for any.
            }
            seen += 1;
            let is_lane = read("scripts/test").contains(&format!("lane_{name}()"));
            let is_wire = root().join("tests/wire").join(name).is_file();
            let is_path =
                root().join(name).exists() || tests.iter().any(|(path, _)| path.contains(name));
            let is_part = tests.iter().any(|(_, text)| {
                let mut functions = text.split("fn ").skip(1);
                functions.any(|f| f.split('(').next().is_some_and(|f| f.contains(name)))
            });
            assert!(
                is_lane || is_wire || is_path || is_part,
                "{document}: nothing is called {name}"
            );
        }
    }
    assert!(seen >= 8, "{seen} commands are shown");
    // The tests that run under moved clocks.
    let script = read("scripts/clocks");
    let core = script.lines().find(|line| line.starts_with("core="));
    let core = core.expect("the filter of the tests");
    // `lib` tests are named by their folder, the others by their file and the start of their name.
    let named = core.replace("(keys|supervisor)::", "keys:: supervisor::");
    let named = named
        .split(['/', '|', '(', ')', '^', ' '])
        .filter(|word| word.contains("::"));
    let mut seen = 0;
    for (module, name) in named.filter_map(|name| name.split_once("::")) {
        seen += 1;
        let is_there = if name.is_empty() {
            root().join("src").join(module).is_dir()
        } else {
            let file = format!("tests/it/{module}.rs");
            let mut of_module = tests.iter().filter(|(path, _)| *path == file);
            of_module.any(|(_, text)| text.contains(&format!("fn {name}")))
        };
        assert!(is_there, "scripts/clocks: {module}::{name}");
    }
    assert!(seen >= 7, "{seen} tests run under moved clocks");
}
