//! A client for HTTP over the control socket: one request, one response, a deadline. A gateway that
//! does not run, a socket that is elsewhere, and a missing permission are three failures.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::{Cli, Failure};
use crate::config::layout::Layout;
use crate::i18n::io_text::io_text;
use crate::protocol::control::DEADLINE_HEADER;
use crate::supervisor::clock;

/// Longest response, bytes.
const MAX_RESPONSE_BYTES: u64 = 64 * 1024 * 1024;
/// How long to wait for a response that the gateway has at once.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(20);

/// The exit codes of `sysexits.h` for the three ways in which the gateway cannot be reached.
const NO_SOCKET: u8 = 66;
const NOT_RUNNING: u8 = 69;
const NOT_PERMITTED: u8 = 77;

/// The layout of the configured gateway.
fn layout(cli: &Cli) -> anyhow::Result<Layout> {
    let config = super::load(cli).map_err(|code| Failure {
        code,
        text: cli.t("cli-config-first"),
    })?;
    Ok(Layout::of(&config))
}

/// Whether a gateway runs on this data folder: it holds the lock there as long as it lives.
fn is_running(data: &Path) -> bool {
    std::fs::File::open(data.join("lock")).is_ok_and(|file| {
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared).is_err()
    })
}

/// Why the socket cannot be connected to, what to do, and the exit code.
fn unreachable(cli: &Cli, layout: &Layout, cause: &std::io::Error) -> Failure {
    let (socket, config) = (
        layout.control.display().to_string(),
        cli.config.display().to_string(),
    );
    let is_socket = std::fs::metadata(&layout.control).is_ok_and(|m| m.file_type().is_socket());
    let (code, key) = match cause.kind() {
        ErrorKind::PermissionDenied => (NOT_PERMITTED, "cli-gateway-denied"),
        _ if is_socket => (NOT_RUNNING, "cli-gateway-stopped"),
        // Nothing is there: the gateway does not run, or it runs and its socket is elsewhere.
        ErrorKind::NotFound if layout.run.is_dir() && !is_running(&layout.data) => {
            (NOT_RUNNING, "cli-gateway-stopped")
        }
        _ => (NO_SOCKET, "cli-gateway-elsewhere"),
    };
    Failure {
        code,
        text: cli.f(key, &[("socket", &socket), ("config", &config)]),
    }
}

/// Sends a request to the running gateway (or commune's server) and gives its JSON. An error in the
/// response is an error here.
pub fn request(cli: &Cli, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
    request_within(cli, method, path, body, RESPONSE_TIMEOUT)
}

/// The same for a response that takes as long as `timeout`.
pub fn request_within(
    cli: &Cli,
    method: &str,
    path: &str,
    body: Option<&Value>,
    timeout: Duration,
) -> anyhow::Result<Value> {
    let layout = layout(cli)?;
    let mut stream =
        UnixStream::connect(&layout.control).map_err(|cause| unreachable(cli, &layout, &cause))?;
    let lost = |cause: std::io::Error| {
        let socket = layout.control.display().to_string();
        let why = io_text(cli.lang(), &cause);
        cli.failure("cli-gateway-lost", &[("socket", &socket), ("why", &why)])
    };
    stream.set_read_timeout(Some(timeout)).map_err(lost)?;
    stream
        .set_write_timeout(Some(Duration::from_secs(5)))
        .map_err(lost)?;
    let body = body.map(ToString::to_string).unwrap_or_default();
    // Nobody hears of an order that is carried out after that.
    let patience = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    let deadline = clock::since_boot_ms().saturating_add(patience);
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: control\r\nconnection: close\r\naccept-language: {}\r\n{DEADLINE_HEADER}: {deadline}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        cli.lang().tag(),
        body.len()
    )
    .map_err(lost)?;
    let mut answer = Vec::new();
    stream
        .take(MAX_RESPONSE_BYTES)
        .read_to_end(&mut answer)
        .map_err(lost)?;
    parse(cli, &layout.control, &answer)
}

/// The JSON of a response; the gateway's reason when it refused.
fn parse(cli: &Cli, socket: &Path, answer: &[u8]) -> anyhow::Result<Value> {
    let socket = socket.display().to_string();
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        let why = cli.t("io-cut");
        return Err(cli.failure("cli-gateway-lost", &[("socket", &socket), ("why", &why)]));
    };
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
    let value = serde_json::from_str::<Value>(&body).ok();
    match value {
        Some(value) if status < 400 => Ok(value),
        value => {
            let told = value.and_then(|v| Some(v.get("error")?.as_str()?.to_owned()));
            Err(Failure {
                code: 1,
                text: told.unwrap_or_else(|| {
                    let (words, status) = (body.chars().take(200).collect(), status.to_string());
                    let words: String = words;
                    cli.f("cli-gateway-odd", &[("status", &status), ("words", &words)])
                }),
            }
            .into())
        }
    }
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

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn a_missing_permission_is_neither_a_stopped_gateway_nor_a_wrong_path() {
        let cli = Cli::parse_from(["conglang", "--lang", "en", "status"]);
        let layout = Layout {
            data: "/nonexistent/data".into(),
            run: "/".into(),
            control: "/nonexistent/control.sock".into(),
        };
        let of = |kind: ErrorKind| {
            let failure = unreachable(&cli, &layout, &kind.into());
            (failure.code, failure.text)
        };
        let (code, text) = of(ErrorKind::PermissionDenied);
        assert!(
            code == NOT_PERMITTED && text.contains("no permission"),
            "{text}"
        );
        let (code, text) = of(ErrorKind::NotFound);
        assert!(
            code == NOT_RUNNING && text.contains("does not run"),
            "{text}"
        );
        let (code, text) = of(ErrorKind::ConnectionRefused);
        assert!(
            code == NO_SOCKET && text.contains("/nonexistent/control.sock"),
            "{text}"
        );
    }
}
