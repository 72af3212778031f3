//! Finds the files in the data folder that other users of this machine can read.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::i18n::locale::{Arg, Lang};

/// Most paths in a sentence.
const MAX_NAMES: usize = 3;

fn is_world_accessible(path: &Path) -> bool {
    // Symbolic links are left out: the file that a link points to is checked at its own place.
    std::fs::symlink_metadata(path)
        .is_ok_and(|m| !m.is_symlink() && m.permissions().mode() & 0o077 != 0)
}

fn list_recursively(folder: &Path) -> Vec<PathBuf> {
    let mut out: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|e| Some(e.ok()?.path()))
        .collect();
    out.sort();
    out
}

/// The paths that other users may read or enter: those of the keys, and the rest. A file is
/// reported also when its folder is closed to others: a copy of the folder, or a moment in which
/// the folder was open, would expose the file.
pub fn world_accessible(data: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let keys = data.join("keys");
    let secret = list_recursively(&keys)
        .into_iter()
        .chain(list_recursively(&keys.join("house-ca")))
        .chain(list_recursively(&keys.join("ca")))
        .chain([keys.clone()])
        .filter(|p| is_world_accessible(p))
        .collect();
    let rest = [data.to_owned()]
        .into_iter()
        .chain(list_recursively(data))
        .chain(list_recursively(&data.join("people")))
        .filter(|p| *p != keys && is_world_accessible(p))
        .collect();
    (secret, rest)
}

/// The first of the paths, and how many more there are.
pub fn summarize_paths(lang: Lang, paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    first_names(lang, &names, MAX_NAMES)
}

/// The first `most` names, and how many more there are.
pub fn first_names(lang: Lang, names: &[String], most: usize) -> String {
    let text = names
        .iter()
        .take(most)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    let more = names.len().saturating_sub(most);
    if more > 0 {
        lang.f(
            "cli-and-more",
            &[("names", Arg::Text(&text)), ("n", more.into())],
        )
    } else {
        text
    }
}
