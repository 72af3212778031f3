//! `print wall|alleys|plates|stickers|notice`: sheets with codes, as PDF.

use std::path::{Path, PathBuf};

use base64ct::{Base64, Encoding as _};
use clap::Subcommand;

use super::{Cli, NO_ARGS, client, print};
use crate::domain::id::{NoticeId, PlaceId};
use crate::i18n::locale::Arg;
use crate::protocol::control::{PrintAnswer, PrintOrder};

/// Sheets with codes.
#[derive(Debug, Subcommand)]
pub enum PrintCommand {
    /// The sheet for the village hall's wall
    Wall {
        /// Write into this file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Sheets for heads of roads and alleys: one road or all
    Alleys {
        /// Id of the road; none = all
        road: Option<PlaceId>,
        /// Write into this file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Plates of houses to be engraved
    Plates {
        /// Id of the road
        road: PlaceId,
        /// Write into this file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Stickers of houses
    Stickers {
        /// Id of the road
        road: PlaceId,
        /// Write into this file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// A notice on A5
    Notice {
        /// Id of the notice
        id: NoticeId,
        /// Write into this file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// Carries out the command and gives its exit code.
pub fn run(cli: &Cli, what: &PrintCommand) -> anyhow::Result<u8> {
    let (order, out) = match what {
        PrintCommand::Wall { out } => (PrintOrder::Wall, out),
        PrintCommand::Alleys { road, out } => (PrintOrder::Alleys { road: road.clone() }, out),
        PrintCommand::Plates { road, out } => (PrintOrder::Plates { road: road.clone() }, out),
        PrintCommand::Stickers { road, out } => (PrintOrder::Stickers { road: road.clone() }, out),
        PrintCommand::Notice { id, out } => (PrintOrder::Notice { id: id.clone() }, out),
    };
    write(cli, &order, out)
}

fn write(cli: &Cli, order: &PrintOrder, out: &Path) -> anyhow::Result<u8> {
    let answer = client::request(cli, "POST", "/print", Some(&serde_json::to_value(order)?))?;
    let answer: PrintAnswer = client::understand(cli, &answer)?;
    let Some(pdf) = answer.pdf.and_then(|pdf| Base64::decode_vec(&pdf).ok()) else {
        return Err(cli.failure("print-none", NO_ARGS));
    };
    std::fs::write(out, &pdf).map_err(|cause| cli.file_failure("cli-cannot-write", out, &cause))?;
    let file = out.display().to_string();
    let text = cli.f(
        "printed",
        &[("file", Arg::Text(&file)), ("bytes", Arg::from(pdf.len()))],
    );
    print(
        cli,
        &serde_json::json!({ "file": file, "bytes": pdf.len() }),
        &text,
    );
    Ok(0)
}
