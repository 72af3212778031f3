//! rumqttd, the broker that a Rust project would take, as a process: `rumqttd ADDRESS PASSWORD
//! [defaults|best]`, `-` for no password.
//!
//! `scripts/bench broker` runs it beside ours, and it stands between village and commune in
//! `tests/it/foreign.rs`. `defaults` are the settings of its own `rumqttd.toml` but for one:
//! packets as large as ours takes, because with 20 KiB it ends the connections of ordinary batches.
//! `best` are the settings that were quickest here: no wait between connections, more in flight,
//! segments small enough that reading one does not hold up the rest. Deliberately absent: TLS (its
//! rustls is another release than ours), permissions and persistence, which it does not have.

#![allow(clippy::print_stdout, reason = "it says when it is there")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::ExitCode;

use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};

/// The message for a call with wrong arguments.
const USE: &str = "use: rumqttd ADDRESS PASSWORD|- [defaults|best]";

fn settings(address: SocketAddr, password: String, best: bool) -> Config {
    let mut connections = ConnectionSettings {
        connection_timeout_ms: 60_000,
        max_payload_size: 8 << 20,
        max_inflight_count: if best { 1_000 } else { 100 },
        auth: None,
        external_auth: None,
        dynamic_filters: true,
    };
    // One password for everybody: it cannot have permissions in any case.
    if password != "-" {
        connections.set_auth_handler(move |_client, _user, said: String| {
            let known = said == password;
            async move { known }
        });
    }
    let door = ServerSettings {
        name: "door".to_owned(),
        listen: address,
        tls: None,
        next_connection_delay_ms: u64::from(!best),
        connections,
    };
    Config {
        router: RouterConfig {
            max_connections: 10_010,
            max_outgoing_packet_count: if best { 1_000 } else { 200 },
            max_segment_size: if best { 4 << 20 } else { 100 << 20 },
            max_segment_count: if best { 64 } else { 10 },
            ..RouterConfig::default()
        },
        v4: Some(HashMap::from([("door".to_owned(), door)])),
        ..Config::default()
    }
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [address, password, rest @ ..] = words.as_slice() else {
        eprintln!("{USE}");
        return ExitCode::from(64);
    };
    let (Ok(address), Some(best)) = (
        address.parse(),
        [&["defaults"][..], &["best"]]
            .iter()
            .position(|w| rest == *w)
            .or(rest.is_empty().then_some(0)),
    ) else {
        eprintln!("{USE}");
        return ExitCode::from(64);
    };
    match Broker::new(settings(address, password.clone(), best == 1)).start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("rumqttd does not serve at {address}: {cause}");
            ExitCode::FAILURE
        }
    }
}
