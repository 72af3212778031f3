//! `cert install|show|village`: certificates of the gateway and, at the commune, of villages.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::{Cli, print};
use crate::config::Config;
use crate::config::layout::Layout;
use crate::keys::authority::{Authority, CertificateFiles, IssuedCertificate};
use crate::keys::certificate_status::{CertificateProblem, CertificateStatus};
use crate::keys::holders::HolderStore;
use crate::keys::ring::{COMMUNE_CA, KeyRing};
use crate::keys::tls::{self, ReloadableCertificate};
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

/// The status of the broker's certificate, in words.
pub(super) fn status_text(of: CertificateStatus) -> String {
    match of {
        CertificateStatus::Valid(days) | CertificateStatus::ExpiringSoon(days) if days >= 0 => {
            format!("còn {days} ngày")
        }
        CertificateStatus::Valid(days) | CertificateStatus::ExpiringSoon(days) => {
            format!("đã hết hạn {} ngày", -days)
        }
        CertificateStatus::Unusable(CertificateProblem::Missing) => "chưa có".to_owned(),
        CertificateStatus::Unusable(CertificateProblem::Damaged) => {
            "không dùng được: tệp hỏng".to_owned()
        }
        CertificateStatus::Unusable(CertificateProblem::WrongIssuer) => {
            "không dùng được: không phải của CA này".to_owned()
        }
        CertificateStatus::Unusable(CertificateProblem::NotYetValid) => {
            "không dùng được: chưa đến ngày có hiệu lực".to_owned()
        }
        CertificateStatus::Unusable(CertificateProblem::ValidityTooLong) => {
            "không dùng được: ngày ghi theo giờ sai".to_owned()
        }
    }
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
    Layout::of(config).data.join("keys")
}

/// Installs a certificate for the dashboard's HTTPS; exit code 2 when it is not valid now.
fn install(cli: &Cli, config: &Config, certificate: &Path, key: &Path) -> anyhow::Result<u8> {
    let keys = keys_folder(config);
    let clock = Clock::system(0);
    let given = CertificateFiles {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
    };
    ReloadableCertificate::load(&given).map_err(|e| {
        anyhow::anyhow!(
            "chứng thư và khóa không dùng được: {e}. Kiểm tra hai tệp có phải PEM và thuộc về nhau"
        )
    })?;
    let identity = IssuedCertificate {
        certificate: std::fs::read_to_string(certificate)?,
        key: std::fs::read_to_string(key)?,
    };
    let installed = CertificateFiles::named(&keys, "public");
    installed.write(&identity)?;
    let days = installed.remaining_days(&clock);
    let words = days.map_or_else(
        || "chưa đến ngày có hiệu lực; xem giờ của máy".to_owned(),
        |days| format!("còn {days} ngày"),
    );
    print(
        cli,
        &serde_json::json!({ "days": days }),
        &format!("Đã cài chứng thư, {words}. Trang điều hành dùng ngay trong vài giây."),
    );
    Ok(if days.is_none_or(|d| d < 0) { 2 } else { 0 })
}

/// Prints how long the certificates are valid; exit code 2 when one is expired or cannot be used.
fn show(cli: &Cli, config: &Config) -> anyhow::Result<u8> {
    let keys = keys_folder(config);
    let clock = Clock::system(0);
    let public = CertificateFiles::named(&keys, "public");
    let there = public.certificate.exists();
    let (public, mqtt) = (
        public.remaining_days(&clock),
        CertificateFiles::named(&keys, "mqtt").status(
            &keys.join(if config.commune_server.mqtt.is_some() {
                "ca"
            } else {
                "house-ca"
            }),
            &clock,
        ),
    );
    let words =
        |d: Option<i64>| d.map_or_else(|| "chưa có".to_owned(), |d| format!("còn {d} ngày"));
    let unproven = if clock.trust() == Trust::None {
        "\nGiờ của máy chưa đúng: số ngày tính theo giờ gần nhất đã biết."
    } else {
        ""
    };
    let https = if there && public.is_none() {
        "không dùng được (hỏng, hoặc chưa đến ngày có hiệu lực)".to_owned()
    } else {
        words(public)
    };
    let text = format!(
        "HTTPS của trang điều hành: {https}\nMQTT của thiết bị: {} (tự gia hạn){unproven}",
        status_text(mqtt)
    );
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
    let id = crate::domain::id::VillageId::new(id)?;
    if let Some(lack) = KeyRing::inspect(&Layout::of(config).data).problem(COMMUNE_CA) {
        anyhow::bail!(
            "khóa {} {}; xem: conglang key show",
            COMMUNE_CA.file,
            super::key::problem_text(lack)
        );
    }
    let authority = Authority::load_or_make(
        &keys.join("ca"),
        &config.commune_server.name,
        clock.trusted_s(),
    )?;
    let identity = authority.issue_client_at(
        id.as_str(),
        (clock.trust() != Trust::None).then(|| clock.trusted_s()),
    )?;
    CertificateFiles {
        certificate: out.to_owned(),
        key: out.to_owned(),
    }
    .write(&identity)?;
    // The village's certificate before this one stops being accepted, also for anybody who
    // has a copy of it.
    let key = tls::key_hash_of(identity.certificate.as_bytes())
        .ok_or_else(|| anyhow::anyhow!("chứng thư vừa làm không đọc được"))?;
    HolderStore::of(&keys).replace_key(id.as_str(), &key)?;
    print(
        cli,
        &serde_json::json!({ "file": out, "ca": keys.join("ca/ca.pem") }),
        &format!(
            "Đã ghi {}. Mang tệp này và {} đến thôn. Chứng thư cũ của thôn (nếu có) không dùng được nữa.",
            out.display(),
            keys.join("ca/ca.pem").display()
        ),
    );
    Ok(0)
}
