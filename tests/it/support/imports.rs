//! Which file of the program imports which, and the circles in that.
//!
//! A path that begins at `crate`, `super` or `self` is an import, in a `use` and anywhere else. A
//! module and the folder of its children are one: a child may use its head, and the head its
//! children. Comments, literals and the tests inside a file do not count. `scripts/measures` counts
//! the same way.

use std::collections::{BTreeMap, BTreeSet};

type Module = Vec<String>;

/// The module that a file under `src/` is.
fn module_of(path: &str) -> Module {
    let mut parts: Module = path
        .trim_start_matches("src/")
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    if parts
        .last()
        .is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str()))
    {
        parts.pop();
    }
    parts
}

/// The text in which comments and literals are blanks.
pub fn blank(text: &str) -> Vec<char> {
    let chars: Vec<char> = text.chars().collect();
    let starts = |at: usize, with: &str| {
        with.chars()
            .enumerate()
            .all(|(i, c)| chars.get(at + i) == Some(&c))
    };
    let find = |from: usize, what: &str| {
        (from..chars.len())
            .find(|at| starts(*at, what))
            .map_or(chars.len(), |at| at + what.chars().count())
    };
    let mut out = chars.clone();
    let mut at = 0;
    while at < chars.len() {
        let is_in_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
        let end = if starts(at, "//") {
            find(at, "\n")
        } else if starts(at, "/*") {
            find(at, "*/")
        } else if chars[at] == 'r' && !is_in_word && (starts(at, "r\"") || starts(at, "r#")) {
            let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
            if chars.get(at + 1 + hashes) == Some(&'"') {
                find(at + 2 + hashes, &format!("\"{}", "#".repeat(hashes)))
            } else {
                at // A raw identifier.
            }
        } else if chars[at] == '"' {
            let mut end = at + 1;
            while end < chars.len() && chars[end] != '"' {
                end += if chars[end] == '\\' { 2 } else { 1 };
            }
            end + 1
        } else if starts(at, "'\\") {
            find(at + 3, "'")
        } else if chars[at] == '\'' && chars.get(at + 2) == Some(&'\'') {
            at + 3
        } else {
            at
        };
        for c in out.iter_mut().take(end).skip(at).filter(|c| **c != '\n') {
            *c = ' ';
        }
        at = end.max(at + 1);
    }
    out
}

/// Reads the path at `at`, with its groups spread out into `paths`; returns where it ends.
fn read_path(code: &[char], mut at: usize, mut path: Module, paths: &mut Vec<Module>) -> usize {
    let skip = |mut at: usize| {
        while code.get(at).is_some_and(|c| c.is_whitespace()) {
            at += 1;
        }
        at
    };
    loop {
        at = skip(at);
        let word: String = code[at.min(code.len())..]
            .iter()
            .take_while(|c| c.is_alphanumeric() || **c == '_')
            .collect();
        if word.is_empty() {
            break;
        }
        at += word.chars().count();
        path.push(word);
        let next = skip(at);
        if code.get(next) != Some(&':') || code.get(next + 1) != Some(&':') {
            break;
        }
        at = skip(next + 2);
        if code.get(at) == Some(&'{') {
            at += 1;
            while at < code.len() && code[at] != '}' {
                let end = read_path(code, at, path.clone(), paths);
                at = end.max(at + 1);
                // The rest of an item is a new name, or the star.
                while at < code.len() && code[at] != ',' && code[at] != '}' {
                    at += 1;
                }
                at += usize::from(code.get(at) == Some(&','));
            }
            return at + 1;
        }
    }
    paths.push(path);
    at
}

/// Every path in the text that begins at `crate`, `super` or `self`.
fn paths_in(text: &str) -> Vec<Module> {
    let product = match text.find("\n#[cfg(test)]\nmod tests {") {
        Some(at) => &text[..at],
        None => text,
    };
    let code = blank(product);
    let mut paths = Vec::new();
    let mut at = 0;
    while at < code.len() {
        let is_begin = at == 0 || !(code[at - 1].is_alphanumeric() || "_:".contains(code[at - 1]));
        let is_root = ["crate::", "super::", "self::"].iter().any(|root| {
            root.chars()
                .enumerate()
                .all(|(i, c)| code.get(at + i) == Some(&c))
        });
        at = if is_begin && is_root {
            read_path(&code, at, Module::new(), &mut paths).max(at + 1)
        } else {
            at + 1
        };
    }
    paths
}

/// The module of the program that a path leads into; none = it leads out of the program.
fn resolve(known: &BTreeMap<Module, &str>, from: &Module, path: &[String]) -> Option<Module> {
    let mut here = from.clone();
    let mut rest = path;
    if let Some(("crate", tail)) = path.split_first().map(|(first, tail)| (&**first, tail)) {
        (here, rest) = (Module::new(), tail);
    }
    while let Some((first, tail)) = rest.split_first() {
        match first.as_str() {
            "super" => drop(here.pop()),
            "self" => {}
            _ => break,
        }
        rest = tail;
    }
    let mut found = known.contains_key(&here).then(|| here.clone());
    for part in rest {
        here.push(part.clone());
        if known.contains_key(&here) {
            found = Some(here.clone());
        }
    }
    found
}

/// The files that import each other in circles, each with what it imports of the others. `sources`
/// are paths under `src/` with their texts.
pub fn circles(sources: &[(String, String)]) -> BTreeMap<String, BTreeSet<String>> {
    let known: BTreeMap<Module, &str> = sources
        .iter()
        .map(|(path, _)| (module_of(path), path.as_str()))
        .collect();
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in sources {
        let from = module_of(path);
        let imports = paths_in(text)
            .into_iter()
            .filter_map(|p| resolve(&known, &from, &p))
            .filter(|to| !from.starts_with(to) && !to.starts_with(&from))
            .map(|to| known[&to].to_owned())
            .collect();
        graph.insert(path.clone(), imports);
    }
    // A file that imports none of the rest, or that none of the rest imports, is in no circle.
    loop {
        let imported: BTreeSet<String> = graph.values().flatten().cloned().collect();
        let before = graph.len();
        graph.retain(|path, imports| !imports.is_empty() && imported.contains(path));
        let left: BTreeSet<String> = graph.keys().cloned().collect();
        for imports in graph.values_mut() {
            imports.retain(|path| left.contains(path));
        }
        if graph.len() == before {
            return graph;
        }
    }
}
