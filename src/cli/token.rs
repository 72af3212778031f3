//! `token add|list|remove`: the tokens of programs.

use std::collections::BTreeMap;

use clap::Subcommand;
use serde::Deserialize;

use super::{Cli, client, layout, print};
use crate::domain::id::TokenId;
use crate::domain::token::{self, Scope};
use crate::i18n::locale::Lang;
use crate::keys::secret;
use crate::protocol::control::Submit;

/// Tokens of programs.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token for a program: printed once
    Add {
        /// Its name, for example `home-assistant`: a–z, 0–9, -
        name: TokenId,
        /// Its permissions: `read` (state, history, figures), `switch` (lamps), `speak` (horns,
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

fn scopes_text<'a>(lang: Lang, scopes: impl IntoIterator<Item = &'a Scope>) -> String {
    scopes
        .into_iter()
        .map(|s| {
            let words = lang.t(&format!("scope-{}", s.name()));
            format!("{} ({words})", s.name())
        })
        .collect::<Vec<_>>()
        .join(", ")
}

/// A token as `/state` shows it.
#[derive(Debug, Deserialize)]
struct TokenRow {
    id: TokenId,
    #[serde(default)]
    scopes: Vec<Scope>,
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
            let text = cli.f(
                "token-made",
                &[
                    ("name", name.as_str()),
                    ("token", &token),
                    ("scopes", &scopes_text(cli.lang(), &put.scopes)),
                ],
            );
            let json = serde_json::json!({ "name": name, "token": token, "scopes": put.scopes });
            submit(cli, token::Command::Put { token: put })?;
            print(cli, &json, &text);
            Ok(0)
        }
        TokenCommand::List => {
            let state = client::request(cli, "GET", "/state", None)?;
            let tokens: BTreeMap<String, TokenRow> = match state.get("tokens") {
                Some(tokens) => client::understand(cli, tokens)?,
                None => BTreeMap::new(),
            };
            let is_away = tokens.contains_key(token::FILE_TOKEN);
            let valid: Vec<&TokenRow> = tokens.values().filter(|t| !t.scopes.is_empty()).collect();
            let mut rows: Vec<(String, String)> = valid
                .iter()
                .map(|t| (t.id.to_string(), scopes_text(cli.lang(), &t.scopes)))
                .collect();
            if !is_away {
                let scopes = scopes_text(cli.lang(), &Scope::ALL);
                rows.insert(
                    0,
                    (
                        token::FILE_TOKEN.to_owned(),
                        cli.f("token-in-file", &[("scopes", &scopes)]),
                    ),
                );
            }
            let mut text = cli.f("tokens", &[("n", rows.len())]) + "\n";
            text.push_str(&layout::rows(&rows, 24));
            if is_away {
                text.push_str(&cli.t("token-file-away"));
            }
            let json: Vec<_> = valid
                .iter()
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
                &cli.f("token-removed", &[("name", name.as_str())]),
            );
            Ok(0)
        }
    }
}
