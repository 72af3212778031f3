//! rumqttd as a contestant: `examples/rumqttd`, with its defaults and with the settings that were
//! quickest here.
//!
//! Invariants: it is a process of its own like the others, logs in every client with a password,
//! and stores nothing on disk, because it cannot. It runs only where it can take part
//! (`takes_part`); a run that it breaks off (it closes connections that the others hold open) is a
//! missing figure with a note, not the end of the bench. Deliberately absent: permissions (it has
//! none, so it is spared their cost for the others), TLS and WebSocket.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::brokers::PASSWORD;

/// Which settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settings {
    Defaults,
    Best,
}

/// Where it was built, or `RUMQTTD=…`.
pub fn program() -> PathBuf {
    let beside = option_env!("CARGO_BIN_EXE_conglang").unwrap_or("target/release/conglang");
    std::env::var_os("RUMQTTD").map_or_else(
        || {
            PathBuf::from(beside)
                .with_file_name("examples")
                .join("rumqttd")
        },
        PathBuf::from,
    )
}

/// True when it can take part in a test: plain TCP, and no state that must outlive the process.
pub fn takes_part(test: &str) -> bool {
    !matches!(
        test,
        "storm"
            | "restart"
            | "garbage"
            | "class-batched-fan-in"
            | "class-durable-fan-in"
            | "class-batched-latency"
            | "class-durable-latency"
    )
}

/// Starts it.
pub fn launch(settings: Settings, address: SocketAddr, log: File) -> Child {
    let settings = match settings {
        Settings::Defaults => "defaults",
        Settings::Best => "best",
    };
    Command::new(program())
        .args([address.to_string().as_str(), PASSWORD, settings])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("rumqttd starts")
}
