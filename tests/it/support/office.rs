//! A commune for one test: the real binary with villages and a console on free ports, visitors from
//! many addresses, and what its processes hold of memory.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use conglang::keys::authority::{Authority, CertificateFiles};
use tempfile::TempDir;

use super::aftermath;
use crate::support::house::{free_ports, start_program};
use crate::support::http::Answer;

pub struct Commune {
    pub dir: PathBuf,
    /// Removes the folder when the test is done, also when it panics.
    _folder: TempDir,
    pub mqtt: u16,
    pub console: u16,
    child: Option<Child>,
    /// Phrases of the errors that the test provokes.
    expected: Mutex<Vec<String>>,
}

impl Commune {
    /// A commune of these villages, not started.
    pub fn new(villages: &[String]) -> Self {
        Self::with_keys(
            &villages
                .iter()
                .map(|v| (v.as_str(), ""))
                .collect::<Vec<_>>(),
        )
    }

    /// A commune of these villages, each with further lines of its configuration; not started.
    pub fn with_keys(villages: &[(&str, &str)]) -> Self {
        let folder = aftermath::temporary_folder("conglang-office-");
        let dir = folder.path().to_owned();
        let [mqtt, console] = free_ports();
        let mut text = format!(
            "[data]\nfolder = {:?}\n[doors]\ncontrol = {:?}\n[office]\nname = \"xã Đồng Nếp\"\n\
             mqtt = \"127.0.0.1:{mqtt}\"\nconsole = \"127.0.0.1:{console}\"\n",
            dir.join("data").display().to_string(),
            dir.join("run/control.sock").display().to_string()
        );
        for (village, keys) in villages {
            text.push_str(&format!(
                "[[office.village]]\nid = \"{village}\"\nname = \"Thôn {village}\"\n{keys}"
            ));
        }
        std::fs::write(dir.join("commune.toml"), text).expect("configuration");
        Self {
            dir,
            _folder: folder,
            mqtt,
            console,
            child: None,
            expected: Mutex::default(),
        }
    }

    /// Starts it, with variables in its environment, and waits until both doors are open.
    pub fn start(&mut self, environment: &[(&str, String)]) {
        let config = self.dir.join("commune.toml");
        let child = start_program(&self.dir, &config, "commune", environment);
        self.child = Some(child);
        let until = Instant::now() + Duration::from_secs(40);
        while !self.log().contains("commune ready") {
            assert!(
                Instant::now() < until,
                "the commune does not open\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Says that the test provokes these errors: a phrase of each line of the log.
    pub fn expect_errors(&self, phrases: &[&str]) {
        self.expected
            .lock()
            .expect("whole")
            .extend(phrases.iter().map(|p| (*p).to_owned()));
    }

    /// Ends it; the folder stays.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::rename(self.dir.join("log.txt"), self.dir.join("log-before.txt"));
    }

    /// Stops it as systemd does, and waits for its end; the folder stays.
    pub fn stop(&mut self) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.pid()).expect("pid"));
        let pid = pid.expect("it runs");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("told");
        if let Some(mut child) = self.child.take() {
            child.wait().expect("ended");
        }
        let _ = std::fs::rename(self.dir.join("log.txt"), self.dir.join("log-before.txt"));
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log.txt")).unwrap_or_default()
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// The officer's first PIN.
    pub fn pin(&self) -> String {
        std::fs::read_to_string(self.dir.join("data/keys/console.first-pin"))
            .expect("PIN")
            .trim()
            .to_owned()
    }

    /// A certificate of a village, signed by the commune's CA.
    pub fn village(&self, id: &str) -> CertificateFiles {
        let now_s = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("time")
            .as_secs();
        let authority = Authority::load_or_make(&self.ca(), "xã Đồng Nếp", now_s).expect("CA");
        let files = CertificateFiles::named(&self.dir, id);
        files
            .write(&authority.issue_client(id, now_s).expect("certificate"))
            .expect("written");
        files
    }

    pub fn ca(&self) -> PathBuf {
        self.dir.join("data/keys/ca")
    }

    /// Bytes of the store.
    pub fn store_bytes(&self) -> u64 {
        std::fs::metadata(self.dir.join("data/commune.redb")).map_or(0, |m| m.len())
    }

    /// The most that its processes held of memory, KiB: the commune, its broker.
    pub fn peak_kb(&self) -> Vec<u64> {
        let mut pids = vec![self.pid()];
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).expect("tasks");
        for task in tasks.flatten() {
            let children =
                std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            pids.extend(
                children
                    .split_whitespace()
                    .filter_map(|p| p.parse::<u32>().ok()),
            );
        }
        let own = |pid: &u32| {
            let files = memory_kb(*pid, "RssFile:");
            memory_kb(*pid, "VmHWM:").saturating_sub(files)
        };
        pids.iter().map(own).collect()
    }

    /// A visitor of the console from one of many addresses of this machine; status 0 = no answer.
    pub fn visit(
        &self,
        address: [u8; 4],
        method: &str,
        path: &str,
        cookie: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        visit(self.console, address, method, path, cookie, fields)
    }

    /// A technician's command; gives its exit code and what it said, answers and errors.
    pub fn cli(&self, lang: &str, args: &[&str]) -> (i32, String) {
        let done = Command::new(env!("CARGO_BIN_EXE_conglang"))
            .arg("--config")
            .arg(self.dir.join("commune.toml"))
            .args(["--lang", lang])
            .args(args)
            .output()
            .expect("the command runs");
        let said = [done.stdout, done.stderr].concat();
        (
            done.status.code().unwrap_or(-1),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    /// Signs in from an address with the PIN of the office; gives the cookie.
    pub fn sign_in(&self, address: [u8; 4]) -> String {
        self.sign_in_as(address, "", &self.pin())
    }

    /// Signs in as an officer; gives the cookie.
    pub fn sign_in_as(&self, address: [u8; 4], officer: &str, pin: &str) -> String {
        let fields = [("officer", officer), ("pin", pin)];
        let answer = self.visit(address, "POST", "/sign-in", "", &fields);
        assert_eq!(answer.status, 303, "{answer:?}");
        let cookie = answer
            .head
            .lines()
            .find_map(|l| l.strip_prefix("set-cookie: "))
            .expect("cookie");
        cookie.split(';').next().expect("pair").to_owned()
    }
}

impl Drop for Commune {
    fn drop(&mut self) {
        let children = aftermath::children_of(self.pid());
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let log = self.log();
        let mut faults = Vec::new();
        if std::thread::panicking() {
            eprintln!("--- log of the commune\n{log}");
        } else {
            faults = aftermath::unexpected_errors(&log, &self.expected.lock().expect("whole"));
            faults.extend(aftermath::still_living(&children));
        }
        assert!(
            faults.is_empty(),
            "the commune left what its test did not expect (Commune::expect_errors):\n{}",
            faults.join("\n")
        );
    }
}

/// A line of a process's status, KiB.
pub fn memory_kb(pid: u32, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status
        .lines()
        .find_map(|l| l.strip_prefix(line))
        .and_then(|l| l.split_whitespace().next())
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

/// A connection from an address of this machine.
pub fn from_address(address: [u8; 4], port: u16) -> std::io::Result<TcpStream> {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    use std::net::SocketAddrV4;
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&socket, &SocketAddrV4::new(address.into(), 0))?;
    connect(&socket, &SocketAddrV4::new([127, 0, 0, 1].into(), port))?;
    Ok(TcpStream::from(socket))
}

/// A visitor of a door from one of many addresses of this machine; status 0 = no answer.
pub fn visit(
    port: u16,
    address: [u8; 4],
    method: &str,
    path: &str,
    cookie: &str,
    fields: &[(&str, &str)],
) -> Answer {
    let body = fields
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect::<Vec<_>>()
        .join("&");
    let none = Answer {
        status: 0,
        head: String::new(),
        body: String::new(),
    };
    let Ok(mut stream) = from_address(address, port) else {
        return none;
    };
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("timeout");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncookie: {cookie}\r\n\
         connection: close\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut bytes = Vec::new();
    if stream.write_all(request.as_bytes()).is_err() || stream.read_to_end(&mut bytes).is_err() {
        return none;
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    assert!(!body.contains("{$"), "a placeholder is shown raw: {body}");
    Answer {
        status: head
            .split_whitespace()
            .nth(1)
            .and_then(|s| s.parse().ok())
            .unwrap_or(0),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}
