//! The program that reads letters in pictures, Debian's `tesseract-ocr`, and its Vietnamese
//! letters, `tesseract-ocr-vie`: whether both are there.

use std::path::{Path, PathBuf};

/// The program.
pub const PROGRAM: &str = "/usr/bin/tesseract";
/// Where its letters lie, in a folder of its version.
const LETTERS: &str = "/usr/share/tesseract-ocr";

/// The file with the Vietnamese letters, if the program and they are there.
#[must_use]
pub fn letters() -> Option<PathBuf> {
    if !Path::new(PROGRAM).exists() {
        return None;
    }
    let versions = std::fs::read_dir(LETTERS).ok()?;
    versions
        .flatten()
        .map(|version| version.path().join("tessdata/vie.traineddata"))
        .find(|file| file.exists())
}
