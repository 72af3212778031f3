//! Starting and ending the brokers, with the same accounts, permissions and bounds where they have
//! them (`rumqttd.rs` lists those that it lacks).
//!
//! Invariants: each start has a process and a folder of its own; only processes that were started
//! here are ended, by their handle; every client logs in with a password, and ours and Mosquitto
//! judge it by an access list. Alike in all: no anonymous clients, 1,000 messages queued for a
//! session, no delay on sockets, no log of connections. Left as each broker has it: messages in
//! flight to one client (20 in both), the cost of a password (Mosquitto 101 rounds of PBKDF2, ours
//! one SHA-256 of a random secret). `Keep` states how much is stored on disk. Rates and counts of
//! ours are set so high that they do not act, since Mosquitto has none. Deliberately absent:
//! bridges, client certificates.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};

use conglang::keys::secret;
use conglang::supervisor::fds;
use serde_json::json;

use crate::rumqttd::{self, Settings};
use crate::wire::Login;

/// The password of every account: 128 bits as text, as the project gives them out.
pub const PASSWORD: &str = "9f4c1d07e8b25a63c0d1f2a394857666";
/// The account that may subscribe to everything and publish everything.
pub const ALL: &str = "all";
/// How long a broker may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Ours,
    Mosquitto,
    Rumqttd(Settings),
}

/// Which state outlives a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// None; ours: class memory.
    Nothing,
    /// Mosquitto: its file, written at the default interval (30 minutes) and at an orderly end;
    /// ours: class batched.
    Default,
    /// Mosquitto: its file, written every so many seconds; ours: class durable.
    Every(u32),
}

impl Keep {
    /// Its part of a test's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Default => ", batched / saved now and then",
            Self::Every(_) => ", durable / saved each second",
        }
    }
}

/// How a broker is to be started.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Devices with an account, `u0000` and on; besides them there is [`ALL`].
    pub accounts: usize,
    pub tls: bool,
    pub keep: Keep,
    /// TLS, WebSocket and WebSocket over TLS beside the plain listener.
    pub every_door: bool,
}

impl Plan {
    /// A plain listener, and nothing stored.
    pub fn plain(accounts: usize) -> Self {
        Self {
            accounts,
            tls: false,
            keep: Keep::Nothing,
            every_door: false,
        }
    }
}

/// A broker of this bench.
pub struct Broker {
    pub kind: Kind,
    plan: Plan,
    folder: PathBuf,
    port: u16,
    /// Listeners beside the first: TLS, WebSocket, WebSocket over TLS.
    others: Vec<u16>,
    /// Ours: the listeners, which outlive the process.
    listeners: Vec<TcpListener>,
    child: Option<Child>,
    /// Ours: the worker's standard input; closing it is the orderly end.
    line: Option<UnixStream>,
    ready: Option<mpsc::Receiver<()>>,
}

/// Name of device number `n`.
pub fn name(n: usize) -> String {
    format!("u{n:04}")
}

/// The login of an account whose client id is its name.
pub fn login(name: &str) -> Login<'_> {
    Login {
        client_id: name,
        name,
        password: PASSWORD,
        clean: true,
    }
}

fn program() -> PathBuf {
    let built = option_env!("CARGO_BIN_EXE_conglang").unwrap_or("target/release/conglang");
    std::env::var_os("CONGLANG").map_or_else(|| built.into(), PathBuf::from)
}

fn mosquitto() -> PathBuf {
    std::env::var_os("MOSQUITTO").map_or_else(|| "mosquitto".into(), PathBuf::from)
}

/// A sentence for each program that is missing; empty = all are here.
pub fn missing() -> Vec<String> {
    let runs = |program: &Path| {
        Command::new(program)
            .arg("--help")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok()
    };
    let wanted = [
        (program(), "build it, or name it with CONGLANG=…"),
        (
            rumqttd::program(),
            "cargo build --release --example rumqttd, or name it with RUMQTTD=…",
        ),
        (mosquitto(), "package mosquitto"),
        ("mosquitto_passwd".into(), "package mosquitto"),
    ];
    wanted
        .iter()
        .filter(|(p, _)| !runs(p))
        .map(|(p, hint)| format!("{} does not start: {hint}", p.display()))
        .collect()
}

/// The password as Mosquitto stores it; the salt is the same for all, which does not change the
/// cost of a login.
fn hashed(folder: &Path) -> &'static str {
    static HASHED: OnceLock<String> = OnceLock::new();
    HASHED.get_or_init(|| {
        let file = folder.join("one");
        fs::write(&file, format!("x:{PASSWORD}\n")).expect("password file");
        let done = Command::new("mosquitto_passwd")
            .arg("-U")
            .arg(&file)
            .status()
            .expect("mosquitto_passwd");
        assert!(done.success(), "mosquitto_passwd failed");
        fs::read_to_string(&file)
            .expect("password file")
            .trim()
            .trim_start_matches("x:")
            .to_owned()
    })
}

/// Writes a certificate for 127.0.0.1: chain and key.
fn certificate(folder: &Path) {
    let (chain, key) = (folder.join("chain.pem"), folder.join("key.pem"));
    let made =
        rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("certificate");
    fs::write(&chain, made.cert.pem()).expect("certificate");
    fs::write(&key, made.signing_key.serialize_pem()).expect("key");
}

impl Broker {
    /// Starts a broker in a fresh folder and waits until it serves.
    pub fn start(kind: Kind, plan: Plan) -> Self {
        static STARTS: AtomicU32 = AtomicU32::new(0);
        let parent =
            std::env::var_os("CONGLANG_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let folder = parent.join(format!(
            "broker-bench-{}-{}",
            std::process::id(),
            STARTS.fetch_add(1, Ordering::Relaxed)
        ));
        fs::create_dir_all(&folder).expect("folder");
        let mut listeners: Vec<TcpListener> = (0..if plan.every_door { 4 } else { 1 })
            .map(|_| TcpListener::bind("127.0.0.1:0").expect("port"))
            .collect();
        let mut ports = listeners
            .iter()
            .map(|l| l.local_addr().expect("address").port());
        let (port, others) = (ports.next().expect("a port"), ports.collect());
        if kind != Kind::Ours {
            listeners.clear();
        }
        if plan.tls || plan.every_door {
            certificate(&folder);
        }
        let mut broker = Self {
            kind,
            plan,
            folder,
            port,
            others,
            listeners,
            child: None,
            line: None,
            ready: None,
        };
        if kind == Kind::Mosquitto {
            broker.configure_mosquitto();
        }
        broker.launch();
        broker.wait();
        broker
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Every listener.
    pub fn doors(&self) -> Vec<SocketAddr> {
        std::iter::once(&self.port)
            .chain(&self.others)
            .map(|port| ([127, 0, 0, 1], *port).into())
            .collect()
    }

    /// Starts the process on the folder as it is; does not wait.
    pub fn launch(&mut self) {
        match self.kind {
            Kind::Ours => self.launch_ours(),
            Kind::Mosquitto => {
                let log = fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(self.folder.join("log"))
                    .expect("log");
                let child = Command::new(mosquitto())
                    .arg("-c")
                    .arg(self.folder.join("mosquitto.conf"))
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(log)
                    .spawn();
                self.child = Some(child.expect("mosquitto starts"));
            }
            Kind::Rumqttd(settings) => {
                let log = fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(self.folder.join("log"))
                    .expect("log");
                self.child = Some(rumqttd::launch(settings, self.address(), log));
            }
        }
    }

    /// Waits until a started process serves.
    pub fn wait(&mut self) {
        let until = Instant::now() + PATIENCE;
        let serves = match self.ready.take() {
            Some(ready) => ready.recv_timeout(PATIENCE).is_ok(),
            None => loop {
                if TcpStream::connect(self.address()).is_ok() {
                    break true;
                }
                if Instant::now() > until || self.ended() {
                    break false;
                }
                std::thread::sleep(Duration::from_millis(2));
            },
        };
        assert!(
            serves,
            "{:?} does not serve: {}",
            self.kind,
            fs::read_to_string(self.folder.join("log")).unwrap_or_default()
        );
    }

    fn ended(&mut self) -> bool {
        self.child
            .as_mut()
            .is_none_or(|c| !matches!(c.try_wait(), Ok(None)))
    }

    /// Ends it as its own service manager would, and waits.
    pub fn stop(&mut self) {
        self.line = None;
        if self.kind != Kind::Ours
            && let Some(child) = &self.child
        {
            let _ = rustix::process::kill_process(
                rustix::process::Pid::from_child(child),
                rustix::process::Signal::TERM,
            );
        }
        let until = Instant::now() + PATIENCE;
        while !self.ended() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.kill();
    }

    /// Kills it with signal 9 and waits.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.line = None;
    }

    fn launch_ours(&mut self) {
        let (mut line, theirs) = UnixStream::pair().expect("socket");
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))
            .expect("log");
        let mut command = Command::new(program());
        command
            .args(["worker", "broker"])
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(log);
        let mut child = command.spawn().expect("conglang starts");
        // The command still holds the worker's end; without this drop the end of the worker would
        // not be seen.
        drop(command);
        let listeners: Vec<_> = self.listeners.iter().map(AsFd::as_fd).collect();
        fds::send(&line, &listeners).expect("listeners are passed");
        line.write_all(self.orders().as_bytes())
            .expect("settings are taken");
        let (say, ready) = mpsc::channel();
        let facts = BufReader::new(child.stdout.take().expect("stdout"));
        // Its events are read to the end, or it would wait for us.
        std::thread::spawn(move || {
            for fact in facts.lines().map_while(Result::ok) {
                if fact.contains("\"ready\"") {
                    let _ = say.send(());
                }
            }
        });
        (self.child, self.line, self.ready) = (Some(child), Some(line), Some(ready));
    }

    /// Settings and access table of ours, a line each.
    fn orders(&self) -> String {
        let path = |file: &str| self.folder.join(file).display().to_string();
        let certificate =
            (self.plan.tls || self.plan.every_door).then(|| (path("chain.pem"), path("key.pem")));
        let limits = json!({
            "connections": 10_000, "half_open": 10_000, "per_address": 10_000, "handshake_s": 30,
            "messages_per_second": u32::MAX,
            "bytes_per_second": u32::MAX,
            "queued": 1_000,
            "queued_bytes": 64 << 20,
            "sessions": 10_000,
            "retained": 20_000,
            "retained_per_device": 20_000,
            "retained_bytes_per_device": 64 << 20,
        });
        // The nearest equivalents: nothing stored, stored now and then, stored as safely as each
        // can.
        let class = match self.plan.keep {
            Keep::Nothing => "memory",
            Keep::Default => "batched",
            Keep::Every(_) => "durable",
        };
        let doors = match (self.plan.every_door, self.plan.tls) {
            (true, _) => json!(["plain", "tls", "web_socket", "web_socket_tls"]),
            (_, true) => json!(["tls"]),
            _ => json!(["plain"]),
        };
        let settings = json!({
            "doors": doors, "house_socket": path("house.sock"), "house_secret": PASSWORD,
            "folder": path("data"), "certificate": certificate, "client_ca": null, "limits": limits,
            "rules": [{ "filter": "#", "class": class }],
        });
        let hash = secret::sha256(PASSWORD.as_bytes());
        let account = |name: String, publish: [String; 2], subscribe: [String; 2]| {
            json!({
                "name": name, "secret_sha256": hash, "publish": publish, "subscribe": subscribe
            })
        };
        let devices = (0..self.plan.accounts).map(|n| {
            let name = name(n);
            account(
                name.clone(),
                [
                    format!("d/{name}/#"),
                    format!("homeassistant/+/{name}/config"),
                ],
                [format!("c/{name}/#"), "all/#".to_owned()],
            )
        });
        let all = account(
            ALL.to_owned(),
            ["#".to_owned(), "c/#".to_owned()],
            ["#".to_owned(), "d/#".to_owned()],
        );
        let access = json!({
            "order": "access", "n": 1, "accounts": devices.chain([all]).collect::<Vec<_>>()
        });
        format!("{settings}\n{access}\n")
    }

    fn configure_mosquitto(&self) {
        let path = |file: &str| self.folder.join(file).display().to_string();
        let hash = hashed(&self.folder);
        let (mut passwords, mut access) = (
            format!("{ALL}:{hash}\n"),
            format!("user {ALL}\ntopic readwrite #\ntopic read d/#\ntopic write c/#\n"),
        );
        for name in (0..self.plan.accounts).map(name) {
            passwords.push_str(&format!("{name}:{hash}\n"));
            access.push_str(&format!(
                "user {name}\ntopic write d/{name}/#\n\
                     topic write homeassistant/+/{name}/config\ntopic read c/{name}/#\n\
                     topic read all/#\n"
            ));
        }
        fs::write(path("passwords"), passwords).expect("password file");
        fs::write(path("access"), access).expect("access file");
        let mut text = format!(
            "user root\nlistener {} 127.0.0.1\nmax_connections -1\nallow_anonymous false\n\
             password_file {}\nacl_file {}\nset_tcp_nodelay true\nlog_dest stderr\nlog_type error\n\
             connection_messages false\n",
            self.port,
            path("passwords"),
            path("access"),
        );
        if self.plan.tls {
            text.push_str(&format!(
                "certfile {}\nkeyfile {}\n",
                path("chain.pem"),
                path("key.pem")
            ));
        }
        for (port, kind) in self.others.iter().zip(["tls", "ws", "wss"]) {
            text.push_str(&format!("listener {port} 127.0.0.1\n"));
            if kind.starts_with("ws") {
                text.push_str("protocol websockets\n");
            }
            if kind != "ws" {
                text.push_str(&format!(
                    "certfile {}\nkeyfile {}\n",
                    path("chain.pem"),
                    path("key.pem")
                ));
            }
        }
        match self.plan.keep {
            Keep::Nothing => text.push_str("persistence false\n"),
            Keep::Default => text.push_str(&format!(
                "persistence true\npersistence_location {}/\n",
                self.folder.display()
            )),
            Keep::Every(seconds) => text.push_str(&format!(
                "persistence true\npersistence_location {}/\nautosave_interval {seconds}\n",
                self.folder.display()
            )),
        }
        fs::write(path("mosquitto.conf"), text).expect("configuration");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
