//! `commune officer add|pin|remove|list`: who may sign in at the commune's console.
//! `commune history`: who did what there.

use clap::{Args, Subcommand};

use super::broker::escaped;
use super::journal::{day_of, lines_text};
use super::{Cli, client, layout, print};
use crate::domain::calendar::day_number;
use crate::protocol::control::{HistoryReport, OfficerChange, OfficerRow, OfficerUpdate};
use crate::supervisor::clock::Clock;

/// At the commune's server.
#[derive(Debug, Subcommand)]
pub enum CommuneCommand {
    /// Officers who may sign in at the console
    #[command(subcommand)]
    Officer(OfficerCommand),
    /// Tell who did what, in words
    History(HistoryArgs),
}

/// Which part of the commune's history is shown.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// How many entries
    #[arg(short = 'n', long, default_value_t = 20)]
    lines: usize,
    /// Only of this day
    #[arg(long)]
    day: Option<String>,
    /// Only what this officer did, or what concerns the officer
    #[arg(long)]
    person: Option<String>,
    /// Only what this village did, or what concerns it
    #[arg(long)]
    village: Option<String>,
}

/// Officers who may sign in at the console.
#[derive(Debug, Subcommand)]
pub enum OfficerCommand {
    /// Add an officer; a PIN is made unless one is given
    Add {
        /// Id, for example `hoa`
        id: String,
        /// Name with the office: “Chị Hoa, văn hóa xã”
        name: String,
        /// Six digits
        #[arg(long)]
        pin: Option<String>,
    },
    /// Give a new PIN; the officer must sign in again everywhere
    Pin {
        /// Id
        id: String,
        /// Name with the office, when it changes
        name: Option<String>,
    },
    /// Take an officer out; signed out at once everywhere
    Remove {
        /// Id
        id: String,
    },
    /// List the officers who may sign in
    List,
}

/// Carries out the command and gives its exit code.
pub fn run(cli: &Cli, what: &CommuneCommand) -> anyhow::Result<u8> {
    let what = match what {
        CommuneCommand::Officer(what) => what,
        CommuneCommand::History(args) => return history(cli, args),
    };
    match what {
        OfficerCommand::Add { id, name, pin } => {
            let update = OfficerUpdate {
                change: OfficerChange::Add,
                id: id.clone(),
                name: name.clone(),
                pin: pin.clone(),
            };
            put(cli, &update)
        }
        OfficerCommand::Pin { id, name } => {
            let update = OfficerUpdate {
                change: OfficerChange::Pin,
                id: id.clone(),
                name: name.clone().unwrap_or_default(),
                pin: None,
            };
            put(cli, &update)
        }
        OfficerCommand::Remove { id } => {
            let update = OfficerUpdate {
                change: OfficerChange::Remove,
                id: id.clone(),
                ..OfficerUpdate::default()
            };
            let made = post(cli, &update)?;
            print(cli, &made, &cli.f("officer-removed", &[("id", id)]));
            Ok(0)
        }
        OfficerCommand::List => {
            let value = client::request(cli, "GET", "/officers", None)?;
            let officers: Vec<OfficerRow> = client::understand(cli, &value)?;
            let text = if officers.is_empty() {
                cli.t("officers-none")
            } else {
                let rows: Vec<(String, String)> =
                    officers.into_iter().map(|o| (o.id, o.name)).collect();
                let head = cli.f("officers", &[("n", rows.len())]);
                format!("{head}\n{}", layout::rows(&rows, 20))
            };
            print(cli, &value, &text);
            Ok(0)
        }
    }
}

/// Prints the newest entries, oldest first.
fn history(cli: &Cli, args: &HistoryArgs) -> anyhow::Result<u8> {
    let mut path = format!("/history?limit={}", args.lines);
    for (name, value) in [("person", &args.person), ("village", &args.village)] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", escaped(value)));
        }
    }
    if let Some(text) = &args.day {
        let now = Clock::system(0).wall_ms();
        let Some(ago) = day_of(text.trim(), now) else {
            return Err(cli.failure("commune-history-day", &[("text", text)]));
        };
        path.push_str(&format!("&day={}", day_number(now) - ago));
    }
    let value = client::request(cli, "GET", &path, None)?;
    let report: HistoryReport = client::understand(cli, &value)?;
    let text = if report.lines.is_empty() {
        cli.t("journal-none")
    } else {
        lines_text(&report)
    };
    print(cli, &report.entries.into(), &text);
    Ok(0)
}

fn post(cli: &Cli, update: &OfficerUpdate) -> anyhow::Result<serde_json::Value> {
    let body = serde_json::to_value(update)?;
    client::request(cli, "POST", "/officers", Some(&body))
}

fn put(cli: &Cli, update: &OfficerUpdate) -> anyhow::Result<u8> {
    let made = post(cli, update)?;
    let id = update.id.as_str();
    let text = cli.f(
        "officer-pin",
        &[
            ("id", id),
            ("name", made["name"].as_str().unwrap_or(id)),
            ("pin", made["pin"].as_str().unwrap_or_default()),
        ],
    );
    print(cli, &made, &text);
    Ok(0)
}
