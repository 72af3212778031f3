//! `cert install|show|village`.

use std::path::PathBuf;

use clap::Subcommand;

use super::{Cli, say};
use crate::config::layout::Layout;
use crate::keys::authority::{Authority, Files, Identity};
use crate::keys::tls::Served;

/// Certificates.
#[derive(Debug, Subcommand)]
pub enum Cert {
    /// Install a publicly valid certificate for the dashboard's HTTPS; taken into service within seconds
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

/// Carries it out.
pub fn run(cli: &Cli, what: &Cert) -> anyhow::Result<u8> {
    let Ok(config) = super::load(cli) else { return Ok(78) };
    let keys = Layout::of(&config).data.join("keys");
    let clock = crate::supervisor::clock::Clock::system(0);
    let now_s = u64::try_from(clock.certain_ms() / 1000).unwrap_or(0);
    match what {
        Cert::Install { certificate, key } => {
            let given = Files { certificate: certificate.clone(), key: key.clone() };
            Served::load(&given).map_err(|e| anyhow::anyhow!("chứng thư và khóa không dùng được: {e}. Kiểm tra hai tệp có phải PEM và thuộc về nhau"))?;
            let identity = Identity { certificate: std::fs::read_to_string(certificate)?, key: std::fs::read_to_string(key)? };
            let installed = Files::named(&keys, "public");
            installed.write(&identity)?;
            let days = installed.days_left(now_s).unwrap_or(0);
            say(cli, &serde_json::json!({ "days": days }), &format!("Đã cài chứng thư, còn {days} ngày. Trang điều hành dùng ngay trong vài giây."));
            Ok(if days < 0 { 2 } else { 0 })
        }
        Cert::Show => {
            let days = |name: &str| Files::named(&keys, name).days_left(now_s);
            let (public, mqtt) = (days("public"), days("mqtt"));
            let words = |d: Option<i64>| d.map_or_else(|| "chưa có".to_owned(), |d| format!("còn {d} ngày"));
            say(cli, &serde_json::json!({ "public": public, "mqtt": mqtt }), &format!("HTTPS của trang điều hành: {}\nMQTT của thiết bị: {} (tự gia hạn)", words(public), words(mqtt)));
            Ok(if public.is_some_and(|d| d < 0) { 2 } else { 0 })
        }
        Cert::Village { id, out } => {
            let id = crate::domain::id::VillageId::new(id)?;
            let authority = Authority::load_or_make(&keys.join("ca"), &config.office.name, now_s)?;
            Files { certificate: out.clone(), key: out.clone() }.write(&authority.client(id.as_str(), now_s)?)?;
            say(cli, &serde_json::json!({ "file": out, "ca": keys.join("ca/ca.pem") }), &format!("Đã ghi {}. Mang tệp này và {} đến thôn.", out.display(), keys.join("ca/ca.pem").display()));
            Ok(0)
        }
    }
}
