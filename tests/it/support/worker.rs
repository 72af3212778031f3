//! The broker's worker alone, for tests that need other bounds, accounts or deaths than a house
//! has.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use conglang::domain::account::Account;
use conglang::domain::id::DeviceId;
use conglang::keys::authority::{Authority, CertificateFiles};
use conglang::keys::secret;
use conglang::protocol::broker::{
    AdminQuery, AdminReply, Counters, DurabilityRule, Limits, ListenerKind, Settings,
    WorkerCommand, WorkerEvent, default_durability_rules,
};
use conglang::supervisor::fds;
use tempfile::TempDir;

use super::office::memory_kb;

/// Bounds that stand in nobody's way.
pub fn wide_limits() -> Limits {
    Limits {
        connections: 12_000,
        half_open: 4_000,
        per_address: 12_000,
        packet: 1_049_600,
        messages_per_second: u32::MAX,
        bytes_per_second: u32::MAX,
        filters: 10_000,
        per_account: 12_000,
        sessions: 25_000,
        retained_per_device: 20_000,
        retained_bytes_per_device: 64 << 20,
        ..Limits::default()
    }
}

/// Lets this process have as many descriptors as thousands of connections need.
pub fn many_files() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    rustix::process::setrlimit(
        rustix::process::Resource::Nofile,
        rustix::process::Rlimit {
            current: limit.maximum,
            ..limit
        },
    )
    .expect("descriptors");
}

/// The accounts of `tests/wire/README.md`.
pub fn wire_accounts() -> Vec<Account> {
    let all = |extra: &str| vec!["#".to_owned(), extra.to_owned()];
    vec![
        account("rong", "mat-khau-rong", all("$SYS/#"), all("$SYS/#")),
        account(
            "hep",
            "mat-khau-hep",
            vec!["d/hep/#".into()],
            vec!["c/hep/#".into(), "d/hep/#".into()],
        ),
    ]
}

pub fn account(
    name: &str,
    password: &str,
    publish: Vec<String>,
    subscribe: Vec<String>,
) -> Account {
    Account {
        name: DeviceId::new(name).expect("a name"),
        secret_sha256: secret::sha256(password.as_bytes()),
        publish,
        subscribe,
    }
}

/// Where its data lie.
#[derive(Clone, Copy)]
pub enum Disk {
    /// In the folder of the test.
    Shared,
    /// On a file system of its own of so many bytes, empty in each life.
    Small(u64),
    /// On an ext4 file system of its own that outlives it; checked and mounted with these options
    /// before each life.
    Card(&'static str),
}

/// True when this process may mount file systems; where it must, not being able to is a failure.
pub fn may_mount() -> bool {
    let may = rustix::process::geteuid().is_root() && Path::new("/dev/loop-control").exists();
    assert!(
        may || std::env::var_os("CI").is_none(),
        "this test mounts a file system: it needs root and loop devices"
    );
    if !may {
        eprintln!("left out: mounting a file system needs root and loop devices");
    }
    may
}

/// Shell that mounts the ext4 file system of `megabytes` in `folder/card` onto `folder/data`, made
/// when it is not there and checked before. The loop device of the life before goes with its mount
/// namespace, in its own time.
pub fn mount_card(folder: &Path, megabytes: u32, options: &str) -> String {
    let (card, data) = (
        folder.join("card").display().to_string(),
        folder.join("data").display().to_string(),
    );
    format!(
        "for n in $(seq 100); do [ -z \"$(losetup -j {card})\" ] && break; sleep 0.1; done
        [ -e {card} ] || {{ truncate -s {megabytes}M {card} && mkfs.ext4 -q {card}; }}
        e2fsck -p {card} >&2; [ $? -le 1 ] && mount -o loop,{options} {card} {data}"
    )
}

/// The file system in `folder/data`, as the process `pid` has it mounted, finds an error of its
/// own: from now on it can only be read.
pub fn card_dies(pid: u32, folder: &Path) {
    let done = Command::new("nsenter")
        .args(["-t", &pid.to_string(), "-m", "mount", "-o", "remount,abort"])
        .arg(folder.join("data"))
        .status();
    assert!(
        done.expect("nsenter (util-linux)").success(),
        "the card was to fail"
    );
}

/// A worker; its listeners outlive its lives.
pub struct Worker {
    pub folder: PathBuf,
    /// Removes the folder when the test is done, also when it panics.
    _temporary: TempDir,
    pub plain: u16,
    pub tls: u16,
    pub ws: u16,
    pub wss: u16,
    pub settings: Settings,
    accounts: Vec<Account>,
    listeners: Vec<TcpListener>,
    pub disk: Disk,
    life: Option<Life>,
    asked: u64,
}

struct Life {
    child: Child,
    orders: UnixStream,
    facts: Receiver<WorkerEvent>,
    counters: Counters,
}

impl Worker {
    pub fn new(limits: Limits, rules: Option<Vec<DurabilityRule>>, accounts: Vec<Account>) -> Self {
        let temporary = super::aftermath::temporary_folder("conglang-worker-");
        let folder = temporary.path().to_owned();
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("time")
            .as_secs();
        let authority = Authority::load_or_make(&folder.join("ca"), "Bến Thóc", now).expect("a CA");
        let files = CertificateFiles::named(&folder, "mqtt");
        files
            .write(
                &authority
                    .issue_server("gate", &["localhost".into(), "127.0.0.1".into()], now)
                    .expect("leaf"),
            )
            .expect("written");
        let listeners: Vec<TcpListener> = (0..4)
            .map(|_| TcpListener::bind("127.0.0.1:0").expect("a port"))
            .collect();
        for listener in &listeners {
            rustix::net::listen(listener, 4_096).expect("listens");
        }
        let port = |n: usize| listeners[n].local_addr().expect("address").port();
        let settings = Settings {
            listeners: vec![
                ListenerKind::Plain,
                ListenerKind::Tls,
                ListenerKind::WebSocket,
                ListenerKind::WebSocketTls,
            ],
            gateway_socket: folder.join("house.sock").display().to_string(),
            gateway_password: "bi-mat".into(),
            folder: folder.join("data").display().to_string(),
            certificate: Some((
                files.certificate.display().to_string(),
                files.key.display().to_string(),
            )),
            client_ca: Some(folder.join("ca/ca.pem").display().to_string()),
            certificate_only: false,
            quarantine: false,
            rules: rules.unwrap_or_else(default_durability_rules),
            floor_ms: conglang::time::WallMs::default(),
            served_before: false,
            limits,
        };
        Self {
            plain: port(0),
            tls: port(1),
            ws: port(2),
            wss: port(3),
            folder,
            _temporary: temporary,
            settings,
            accounts,
            listeners,
            disk: Disk::Shared,
            life: None,
            asked: 0,
        }
    }

    pub fn started(
        limits: Limits,
        rules: Option<Vec<DurabilityRule>>,
        accounts: Vec<Account>,
    ) -> Self {
        let mut worker = Self::new(limits, rules, accounts);
        worker.start();
        worker
    }

    /// Certificates of the doors are signed by this.
    pub fn ca(&self) -> PathBuf {
        self.folder.join("ca/ca.pem")
    }

    pub fn pid(&self) -> u32 {
        self.life.as_ref().expect("alive").child.id()
    }

    /// True while the process that was started last lives.
    pub fn lives(&mut self) -> bool {
        self.life
            .as_mut()
            .is_some_and(|life| life.child.try_wait().is_ok_and(|ended| ended.is_none()))
    }

    /// Starts it and waits until it serves.
    pub fn start(&mut self) {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("log.txt"))
            .expect("log");
        let mut command = self.command();
        command
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::piped())
            .stderr(log);
        let mut child = command.spawn().expect("starts");
        drop(command);
        let borrowed: Vec<_> = self
            .listeners
            .iter()
            .map(std::os::fd::AsFd::as_fd)
            .collect();
        fds::send(ours.as_fd(), &borrowed).expect("listeners");
        let (say, facts) = channel();
        let out = BufReader::new(child.stdout.take().expect("stdout"));
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if let Ok(fact) = serde_json::from_str::<WorkerEvent>(&line)
                    && fact != WorkerEvent::Heartbeat
                    && say.send(fact).is_err()
                {
                    return;
                }
            }
        });
        self.life = Some(Life {
            child,
            orders: ours,
            facts,
            counters: Counters::default(),
        });
        let first = WorkerCommand::SetAccess {
            n: 1,
            accounts: self.accounts.clone(),
        };
        let begin = format!(
            "{}\n{}\n",
            serde_json::to_string(&self.settings).expect("settings"),
            serde_json::to_string(&first).expect("order")
        );
        self.life
            .as_mut()
            .expect("alive")
            .orders
            .write_all(begin.as_bytes())
            .expect("told");
        self.until("it serves", |fact| *fact == WorkerEvent::Ready);
    }

    /// The program, on the disk that it is to have.
    fn command(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_conglang");
        let prepare = match self.disk {
            Disk::Shared => {
                let mut command = Command::new(program);
                command.args(["worker", "broker"]);
                return command;
            }
            Disk::Small(size) => format!("mount -t tmpfs -o size={size} tmpfs \"$0/data\""),
            Disk::Card(options) => mount_card(&self.folder, 64, options),
        };
        std::fs::create_dir_all(self.folder.join("data")).expect("folder");
        let mut command = Command::new("unshare");
        if matches!(self.disk, Disk::Small(_)) {
            command.args(["--user", "--map-root-user"]);
        }
        command
            .args([
                "--mount",
                "sh",
                "-c",
                &format!("{prepare} && exec \"$1\" worker broker"),
            ])
            .arg(&self.folder)
            .arg(program);
        command
    }

    /// Waits for a fact.
    pub fn until(&mut self, what: &str, wanted: impl Fn(&WorkerEvent) -> bool) -> WorkerEvent {
        let log = self.folder.join("log.txt");
        let life = self.life.as_mut().expect("alive");
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let fact = life
                .facts
                .recv_timeout(until.saturating_duration_since(Instant::now()));
            let fact = fact.unwrap_or_else(|_| {
                panic!(
                    "not in time: {what}\n{}",
                    std::fs::read_to_string(&log).unwrap_or_default()
                )
            });
            if let WorkerEvent::Counters(counters) = &fact {
                life.counters = counters.clone();
            }
            if wanted(&fact) {
                return fact;
            }
        }
    }

    fn order(&mut self, order: &WorkerCommand) {
        let line = serde_json::to_string(order).expect("order") + "\n";
        self.life
            .as_mut()
            .expect("alive")
            .orders
            .write_all(line.as_bytes())
            .expect("told");
    }

    pub fn ask(&mut self, ask: AdminQuery) -> AdminReply {
        self.asked += 1;
        let n = self.asked;
        self.order(&WorkerCommand::Query { n, query: ask });
        match self.until(
            "an answer",
            |fact| matches!(fact, WorkerEvent::Reply { n: m, .. } if *m == n),
        ) {
            WorkerEvent::Reply { reply: answer, .. } => answer,
            _ => unreachable!("it was waited for"),
        }
    }

    /// Puts other accounts in force and waits until they are.
    pub fn accounts(&mut self, accounts: Vec<Account>) {
        self.asked += 1;
        let n = self.asked + 1_000;
        self.accounts.clone_from(&accounts);
        self.order(&WorkerCommand::SetAccess { n, accounts });
        self.until("in force", |fact| *fact == WorkerEvent::AccessApplied { n });
    }

    /// Counters that are as wanted, waited for; none that were told before this call.
    pub fn counters(&mut self, what: &str, wanted: impl Fn(&Counters) -> bool) -> Counters {
        // Facts come in their order: what follows an answer is fresh.
        self.ask(AdminQuery::Refusals {
            id: "@nobody".into(),
        });
        match self.until(
            what,
            |fact| matches!(fact, WorkerEvent::Counters(c) if wanted(c)),
        ) {
            WorkerEvent::Counters(counters) => counters,
            _ => unreachable!("it was waited for"),
        }
    }

    /// A path of its own disk, seen from outside.
    pub fn inside(&self, path: &str) -> PathBuf {
        PathBuf::from(format!(
            "/proc/{}/root{}/data/{path}",
            self.pid(),
            self.folder.display()
        ))
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut life) = self.life.take() {
            let _ = life.child.kill();
            let _ = life.child.wait();
        }
    }

    /// Asks it to end, as its parent does.
    pub fn stop(&mut self) {
        if let Some(mut life) = self.life.take() {
            drop(life.orders);
            let until = Instant::now() + Duration::from_secs(5);
            while life.child.try_wait().expect("a child").is_none() {
                assert!(Instant::now() < until, "it does not end");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log.txt")).unwrap_or_default()
    }

    /// Bytes of memory that no file holds. The program's pages are not counted: a share of them
    /// comes and goes with the other processes of this machine that run the same program.
    pub fn memory(&self) -> u64 {
        memory_kb(self.pid(), "RssAnon:") * 1_024
    }
}

impl Worker {
    /// Bytes of all its memory, the program's pages by its share of them.
    pub fn memory_with_program(&self) -> u64 {
        let path = format!("/proc/{}/smaps_rollup", self.pid());
        let parts = std::fs::read_to_string(path).expect("the memory of a process of ours");
        let share = parts.lines().find_map(|line| line.strip_prefix("Pss:"));
        let kb = share.and_then(|share| share.split_whitespace().next());
        kb.and_then(|kb| kb.parse::<u64>().ok()).expect("a number") * 1_024
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- log of the worker\n{}", self.log());
        }
    }
}

/// A file of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
