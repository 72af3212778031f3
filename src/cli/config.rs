//! `config check|show`.

use clap::Subcommand;

use super::{Cli, print};

/// Configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Find every mistake
    Check,
    /// Where each value comes from
    Show,
}

/// Carries out the command and gives its exit code.
pub fn run(cli: &Cli, what: &ConfigCommand) -> anyhow::Result<u8> {
    let config = match super::load(cli) {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    match what {
        ConfigCommand::Check => print(
            cli,
            &serde_json::json!({ "problems": [] }),
            &cli.f("config-well", &[("n", config.origins.len())]),
        ),
        ConfigCommand::Show => {
            let text: String = config
                .origins
                .iter()
                .map(|(key, from)| format!("{key:<40}{from}\n"))
                .collect();
            print(cli, &serde_json::to_value(&config.origins)?, &text);
        }
    }
    Ok(0)
}
