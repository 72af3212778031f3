//! `device list|add|remove|show|set`, `camera list`.

use clap::Subcommand;

use super::{Cli, client, print};
use crate::domain::device::Availability;
use crate::domain::state::VillageState;
use crate::i18n::dates;
use crate::keys::secret;
use crate::protocol::control::{CameraStatus, PutDevice};

/// Devices.
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// All devices and whether they answer
    List,
    /// Give a device its account: prints its secret once; again = a new secret
    Add {
        /// Its id, also its MQTT user name: a–z, 0–9, -
        id: String,
        /// What people call it: "Đèn Cổng làng"
        #[arg(default_value = "")]
        name: String,
        /// The road or alley where it hangs
        #[arg(long)]
        place: Option<String>,
    },
    /// Take a device's account away; its connection is cut
    Remove {
        /// Its id
        id: String,
    },
    /// One device with all that it does
    Show {
        /// Its id
        id: String,
    },
    /// Switch what a device does: `device set den-01.light on`
    Set {
        /// Entity: `device.object`
        entity: String,
        /// `on` or `off`
        #[arg(value_parser = ["on", "off"])]
        to: String,
    },
}

/// Cameras.
#[derive(Debug, Subcommand)]
pub enum CameraCommand {
    /// All cameras and whether their pictures come
    List,
}

fn state(cli: &Cli) -> anyhow::Result<(VillageState, serde_json::Value)> {
    let value = client::request(cli, "GET", "/state", None)?;
    Ok((serde_json::from_value(value.clone())?, value))
}

fn availability_text(p: Availability) -> String {
    match p {
        Availability::Unknown => "chưa rõ: chưa báo có mặt lần nào".to_owned(),
        Availability::Online { since } => {
            format!("trả lời, từ {} {}", dates::date(since), dates::clock(since))
        }
        Availability::Offline { since } => format!(
            "không trả lời từ {} {}",
            dates::date(since),
            dates::clock(since)
        ),
    }
}

/// Carries out the command and gives its exit code.
pub fn run_device(cli: &Cli, what: &DeviceCommand) -> anyhow::Result<u8> {
    match what {
        DeviceCommand::List => list(cli),
        DeviceCommand::Add { id, name, place } => add(cli, id, name, place.as_deref()),
        DeviceCommand::Remove { id } => remove(cli, id),
        DeviceCommand::Show { id } => show(cli, id),
        DeviceCommand::Set { entity, to } => set(cli, entity, to),
    }
}

/// Prints all devices; exit code 2 when one is offline.
fn list(cli: &Cli) -> anyhow::Result<u8> {
    let (state, value) = state(cli)?;
    let gone = state
        .devices
        .values()
        .filter(|d| d.availability.is_offline())
        .count();
    let unknown = state
        .devices
        .values()
        .filter(|d| d.availability == Availability::Unknown)
        .count();
    let unknown = if unknown > 0 {
        format!(", {unknown} chưa rõ")
    } else {
        String::new()
    };
    let mut text = format!(
        "{} thiết bị, {gone} không trả lời{unknown}\n",
        state.devices.len()
    );
    for d in state.devices.values() {
        text.push_str(&format!(
            "  {:<12}{:<34}{}\n",
            d.id.as_str(),
            d.name,
            availability_text(d.availability)
        ));
    }
    print(cli, &value["devices"], &text);
    Ok(if gone > 0 { 2 } else { 0 })
}

/// Grants a device an account with a new secret; exit code 1 when the broker has not confirmed it.
fn add(cli: &Cli, id: &str, name: &str, place: Option<&str>) -> anyhow::Result<u8> {
    use base64ct::Encoding as _;
    let secret = base64ct::Base64UrlUnpadded::encode_string(&secret::random::<16>()?);
    let put = PutDevice {
        id: id.to_owned(),
        name: name.to_owned(),
        place: place.map(str::to_owned),
        secret_sha256: Some(secret::sha256(secret.as_bytes())),
    };
    let made = client::request(cli, "POST", "/devices", Some(&serde_json::to_value(put)?))?;
    let wait = if made["in_force"] == true {
        "dùng được ngay"
    } else {
        "đã ghi; máy chủ MQTT chưa trả lời, xem “conglang doctor”"
    };
    // `load` has already printed the mistakes of a wrong configuration; the ports are then
    // unknown and left out.
    let broker = super::load(cli).map(|c| c.broker).ok();
    let at = |name: &str, address: Option<std::net::SocketAddr>| {
        address.map(|a| format!("{name} {}", a.port()))
    };
    let ports: Vec<String> = broker.map_or_else(Vec::new, |b| {
        [at("thường", b.plain), at("TLS", b.tls)]
            .into_iter()
            .flatten()
            .collect()
    });
    let text = format!(
        "{id}: {wait}.\n  Máy chủ MQTT     địa chỉ của hộp này, cổng {}\n  Người dùng MQTT  {id}\n  Mật khẩu         {secret}\n  Nói dưới         d/{id}/…\n  Nghe dưới        c/{id}/…\nMật khẩu không hiện lại; quên thì chạy lại lệnh này để đổi.",
        if ports.is_empty() {
            "chưa rõ (sửa cấu hình, xem trên)".to_owned()
        } else {
            ports.join(", ")
        }
    );
    print(
        cli,
        &serde_json::json!({ "id": id, "secret": secret, "in_force": made["in_force"] }),
        &text,
    );
    Ok(u8::from(made["in_force"] != true))
}

/// Revokes a device's account; exit code 1 when the broker has not confirmed it.
fn remove(cli: &Cli, id: &str) -> anyhow::Result<u8> {
    let put = PutDevice {
        id: id.to_owned(),
        name: String::new(),
        place: None,
        secret_sha256: None,
    };
    let made = client::request(cli, "POST", "/devices", Some(&serde_json::to_value(put)?))?;
    let text = if made["in_force"] == true {
        format!("{id}: đã thu hồi, kết nối đã cắt.")
    } else {
        format!("{id}: đã ghi lệnh thu hồi; máy chủ MQTT chưa xác nhận, xem “conglang doctor”.")
    };
    print(cli, &made, &text);
    Ok(u8::from(made["in_force"] != true))
}

/// Prints a device with its entities.
fn show(cli: &Cli, id: &str) -> anyhow::Result<u8> {
    let (state, value) = state(cli)?;
    let Some(d) = state.devices.values().find(|d| d.id.as_str() == id) else {
        anyhow::bail!("không có thiết bị “{id}”; xem “conglang device list”")
    };
    let mut text = format!(
        "{} ({}): {}\n  {}\n",
        d.name,
        d.id,
        availability_text(d.availability),
        d.model
    );
    for e in state.entities.values().filter(|e| e.device == d.id) {
        let light = state
            .lights
            .get(&e.id)
            .map(|l| {
                format!(
                    "  yêu cầu {:?}, báo {:?}",
                    l.desired.map(|x| x.on),
                    l.reported.map(|x| x.on)
                )
            })
            .unwrap_or_default();
        text.push_str(&format!(
            "  {:<24}{:?}  {}{light}\n",
            e.id.as_str(),
            e.kind,
            e.state.topic
        ));
    }
    print(cli, &value["devices"][id], &text);
    Ok(0)
}

/// Switches a lamp.
fn set(cli: &Cli, entity: &str, to: &str) -> anyhow::Result<u8> {
    let body = serde_json::json!({ "command": { "do": "SwitchLight", "light": entity, "on": to == "on" } });
    let made = client::request(cli, "POST", "/commands", Some(&body))?;
    print(
        cli,
        &made,
        &format!(
            "Đã ghi lệnh (mục {}). Đèn trả lời thì trang Đèn đường đổi màu.",
            made["last"]
        ),
    );
    Ok(0)
}

/// Carries out the command and gives its exit code.
pub fn run_camera(cli: &Cli, what: &CameraCommand) -> anyhow::Result<u8> {
    let CameraCommand::List = what;
    let value = client::request(cli, "GET", "/cameras", None)?;
    let cameras: Vec<CameraStatus> = serde_json::from_value(value.clone())?;
    let lost = cameras.iter().filter(|c| c.signal.is_offline()).count();
    let mut text = format!(
        "{} camera, {lost} mất hình\n",
        cameras.iter().filter(|c| !c.removed).count()
    );
    for c in &cameras {
        let how = match c.signal {
            _ if c.removed => "đã gỡ khỏi cấu hình, còn hình ghi".to_owned(),
            Availability::Unknown => "chưa có hình".to_owned(),
            Availability::Online { since } => {
                format!("có hình từ {} {}", dates::date(since), dates::clock(since))
            }
            Availability::Offline { since } => {
                format!("mất hình từ {} {}", dates::date(since), dates::clock(since))
            }
        };
        text.push_str(&format!("  {:<10}{:<28}{how}", c.id, c.name));
        if !c.codec.is_empty() {
            text.push_str(&format!(" · {}", c.codec));
        }
        if c.recorded_until > 0 {
            text.push_str(&format!(
                " · ghi đến {} {}, {} MB",
                dates::date(c.recorded_until),
                dates::clock(c.recorded_until),
                c.recorded_bytes >> 20
            ));
        }
        text.push('\n');
        if !c.undecodable.is_empty() {
            text.push_str(&format!(
                "            đang ghi nhưng không giải mã được: {}\n",
                c.undecodable
            ));
        }
        if !c.unchecked.is_empty() {
            text.push_str(&format!("            đang ghi, nhưng máy này không kiểm tra được là có giải mã được không: {}\n", c.unchecked));
        }
        if c.loss > 0 {
            text.push_str(&format!("            mất gói trên đường truyền, {} % hình trong một phút bị thiếu hoặc nhòe: xem dây mạng, Wi-Fi, giảm tốc độ bit của camera\n", c.loss));
        }
        if c.missed > 0 {
            text.push_str(&format!("            đĩa ghi không kịp, {} % hình trong một phút không được ghi: xem đĩa có hỏng hay bận việc khác, giảm tốc độ bit của camera\n", c.missed));
        }
        if !c.clock.is_empty() {
            text.push_str(&format!(
                "            đồng hồ của camera chạy sai, ghi theo giờ của máy: {}\n",
                c.clock
            ));
        }
        for trouble in [&c.why, &c.recording_trouble]
            .into_iter()
            .filter(|t| !t.is_empty())
        {
            text.push_str(&format!("            {trouble}\n"));
        }
    }
    print(cli, &value, &text);
    let worst = cameras
        .iter()
        .filter(|c| !c.removed)
        .map(|c| c.status)
        .max()
        .unwrap_or_default();
    Ok(worst.exit_code())
}
