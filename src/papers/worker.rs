//! `conglang worker paper-…`: one paper from stdin, its text and its pages as frames on stdout, the
//! end. A process for each paper: nothing of one is left when the next comes.
//!
//! Invariants: bounded in memory and in time of the processor by the kernel before a byte is read,
//! and confined as no other worker is: it opens no file at all. A page that makes the reader panic
//! is left out; a paper that ends the process has what came before.

mod cell_dates;
mod letter_lines;
mod office;
mod old_fonts;
mod pdf;
mod unzip;

use std::io::{self, Read as _};

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::domain::notice::MAX_ATTACHMENT_BYTES;
use crate::domain::text;
use crate::protocol::paper::{MAX_TEXT_CHARS, PaperFrame, PaperProblem};

/// Most memory that it may write to, bytes.
pub const MAX_MEMORY_BYTES: u64 = 256 * 1024 * 1024;
/// Most addresses, bytes: the program and its libraries take a share of them.
const MAX_ADDRESSES: u64 = 2 * 1024 * 1024 * 1024;
/// Most time of a processor, seconds.
pub const MAX_CPU_SECONDS: u64 = 120;

/// Bounds this process: memory, time of the processor, nothing written; it yields to everything.
///
/// # Errors
/// When the kernel refuses.
pub fn bound(memory: u64, seconds: u64) -> io::Result<()> {
    let limit = |resource, most| {
        let most = Some(most);
        setrlimit(
            resource,
            Rlimit {
                current: most,
                maximum: most,
            },
        )
    };
    limit(Resource::Data, memory)?;
    limit(Resource::As, MAX_ADDRESSES)?;
    limit(Resource::Cpu, seconds)?;
    limit(Resource::Core, 0)?;
    // The first to go when the machine is out of memory, and the last to get a processor. The
    // system may refuse both; that is no reason not to work.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let _ = rustix::process::nice(10);
    limit(Resource::Fsize, 0)?;
    Ok(())
}

/// Where frames go, and how much text has gone there.
struct FrameWriter<W> {
    out: W,
    chars: usize,
}

impl<W: io::Write> FrameWriter<W> {
    fn send(&mut self, frame: &PaperFrame) -> io::Result<()> {
        self.out.write_all(&frame.encode())?;
        self.out.flush()
    }

    /// Sends the text of a page, cleaned; gives false when the bound of all text is reached. A page
    /// without text sends nothing.
    fn text(&mut self, page: u32, words: &str) -> io::Result<bool> {
        let left = MAX_TEXT_CHARS.saturating_sub(self.chars);
        let text: String = text::body(words, left);
        self.chars += text.chars().count();
        if !text.is_empty() {
            self.send(&PaperFrame::Text { page, text })?;
        }
        Ok(self.chars < MAX_TEXT_CHARS)
    }
}

/// Reads the paper on stdin; `role` says what it is.
///
/// # Errors
/// When the parent does not read, or the role is none.
pub fn run(role: &str) -> io::Result<()> {
    let mut content = Vec::new();
    io::stdin()
        .lock()
        .take(MAX_ATTACHMENT_BYTES + 1)
        .read_to_end(&mut content)?;
    let mut to_parent = FrameWriter {
        out: io::stdout().lock(),
        chars: 0,
    };
    let read = match role {
        "paper-pdf" => pdf::read(content, &mut to_parent)?,
        "paper-opens" => pdf::opens(content),
        "paper-docx" => office::read_docx(&content, &mut to_parent)?,
        "paper-xlsx" => office::read_xlsx(&content, &mut to_parent)?,
        other => return Err(io::Error::other(format!("no paper is a “{other}”"))),
    };
    if let Err(problem) = read {
        to_parent.send(&PaperFrame::Problem(problem))?;
    }
    to_parent.send(&PaperFrame::End)
}

/// The end of a paper: all of it was told, or why not. The outer error is a parent that is gone.
type PaperOutcome = io::Result<Result<(), PaperProblem>>;
