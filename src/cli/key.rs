//! `key show|renew|accept`: the keys of the data folder, whether the gateway is running or not.
//! This is the only way to replace a key.

use clap::Subcommand;

use super::{Cli, print};
use crate::config::Config;
use crate::config::layout::Layout;
use crate::i18n::io_text::io_text;
use crate::i18n::locale::Lang;
use crate::keys::authority::Authority;
use crate::keys::ring::{self, COMMUNE_KEYS, KeyProblem, KeyRing, KeySpec, VILLAGE_KEYS};
use crate::keys::{pins, secret};
use crate::supervisor::clock::Clock;

/// Keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Which keys there are, and whether each is the one that this history was made with
    Show,
    /// Put a new key in place of one that is lost; says what it costs, and does it only with --yes
    Renew {
        /// The key's name, as `key show` says it
        name: String,
        /// Do it
        #[arg(long)]
        yes: bool,
    },
    /// Say that the key in its place is the right one
    Accept {
        /// The key's name
        name: String,
    },
}

/// The keys of this gateway or, at the commune, of its server.
pub(super) fn keys_of(config: &Config) -> &'static [KeySpec] {
    if config.is_commune() {
        &COMMUNE_KEYS
    } else {
        &VILLAGE_KEYS
    }
}

/// The problem of a key, in words.
pub(super) fn problem_text(lang: Lang, lack: KeyProblem) -> String {
    lang.t(match lack {
        KeyProblem::Missing => "key-missing",
        KeyProblem::Damaged => "key-damaged",
        KeyProblem::Mismatch => "key-foreign",
    })
}

/// The consequence of the loss of a key.
pub(super) fn consequence_of_loss(lang: Lang, name: KeySpec) -> String {
    lang.t(&format!("key-loss-{}", name.name))
}

/// The cost of replacing a key.
fn cost_of_renewal(lang: Lang, name: KeySpec) -> String {
    lang.t(&format!("key-cost-{}", name.name))
}

fn find(cli: &Cli, config: &Config, name: &str) -> anyhow::Result<KeySpec> {
    let all = keys_of(config);
    all.iter()
        .find(|n| n.name == name || n.file == name)
        .copied()
        .ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|n| n.name).collect();
            cli.failure(
                "key-unknown",
                &[("name", name), ("names", &names.join(", "))],
            )
        })
}

/// Carries out the command and gives its exit code.
pub fn run(cli: &Cli, what: &KeyCommand) -> anyhow::Result<u8> {
    let Ok(config) = super::load(cli) else {
        return Ok(78);
    };
    let data = Layout::of(&config).data;
    let mut ring = KeyRing::inspect(&data);
    match what {
        KeyCommand::Show => {
            let all: Vec<(KeySpec, Option<KeyProblem>)> = keys_of(&config)
                .iter()
                .map(|n| (*n, ring.problem(*n)))
                .collect();
            let state = |name: KeySpec, lack: Option<KeyProblem>| match lack {
                Some(lack) => format!(
                    "{}: {}",
                    problem_text(cli.lang(), lack),
                    consequence_of_loss(cli.lang(), name)
                ),
                None if ring.path(name).exists() => cli.t("key-well"),
                None => cli.t("key-first-start"),
            };
            let text: Vec<String> = all
                .iter()
                .map(|(n, lack)| format!("{:<12} {}", n.name, state(*n, *lack)))
                .collect();
            let json: serde_json::Map<String, serde_json::Value> = all
                .iter()
                .map(|(n, lack)| {
                    (
                        n.name.to_owned(),
                        lack.map_or("ok", KeyProblem::description).into(),
                    )
                })
                .collect();
            print(cli, &json.into(), &text.join("\n"));
            Ok(if all.iter().any(|(_, lack)| lack.is_some()) {
                2
            } else {
                0
            })
        }
        KeyCommand::Accept { name } => {
            let name = find(cli, &config, name)?;
            let path = ring.path(name);
            ring.accept(name)
                .map_err(|e| cli.file_failure("key-not-accepted", &path, &e))?;
            print(
                cli,
                &serde_json::json!({ "accepted": name.name }),
                &cli.f("key-accepted", &[("file", name.file)]),
            );
            Ok(0)
        }
        KeyCommand::Renew { name, yes } => {
            let name = find(cli, &config, name)?;
            let (cost, path) = (
                cost_of_renewal(cli.lang(), name),
                ring.path(name).display().to_string(),
            );
            if !yes {
                let text = cli.f(
                    "key-would-renew",
                    &[
                        ("file", name.file),
                        ("cost", &cost),
                        ("path", &path),
                        ("name", name.name),
                    ],
                );
                print(
                    cli,
                    &serde_json::json!({ "would": name.name, "costs": cost }),
                    &text,
                );
                return Ok(2);
            }
            renew(&mut ring, name, &config).map_err(|cause| {
                let why = cause
                    .downcast_ref::<std::io::Error>()
                    .map_or_else(|| format!("“{cause:#}”"), |e| io_text(cli.lang(), e));
                cli.failure("key-not-renewed", &[("path", &path), ("why", &why)])
            })?;
            print(
                cli,
                &serde_json::json!({ "renewed": name.name, "costs": cost }),
                &cli.f("key-renewed", &[("file", name.file), ("cost", &cost)]),
            );
            Ok(0)
        }
    }
}

fn renew(ring: &mut KeyRing, name: KeySpec, config: &Config) -> anyhow::Result<()> {
    let path = ring.path(name);
    let keys = Layout::of(config).keys();
    match name {
        n if n == ring::HOUSE_CA || n == ring::COMMUNE_CA => {
            // The new key is made in a folder of its own, so that the old one is not touched before
            // the new one is complete.
            let fresh = keys.join("ca.fresh");
            let _ = std::fs::remove_dir_all(&fresh);
            let title = if n == ring::HOUSE_CA {
                crate::keys::authority::HOUSE_CA_NAME
            } else {
                &config.commune_server.name
            };
            Authority::load_or_make(&fresh, title, Clock::system(0).trusted_s())?;
            let key = std::fs::read(fresh.join("ca.key"))?;
            std::fs::remove_dir_all(&fresh)?;
            ring.replace(name, &key)?;
            // The old certificate is put aside, and a new one is issued for the new key.
            // Certificates that the old key signed are not valid any more.
            let certificate = path.with_file_name("ca.pem");
            if certificate.exists() {
                std::fs::rename(&certificate, path.with_file_name("ca.pem.before"))?;
            }
            Authority::load_or_make(
                path.parent().unwrap_or(&keys),
                title,
                Clock::system(0).trusted_s(),
            )?;
        }
        n if n == ring::API_TOKEN => ring.replace(name, secret::token()?.as_bytes())?,
        n if n == ring::CONSOLE_PIN || n == ring::CONSOLE => {
            // The PIN is hashed with the key `CONSOLE`, so a new `CONSOLE` needs a new PIN.
            if n == ring::CONSOLE {
                ring.replace(ring::CONSOLE, &secret::random::<32>()?)?;
            }
            let key = std::fs::read(ring.path(ring::CONSOLE))?;
            let pin = secret::pin()?;
            ring.replace(ring::CONSOLE_PIN, pins::hash(&pin, &key)?.as_bytes())?;
            secret::write_file(&keys.join("console.first-pin"), pin.as_bytes())?;
        }
        _ => ring.replace(name, &secret::random::<32>()?)?,
    }
    Ok(())
}
