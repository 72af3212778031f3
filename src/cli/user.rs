//! `user add|pin|list`.

use clap::Subcommand;

use super::{Cli, client, say};
use crate::domain::state::State;

/// People who may sign in.
#[derive(Debug, Subcommand)]
pub enum User {
    /// Add a person; a PIN is made unless one is given
    Add {
        /// Id, for example `mau`
        id: String,
        /// Name as people say it: “Ông Mẫu”
        name: String,
        /// `chief` or `technician`
        #[arg(long, default_value = "chief", value_parser = ["chief", "technician"])]
        role: String,
        /// Six digits
        #[arg(long)]
        pin: Option<String>,
    },
    /// Give a new PIN; the person's phones must sign in again
    Pin {
        /// Id
        id: String,
        /// Name as people say it, when it changes
        name: Option<String>,
    },
    /// Who may sign in
    List,
}

/// Carries it out.
pub fn run(cli: &Cli, what: &User) -> anyhow::Result<u8> {
    match what {
        User::Add { id, name, role, pin } => put(cli, id, name, role, pin.as_deref()),
        User::Pin { id, name } => put(cli, id, name.as_deref().unwrap_or_default(), "", None),
        User::List => {
            let value = client::ask(cli, "GET", "/state", None)?;
            let state: State = serde_json::from_value(value.clone())?;
            let mut text = format!("{} người\n", state.users.len());
            for u in state.users.values() {
                text.push_str(&format!("  {:<14}{}\n", u.id.as_str(), if u.role == crate::domain::actor::Role::Chief { "trưởng thôn" } else { "kỹ thuật" }));
            }
            say(cli, &value["users"], &text);
            Ok(0)
        }
    }
}

fn put(cli: &Cli, id: &str, name: &str, role: &str, pin: Option<&str>) -> anyhow::Result<u8> {
    let body = serde_json::json!({ "id": id, "name": name, "role": role, "pin": pin });
    let made = client::ask(cli, "POST", "/users", Some(&body))?;
    say(cli, &made, &format!("{} đăng nhập bằng mã PIN {}. Đưa tận tay, mã không hiện lại.", if name.is_empty() { id } else { name }, made["pin"].as_str().unwrap_or_default()));
    Ok(0)
}
