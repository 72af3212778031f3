//! `token add|list|remove`: the tokens of programs.

use clap::Subcommand;

use super::{Cli, client, print};
use crate::domain::id::TokenId;
use crate::domain::state::VillageState;
use crate::domain::token::{self, Scope};
use crate::keys::secret;
use crate::protocol::control::Submit;

/// Tokens of programs.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token for a program: printed once
    Add {
        /// Its name, for example `home-assistant`: a–z, 0–9, -
        name: TokenId,
        /// What it may: `read` (state, history, figures), `switch` (lamps), `speak` (horns,
        /// notices), `manage` (places, devices)
        #[arg(long, value_delimiter = ',', required = true)]
        scope: Vec<Scope>,
    },
    /// Which tokens there are and what each may
    List,
    /// Take a token away, at once
    Remove {
        /// Its name
        name: TokenId,
    },
}

/// A scope in Vietnamese.
const fn scope_text(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "đọc",
        Scope::Switch => "bật tắt đèn",
        Scope::Speak => "phát loa, đăng tin",
        Scope::Manage => "khai báo thiết bị",
    }
}

fn scopes_text<'a>(scopes: impl IntoIterator<Item = &'a Scope>) -> String {
    scopes
        .into_iter()
        .map(|s| format!("{} ({})", s.name(), scope_text(*s)))
        .collect::<Vec<_>>()
        .join(", ")
}

fn submit(cli: &Cli, command: token::Command) -> anyhow::Result<serde_json::Value> {
    client::request(
        cli,
        "POST",
        "/commands",
        Some(&serde_json::to_value(Submit {
            command: command.into(),
        })?),
    )
}

/// Carries out the command and gives its exit code.
pub fn run(cli: &Cli, what: &TokenCommand) -> anyhow::Result<u8> {
    match what {
        TokenCommand::Add { name, scope } => {
            let token = secret::token()?;
            let put = token::Token {
                id: name.clone(),
                sha256: secret::sha256(token.as_bytes()),
                scopes: scope.iter().copied().collect(),
            };
            let text = format!(
                "Mã của phần mềm “{name}”: {token}\n  được  {}\n  dùng  authorization: Bearer {token}\nMã không hiện lại; mất thì conglang token remove {name} rồi cấp lại.",
                scopes_text(&put.scopes)
            );
            let json = serde_json::json!({ "name": name, "token": token, "scopes": put.scopes });
            submit(cli, token::Command::Put { token: put })?;
            print(cli, &json, &text);
            Ok(0)
        }
        TokenCommand::List => {
            let state: VillageState =
                serde_json::from_value(client::request(cli, "GET", "/state", None)?)?;
            let is_away = state
                .tokens
                .values()
                .any(|t| t.id.as_str() == token::FILE_TOKEN);
            let mut rows: Vec<(String, String)> = state
                .tokens
                .values()
                .filter(|t| !t.scopes.is_empty())
                .map(|t| (t.id.to_string(), scopes_text(&t.scopes)))
                .collect();
            if !is_away {
                rows.insert(
                    0,
                    (
                        token::FILE_TOKEN.to_owned(),
                        format!("{}; nằm trong tệp keys/api.token", scopes_text(&Scope::ALL)),
                    ),
                );
            }
            let mut text = format!("{} mã của phần mềm\n", rows.len());
            for (name, may) in &rows {
                text.push_str(&format!("  {name:<16}{may}\n"));
            }
            if is_away {
                text.push_str("Mã trong tệp keys/api.token đã thu hồi.\n");
            }
            let json: Vec<_> = state
                .tokens
                .values()
                .filter(|t| !t.scopes.is_empty())
                .map(|t| serde_json::json!({ "name": t.id, "scopes": t.scopes }))
                .collect();
            print(
                cli,
                &serde_json::json!({ "tokens": json, "file": !is_away }),
                &text,
            );
            Ok(0)
        }
        TokenCommand::Remove { name } => {
            let made = submit(
                cli,
                token::Command::Remove {
                    token: name.clone(),
                },
            )?;
            print(
                cli,
                &made,
                &format!("{name}: đã thu hồi, phần mềm dùng mã này bị từ chối từ bây giờ."),
            );
            Ok(0)
        }
    }
}
