//! `cert install|show|village`: certificates of the gateway and, at the commune, of villages.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::{Cli, NO_ARGS, print};
use crate::config::Config;
use crate::config::layout::Layout;
use crate::domain::id::VillageId;
use crate::i18n::dates;
use crate::i18n::io_text::io_text;
use crate::i18n::locale::Lang;
use crate::keys::authority::{Authority, CertificateFiles, IssuedCertificate};
use crate::keys::certificate_status::{CertificateProblem, CertificateStatus};
use crate::keys::holders::HolderStore;
use crate::keys::lifetime::RemainingLifetime;
use crate::keys::ring::{COMMUNE_CA, KeyRing};
use crate::keys::tls::ReloadableCertificate;
use crate::keys::x509;
use crate::supervisor::clock::{Clock, Trust};

/// Certificates.
#[derive(Debug, Subcommand)]
pub enum CertCommand {
    /// Install a publicly valid certificate for the dashboard's HTTPS; taken into service within
    /// seconds
    Install {
        /// Chain, PEM
        certificate: PathBuf,
        /// Key, PEM
        key: PathBuf,
    },
    /// How long the certificates are valid
    Show,
    /// At the commune: make a certificate for a village
    Village {
        /// The village's id
        id: String,
        /// File to write (certificate and key, PEM)
        #[arg(long)]
        out: PathBuf,
    },
}

/// How long something is valid; negative = how long ago it expired.
pub(super) fn days_text(lang: Lang, days: i64) -> String {
    if days >= 0 {
        lang.f("cert-days", &[("n", days)])
    } else {
        lang.f("cert-expired", &[("n", -days)])
    }
}

/// When a certificate ends and how many days that are, in words.
pub(super) fn ends_text(lang: Lang, lifetime: RemainingLifetime) -> String {
    let date = dates::date(lifetime.ends());
    let days = days_text(lang, lifetime.days());
    lang.f("cert-ends", &[("date", &date), ("days", &days)])
}

/// The status of the broker's certificate, in words.
pub(super) fn status_text(lang: Lang, of: CertificateStatus) -> String {
    lang.t(match of {
        CertificateStatus::Valid(days) | CertificateStatus::ExpiringSoon(days) => {
            return days_text(lang, days);
        }
        CertificateStatus::Unusable(CertificateProblem::Missing) => "cert-none",
        CertificateStatus::Unusable(CertificateProblem::Damaged) => "cert-damaged",
        CertificateStatus::Unusable(CertificateProblem::WrongIssuer) => "cert-foreign",
        CertificateStatus::Unusable(CertificateProblem::NotYetValid) => "cert-early",
        CertificateStatus::Unusable(CertificateProblem::ValidityTooLong) => "cert-wrong-clock",
    })
}

/// Carries out the command and gives its exit code.
pub fn run(cli: &Cli, what: &CertCommand) -> anyhow::Result<u8> {
    let Ok(config) = super::load(cli) else {
        return Ok(78);
    };
    match what {
        CertCommand::Install { certificate, key } => install(cli, &config, certificate, key),
        CertCommand::Show => show(cli, &config),
        CertCommand::Village { id, out } => issue_village(cli, &config, id, out),
    }
}

fn keys_folder(config: &Config) -> PathBuf {
    Layout::of(config).keys()
}

/// Installs a certificate for the dashboard's HTTPS; exit code 2 when it is not valid now.
fn install(cli: &Cli, config: &Config, certificate: &Path, key: &Path) -> anyhow::Result<u8> {
    let keys = keys_folder(config);
    let clock = Clock::system(0);
    let given = CertificateFiles {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
    };
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|e| cli.file_failure("cli-cannot-read", path, &e))
    };
    let identity = IssuedCertificate {
        certificate: read(certificate)?,
        key: read(key)?,
    };
    if ReloadableCertificate::load(&given).is_err() {
        let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
        return Err(cli.failure(
            "cert-unusable",
            &[("certificate", &certificate), ("key", &key)],
        ));
    }
    let installed = CertificateFiles::named(&keys, "public");
    installed
        .write(&identity)
        .map_err(|e| cli.file_failure("cli-cannot-write", &keys, &e))?;
    let days = installed.remaining_days(&clock);
    let words = days.map_or_else(
        || cli.t("cert-early-clock"),
        |days| days_text(cli.lang(), days),
    );
    print(
        cli,
        &serde_json::json!({ "days": days }),
        &cli.f("cert-installed", &[("days", &words)]),
    );
    Ok(if days.is_none_or(|d| d < 0) { 2 } else { 0 })
}

/// Prints how long the certificates are valid; exit code 2 when one is expired or cannot be used.
fn show(cli: &Cli, config: &Config) -> anyhow::Result<u8> {
    let keys = keys_folder(config);
    let clock = Clock::system(0);
    let public = CertificateFiles::named(&keys, "public");
    let there = public.certificate.exists();
    let (lifetime, mqtt) = (
        public.lifetime(&clock),
        CertificateFiles::named(&keys, "mqtt").status(
            &keys.join(if config.is_commune() {
                "ca"
            } else {
                "house-ca"
            }),
            &clock,
        ),
    );
    let public = lifetime.map(RemainingLifetime::days);
    let https = match lifetime {
        Some(lifetime) => ends_text(cli.lang(), lifetime),
        None if there => cli.t("cert-damaged-or-early"),
        None => cli.t("cert-none"),
    };
    let mut text = cli.f("cert-https", &[("state", &https)]);
    let state = status_text(cli.lang(), mqtt);
    text.push_str(&format!("\n{}", cli.f("cert-mqtt", &[("state", &state)])));
    if clock.trust() == Trust::None {
        text.push_str(&format!("\n{}", cli.t("cert-clock")));
    }
    print(
        cli,
        &serde_json::json!({ "public": public, "mqtt": mqtt.days_left() }),
        &text,
    );
    Ok(
        if public.is_some_and(|d| d < 0)
            || there && public.is_none()
            || mqtt.days_left().is_some_and(|d| d < 0)
        {
            2
        } else {
            0
        },
    )
}

/// Issues a certificate for a village, at the commune, and replaces the one that the village had.
fn issue_village(cli: &Cli, config: &Config, id: &str, out: &Path) -> anyhow::Result<u8> {
    let keys = keys_folder(config);
    let clock = Clock::system(0);
    let Ok(id) = VillageId::new(id) else {
        return Err(cli.failure("cli-no-id", &[("id", id)]));
    };
    if let Some(lack) = KeyRing::inspect(&Layout::of(config).data).problem(COMMUNE_CA) {
        let problem = super::key::problem_text(cli.lang(), lack);
        return Err(cli.failure(
            "key-unusable",
            &[("file", COMMUNE_CA.file), ("problem", &problem)],
        ));
    }
    let authority = Authority::load_or_make(
        &keys.join("ca"),
        &config.commune_server.name,
        clock.trusted_s(),
    )
    .map_err(|e| cli.file_failure("cli-cannot-read", &keys.join("ca"), &e))?;
    let now_s = (clock.trust() != Trust::None).then(|| clock.trusted_s());
    let identity = authority.issue_client_at(id.as_str(), now_s).map_err(|e| {
        let why = io_text(cli.lang(), &e);
        cli.failure("cert-not-made", &[("id", id.as_str()), ("why", &why)])
    })?;
    CertificateFiles {
        certificate: out.to_owned(),
        key: out.to_owned(),
    }
    .write(&identity)
    .map_err(|e| cli.file_failure("cli-cannot-write", out, &e))?;
    // The village's certificate before this one stops being accepted, also for anybody who
    // has a copy of it.
    let key = x509::key_hash_of(identity.certificate.as_bytes())
        .ok_or_else(|| cli.failure("cert-made-damaged", NO_ARGS))?;
    HolderStore::of(&keys)
        .replace_key(id.as_str(), &key)
        .map_err(|e| cli.file_failure("cert-not-recorded", &keys.join("holders.json"), &e))?;
    print(
        cli,
        &serde_json::json!({ "file": out, "ca": keys.join("ca/ca.pem") }),
        &cli.f(
            "cert-village",
            &[
                ("file", &out.display().to_string()),
                ("ca", &keys.join("ca/ca.pem").display().to_string()),
            ],
        ),
    );
    Ok(0)
}
