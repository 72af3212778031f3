//! The demo's printed page, and the notices that it publishes.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::Context as _;
use conglang::domain::storm::StormPlanRows;
use serde_json::{Value, json};

/// Publishes the demo's notices, made for today, and its plan for a storm, over the control socket.
pub fn notices(dir: &Path, data: &Path) -> anyhow::Result<()> {
    let path = data.join("notices.toml");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("không đọc được {}", path.display()))?;
    let notices = super::board::compose(&text, super::now())
        .with_context(|| format!("không dựng được bảng tin từ {}", path.display()))?;
    let socket = control(dir)?;
    for notice in notices.iter().rev() {
        let title = &notice.words.title;
        publish(&socket, data, notice)
            .with_context(|| format!("không đăng được thông báo {} “{title}”", notice.id))?;
    }
    storm_plan(&socket, data)
}

/// Gives the plan for a storm, if the data have one.
fn storm_plan(socket: &Path, data: &Path) -> anyhow::Result<()> {
    let path = data.join("storm.toml");
    if !path.exists() {
        return Ok(());
    }
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("không đọc được {}", path.display()))?;
    let plan: StormPlanRows =
        toml::from_str(&text).with_context(|| format!("{} viết sai", path.display()))?;
    let body = serde_json::to_vec(&plan)?;
    post(socket, "/storm", "application/json", &body)
        .map(drop)
        .context("không ghi được kế hoạch khi có bão")
}

/// Stores the files of a notice, and publishes it.
fn publish(socket: &Path, data: &Path, notice: &super::board::Notice) -> anyhow::Result<()> {
    let mut details = notice.details.clone();
    for name in &notice.words.files {
        let path = data.join("files").join(name);
        let content =
            std::fs::read(&path).with_context(|| format!("không đọc được {}", path.display()))?;
        let kept = post(
            socket,
            "/notices/files",
            "application/octet-stream",
            &content,
        )?;
        details.attachments.push(serde_json::from_str(&kept)?);
    }
    let mut body = json!({ "id": notice.id });
    for part in [
        serde_json::to_value(&notice.words)?,
        serde_json::to_value(&details)?,
    ] {
        if let (Value::Object(all), Value::Object(part)) = (&mut body, part) {
            all.extend(part);
        }
    }
    let body = body.to_string();
    post(socket, "/notices", "application/json", body.as_bytes()).map(drop)
}

fn post(socket: &Path, path: &str, kind: &str, body: &[u8]) -> anyhow::Result<String> {
    let mut answer = String::new();
    UnixStream::connect(socket)
        .and_then(|mut stream| {
            write!(
                stream,
                "POST {path} HTTP/1.1\r\nhost: control\r\nconnection: close\r\n\
                 content-type: {kind}\r\ncontent-length: {}\r\n\r\n",
                body.len()
            )?;
            stream.write_all(body)?;
            stream.read_to_string(&mut answer)
        })
        .with_context(|| {
            format!(
                "không hỏi được cổng qua {}; xem gateway.log trong thư mục của bản chạy thử",
                socket.display()
            )
        })?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if answer.starts_with("HTTP/1.1 200") {
        return Ok(body.to_owned());
    }
    // The reason is a sentence in JSON, or the web server's own text about a request that it cannot
    // read.
    let reason = serde_json::from_str::<Value>(body)
        .ok()
        .and_then(|v| v["error"].as_str().map(str::to_owned));
    anyhow::bail!(
        "cổng từ chối: {}",
        reason.unwrap_or_else(|| format!("{} {body}", head.lines().next().unwrap_or("(im lặng)")))
    )
}

/// Prints addresses, PINs and the portal's QR code.
pub fn show(dir: &Path) -> anyhow::Result<()> {
    let path = dir.join("demo.json");
    let demo = std::fs::read_to_string(&path)
        .with_context(|| format!("không đọc được {}", path.display()))?;
    let demo: Value = serde_json::from_str(&demo)
        .with_context(|| format!("{} không phải là JSON", path.display()))?;
    let text = |pointer: &str| {
        demo.pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let qr = fast_qr::QRBuilder::new(text("/portal"))
        .build()
        .map(|q| q.to_str())
        .unwrap_or_default();
    println!("{qr}\n");
    println!("Thôn Bến Thóc đang chạy. Ctrl-C để dừng.\n");
    println!(
        "  Bảng điều hành   {:<34} Ông Mẫu, mã PIN {}",
        text("/dashboard"),
        text("/pins/chief")
    );
    println!("  Trang đón khách  {}", text("/portal"));
    println!(
        "  Xã Đồng Nếp      {:<34} mã PIN {}",
        text("/commune"),
        text("/pins/commune")
    );
    println!(
        "  Thiết bị         {:<34} {} / {}",
        text("/mqtt/plain"),
        text("/mqtt/username"),
        text("/mqtt/password")
    );
    println!(
        "  Kỹ thuật         target/release/conglang --config {} status\n",
        dir.join("conglang.toml").display()
    );
    Ok(())
}

/// The gateway's control socket.
fn control(dir: &Path) -> anyhow::Result<std::path::PathBuf> {
    let path = dir.join("control.path");
    Ok(std::fs::read_to_string(&path)
        .with_context(|| {
            format!(
                "không đọc được {}; thư mục này do “village init” dựng",
                path.display()
            )
        })?
        .trim()
        .into())
}
