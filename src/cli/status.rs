//! `status`, `sync status`.

use clap::Subcommand;

use super::{Cli, client, print};
use crate::protocol::control::StatusReport;

/// The link to the commune.
#[derive(Debug, Subcommand)]
pub enum SyncCommand {
    /// How the link is and what waits
    Status,
}

fn fetch_status(cli: &Cli) -> anyhow::Result<(StatusReport, serde_json::Value)> {
    let value = client::request(cli, "GET", "/status", None)?;
    Ok((serde_json::from_value(value.clone())?, value))
}

/// Prints the state of the village in one screen and gives the exit code.
pub fn status(cli: &Cli) -> anyhow::Result<u8> {
    let (status, value) = fetch_status(cli)?;
    let d = crate::domain::calendar::day(status.at);
    let mut text = format!(
        "{:<62}{:>2}/{:<2} {}\n",
        status.sentence,
        d.day,
        d.month,
        crate::i18n::dates::clock(status.at)
    );
    for line in &status.lines {
        text.push_str(
            &format!("  {:<9}{:<12}{}\n", line.name, line.count, line.words).replace(" \n", "\n"),
        );
    }
    for (part, light, why) in status.health.iter().filter(|(_, l, _)| l != "green") {
        text.push_str(&format!("  ! {part} ({light}): {why}\n"));
    }
    print(cli, &value, &text);
    Ok(u8::from(status.health.iter().any(|(_, l, _)| l == "red")) * 2)
}

/// Prints the state of the link to the commune and gives the exit code.
pub fn sync(cli: &Cli, what: &SyncCommand) -> anyhow::Result<u8> {
    let SyncCommand::Status = what;
    let (status, _) = fetch_status(cli)?;
    let s = &status.sync;
    let text = if !s.configured {
        "Chưa nối với xã.".to_owned()
    } else if s.up {
        format!(
            "Xã đã nhận đủ đến mục {} lúc {}, chờ gửi {}.",
            s.received,
            crate::i18n::dates::clock(s.received_at),
            s.waiting
        )
    } else {
        let got = if s.received == 0 {
            "Xã chưa nhận mục nào".to_owned()
        } else {
            format!("Xã đã nhận đủ đến mục {}", s.received)
        };
        format!(
            "Mất kết nối với xã. {got}; đã lưu tại chỗ, chờ gửi {}.",
            s.waiting
        )
    };
    print(cli, &serde_json::to_value(s)?, &text);
    Ok(if s.configured && !s.up { 2 } else { 0 })
}
