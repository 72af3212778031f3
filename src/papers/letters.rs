//! Reads the letters of a page that is a picture: Debian's `tesseract` with Vietnamese letters.
//!
//! Invariants: the picture is one that our own worker drew, never a stranger's file. The program
//! runs confined: no connections, no file to write, only the system's files to read, bounded memory
//! and time; one page at a time. Where it is missing, pages that are pictures stay without text.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::time::Duration;

use crate::supervisor::helper::{self, HelperError};
use crate::supervisor::recogniser;

/// Most memory that it may write to, bytes.
pub const MAX_MEMORY_BYTES: u64 = 256 * 1024 * 1024;
/// Most time of a processor for a page, seconds.
pub const MAX_CPU_SECONDS: u64 = 60;
/// Files and folders that the program may read.
pub const READ: [&str; 7] = [
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
];
/// How long a page may take.
const DEADLINE: Duration = Duration::from_secs(120);
/// Most bytes of the text of a page.
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// Becomes the program: a picture comes on stdin, its text goes to stdout. Gives the error of not
/// becoming it.
#[must_use]
pub fn become_program() -> io::Error {
    std::process::Command::new(recogniser::PROGRAM)
        .args(["stdin", "stdout", "-l", "vie", "--dpi", "200"])
        .env_clear()
        .env("OMP_THREAD_LIMIT", "1")
        .exec()
}

/// The letters of a page, as lines. `program` is our own.
///
/// # Errors
/// Why there are none.
pub async fn recognise(program: &str, png: &[u8]) -> Result<String, HelperError> {
    let args = ["worker", "letters"];
    let text = helper::run(program, &args, &[], png, DEADLINE, MAX_TEXT_BYTES).await?;
    Ok(paragraphs(&String::from_utf8_lossy(&text)))
}

/// The program ends each line of the paper with a line, and a paragraph with an empty one.
fn paragraphs(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() {
            if !out.is_empty() && !out.ends_with('\n') {
                out.push('\n');
            }
        } else {
            if !out.is_empty() && !out.ends_with('\n') {
                out.push(' ');
            }
            out.push_str(line);
        }
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_paragraph_are_one() {
        let read = "CỘNG HÒA XÃ HỘI\nCHỦ NGHĨA VIỆT NAM\n\n\n  Mời bà con\nhọp thôn.\n\u{c}";
        let one = "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM\nMời bà con họp thôn.";
        assert_eq!(paragraphs(read), one);
        assert_eq!(paragraphs(" \n\n"), "");
    }
}
