//! A client for HTTP over the control socket: one request, one response, a deadline. A gateway that
//! does not run, a socket that is elsewhere, and a missing permission are three failures.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Cli, Failure};
use crate::config::Config;
use crate::config::layout::Layout;
use crate::i18n::io_text::io_text;
use crate::protocol::control::DEADLINE_HEADER;
use crate::supervisor::clock;

/// Longest response, bytes.
const MAX_RESPONSE_BYTES: u64 = 64 * 1024 * 1024;
/// How long to wait for a response that the gateway has at once.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(20);

/// How often a gateway that is away is asked again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The exit codes of `sysexits.h` for the three ways in which the gateway cannot be reached.
const NO_SOCKET: u8 = 66;
const NOT_RUNNING: u8 = 69;
const NOT_PERMITTED: u8 = 77;

/// The layout of the configured gateway (or commune's server), and the name of its unit.
fn layout(cli: &Cli) -> anyhow::Result<(Layout, &'static str)> {
    let config = super::load(cli).map_err(|code| Failure {
        code,
        text: cli.t("cli-config-first"),
    })?;
    Ok((Layout::of(&config), unit_of(&config)))
}

/// The unit that runs with this configuration.
pub(super) const fn unit_of(config: &Config) -> &'static str {
    if config.is_commune() {
        "conglang-commune"
    } else {
        "conglang"
    }
}

/// Whether a gateway runs on this data folder: it holds the lock there as long as it lives.
fn is_running(data: &Path) -> bool {
    std::fs::File::open(data.join("lock")).is_ok_and(|file| {
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared).is_err()
    })
}

/// Why the socket cannot be connected to, what to do, and the exit code.
fn unreachable(cli: &Cli, layout: &Layout, unit: &str, cause: &std::io::Error) -> Failure {
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
        text: cli.f(
            key,
            &[
                ("socket", socket.as_str()),
                ("config", &config),
                ("unit", unit),
            ],
        ),
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
    let (layout, unit) = layout(cli)?;
    let socket = layout.control.display().to_string();
    let lost = |why: &str| {
        cli.failure(
            "cli-gateway-lost",
            &[("socket", socket.as_str()), ("why", why)],
        )
    };
    match exchange(cli, &layout, method, path, body, timeout) {
        Ok(response) => response.into_value(cli),
        Err(NoResponse::Unreachable(cause)) => Err(unreachable(cli, &layout, unit, &cause).into()),
        Err(NoResponse::Lost(cause)) => Err(lost(&io_text(cli.lang(), &cause))),
        Err(NoResponse::Cut) => Err(lost(&cli.t("io-cut"))),
    }
}

/// Asks a gateway that answered before, and asks again as long as it is away: it restarts, stands
/// still or was stopped. Says once on stderr that it is away, and that it is back.
pub fn request_until_back(cli: &Cli, path: &str, timeout: Duration) -> anyhow::Result<Value> {
    let (layout, unit) = layout(cli)?;
    let mut is_away = false;
    loop {
        let response = match exchange(cli, &layout, "GET", path, None, timeout) {
            // Only the gateway can be waited for, not a permission.
            Err(NoResponse::Unreachable(cause)) if cause.kind() == ErrorKind::PermissionDenied => {
                return Err(unreachable(cli, &layout, unit, &cause).into());
            }
            Ok(response) if response.status < 500 => Some(response),
            Ok(_) | Err(_) => None,
        };
        if response.is_some() == is_away {
            let key = if is_away {
                "cli-gateway-back"
            } else {
                "cli-gateway-away"
            };
            let _ = writeln!(std::io::stderr(), "{}", cli.t(key));
        }
        match response {
            Some(response) => return response.into_value(cli),
            None => is_away = true,
        }
        std::thread::sleep(RETRY_INTERVAL);
    }
}

/// Why there is no response.
enum NoResponse {
    /// Nobody takes connections.
    Unreachable(std::io::Error),
    /// The connection failed, or nothing came in time.
    Lost(std::io::Error),
    /// It ended before the response was whole.
    Cut,
}

/// One request and its response.
fn exchange(
    cli: &Cli,
    layout: &Layout,
    method: &str,
    path: &str,
    body: Option<&Value>,
    timeout: Duration,
) -> Result<Response, NoResponse> {
    let mut stream = UnixStream::connect(&layout.control).map_err(NoResponse::Unreachable)?;
    let lost = NoResponse::Lost;
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
        "{method} {path} HTTP/1.1\r\nhost: control\r\nconnection: close\r\n\
         accept-language: {}\r\n{DEADLINE_HEADER}: {deadline}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        cli.lang().tag(),
        body.len()
    )
    .map_err(lost)?;
    let mut answer = Vec::new();
    stream
        .take(MAX_RESPONSE_BYTES)
        .read_to_end(&mut answer)
        .map_err(lost)?;
    Response::parse(&answer)
}

/// A response: its status and its body.
struct Response {
    status: u16,
    body: String,
}

impl Response {
    /// Reads a response.
    fn parse(answer: &[u8]) -> Result<Self, NoResponse> {
        let text = String::from_utf8_lossy(answer);
        let (head, body) = text.split_once("\r\n\r\n").ok_or(NoResponse::Cut)?;
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
        Ok(Self { status, body })
    }

    /// The JSON; the gateway's reason when it refused.
    fn into_value(self, cli: &Cli) -> anyhow::Result<Value> {
        match serde_json::from_str::<Value>(&self.body).ok() {
            Some(value) if self.status < 400 => Ok(value),
            value => {
                let answered = value.and_then(|v| Some(v.get("error")?.as_str()?.to_owned()));
                Err(Failure {
                    code: 1,
                    text: answered.unwrap_or_else(|| {
                        let words: String = self.body.chars().take(200).collect();
                        let status = self.status.to_string();
                        cli.f("cli-gateway-odd", &[("status", &status), ("words", &words)])
                    }),
                }
                .into())
            }
        }
    }
}

/// A gateway's answer as the value that a command needs.
///
/// # Errors
/// When the gateway answers otherwise, as one of another version may.
pub fn understand<T: DeserializeOwned>(cli: &Cli, answer: &Value) -> anyhow::Result<T> {
    T::deserialize(answer).map_err(|cause| {
        let words = cause.to_string();
        cli.failure("cli-answer-odd", &[("words", &words)])
    })
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
    fn an_answer_of_another_version_says_what_to_do_in_the_readers_language() {
        for (lang, words) in [("vi", "cùng phiên bản"), ("en", "of one version")] {
            let cli = Cli::parse_from(["conglang", "--lang", lang, "status"]);
            let answer = serde_json::json!({ "n": "seven" });
            let wrong = understand::<std::collections::BTreeMap<String, u8>>(&cli, &answer);
            let failure = wrong.expect_err("no number").downcast::<Failure>();
            let failure = failure.expect("words of its own");
            assert!(failure.text.contains(words), "{}", failure.text);
        }
    }

    #[test]
    fn a_missing_permission_is_neither_a_stopped_gateway_nor_a_wrong_path() {
        let cli = Cli::parse_from(["conglang", "--lang", "en", "status"]);
        let layout = Layout {
            data: "/nonexistent/data".into(),
            run: "/".into(),
            control: "/nonexistent/control.sock".into(),
        };
        let of = |kind: ErrorKind| {
            let failure = unreachable(&cli, &layout, "conglang", &kind.into());
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
