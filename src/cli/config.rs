//! `config check|show`.

use clap::Subcommand;

use super::{Cli, say};

/// Configuration.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Find every mistake
    Check,
    /// Where each value comes from
    Show,
}

/// Carries it out.
pub fn run(cli: &Cli, what: &Config) -> anyhow::Result<u8> {
    let config = match super::load(cli) {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    match what {
        Config::Check => say(
            cli,
            &serde_json::json!({ "problems": [] }),
            &format!("Cấu hình đúng: {} giá trị.", config.origins.len()),
        ),
        Config::Show => {
            let text: String = config
                .origins
                .iter()
                .map(|(key, from)| format!("{key:<40}{from}\n"))
                .collect();
            say(cli, &serde_json::to_value(&config.origins)?, &text);
        }
    }
    Ok(0)
}
