//! `directory import|check`: the map of roads, alleys and houses.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::{Cli, Failure, client, print};
use crate::domain::directory::MAX_MAP_BYTES;
use crate::domain::directory::geometry::GeoPoint;
use crate::i18n::map_text::problem_text;
use crate::protocol::control::{PutMap, PutMapAnswer};
use crate::protocol::map_file::{self, MapProblem};

/// The exit code for a file with mistakes.
const WRONG_FILE: u8 = 65;

/// The map of roads, alleys and houses.
#[derive(Debug, Subcommand)]
pub enum DirectoryCommand {
    /// Look for mistakes in a GeoJSON file; works with the gateway stopped
    Check {
        /// The file
        file: PathBuf,
    },
    /// Give the village this map instead of the one that it has
    Import {
        /// The file
        file: PathBuf,
        /// Withdraw the labels of houses that are not where they were
        #[arg(long)]
        withdraw_labels: bool,
    },
}

/// Carries out the command and gives its exit code.
pub fn run(cli: &Cli, what: &DirectoryCommand) -> anyhow::Result<u8> {
    match what {
        DirectoryCommand::Check { file } => check(cli, file),
        DirectoryCommand::Import {
            file,
            withdraw_labels,
        } => import(cli, file, *withdraw_labels),
    }
}

fn read_file(cli: &Cli, path: &Path) -> anyhow::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_MAP_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(|cause| cli.file_failure("cli-cannot-read", path, &cause))?;
    Ok(bytes)
}

/// Prints the mistakes of a file.
fn refuse(cli: &Cli, path: &Path, problems: &[MapProblem]) -> u8 {
    let told: Vec<String> = problems
        .iter()
        .map(|p| problem_text(cli.lang(), p))
        .collect();
    let file = path.display().to_string();
    let first = cli.f("directory-wrong", &[("n", problems.len())]);
    let text = format!("{first}\n  {}", told.join("\n  "));
    let json = serde_json::json!({ "file": file, "problems": problems, "told": told });
    print(cli, &json, &text);
    WRONG_FILE
}

fn check(cli: &Cli, path: &Path) -> anyhow::Result<u8> {
    let config = super::load(cli).map_err(|code| Failure {
        code,
        text: cli.t("cli-config-first"),
    })?;
    let village = config.declared.village.as_ref();
    let middle = village.filter(|v| v.latitude != 0.0 || v.longitude != 0.0);
    let middle = middle.map(|v| GeoPoint {
        lat: v.latitude,
        lon: v.longitude,
    });
    match map_file::read(&read_file(cli, path)?, middle) {
        Err(problems) => Ok(refuse(cli, path, &problems)),
        Ok(map) => {
            let (roads, houses) = (map.roads.len(), map.houses.len());
            let text = cli.f("directory-good", &[("roads", roads), ("houses", houses)]);
            let json = serde_json::json!({ "roads": roads, "houses": houses });
            print(cli, &json, &text);
            Ok(0)
        }
    }
}

fn import(cli: &Cli, path: &Path, withdraw_labels: bool) -> anyhow::Result<u8> {
    let bytes = read_file(cli, path)?;
    let file = match String::from_utf8(bytes) {
        Ok(file) if file.len() <= MAX_MAP_BYTES => file,
        // Why is told without the gateway.
        Ok(file) => return Ok(refuse_unsent(cli, path, file.as_bytes())),
        Err(wrong) => return Ok(refuse_unsent(cli, path, wrong.as_bytes())),
    };
    let body = serde_json::to_value(PutMap {
        file,
        withdraw_labels,
    })?;
    let answer = client::request(cli, "POST", "/directory", Some(&body))?;
    let answer: PutMapAnswer = client::understand(cli, &answer)?;
    if !answer.problems.is_empty() {
        return Ok(refuse(cli, path, &answer.problems));
    }
    let labels = format!("\n  {}", answer.labels.join("\n  "));
    if answer.roads == 0 {
        let text = cli.f("directory-labels", &[("n", answer.labels.len())]);
        print(cli, &serde_json::to_value(&answer)?, &(text + &labels));
        return Ok(WRONG_FILE);
    }
    let counts = [("roads", answer.roads), ("houses", answer.houses)];
    let mut text = cli.f("directory-imported", &counts);
    if !answer.lost_links.is_empty() {
        text.push('\n');
        let links = answer.lost_links.join(", ");
        text.push_str(&cli.f("directory-lost-links", &[("links", &links)]));
    }
    if !answer.labels.is_empty() {
        let n = answer.labels.len();
        text = text + "\n" + &cli.f("directory-labels-gone", &[("n", n)]) + &labels;
    }
    print(cli, &serde_json::to_value(&answer)?, &text);
    Ok(0)
}

fn refuse_unsent(cli: &Cli, path: &Path, bytes: &[u8]) -> u8 {
    let problems = map_file::read(bytes, None).err().unwrap_or_default();
    refuse(cli, path, &problems)
}
