//! A house for one test: the real binary on free ports in a folder that goes away.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::aftermath::{self, ChildProcess};
use super::http::{encode, http_unix};
#[allow(unused_imports, reason = "tests name them here or where they are")]
pub use super::{
    http::{Answer, http},
    lamp::Lamp,
};

pub const CHIEF_PIN: &str = "135790";

/// A port that nobody uses now.
pub fn free_port() -> u16 {
    free_ports::<1>()[0]
}

/// Ports that nobody uses now, each another: all are held until the last is drawn.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let held: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").expect("a port"));
    held.map(|l| l.local_addr().expect("address").port())
}

pub struct House {
    pub dir: PathBuf,
    /// Removes the folder when the test is done, also when it panics.
    _folder: TempDir,
    pub portal: u16,
    pub dashboard: u16,
    pub mqtt: u16,
    pub mqtts: u16,
    pub ws: u16,
    /// The network namespace in which its gateway runs; none = this machine's own.
    pub namespace: Option<String>,
    child: Option<Child>,
    /// Phrases of the errors that the test provokes.
    expected: Mutex<Vec<String>>,
    /// The processes that the gateways of this house had.
    children: Mutex<Vec<ChildProcess>>,
}

impl House {
    /// A house with devices `den-01`, `den-02` (lamps), `cb-01` (a gauge), `loa-01`, `loa-02`;
    /// extra lines of configuration may be given. It is not started.
    pub fn new(extra: &str) -> Self {
        let folder = aftermath::temporary_folder("conglang-it-");
        let dir = folder.path().to_owned();
        std::fs::create_dir_all(dir.join("run")).expect("folder");
        let [portal, dashboard, mqtt, mqtts, ws] = free_ports();
        let mut text = format!(
            "[village]\nid = \"ben-thoc\"\nname = \"Thôn Bến Thóc\"\ncommune = \"xã Đồng Nếp\"\n\
             [data]\nfolder = {:?}\n[doors]\nportal = \"127.0.0.1:{portal}\"\n\
             dashboard = \"127.0.0.1:{dashboard}\"\ncontrol = {:?}\n[broker]\n\
             plain = \"127.0.0.1:{mqtt}\"\ntls = \"127.0.0.1:{mqtts}\"\n\
             websocket = \"127.0.0.1:{ws}\"\n",
            dir.join("data").display().to_string(),
            dir.join("run/control.sock").display().to_string(),
        );
        for (id, name) in [
            ("den-01", "Đèn Cổng làng"),
            ("den-02", "Đèn Ngã ba Cây Đa"),
            ("cb-01", "Mực nước"),
            ("loa-01", "Loa Nhà văn hóa"),
            ("loa-02", "Loa Đình"),
        ] {
            text.push_str(&format!(
                "[[device]]\nid = \"{id}\"\nname = \"{name}\"\nsecret_sha256 = \"{}\"\n",
                conglang::keys::secret::sha256(secret(id).as_bytes())
            ));
        }
        text.push_str(
            "[[group]]\nid = \"truc\"\nname = \"Đường trục\"\nlights = [\"den-01.light\"]\n\
             [[sensor]]\nid = \"cb-01.level\"\nname = \"Mực nước kênh\"\nunit = \"cm\"\n\
             marks = [180, 230]\n",
        );
        text.push_str(
            "[[speaker]]\nid = \"loa-01\"\nname = \"Nhà văn hóa\"\nhorns = 2\n[[speaker]]\n\
             id = \"loa-02\"\nname = \"Đình\"\nhorns = 2\n",
        );
        text.push_str(extra);
        std::fs::write(dir.join("conglang.toml"), text).expect("configuration");
        Self {
            dir,
            _folder: folder,
            portal,
            dashboard,
            mqtt,
            mqtts,
            ws,
            namespace: None,
            child: None,
            expected: Mutex::default(),
            children: Mutex::default(),
        }
    }

    pub fn config(&self) -> PathBuf {
        self.dir.join("conglang.toml")
    }

    /// Starts the gateway and waits until it answers.
    pub fn start(&mut self) {
        self.start_with(&[]);
    }

    /// The same with variables in its environment.
    pub fn start_with(&mut self, environment: &[(&str, String)]) {
        self.launch(environment);
        self.until("the gateway answers", Duration::from_secs(20), |h| {
            h.answers()
        });
    }

    /// The same without waiting for an answer.
    pub fn launch(&mut self, environment: &[(&str, String)]) {
        let mut command = match &self.namespace {
            Some(namespace) => {
                // The program takes the place of `ip`, and its number.
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace, env!("CARGO_BIN_EXE_conglang")]);
                command
            }
            None => Command::new(env!("CARGO_BIN_EXE_conglang")),
        };
        let child = spawn_role(&mut command, &self.dir, &self.config(), "run", environment);
        self.child = Some(child);
    }

    /// The process of a worker, 0 = none.
    pub fn pid_of(&self, name: &str) -> u32 {
        let status: Value =
            serde_json::from_str(&self.cli(&["status", "--json"]).1).expect("status");
        let pid = status["pids"]
            .as_array()
            .expect("pids")
            .iter()
            .find(|p| p[0] == name)
            .and_then(|p| p[1].as_u64());
        pid.and_then(|p| u32::try_from(p).ok()).unwrap_or(0)
    }

    /// The gateway's process.
    pub fn gateway_pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Says something to the control socket; what it answers.
    pub fn raw(&self, request: &str) -> String {
        use std::io::{Read as _, Write as _};
        let mut stream = std::os::unix::net::UnixStream::connect(self.dir.join("run/control.sock"))
            .expect("control socket");
        stream.write_all(request.as_bytes()).expect("written");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    /// Says that the test provokes these errors: a phrase of each line of the log, or of a red part
    /// of health.
    pub fn expect_errors(&self, phrases: &[&str]) {
        self.expected
            .lock()
            .expect("whole")
            .extend(phrases.iter().map(|p| (*p).to_owned()));
    }

    /// Remembers the processes of the gateway, which must end with it.
    fn note_children(&self) {
        let children = aftermath::children_of(self.gateway_pid());
        self.children.lock().expect("whole").extend(children);
    }

    /// What the house left that its test did not provoke.
    fn aftermath(&self, log: &str) -> Vec<String> {
        let expected = self.expected.lock().expect("whole");
        let mut faults = aftermath::unexpected_errors(log, &expected);
        faults.extend(aftermath::still_living(
            &self.children.lock().expect("whole"),
        ));
        faults
    }

    /// Red parts of a house that runs and answers.
    fn red_parts(&self) -> Vec<String> {
        if self.child.is_none() {
            return Vec::new();
        }
        let report = self.cli(&["status", "--json"]).1;
        serde_json::from_str(&report).map_or_else(
            |_| Vec::new(),
            |status| aftermath::unexpected_red(&status, &self.expected.lock().expect("whole")),
        )
    }

    /// Kill -9, and reaps.
    pub fn kill(&mut self) {
        self.note_children();
        if let Some(mut child) = self.child.take() {
            child.kill().expect("killed");
            child.wait().expect("reaped");
        }
    }

    /// The exit code of a gateway that ends by itself; none = it still runs after this time.
    pub fn ended_within(&mut self, most: Duration) -> Option<i32> {
        let end = Instant::now() + most;
        loop {
            let ended = self.child.as_mut()?.try_wait().expect("asked");
            if let Some(status) = ended {
                self.child = None;
                return status.code();
            }
            if Instant::now() > end {
                return None;
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// SIGTERM; gives the exit code.
    pub fn stop(&mut self) -> Option<i32> {
        self.note_children();
        let mut child = self.child.take()?;
        let pid =
            rustix::process::Pid::from_raw(i32::try_from(child.id()).expect("pid")).expect("pid");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("signal");
        child.wait().expect("reaped").code()
    }

    /// Runs a command of the technician in Vietnamese, without breaking lines: exit code and
    /// stdout.
    pub fn cli(&self, args: &[&str]) -> (i32, String) {
        let (code, out, _) = self.cli_with(&[("CONGLANG_LANG", "vi"), ("COLUMNS", "10000")], args);
        (code, out)
    }

    /// The same with this environment: exit code, stdout, stderr.
    pub fn cli_with(&self, environment: &[(&str, &str)], args: &[&str]) -> (i32, String, String) {
        let out = Command::new(env!("CARGO_BIN_EXE_conglang"))
            .arg("--config")
            .arg(self.config())
            .args(args)
            .env_remove("COLUMNS")
            .envs(environment.iter().copied())
            .output()
            .expect("runs");
        (
            out.status.code().unwrap_or(-1),
            String::from_utf8_lossy(&out.stdout).into_owned(),
            String::from_utf8_lossy(&out.stderr).into_owned(),
        )
    }

    /// Whether the gateway answers the technician, however it is.
    pub fn answers(&self) -> bool {
        matches!(self.cli(&["status", "--json"]).0, 0 | 2)
    }

    pub fn state(&self) -> Value {
        serde_json::from_str(
            &http_unix(&self.dir.join("run/control.sock"), "GET", "/state", "").body,
        )
        .expect("state")
    }

    pub fn entries(&self) -> Vec<Value> {
        let answer = http_unix(
            &self.dir.join("run/control.sock"),
            "GET",
            "/entries?limit=1000",
            "",
        );
        serde_json::from_str(&answer.body).expect("entries")
    }

    /// Submits a command as the technician.
    pub fn command(&self, command: &Value) -> Answer {
        http_unix(
            &self.dir.join("run/control.sock"),
            "POST",
            "/commands",
            &serde_json::json!({ "command": command }).to_string(),
        )
    }

    /// Orders a lamp on or off without waiting for it.
    pub fn switch(&self, light: &str, on: bool) {
        let order = serde_json::json!({ "do": "SwitchLight", "light": light, "on": on });
        assert_eq!(self.command(&order).status, 200, "{light}");
    }

    /// Waits for a level, with a bound.
    pub fn until(&self, what: &str, most: Duration, good: impl Fn(&Self) -> bool) {
        let end = Instant::now() + most;
        while !good(self) {
            assert!(
                Instant::now() < end,
                "not in time: {what}\n{}",
                std::fs::read_to_string(self.dir.join("log.txt")).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Adds the chief and signs in; gives the cookie.
    pub fn sign_in(&self) -> String {
        if self.state()["users"]["mau"].is_null() {
            assert_eq!(
                self.cli(&["user", "add", "mau", "Ông Mẫu", "--pin", CHIEF_PIN])
                    .0,
                0
            );
        }
        let answer = self.post("/sign-in", "", &[("user", "mau"), ("pin", CHIEF_PIN)]);
        assert_eq!(answer.status, 303, "{answer:?}");
        answer.cookie()
    }

    pub fn get(&self, path: &str, cookie: &str) -> Answer {
        http(self.dashboard, "GET", path, cookie, "")
    }

    pub fn post(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Answer {
        let body = fields
            .iter()
            .map(|(k, v)| format!("{k}={}", encode(v)))
            .collect::<Vec<_>>()
            .join("&");
        http(self.dashboard, "POST", path, cookie, &body)
    }

    /// Publishes a notice of a week through its form; `kind` is `event` or `notice`.
    pub fn publish_notice(&self, cookie: &str, once: &str, title: &str, body: &str, kind: &str) {
        let fields = [
            ("form", &*self.form("/notices/new", cookie)),
            ("once", once),
            ("title", title),
            ("body", body),
            ("kind", kind),
            ("days", "7"),
        ];
        let sent = self.post("/notices", cookie, &fields);
        assert_eq!(sent.status, 303, "{}", sent.body);
    }

    /// The form token of a page.
    pub fn form(&self, path: &str, cookie: &str) -> String {
        self.get(path, cookie).field("form")
    }
}

/// Starts a role of the program with this configuration; its log goes to `log.txt` of the folder.
///
/// A test that turns the program's clock itself turns it alone: the clock of a whole run that is
/// moved (`faketime scripts/test`) would win over its dial.
pub fn start_program(
    dir: &Path,
    config: &Path,
    role: &str,
    environment: &[(&str, String)],
) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conglang"));
    spawn_role(&mut command, dir, config, role, environment)
}

fn spawn_role(
    command: &mut Command,
    dir: &Path,
    config: &Path,
    role: &str,
    environment: &[(&str, String)],
) -> Child {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(dir.join("log.txt"))
        .expect("log");
    if environment
        .iter()
        .any(|(name, _)| name.starts_with("FAKETIME"))
    {
        command.env_remove("FAKETIME").env_remove("FAKETIME_SHARED");
    }
    command
        .arg("--config")
        .arg(config)
        .arg(role)
        .envs(environment.iter().map(|(k, v)| (k, v)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("the binary starts")
}

impl Drop for House {
    fn drop(&mut self) {
        let failing = std::thread::panicking();
        let mut faults = if failing {
            Vec::new()
        } else {
            self.red_parts()
        };
        self.note_children();
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
        let log = std::fs::read_to_string(self.dir.join("log.txt")).unwrap_or_default();
        if failing {
            eprintln!("--- log of the house\n{log}");
        } else {
            faults.extend(self.aftermath(&log));
        }
        assert!(
            faults.is_empty(),
            "the house left what its test did not expect (House::expect_errors):\n{}",
            faults.join("\n")
        );
    }
}

/// The event of an entry as `noun.kind`, for example `light.desired`.
pub fn kind(entry: &Value) -> String {
    let event = entry["event"].as_object().expect("an event");
    let (noun, fields) = event.iter().next().expect("of a noun");
    format!("{noun}.{}", fields["t"].as_str().expect("of a kind"))
}

/// The fields of an entry's event.
pub fn fields(entry: &Value) -> &Value {
    let event = entry["event"].as_object().expect("an event");
    event.values().next().expect("of a noun")
}

/// A shared library of this machine whose path ends so.
pub fn library(end: &str) -> String {
    let out = Command::new("find")
        .args(["/usr/lib", "-path", &format!("*/{end}")])
        .output()
        .expect("find");
    String::from_utf8_lossy(&out.stdout)
        .lines()
        .next()
        .unwrap_or_else(|| panic!("no {end}: is its package installed?"))
        .to_owned()
}

/// The secret of a test device.
pub fn secret(id: &str) -> String {
    format!("secret-of-{id}-0123456789abcdef")
}
