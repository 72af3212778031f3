//! `journal tail`, `journal check`.

use std::io::{IsTerminal as _, Write as _};

use clap::Subcommand;

use super::{Cli, client, print};

/// History.
#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// The newest entries as they are stored
    Tail {
        /// How many
        #[arg(short = 'n', long, default_value_t = 20)]
        lines: usize,
        /// Only about this device, lamp, camera, notice…
        #[arg(long)]
        about: Option<String>,
    },
    /// Is history whole and unchanged? Works with the daemon dead
    Check,
}

/// Carries out the command and gives its exit code.
pub fn run(cli: &Cli, what: &JournalCommand) -> anyhow::Result<u8> {
    match what {
        JournalCommand::Tail { lines, about } => {
            let about = match about {
                Some(id)
                    if id
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) =>
                {
                    format!("&about={id}")
                }
                Some(id) => {
                    anyhow::bail!("“{id}” không phải mã của thiết bị; xem “conglang device list”")
                }
                None => String::new(),
            };
            let entries = client::request(
                cli,
                "GET",
                &format!("/entries?limit={}{about}", (*lines).min(1000)),
                None,
            )?;
            let text: String = entries
                .as_array()
                .into_iter()
                .flatten()
                .map(|e| format!("{e}\n"))
                .collect();
            print(cli, &entries, &text);
            Ok(0)
        }
        JournalCommand::Check => check(cli),
    }
}

fn check(cli: &Cli) -> anyhow::Result<u8> {
    let Ok(config) = super::load(cli) else {
        return Ok(78);
    };
    let data = crate::config::layout::Layout::of(&config).data;
    let name = config.village.as_ref().map(|v| &v.id);
    let talk = std::io::stderr().is_terminal() && !cli.json;
    let mut shown = 0;
    let findings = crate::journal::check::check(
        &crate::journal::boot::folder(&data),
        &data.join("log"),
        name,
        |n| {
            if talk && n >= shown + 10_000 {
                shown = n;
                let _ = write!(std::io::stderr(), "\rđã kiểm tra {n} mục…");
            }
        },
    )
    .map_err(|e| anyhow::anyhow!("không đọc được nhật ký trong {}: {e}", data.display()))?;
    if talk {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    let mut text = if findings.problems.is_empty() {
        format!(
            "Nhật ký nguyên vẹn: {} mục ({} đến {}), {} lần khởi động.\n",
            findings.entries, findings.first, findings.last, findings.epochs
        )
    } else {
        format!(
            "Nhật ký có {} chỗ sai, đọc được {} mục:\n",
            findings.problems.len(),
            findings.entries
        )
    };
    for wrong in &findings.problems {
        text.push_str(&format!("  {wrong}\n"));
    }
    print(cli, &serde_json::to_value(&findings)?, &text);
    Ok(if findings.problems.is_empty() { 0 } else { 2 })
}
