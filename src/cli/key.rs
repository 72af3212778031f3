//! `key show|renew|accept`: the keys of the data folder, whether the gateway is running or not.
//! This is the only way to replace a key.

use clap::Subcommand;

use super::{Cli, print};
use crate::config::Config;
use crate::config::layout::Layout;
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
    if config.commune_server.mqtt.is_some() {
        &COMMUNE_KEYS
    } else {
        &VILLAGE_KEYS
    }
}

/// The problem of a key, in Vietnamese.
pub(super) const fn problem_text(lack: KeyProblem) -> &'static str {
    match lack {
        KeyProblem::Missing => "mất tệp",
        KeyProblem::Damaged => "hỏng",
        KeyProblem::Mismatch => "không phải khóa của dữ liệu này",
    }
}

/// The consequence of the loss of a key.
pub(super) fn consequence_of_loss(name: KeySpec) -> &'static str {
    match name {
        n if n == ring::PEOPLE => "không đọc được lời người dân viết, không ai đăng nhập được",
        n if n == ring::PEPPER => "không ai đăng nhập được (mã PIN không kiểm tra được)",
        n if n == ring::FORMS => "điện thoại đã quen không được nhận ra khi có người dò mã PIN",
        n if n == ring::VOICE => "loa không phát",
        n if n == ring::API_TOKEN => "phần mềm ngoài không vào được API",
        n if n == ring::HOUSE_CA => "chứng thư MQTT của thiết bị không gia hạn được",
        n if n == ring::COMMUNE_CA => "không làm và không gia hạn được chứng thư của thôn",
        _ => "không ai vào được trang của xã",
    }
}

/// The cost of replacing a key.
fn cost_of_renewal(name: KeySpec) -> &'static str {
    match name {
        n if n == ring::PEOPLE => {
            "Mọi thông báo, tên người và mã PIN đã ghi bằng khóa cũ KHÔNG đọc lại được nữa. Sau đó phải thêm lại từng người: conglang user pin MÃ"
        }
        n if n == ring::PEPPER => {
            "Mọi mã PIN cũ hết giá trị. Sau đó cấp mã mới cho từng người: conglang user pin MÃ"
        }
        n if n == ring::FORMS => {
            "Trang đang mở phải tải lại; điện thoại đã quen phải đăng nhập lại một lần mới được nhận ra"
        }
        n if n == ring::VOICE => {
            "Mọi cụm loa từ chối lệnh cho đến khi ghim lại keys/voice.pub mới vào từng cụm"
        }
        n if n == ring::API_TOKEN => "Mọi phần mềm ngoài phải được đưa mã mới trong keys/api.token",
        n if n == ring::HOUSE_CA => {
            "Mọi thiết bị nối bằng TLS phải được chép lại keys/house-ca/ca.pem mới"
        }
        n if n == ring::COMMUNE_CA => {
            "Mọi thôn mất kết nối cho đến khi được mang chứng thư mới (conglang cert village) và ca.pem mới"
        }
        n if n == ring::CONSOLE => "Mã PIN của trang xã được làm lại: xem keys/console.first-pin",
        _ => "Mã PIN cũ của trang xã hết giá trị; mã mới ở keys/console.first-pin",
    }
}

fn find(config: &Config, name: &str) -> anyhow::Result<KeySpec> {
    let all = keys_of(config);
    all.iter()
        .find(|n| n.name == name || n.file == name)
        .copied()
        .ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|n| n.name).collect();
            anyhow::anyhow!("không có khóa “{name}”; các khóa là: {}", names.join(", "))
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
                Some(lack) => format!("{}: {}", problem_text(lack), consequence_of_loss(name)),
                None if ring.path(name).exists() => "tốt".to_owned(),
                None => "chưa có, lần chạy đầu sẽ làm".to_owned(),
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
            let name = find(&config, name)?;
            ring.accept(name)?;
            print(
                cli,
                &serde_json::json!({ "accepted": name.name }),
                &format!(
                    "Từ nay {} đang có là khóa đúng. Khởi động lại: systemctl restart conglang",
                    name.file
                ),
            );
            Ok(0)
        }
        KeyCommand::Renew { name, yes } => {
            let name = find(&config, name)?;
            if !yes {
                let text = format!(
                    "Thay khóa {}: {}.\nNếu còn bản sao lưu, hãy chép tệp cũ về {} thay vì làm mới.\nVẫn làm: conglang key renew {} --yes",
                    name.file,
                    cost_of_renewal(name),
                    ring.path(name).display(),
                    name.name
                );
                print(
                    cli,
                    &serde_json::json!({ "would": name.name, "costs": cost_of_renewal(name) }),
                    &text,
                );
                return Ok(2);
            }
            renew(&mut ring, name, &config)?;
            let text = format!(
                "Đã làm khóa {} mới; khóa cũ (nếu còn) ở tệp .before bên cạnh.\n{}.\nKhởi động lại: systemctl restart conglang",
                name.file,
                cost_of_renewal(name)
            );
            print(
                cli,
                &serde_json::json!({ "renewed": name.name, "costs": cost_of_renewal(name) }),
                &text,
            );
            Ok(0)
        }
    }
}

fn renew(ring: &mut KeyRing, name: KeySpec, config: &Config) -> anyhow::Result<()> {
    let path = ring.path(name);
    let keys = Layout::of(config).data.join("keys");
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
