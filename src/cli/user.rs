//! `user add|pin|rename|list`.

use clap::Subcommand;

use super::{Cli, client, print};
use crate::domain::state::VillageState;
use crate::protocol::control::{UserChange, UserUpdate};

/// People who may sign in.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
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
    /// Call a person otherwise; the PIN stays, nobody has to sign in again
    Rename {
        /// Id
        id: String,
        /// Name as people say it
        name: String,
    },
    /// Who may sign in
    List,
}

/// Carries out the command and gives its exit code.
pub fn run(cli: &Cli, what: &UserCommand) -> anyhow::Result<u8> {
    match what {
        UserCommand::Add {
            id,
            name,
            role,
            pin,
        } => put(cli, UserChange::Add, id, name, role, pin.as_deref()),
        UserCommand::Pin { id, name } => put(
            cli,
            UserChange::Pin,
            id,
            name.as_deref().unwrap_or_default(),
            "",
            None,
        ),
        UserCommand::Rename { id, name } => {
            let put = UserUpdate {
                change: UserChange::Rename,
                id: id.clone(),
                name: name.clone(),
                role: String::new(),
                pin: None,
            };
            let made = client::request(cli, "POST", "/users", Some(&serde_json::to_value(put)?))?;
            print(
                cli,
                &made,
                &format!(
                    "{id} từ nay là {}. Mã PIN giữ nguyên, không ai phải đăng nhập lại.",
                    made["name"].as_str().unwrap_or(name)
                ),
            );
            Ok(0)
        }
        UserCommand::List => {
            let value = client::request(cli, "GET", "/state", None)?;
            let state: VillageState = serde_json::from_value(value.clone())?;
            let mut text = format!("{} người\n", state.users.len());
            for u in state.users.values() {
                text.push_str(&format!(
                    "  {:<14}{}\n",
                    u.id.as_str(),
                    if u.role == crate::domain::user::Role::Chief {
                        "trưởng thôn"
                    } else {
                        "kỹ thuật"
                    }
                ));
            }
            print(cli, &value["users"], &text);
            Ok(0)
        }
    }
}

fn put(
    cli: &Cli,
    change: UserChange,
    id: &str,
    name: &str,
    role: &str,
    pin: Option<&str>,
) -> anyhow::Result<u8> {
    let put = UserUpdate {
        change,
        id: id.to_owned(),
        name: name.to_owned(),
        role: role.to_owned(),
        pin: pin.map(str::to_owned),
    };
    let made = client::request(cli, "POST", "/users", Some(&serde_json::to_value(put)?))?;
    print(
        cli,
        &made,
        &format!(
            "{} ({id}) đăng nhập bằng mã PIN {}. Đưa tận tay, mã không hiện lại.",
            made["name"].as_str().unwrap_or(id),
            made["pin"].as_str().unwrap_or_default()
        ),
    );
    Ok(0)
}
