//! The house under measure, as scripts/bench-portal set it up: its addresses, its control socket,
//! and the network helper's socket.
//!
//! Invariant: what is waited for is a state, with a bound.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use conglang::domain::guest::WifiRules;
use conglang::protocol::netd::{NetdReply, NetdRequest};
use serde_json::{Value, json};

/// The box, where guests reach it.
pub const BOX: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 1);
/// The first address of the phone.
const FIRST_PHONE: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 24);
/// How long a state is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// An address of the phone, by number.
pub fn phone(number: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(FIRST_PHONE.to_bits() + u32::try_from(number).expect("small"))
}

/// The house, by its folder.
pub struct House {
    folder: PathBuf,
}

impl House {
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Its configuration.
    pub fn configuration(&self) -> PathBuf {
        self.folder.join("conglang.toml")
    }

    /// A file of its own.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Asks over the control socket; the answer's body, if the answer is 200.
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Option<Value> {
        let socket = std::fs::read_to_string(self.folder.join("control.path")).ok()?;
        let mut stream = UnixStream::connect(socket.trim()).ok()?;
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: control\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let is_done = head.starts_with("HTTP/1.1 200");
        is_done.then(|| serde_json::from_str(body).expect("JSON"))
    }

    fn guests(&self) -> Value {
        self.ask("GET", "/guests", &Value::Null).unwrap_or_default()
    }

    /// Waits until guests can be let in.
    pub fn until_open(&self) {
        until(
            "the guest network is in force and the internet is reached",
            || {
                let guests = self.guests();
                guests["in_force"] == true && guests["uplink"] == "free"
            },
        );
    }

    /// The village's rules of the wifi: open day and night, no daily bound, with this speed of a
    /// device.
    pub fn set_rules(&self, device_kbit: Option<u32>) {
        let rules = WifiRules {
            hours: None,
            device_mb: None,
            device_kbit,
            most_devices: 500,
            ..WifiRules::default()
        };
        let command = json!({ "command": { "do": "SetWifiRules", "rules": rules } });
        self.ask("POST", "/commands", &command)
            .expect("the rules are taken");
    }

    /// The id of the one device that is in and is no other's stand-in.
    pub fn device(&self, others: &[String]) -> Option<String> {
        let guests = self.guests();
        let devices = guests["devices"].as_array()?.clone();
        let is_in = devices.iter().filter(|d| !d["since"].is_null());
        let mut ids = is_in.filter_map(|d| Some(d["id"].as_str()?.to_owned()));
        ids.find(|id| !others.contains(id))
    }

    /// The ids of all devices that are in.
    pub fn devices(&self) -> Vec<String> {
        let guests = self.guests();
        let devices = guests["devices"].as_array().cloned().unwrap_or_default();
        let is_in = devices.iter().filter(|d| !d["since"].is_null());
        is_in
            .filter_map(|d| Some(d["id"].as_str()?.to_owned()))
            .collect()
    }

    /// Ends the session of a device; answered when the kernel stops it.
    pub fn cut(&self, device: &str) {
        let answer = self.ask("POST", "/guests/cut", &json!({ "device": device }));
        assert_eq!(answer.expect("cut")["was_in"], true, "the device was in");
    }

    /// A connection to the network helper; while the gateway has one, there is no other.
    pub fn helper(&self) -> Helper {
        let socket = self.folder.join("netd.sock");
        until("the network helper's socket", || {
            UnixStream::connect(&socket).is_ok()
        });
        let stream = UnixStream::connect(socket).expect("the helper");
        let patience = Some(PATIENCE);
        stream.set_read_timeout(patience).expect("a time-out");
        Helper(BufReader::new(stream))
    }
}

/// A connection to the network helper.
pub struct Helper(BufReader<UnixStream>);

impl Helper {
    /// Asks; an answer other than a refusal is expected.
    pub fn ask(&mut self, request: &NetdRequest) -> NetdReply {
        let mut line = serde_json::to_string(request).expect("a request");
        line.push('\n');
        self.0
            .get_mut()
            .write_all(line.as_bytes())
            .expect("written");
        let mut answer = String::new();
        self.0.read_line(&mut answer).expect("an answer");
        let reply = serde_json::from_str(&answer).expect("a reply");
        assert!(!matches!(reply, NetdReply::Refused { .. }), "{answer}");
        reply
    }
}

/// Waits for a state.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Milliseconds since `began`.
pub fn ms(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1_000.0
}
