//! `token add|list|remove`: what programs show at the dashboard's door.

use clap::Subcommand;

use super::{Cli, client, say};
use crate::domain::command::Command;
use crate::domain::id::TokenId;
use crate::domain::state::State;
use crate::domain::token::{self, Scope};
use crate::keys::secret;
use crate::protocol::control::Submit;

/// Tokens of programs.
#[derive(Debug, Subcommand)]
pub enum Token {
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
const fn words(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "đọc",
        Scope::Switch => "bật tắt đèn",
        Scope::Speak => "phát loa, đăng tin",
        Scope::Manage => "khai báo thiết bị",
    }
}

fn all<'a>(scopes: impl IntoIterator<Item = &'a Scope>) -> String {
    scopes
        .into_iter()
        .map(|s| format!("{} ({})", s.name(), words(*s)))
        .collect::<Vec<_>>()
        .join(", ")
}

fn submit(cli: &Cli, command: Command) -> anyhow::Result<serde_json::Value> {
    client::ask(
        cli,
        "POST",
        "/commands",
        Some(&serde_json::to_value(Submit { command })?),
    )
}

/// Carries it out.
pub fn run(cli: &Cli, what: &Token) -> anyhow::Result<u8> {
    match what {
        Token::Add { name, scope } => {
            let token = secret::token()?;
            let put = token::Token {
                id: name.clone(),
                sha256: secret::sha256(token.as_bytes()),
                scopes: scope.iter().copied().collect(),
            };
            let text = format!(
                "Mã của phần mềm “{name}”: {token}\n  được  {}\n  dùng  authorization: Bearer {token}\nMã không hiện lại; mất thì conglang token remove {name} rồi cấp lại.",
                all(&put.scopes)
            );
            let json = serde_json::json!({ "name": name, "token": token, "scopes": put.scopes });
            submit(cli, Command::PutToken { token: put })?;
            say(cli, &json, &text);
            Ok(0)
        }
        Token::List => {
            let state: State = serde_json::from_value(client::ask(cli, "GET", "/state", None)?)?;
            let is_away = state.tokens.values().any(|t| t.id.as_str() == token::FILE);
            let mut rows: Vec<(String, String)> = state
                .tokens
                .values()
                .filter(|t| !t.scopes.is_empty())
                .map(|t| (t.id.to_string(), all(&t.scopes)))
                .collect();
            if !is_away {
                rows.insert(
                    0,
                    (
                        token::FILE.to_owned(),
                        format!("{}; nằm trong tệp keys/api.token", all(&Scope::ALL)),
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
            say(
                cli,
                &serde_json::json!({ "tokens": json, "file": !is_away }),
                &text,
            );
            Ok(0)
        }
        Token::Remove { name } => {
            let made = submit(
                cli,
                Command::RemoveToken {
                    token: name.clone(),
                },
            )?;
            say(
                cli,
                &made,
                &format!("{name}: đã thu hồi, phần mềm dùng mã này bị từ chối từ bây giờ."),
            );
            Ok(0)
        }
    }
}
