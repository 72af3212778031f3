//! A gateway as it is shipped, over its real sockets, and a client as small as can be.
//!
//! `CONGLANG` names another program than the one that is built beside this bench.

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PIN: &str = "135790";

/// A running gateway with a signed-in chief.
pub struct House {
    folder: tempfile::TempDir,
    child: Child,
    /// The port of the visitors' pages.
    pub portal: u16,
    /// The port of the chief's.
    pub dashboard: u16,
    /// The chief's cookie.
    pub cookie: String,
}

/// An answer: its status, its head, its body as it came.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n");
        let end = end.unwrap_or(bytes.len());
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        Self {
            status: head.get(9..12).and_then(|s| s.parse().ok()).unwrap_or(0),
            body: bytes.get(end + 4..).unwrap_or_default().to_vec(),
            head,
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The value of a field of a form on the page.
    pub fn field(&self, name: &str) -> String {
        let text = self.text();
        let before = format!("name=\"{name}\" value=\"");
        let (_, rest) = text
            .split_once(&before)
            .unwrap_or_else(|| panic!("{name}: {text}"));
        rest.split('"').next().unwrap_or_default().to_owned()
    }
}

pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("port");
    listener.local_addr().expect("address").port()
}

/// Sends a whole request and reads to the end of the connection.
fn exchange(mut stream: impl Write + std::io::Read, request: &[u8]) -> Answer {
    stream.write_all(request).expect("asked");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an answer");
    Answer::parse(&bytes)
}

/// Asks a port for a path, over a connection of its own.
pub fn get(port: u16, path: &str, headers: &str) -> Answer {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("connects");
    stream.set_nodelay(true).expect("set");
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n{headers}\r\n"
    );
    exchange(stream, request.as_bytes())
}

impl House {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let dir = folder.path();
        std::fs::create_dir_all(dir.join("run")).expect("folder");
        let (portal, dashboard, mqtt) = (free_port(), free_port(), free_port());
        let config = format!(
            "[village]\nid = \"v\"\nname = \"Thôn Bến Thóc\"\ncommune = \"xã Đồng Nếp\"\n\
             [data]\nfolder = {:?}\n[doors]\ncontrol = {:?}\nportal = \"127.0.0.1:{portal}\"\n\
             dashboard = \"127.0.0.1:{dashboard}\"\n[broker]\nplain = \"127.0.0.1:{mqtt}\"\n",
            dir.join("data").display().to_string(),
            dir.join("run/control.sock").display().to_string(),
        );
        std::fs::write(dir.join("conglang.toml"), config).expect("configuration");
        let program = std::env::var("CONGLANG");
        let program = program.unwrap_or_else(|_| env!("CARGO_BIN_EXE_conglang").to_owned());
        let log = std::fs::File::create(dir.join("log.txt")).expect("log");
        let child = Command::new(program)
            .arg("--config")
            .arg(dir.join("conglang.toml"))
            .arg("run")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("starts");
        let mut house = Self {
            folder,
            child,
            portal,
            dashboard,
            cookie: String::new(),
        };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", portal)).is_err()
            || TcpStream::connect(("127.0.0.1", dashboard)).is_err()
        {
            assert!(began.elapsed() < Duration::from_secs(60), "it answers");
            std::thread::sleep(Duration::from_millis(50));
        }
        house.sign_in();
        house
    }

    fn sign_in(&mut self) {
        let user =
            serde_json::json!({ "id": "mau", "name": "Ông Mẫu", "role": "chief", "pin": PIN });
        let added = self.control("POST", "/users", &user.to_string());
        assert_eq!(added.status, 200, "{}", added.text());
        let form = format!("user=mau&pin={PIN}");
        let kind = "application/x-www-form-urlencoded";
        let answer = self.post("/sign-in", kind, form.as_bytes());
        let cookie = answer
            .head
            .lines()
            .find_map(|l| l.strip_prefix("set-cookie: "));
        let cookie = cookie.and_then(|c| c.split(';').next());
        cookie.expect("a cookie").clone_into(&mut self.cookie);
    }

    /// Asks the control socket.
    pub fn control(&self, method: &str, path: &str, body: &str) -> Answer {
        let socket = self.folder.path().join("run/control.sock");
        let stream = UnixStream::connect(socket).expect("the control socket");
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: c\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        exchange(stream, request.as_bytes())
    }

    /// A page of the chief.
    pub fn page(&self, path: &str) -> Answer {
        get(
            self.dashboard,
            path,
            &format!("cookie: {}\r\n", self.cookie),
        )
    }

    /// Sends a form as the chief.
    pub fn post(&self, path: &str, kind: &str, body: &[u8]) -> Answer {
        let stream = TcpStream::connect(("127.0.0.1", self.dashboard)).expect("connects");
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncookie: {}\r\nconnection: close\r\n\
             content-type: {kind}\r\ncontent-length: {}\r\n\r\n",
            self.dashboard,
            self.cookie,
            body.len()
        );
        exchange(stream, &[head.as_bytes(), body].concat())
    }

    /// A folder for what stands beside the gateway.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Memory of the gateway that is in use, MB.
    pub fn resident_mb(&self) -> f64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("it lives");
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok());
        kilobytes.expect("a figure") / 1_024.0
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Its worker sees the end of its standard input and goes, too.
        std::thread::sleep(Duration::from_secs(2));
    }
}
