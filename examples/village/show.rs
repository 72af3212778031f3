//! What the demo prints, and the notices that it publishes.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};

/// Publishes the demo's notices over the control socket.
pub fn notices(dir: &Path, data: &Path) -> anyhow::Result<()> {
    let table: toml::Table = std::fs::read_to_string(data.join("notices.toml"))?.parse()?;
    for notice in table["notice"].as_array().into_iter().flatten().rev() {
        let text = |key: &str| notice.get(key).and_then(toml::Value::as_str).unwrap_or_default();
        let until = notice
            .get("until")
            .and_then(toml::Value::as_str)
            .and_then(|d| d.parse::<jiff::civil::Date>().ok())
            .and_then(|d| d.at(23, 59, 59, 0).to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(7))).ok())
            .map(|z| z.timestamp().as_millisecond());
        let body = json!({ "id": text("id"), "title": text("title"), "body": text("body"), "kind": text("kind"), "until": until });
        post(&control(dir)?, "/notices", &body)?;
    }
    Ok(())
}

fn post(socket: &Path, path: &str, body: &Value) -> anyhow::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    let body = body.to_string();
    write!(stream, "POST {path} HTTP/1.1\r\nhost: control\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    anyhow::ensure!(answer.starts_with("HTTP/1.1 200"), "{}", answer.lines().last().unwrap_or_default());
    Ok(())
}

/// Prints addresses, PINs and the portal's QR code.
pub fn show(dir: &Path) -> anyhow::Result<()> {
    let demo: Value = serde_json::from_str(&std::fs::read_to_string(dir.join("demo.json"))?)?;
    let text = |pointer: &str| demo.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let qr = fast_qr::QRBuilder::new(text("/portal")).build().map(|q| q.to_str()).unwrap_or_default();
    println!("{qr}\n");
    println!("Thôn Bến Thóc đang chạy. Ctrl-C để dừng.\n");
    println!("  Bảng điều hành   {:<34} Ông Mẫu, mã PIN {}", text("/dashboard"), text("/pins/chief"));
    println!("  Trang đón khách  {}", text("/portal"));
    println!("  Xã Đồng Nếp      {:<34} mã PIN {}", text("/commune"), text("/pins/commune"));
    println!("  Thiết bị         {:<34} {} / {}", text("/mqtt/plain"), text("/mqtt/username"), text("/mqtt/password"));
    println!("  Kỹ thuật         target/release/conglang --config {} status\n", dir.join("conglang.toml").display());
    Ok(())
}

/// The gateway's control socket.
fn control(dir: &Path) -> anyhow::Result<std::path::PathBuf> {
    Ok(std::fs::read_to_string(dir.join("control.path"))?.trim().into())
}
