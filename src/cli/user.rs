//! `user add|pin|rename|remove|list`.

use clap::Subcommand;

use super::{Cli, client, layout, print};
use crate::domain::id::UserId;
use crate::domain::user::{Command, Role};
use crate::protocol::control::{Submit, UserChange, UserRow, UserUpdate};

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
    /// Take a person out; their phones are signed out at once
    Remove {
        /// Id
        id: String,
    },
    /// People who may sign in
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
                &cli.f(
                    "user-renamed",
                    &[
                        ("id", id.as_str()),
                        ("name", made["name"].as_str().unwrap_or(name)),
                    ],
                ),
            );
            Ok(0)
        }
        UserCommand::Remove { id } => {
            let Ok(user) = UserId::new(id) else {
                return Err(cli.failure("person-id", &[("id", id)]));
            };
            let command = Command::Remove { user }.into();
            let made = client::request(
                cli,
                "POST",
                "/commands",
                Some(&serde_json::to_value(Submit { command })?),
            )?;
            print(cli, &made, &cli.f("user-removed", &[("id", id)]));
            Ok(0)
        }
        UserCommand::List => {
            let value = client::request(cli, "GET", "/users", None)?;
            let people: Vec<UserRow> = client::understand(cli, &value)?;
            let mut text = cli.f("users", &[("n", people.len())]) + "\n";
            let rows: Vec<(String, String)> = people
                .into_iter()
                .map(|u| {
                    let role = cli.t(match u.role {
                        Role::Chief => "cli-role-chief",
                        Role::Technician => "cli-role-technician",
                    });
                    let name = u.name.unwrap_or_else(|| cli.t("user-unread"));
                    (u.id, format!("{name:<24}  {role}"))
                })
                .collect();
            text.push_str(&layout::rows(&rows, 20));
            print(cli, &value, &text);
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
        &cli.f(
            "user-pin",
            &[
                ("id", id),
                ("name", made["name"].as_str().unwrap_or(id)),
                ("pin", made["pin"].as_str().unwrap_or_default()),
            ],
        ),
    );
    Ok(0)
}
