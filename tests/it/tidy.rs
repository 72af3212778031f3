//! House rules as a test: files at most 500 lines, imports one way and in no circle, crates in
//! their places, no forgotten marks.

use std::path::{Path, PathBuf};

use crate::support::imports::circles;

/// Largest file, lines.
const CEILING: usize = 500;
/// Named exceptions to the ceiling, at most three.
const LARGER: [&str; 0] = [];

fn files(root: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(root).expect("dir") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

fn sources() -> Vec<(String, String)> {
    texts(&["src"])
}

/// The Rust files below these folders of the repository: path and text.
pub fn texts(folders: &[&str]) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in folders {
        files(&root.join(folder), &mut paths);
    }
    paths
        .into_iter()
        .map(|p| {
            (
                p.strip_prefix(root).expect("inside").display().to_string(),
                std::fs::read_to_string(&p).expect("text"),
            )
        })
        .collect()
}

#[test]
fn files_are_small_headed_and_finished() {
    for (path, text) in texts(&["src", "tests", "benches", "examples"]) {
        let lines = text.lines().count();

        assert!(
            lines <= CEILING || LARGER.contains(&path.as_str()),
            "{path} has {lines} lines"
        );
        assert!(
            text.starts_with("//!"),
            "{path} says at its head what it is for"
        );
        for mark in ["todo!(", "unimplemented!(", "FIXME", "#[ignore"] {
            assert!(
                !text.contains(mark) || path == "tests/it/tidy.rs",
                "{path}: {mark}"
            );
        }
    }
}

/// Folders that do one thing of the village each; none imports another.
const NOUNS: [&str; 13] = [
    "broker",
    "cameras",
    "devices",
    "dhcp",
    "directory",
    "feeds",
    "guests",
    "netd",
    "papers",
    "speakers",
    "sync",
    "commune",
    "web",
];

/// What a folder may not import, besides the nouns, the commands and the composition; none = it may
/// import everything.
fn forbidden(module: &str) -> Option<&'static str> {
    Some(match module {
        "time" => {
            "domain protocol journal store live ports keys log supervisor i18n view http config"
        }
        "log" => "domain protocol journal store live ports keys supervisor i18n view http config",
        "supervisor" => "domain protocol journal store live ports keys log i18n view http config",
        "domain" => "protocol journal store live ports keys log i18n view http config supervisor",
        "protocol" => "journal store live ports i18n view http config",
        "config" => "journal store live ports i18n view http",
        "keys" => "domain protocol journal store live ports log i18n view http config",
        "journal" | "store" | "live" => "ports i18n view http config",
        "ports" => "journal store keys log supervisor i18n view http config",
        // Sentences know what happened, not where they are shown.
        "i18n" => "journal store live ports keys log view http config",
        "view" => "journal store ports keys log http config",
        "http" => "ports view",
        // What the technician types works with the gateway dead: it reads disks, never what is now.
        "cli" => "live ports",
        noun if NOUNS.contains(&noun) => "",
        _ => return None,
    })
}

#[test]
fn imports_go_one_way() {
    for (path, text) in sources() {
        let module = path
            .trim_start_matches("src/")
            .split(['/', '.'])
            .next()
            .expect("module")
            .to_owned();
        let Some(below) = forbidden(&module) else {
            continue;
        };
        let beside = NOUNS
            .iter()
            .copied()
            .chain(["app", "cli"])
            .filter(|m| *m != module);
        for other in below.split_whitespace().chain(beside) {
            // Two engines meet in the tests of sync, nowhere else.
            let exception = path == "src/sync/tests.rs" && other == "commune"
                || path.ends_with("protocol/speaker.rs") && other == "keys"
                // Leases and the texts of other programs are read and printed with the gateway dead.
                || path == "src/cli/net.rs" && other == "dhcp";
            assert!(
                exception || !text.contains(&format!("crate::{other}::")),
                "{path} imports {other}"
            );
        }
    }
}

/// What is started gets its own section of the configuration. The whole is for the roles, which
/// hand the sections out, and for the technician's commands.
#[test]
fn the_whole_configuration_is_seen_by_roles_and_commands_alone() {
    let may_see = ["src/config/", "src/cli/", "src/main.rs"];
    let roles = ["src/app/gateway.rs", "src/app/commune.rs"];
    for (path, text) in sources() {
        let words = |line: &str| {
            line.split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|word| word == "Config")
        };
        let sees = code_of(&text).lines().any(words);
        assert!(
            !sees || roles.contains(&path.as_str()) || may_see.iter().any(|p| path.starts_with(p)),
            "{path} takes the whole configuration"
        );
    }
}

/// The portal is a page for strangers: nothing of the chief's pages may come into it unseen, and
/// what both show lies below both.
#[test]
fn audiences_of_the_pages_stand_apart() {
    for (path, text) in sources() {
        for (audience, others) in [
            ("kit", &["portal", "dashboard", "control", "api"][..]),
            ("portal", &["dashboard", "control", "api"]),
            ("dashboard", &["portal"]),
        ] {
            for other in others {
                assert!(
                    !path.starts_with(&format!("src/web/{audience}/"))
                        || !text.contains(&format!("crate::web::{other}")),
                    "{path} imports {other}"
                );
            }
        }
    }
}

/// A form that people send is registered where its handler must take the proof of its sender.
#[test]
fn no_page_takes_a_form_beside_the_list_of_forms() {
    for pages in [
        "src/web/dashboard",
        "src/commune/console",
        "src/commune/sign_in",
    ] {
        let mut seen = 0;
        for (path, text) in sources().iter().filter(|(p, _)| p.starts_with(pages)) {
            let routing = text.lines().filter(|line| line.contains("axum::routing"));
            for line in routing {
                seen += 1;
                assert_eq!(line, "use axum::routing::{MethodRouter, get};", "{path}");
            }
            // The fields of a form are read where its proof is.
            assert!(!code_of(text).contains("axum::Form"), "{path}");
        }
        assert!(seen >= 1 || pages.ends_with("sign_in"), "routes of {pages}");
    }
}

/// The product's part of a file: what stands before its tests, without comments.
fn code_of(text: &str) -> String {
    let product = text.split("#[cfg(test)]").next().unwrap_or_default();
    product
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// What the technician reads is in the locale files, in both languages.
#[test]
fn no_vietnamese_letter_stands_in_the_commands() {
    for (path, text) in sources().iter().filter(|(p, _)| p.starts_with("src/cli/")) {
        for line in code_of(text).lines() {
            let letter = line.chars().find(|c| matches!(c, 'À'..='ỹ'));
            assert!(letter.is_none(), "{path}: {}", line.trim());
        }
    }
}

/// An answer of a gateway of another version is no error that nobody foresaw: one function reads
/// answers, and its failure says what to do.
#[test]
fn commands_read_the_gateways_answers_in_one_way() {
    for (path, text) in sources() {
        let is_reader = path == "src/cli/client.rs" || !path.starts_with("src/cli/");
        assert!(
            is_reader || !code_of(&text).contains("from_value("),
            "{path}: client::understand reads an answer"
        );
    }
}

/// A folder of a test goes away with it, also when the test panics or returns early: `tempfile`
/// makes it. The bare temporary folder is named nowhere else.
#[test]
fn no_test_makes_a_temporary_folder_by_hand() {
    let by_hand = concat!("temp", "_dir()");
    for (path, text) in texts(&["src", "tests"]) {
        assert!(
            !text.contains(by_hand),
            "{path}: tempfile::tempdir() goes away also when the test panics"
        );
    }
}

/// The files of the program without its tests.
pub fn product() -> Vec<(String, String)> {
    let mut all = sources();
    all.retain(|(path, _)| !path.ends_with("tests.rs") && !path.contains("tests/"));
    all
}

#[test]
fn files_do_not_import_each_other_in_circles() {
    let found = circles(&product());
    assert!(
        found.is_empty(),
        "files import each other in circles; what one of them imports of the others: {found:#?}"
    );
}

#[test]
fn a_circle_of_files_is_found_however_it_is_written() {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let mut village = vec![
        file("src/lib.rs", "pub mod broker;\npub mod log;\n"),
        file("src/broker/mod.rs", "mod core;\nuse self::core::State;\n"),
        file(
            "src/broker/core.rs",
            "use super::net::{edge::{Edge, self}, Meter};\nuse crate::log;\n",
        ),
        file(
            "src/broker/net/mod.rs",
            "// use crate::broker::core::State;\npub mod edge;\n\
             const A: &str = r#\"crate::broker::core\"#;\n",
        ),
        file(
            "src/broker/net/edge.rs",
            "fn f(q: char) -> bool { q == '\"' }\n#[cfg(test)]\n\
             mod tests {\n use crate::broker::core::State;\n}\n",
        ),
        file("src/log.rs", "fn f<'a>(_: &'a str) {}\n"),
    ];
    assert!(circles(&village).is_empty(), "{:?}", circles(&village));
    village[4].1 = "fn f() -> crate::broker::core::State { todo() }\n".into();
    let found: Vec<String> = circles(&village).into_keys().collect();
    assert_eq!(found, ["src/broker/core.rs", "src/broker/net/edge.rs"]);
    village[4].1 = "use super::super::{core::State as Other};\n".into();
    let found: Vec<String> = circles(&village).into_keys().collect();
    assert_eq!(found, ["src/broker/core.rs", "src/broker/net/edge.rs"]);
}

/// A file that is built into the program lies in the folder of those who use it; what two folders
/// need, one of them hands to the other as a value.
#[test]
fn no_file_is_included_across_folders() {
    for (path, text) in product() {
        let code = code_of(&text);
        for mark in ["include_str!", "include_bytes!"] {
            for (at, _) in code.match_indices(mark) {
                let rest = &code[at + mark.len()..];
                let argument = rest[..rest.find(')').unwrap_or(rest.len())].trim_start_matches('(');
                let is_near = argument.trim().starts_with('"')
                    && !argument.contains("..")
                    && !argument.contains("\"/");
                assert!(is_near, "{path}: {mark}({})", argument.trim());
            }
        }
    }
}

/// The broker's state machine knows no socket, no file and no task, so that a model can be held
/// against it and time can be turned.
#[test]
fn the_core_of_the_broker_knows_neither_wire_nor_disk() {
    for (path, text) in product() {
        if !path.starts_with("src/broker/core/") {
            continue;
        }
        for word in [
            "broker::net",
            "broker::shared",
            "broker::worker",
            "tokio::net",
            "tokio::io",
            "tokio::spawn",
            "std::fs",
            "std::net",
            "async fn",
            ".await",
        ] {
            assert!(!code_of(&text).contains(word), "{path}: {word}");
        }
    }
}

#[test]
fn crates_stay_where_they_belong() {
    for (path, text) in sources() {
        for (name, places) in [
            (
                "rumqttc",
                &[
                    "src/devices/",
                    "src/sync/",
                    "src/commune/",
                    "src/cli/broker.rs",
                    "src/protocol/mqtt/tests.rs",
                ][..],
            ),
            ("retina", &["src/cameras/"]),
            (
                "gstreamer",
                &["src/cameras/worker/", "src/speakers/encoder.rs"],
            ),
            (
                "redb",
                &[
                    "src/journal/",
                    "src/store/",
                    "src/commune/tables.rs",
                    "src/commune/open.rs",
                    "src/commune/store.rs",
                    "src/commune/ingest.rs",
                    "src/commune/read_model.rs",
                    "src/commune/quota.rs",
                    "src/commune/bulletins.rs",
                    "src/commune/sent_bulletins.rs",
                    "src/commune/officers.rs",
                    "src/commune/history.rs",
                    "src/commune/configured.rs",
                    "src/commune/erasure.rs",
                    "src/commune/erasure_tests.rs",
                    "src/commune/recent_index.rs",
                    "src/commune/boot_history.rs",
                    "src/commune/store_tests.rs",
                ],
            ),
            (
                "axum",
                &["src/http/", "src/web/", "src/commune/", "src/app/"],
            ),
        ] {
            let used =
                text.contains(&format!("{name}::")) && !text.contains(&format!("crate::{name}"));
            assert!(
                !used || places.iter().any(|p| path.starts_with(p)),
                "{path} uses {name}"
            );
        }
    }
}
