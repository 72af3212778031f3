//! `procedures import|check`: the village's list of administrative procedures, from a file.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::{Cli, client, print};
use crate::domain::procedure::MAX_LIST_BYTES;
use crate::i18n::io_text::io_text;
use crate::i18n::locale::Arg;
use crate::i18n::procedure_file_text::mistake_text;
use crate::protocol::control::{PutProcedures, PutProceduresAnswer};
use crate::protocol::procedure_file::{self, ReadProcedures};

/// The exit code when the file has mistakes.
const MISTAKEN: u8 = 2;

/// Administrative procedures.
#[derive(Debug, Subcommand)]
pub enum ProceduresCommand {
    /// Take the procedures of a file instead of those that the village has
    Import {
        /// The file: CSV, as an office program saves it
        file: PathBuf,
    },
    /// Read a file and tell its mistakes; changes nothing, works with the gateway stopped
    Check {
        /// The file
        file: PathBuf,
    },
}

/// Carries out the command and gives its exit code.
pub fn run(cli: &Cli, what: &ProceduresCommand) -> anyhow::Result<u8> {
    match what {
        ProceduresCommand::Import { file } => import(cli, file),
        ProceduresCommand::Check { file } => check(cli, file),
    }
}

/// The procedures of a file; none = it has mistakes, which were printed.
fn read(cli: &Cli, path: &Path) -> anyhow::Result<Option<ReadProcedures>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let most = MAX_LIST_BYTES as u64 + 1;
    let read = std::fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes));
    if let Err(cause) = read {
        let path = path.display().to_string();
        let cause = io_text(cli.lang(), &cause);
        let told = [("path", path.as_str()), ("cause", &cause)];
        return Err(cli.failure("cli-procedures-unread", &told));
    }
    match procedure_file::read(&bytes) {
        Ok(found) => Ok(Some(found)),
        Err(mistakes) => {
            let words: Vec<String> = mistakes
                .iter()
                .map(|at| mistake_text(cli.lang(), at))
                .collect();
            let text = format!(
                "{}\n  {}",
                cli.f("cli-procedures-wrong", &[("n", mistakes.len())]),
                words.join("\n  ")
            );
            print(cli, &serde_json::json!({ "mistakes": mistakes }), &text);
            Ok(None)
        }
    }
}

fn check(cli: &Cli, path: &Path) -> anyhow::Result<u8> {
    let Some(found) = read(cli, path)? else {
        return Ok(MISTAKEN);
    };
    let (n, written_in) = (found.procedures.len(), found.written_in.name());
    let told = [("n", Arg::from(n)), ("written", Arg::from(written_in))];
    print(
        cli,
        &serde_json::json!({ "procedures": n, "written_in": written_in }),
        &cli.f("cli-procedures-good", &told),
    );
    Ok(0)
}

fn import(cli: &Cli, path: &Path) -> anyhow::Result<u8> {
    let Some(found) = read(cli, path)? else {
        return Ok(MISTAKEN);
    };
    let list = procedure_file::write(&found.procedures);
    let put = PutProcedures {
        list: String::from_utf8(list)?,
    };
    let put = serde_json::to_value(put)?;
    let answer = client::request(cli, "POST", "/procedures", Some(&put))?;
    let done: PutProceduresAnswer = client::understand(cli, &answer)?;
    let key = if done.changed {
        "cli-procedures-taken"
    } else {
        "cli-procedures-same"
    };
    print(cli, &answer, &cli.f(key, &[("n", done.count)]));
    Ok(0)
}
