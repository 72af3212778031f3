//! A client for HTTP over the control socket: one request, one response, a deadline.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use super::Cli;

/// Longest response, bytes.
const MAX_RESPONSE_BYTES: u64 = 64 * 1024 * 1024;

/// The control socket of the configured gateway.
pub fn socket(cli: &Cli) -> anyhow::Result<PathBuf> {
    let config = super::load(cli)
        .map_err(|_| anyhow::anyhow!("cấu hình sai, xem “conglang config check”"))?;
    Ok(crate::config::layout::Layout::of(&config).control)
}

/// Sends a request to the running gateway (or commune's server) and gives its JSON. An error in the
/// response is an error here.
pub fn request(
    cli: &Cli,
    method: &str,
    path: &str,
    body: Option<&serde_json::Value>,
) -> anyhow::Result<serde_json::Value> {
    let socket = socket(cli)?;
    let mut stream = UnixStream::connect(&socket).map_err(|e| anyhow::anyhow!("máy chủ conglang không chạy hoặc không cho vào ({}: {e}). Làm: systemctl status conglang", socket.display()))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    let body = body.map(ToString::to_string).unwrap_or_default();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: control\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    stream.take(MAX_RESPONSE_BYTES).read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .ok_or_else(|| anyhow::anyhow!("máy chủ trả lời không trọn"))?;
    let status = head
        .split_whitespace()
        .nth(1)
        .and_then(|s| s.parse::<u16>().ok())
        .unwrap_or(0);
    let body = if head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        unchunk(body)
    } else {
        body.to_owned()
    };
    let value: serde_json::Value = serde_json::from_str(&body).map_err(|_| {
        anyhow::anyhow!(
            "máy chủ trả lời {status}: {}",
            body.chars().take(200).collect::<String>()
        )
    })?;
    if status >= 400 {
        anyhow::bail!(
            "{}",
            value
                .get("error")
                .and_then(|e| e.as_str())
                .unwrap_or("máy chủ từ chối")
        );
    }
    Ok(value)
}

fn unchunk(body: &str) -> String {
    let mut out = String::new();
    let mut rest = body;
    while let Some((size, after)) = rest.split_once("\r\n") {
        let Ok(len) = usize::from_str_radix(size.trim(), 16) else {
            break;
        };
        if len == 0 || !after.is_char_boundary(len.min(after.len())) {
            break;
        }
        out.push_str(&after[..len.min(after.len())]);
        rest = after.get(len + 2..).unwrap_or_default();
    }
    out
}
