//! A village's network on this machine: namespaces for two phones, a camera, a computer of the
//! house, the box and the internet, with the real network helper in the box.
//!
//! A socket stays in the namespace in which it was made: servers and clients are threads of the
//! test that were there for a moment.

use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use conglang::protocol::netd::{MacAddress, NetdReply, NetdRequest, NetworkPlan};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::json;

/// A host of the internet, over the first uplink and over the second.
pub const HOST: [&str; 2] = ["11.22.33.80", "2a00:1450:ff::80"];
/// A host that the garden may name.
pub const GARDEN_HOST: [&str; 2] = ["11.22.33.81", "2a00:1450:ff::81"];
/// The box's addresses on the guest segment.
pub const BOX: [&str; 2] = ["10.7.0.1", "fd00:7::1"];
/// Where the portal listens on the box.
pub const PORTAL_PORT: u16 = 8_080;

const PLACES: [&str; 6] = ["phone", "phone2", "camera", "staff", "box", "net"];

/// The namespaces and the helper; both go when it is dropped.
pub struct Segments {
    tag: String,
    folder: tempfile::TempDir,
    helper: Option<Child>,
}

impl Segments {
    /// Makes the namespaces and starts the helper, without a plan.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let tag = format!("cg{}-{number}", std::process::id());
        let mut segments = Self {
            tag,
            folder: tempfile::tempdir().expect("folder"),
            helper: None,
        };
        for place in PLACES {
            run("ip", &["netns", "add", &segments.name(place)]);
            segments.ip(place, &["link", "set", "lo", "up"]);
        }
        segments.wire();
        segments.start_helper();
        segments
    }

    /// Name of a namespace.
    pub fn name(&self, place: &str) -> String {
        format!("{}-{place}", self.tag)
    }

    /// `ip` in a namespace.
    pub fn ip(&self, place: &str, args: &[&str]) {
        let name = self.name(place);
        let mut all = vec!["-n", &name];
        all.extend_from_slice(args);
        run("ip", &all);
    }

    /// A program in a namespace; what it printed and whether it succeeded.
    pub fn exec(&self, place: &str, program: &[&str]) -> (bool, String) {
        let out = Command::new("ip")
            .args(["netns", "exec", &self.name(place)])
            .args(program)
            .output()
            .expect("ip runs");
        let text = String::from_utf8_lossy(&out.stdout).into_owned()
            + &String::from_utf8_lossy(&out.stderr);
        (out.status.success(), text)
    }

    fn cable(&self, from: (&str, &str), to: (&str, &str)) {
        let (from_ns, to_ns) = (self.name(from.0), self.name(to.0));
        let link = [
            "link", "add", from.1, "netns", &from_ns, "type", "veth", "peer", "name", to.1,
            "netns", &to_ns,
        ];
        run("ip", &link);
        self.ip(from.0, &["link", "set", from.1, "up"]);
        self.ip(to.0, &["link", "set", to.1, "up"]);
    }

    /// Gives an interface addresses.
    pub fn address(&self, place: &str, interface: &str, addresses: &[&str]) {
        for address in addresses {
            let mut args = vec!["addr", "add", address, "dev", interface];
            if address.contains(':') {
                args.push("nodad");
            }
            self.ip(place, &args);
        }
    }

    fn wire(&self) {
        self.ip("box", &["link", "add", "guest0", "type", "bridge"]);
        self.ip("box", &["link", "set", "guest0", "up"]);
        for (phone, port, mac) in [
            ("phone", "g1", "02:00:00:00:07:11"),
            ("phone2", "g2", "02:00:00:00:07:12"),
        ] {
            self.cable((phone, "wlan0"), ("box", port));
            self.ip(phone, &["link", "set", "wlan0", "address", mac]);
            self.ip("box", &["link", "set", port, "master", "guest0"]);
            let isolated = [
                "link",
                "set",
                port,
                "type",
                "bridge_slave",
                "isolated",
                "on",
            ];
            self.ip("box", &isolated);
        }
        self.cable(("camera", "eth0"), ("box", "dev0"));
        self.cable(("staff", "eth0"), ("box", "staff0"));
        self.cable(("net", "in0"), ("box", "up0"));
        self.cable(("net", "in1"), ("box", "up1"));
        self.address("box", "guest0", &["10.7.0.1/22", "fd00:7::1/64"]);
        self.address("box", "dev0", &["10.8.0.1/24", "fd00:8::1/64"]);
        self.address("box", "staff0", &["10.9.0.1/24", "fd00:9::1/64"]);
        self.address("box", "up0", &["203.0.113.2/30", "2001:db8:1::2/64"]);
        self.address("box", "up1", &["203.0.113.6/30", "2001:db8:2::2/64"]);
        self.address("phone", "wlan0", &["10.7.0.11/22", "fd00:7::11/64"]);
        self.address("phone2", "wlan0", &["10.7.0.12/22", "fd00:7::12/64"]);
        self.address("camera", "eth0", &["10.8.0.20/24", "fd00:8::20/64"]);
        self.address("staff", "eth0", &["10.9.0.30/24", "fd00:9::30/64"]);
        self.address("net", "in0", &["203.0.113.1/30", "2001:db8:1::1/64"]);
        self.address("net", "in1", &["203.0.113.5/30", "2001:db8:2::1/64"]);
        for host in [HOST, GARDEN_HOST] {
            let [v4, v6] = host;
            self.address("net", "lo", &[&format!("{v4}/32"), &format!("{v6}/128")]);
        }
        for (place, v4, v6) in [
            ("phone", "10.7.0.1", "fd00:7::1"),
            ("phone2", "10.7.0.1", "fd00:7::1"),
            ("camera", "10.8.0.1", "fd00:8::1"),
            ("staff", "10.9.0.1", "fd00:9::1"),
        ] {
            self.ip(place, &["route", "add", "default", "via", v4]);
            self.ip(place, &["-6", "route", "add", "default", "via", v6]);
        }
        self.route_by(0);
        for setting in ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"] {
            assert!(self.exec("box", &["sysctl", "-q", "-w", setting]).0);
        }
    }

    /// The box's way to the internet: uplink 0 or 1.
    pub fn route_by(&self, uplink: u8) {
        let (v4, v6) = match uplink {
            0 => ("203.0.113.1", "2001:db8:1::1"),
            _ => ("203.0.113.5", "2001:db8:2::1"),
        };
        self.ip("box", &["route", "replace", "default", "via", v4]);
        self.ip("box", &["-6", "route", "replace", "default", "via", v6]);
    }

    /// Where the helper listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("netd.sock")
    }

    /// Starts the helper and waits for its socket.
    pub fn start_helper(&mut self) {
        self.start_helper_with(&[]);
    }

    /// The same with the rules of a configuration to begin with, as its unit starts it.
    pub fn start_helper_of(&mut self, configuration: &str) {
        let path = self.folder.path().join("conglang.toml");
        std::fs::write(&path, configuration).expect("configuration");
        let path = path.display().to_string();
        self.start_helper_with(&["--base", "--config", &path]);
    }

    fn start_helper_with(&mut self, more: &[&str]) {
        let _ = std::fs::remove_file(self.socket());
        let child = Command::new("ip")
            .args(["netns", "exec", &self.name("box")])
            .arg(env!("CARGO_BIN_EXE_conglang"))
            .args(["netd", "--gateway-user", "65534", "--socket"])
            .arg(self.socket())
            .args(more)
            .stdin(Stdio::null())
            .spawn()
            .expect("the helper starts");
        self.helper = Some(child);
        until("the helper's socket", || {
            UnixStream::connect(self.socket()).is_ok()
        });
    }

    /// Ends the helper at once, as a crash does.
    pub fn kill_helper(&mut self) {
        if let Some(mut child) = self.helper.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// The helper's process.
    pub fn helper_pid(&self) -> rustix::process::Pid {
        let child = self.helper.as_ref().expect("a helper");
        let pid = i32::try_from(child.id()).expect("a number");
        rustix::process::Pid::from_raw(pid).expect("a process")
    }

    /// Asks the helper.
    pub fn ask(&self, request: &NetdRequest) -> NetdReply {
        self.ask_line(&serde_json::to_string(request).expect("a request"))
    }

    /// The device that has an address, as the helper tells it.
    pub fn neighbor(&self, address: IpAddr) -> Option<MacAddress> {
        match self.ask(&NetdRequest::Neighbors) {
            NetdReply::Neighbors { known } => {
                let row = known.iter().find(|n| n.address == address);
                row.map(|n| n.mac)
            }
            other => panic!("{other:?}"),
        }
    }

    /// The same with any line.
    pub fn ask_line(&self, line: &str) -> NetdReply {
        let mut stream = UnixStream::connect(self.socket()).expect("the helper");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("timeout");
        stream.write_all(line.as_bytes()).expect("written");
        stream.write_all(b"\n").expect("written");
        let mut answer = String::new();
        BufReader::new(stream)
            .read_line(&mut answer)
            .expect("an answer");
        serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{answer}: {e}"))
    }

    /// Runs `work` in a namespace.
    pub fn inside<T: Send>(&self, place: &str, work: impl FnOnce() -> T + Send) -> T {
        let path = PathBuf::from("/run/netns").join(self.name(place));
        std::thread::scope(|scope| {
            let there = scope.spawn(|| {
                let namespace = File::open(path).expect("a namespace");
                let kind = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(namespace.as_fd(), kind).expect("inside");
                work()
            });
            there.join().expect("the work ends")
        })
    }

    /// Serves HTTP in a namespace until the test ends: every request gets `status` and `bytes` of
    /// body, sent as fast as they are taken.
    pub fn serve(&self, place: &str, address: &str, status: &'static str, bytes: usize) {
        let listener = self.inside(place, || TcpListener::bind(address).expect("a port"));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                std::thread::spawn(move || {
                    let mut request = [0; 2_048];
                    let _ = stream.read(&mut request);
                    let head = format!(
                        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {bytes}\r\n\r\n"
                    );
                    let _ = stream.write_all(head.as_bytes());
                    let piece = [b'x'; 16 * 1_024];
                    let mut left = bytes;
                    while left > 0 {
                        let now = left.min(piece.len());
                        if stream.write_all(&piece[..now]).is_err() {
                            return;
                        }
                        left -= now;
                    }
                });
            }
        });
    }

    /// Connects from a namespace; a refusal and a silence are told apart.
    pub fn connect(&self, place: &str, address: &str) -> Result<TcpStream, ErrorKind> {
        let address: SocketAddr = address.parse().expect("an address");
        let limit = Duration::from_millis(1_500);
        self.inside(place, || TcpStream::connect_timeout(&address, limit))
            .map_err(|e| e.kind())
    }

    /// Asks over HTTP from a namespace: the first line of the answer and the bytes of its body.
    pub fn get(&self, place: &str, address: &str) -> Result<(String, usize), ErrorKind> {
        let mut stream = self.connect(place, address)?;
        read_answer(&mut stream)
    }
}

/// Reads the answer to a request that is sent now.
pub fn read_answer(stream: &mut TcpStream) -> Result<(String, usize), ErrorKind> {
    let limit = Some(Duration::from_secs(5));
    stream.set_read_timeout(limit).expect("timeout");
    let request = b"GET / HTTP/1.1\r\nhost: example.vn\r\n\r\n";
    stream.write_all(request).map_err(|e| e.kind())?;
    let mut read = BufReader::new(stream);
    let mut first = String::new();
    read.read_line(&mut first).map_err(|e| e.kind())?;
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if read.read_line(&mut line).map_err(|e| e.kind())? == 0 {
            break;
        }
    }
    let mut total = 0;
    let mut piece = [0; 16 * 1_024];
    loop {
        match read.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => total += n,
            // What came until the connection was cut counts.
            Err(_) => break,
        }
    }
    Ok((first.trim_end().to_owned(), total))
}

/// Waits for a level, at most ten seconds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn run(program: &str, args: &[&str]) {
    let out = Command::new(program)
        .args(args)
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}"));
    let error = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{program} {args:?}: {error}");
}

impl Drop for Segments {
    fn drop(&mut self) {
        self.kill_helper();
        for place in PLACES {
            let _ = Command::new("ip")
                .args(["netns", "del", &self.name(place)])
                .output();
        }
    }
}

/// The plan of this network.
pub fn plan() -> NetworkPlan {
    serde_json::from_value(json!({
        "guest": { "interface": "guest0", "v4": "10.7.0.1/22", "v6": "fd00:7::1/64" },
        "device": { "interface": "dev0", "v4": "10.8.0.1/24", "v6": "fd00:8::1/64" },
        "staff": { "interface": "staff0", "v4": "10.9.0.1/24", "v6": "fd00:9::1/64" },
        "uplinks": ["up0", "up1"],
        "ports": {
            "portal": PORTAL_PORT, "dns": 5_300, "device": [1_883], "staff": [22, 8_443]
        },
    }))
    .expect("a plan")
}
