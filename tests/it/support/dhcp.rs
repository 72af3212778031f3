//! `conglang dhcp` in the box of a [`Segments`], as an ordinary user with the capabilities that its
//! unit has, and a DHCP client of the test.

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::IntoRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use conglang::dhcp::leases::{self, Lease};

use super::segments::Segments;

/// The user of the role, and what its unit lets it do.
const USER: u32 = 65_534;
const CAPABILITIES: &str = "-all,+net_admin,+net_bind_service,+net_raw";

/// The segments of [`Segments`] as the configuration has them.
pub const NETWORK: &str = r#"
guest = { interface = "guest0", v4 = "10.7.0.1/22", v6 = "fd00:7::1/64" }
device = { interface = "dev0", v4 = "10.8.0.1/24", v6 = "fd00:8::1/64" }
staff = { interface = "staff0", v4 = "10.9.0.1/24" }
"#;

/// The role with its folders and its configuration.
pub struct DhcpRole {
    folder: tempfile::TempDir,
    child: Option<Child>,
}

impl DhcpRole {
    /// Folders and a configuration with this text below `[network]`; nothing runs yet.
    pub fn new(network: &str) -> Self {
        let role = Self {
            folder: tempfile::tempdir().expect("folder"),
            child: None,
        };
        let open = |path: &PathBuf, mode| {
            std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("mode");
        };
        open(&role.folder.path().to_owned(), 0o755);
        for (path, mode) in [(role.shared(), 0o2770), (role.runtime(), 0o750)] {
            std::fs::create_dir(&path).expect("folder");
            std::os::unix::fs::chown(&path, Some(USER), Some(USER)).expect("owner");
            open(&path, mode);
        }
        let text = format!(
            "[village]\nid = \"ben-thoc\"\nname = \"Thôn Bến Thóc\"\ncommune = \"xã Đồng Nếp\"\n\
             [doors]\nportal = \"127.0.0.1:8080\"\n[network]\ndhcp = {:?}\ndhcp_run = {:?}\n{network}",
            role.shared().display().to_string(),
            role.runtime().display().to_string(),
        );
        std::fs::write(role.config(), text).expect("written");
        open(&role.config(), 0o644);
        role
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("conglang.toml")
    }

    /// The folder that the gateway shares with the role.
    pub fn shared(&self) -> PathBuf {
        self.folder.path().join("shared")
    }

    /// The role's own folder.
    pub fn runtime(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    /// The role as it would run in the box.
    fn command(&self, segments: &Segments) -> Command {
        // The user may not enter every folder in which somebody builds.
        let program = File::open(env!("CARGO_BIN_EXE_conglang")).expect("the program");
        rustix::io::fcntl_setfd(&program, rustix::io::FdFlags::empty()).expect("inherited");
        let path = format!("/proc/self/fd/{}", program.into_raw_fd());
        let user = USER.to_string();
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &segments.name("box"), "setpriv"])
            .args(["--reuid", &user, "--regid", &user, "--clear-groups"])
            .arg(format!("--inh-caps={CAPABILITIES}"))
            .arg(format!("--ambient-caps={CAPABILITIES}"))
            .arg(format!("--bounding-set={CAPABILITIES}"))
            .args(["--no-new-privs", &path, "--config"])
            .arg(self.config())
            .arg("dhcp")
            .stdin(Stdio::null());
        command
    }

    /// Starts it as somebody does by hand: as root, without the folders that units make.
    pub fn start_by_hand(&mut self, segments: &Segments) {
        for path in [self.shared(), self.runtime()] {
            std::fs::remove_dir_all(path).expect("gone");
        }
        let child = Command::new("ip")
            .args(["netns", "exec", &segments.name("box")])
            .arg(env!("CARGO_BIN_EXE_conglang"))
            .arg("--config")
            .arg(self.config())
            .arg("dhcp")
            .stdin(Stdio::null())
            .spawn();
        self.child = Some(child.expect("the role starts"));
    }

    /// Starts it.
    pub fn start(&mut self, segments: &Segments) {
        let child = self.command(segments).spawn().expect("the role starts");
        self.child = Some(child);
    }

    /// Runs it to its end, which comes at once: its exit code and its log.
    pub fn refused(&self, segments: &Segments) -> (Option<i32>, String) {
        let out = self.command(segments).output().expect("it runs");
        let log = String::from_utf8_lossy(&out.stderr).into_owned();
        (out.status.code(), log)
    }

    /// The `dnsmasq` that serves below it, and not the one before that only tries the configuration;
    /// none when there is none now.
    pub fn dnsmasq(&self) -> Option<u32> {
        let role = self.child.as_ref()?.id();
        let path = format!("/proc/{role}/task/{role}/children");
        let children = std::fs::read_to_string(path).ok()?;
        let pid: u32 = children.split_whitespace().next()?.parse().ok()?;
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let serves = !arguments.split(|byte| *byte == 0).any(|a| a == b"--test");
        (name.trim() == "dnsmasq" && serves && !arguments.is_empty()).then_some(pid)
    }

    /// Ends the role with a signal and waits for its end.
    pub fn end(&mut self, signal: rustix::process::Signal) {
        if let Some(mut child) = self.child.take() {
            kill(child.id(), signal);
            let _ = child.wait();
        }
    }

    /// What is given out now.
    pub fn leases(&self) -> Vec<Lease> {
        let (now, saved) = (self.runtime().join("leases"), self.shared().join("leases"));
        leases::load(&now, &saved)
            .expect("read")
            .unwrap_or_default()
    }
}

impl Drop for DhcpRole {
    fn drop(&mut self) {
        self.end(rustix::process::Signal::TERM);
    }
}

/// Sends a signal to a process of the test.
pub fn kill(pid: u32, signal: rustix::process::Signal) {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(pid.expect("a process"), signal).expect("sent");
}

/// What a server answered to a request.
#[derive(Debug)]
pub struct Answer {
    /// The address of the device.
    pub address: Ipv4Addr,
    /// Options by number, as bytes.
    pub options: BTreeMap<u8, Vec<u8>>,
}

impl Answer {
    /// An option that is one address.
    pub fn address_of(&self, option: u8) -> Option<Ipv4Addr> {
        let bytes: [u8; 4] = self.options.get(&option)?.as_slice().try_into().ok()?;
        Some(bytes.into())
    }

    /// An option that is a number of seconds.
    pub fn seconds(&self, option: u8) -> Option<u32> {
        let bytes: [u8; 4] = self.options.get(&option)?.as_slice().try_into().ok()?;
        Some(u32::from_be_bytes(bytes))
    }
}

const DISCOVER: u8 = 1;
const REQUEST: u8 = 3;
const ACK: u8 = 5;
const COOKIE: [u8; 4] = [99, 130, 83, 99];

/// Asks for an address on an interface of a namespace as a device that calls itself `name`; none =
/// nobody gave one within three seconds.
pub fn ask(
    segments: &Segments,
    place: &str,
    interface: &str,
    mac: [u8; 6],
    name: &[u8],
) -> Option<Answer> {
    let filter = format!("net.ipv4.conf.{interface}.rp_filter=0");
    assert!(segments.exec(place, &["sysctl", "-qw", &filter]).0);
    assert!(
        segments
            .exec(place, &["sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0"])
            .0
    );
    segments.inside(place, || {
        let socket = UdpSocket::bind("0.0.0.0:68").expect("the client's port");
        socket.set_broadcast(true).expect("broadcast");
        let socket = bound_to(socket, interface);
        let offer = exchange(&socket, mac, name, DISCOVER, &[])?;
        let mut wish = vec![50, 4];
        wish.extend(offer.address.octets());
        wish.extend([54, 4]);
        wish.extend(offer.options.get(&54)?);
        let answer = exchange(&socket, mac, name, REQUEST, &wish)?;
        (answer.options.get(&53) == Some(&vec![ACK])).then_some(answer)
    })
}

/// The device has no address: only the name of its interface says where to send.
fn bound_to(socket: UdpSocket, interface: &str) -> UdpSocket {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let _inside = runtime.enter();
    socket.set_nonblocking(true).expect("set");
    let socket = tokio::net::UdpSocket::from_std(socket).expect("a socket");
    socket
        .bind_device(Some(interface.as_bytes()))
        .expect("bound");
    let socket = socket.into_std().expect("a socket");
    socket.set_nonblocking(false).expect("set");
    socket
}

fn exchange(
    socket: &UdpSocket,
    mac: [u8; 6],
    name: &[u8],
    kind: u8,
    wish: &[u8],
) -> Option<Answer> {
    let number = [kind, mac[3], mac[4], mac[5]];
    let packet = packet(mac, name, kind, wish);
    let began = Instant::now();
    let step = Some(Duration::from_millis(500));
    socket.set_read_timeout(step).expect("timeout");
    while began.elapsed() < Duration::from_secs(3) {
        socket.send_to(&packet, "255.255.255.255:67").expect("sent");
        let mut answer = [0; 1_500];
        while let Ok((length, _)) = socket.recv_from(&mut answer) {
            let answer = &answer[..length];
            let is_ours = length > 240 && answer[0] == 2 && answer[4..8] == number;
            if is_ours && answer[236..240] == COOKIE {
                return Some(read(answer));
            }
        }
    }
    None
}

fn packet(mac: [u8; 6], name: &[u8], kind: u8, wish: &[u8]) -> Vec<u8> {
    let number = [kind, mac[3], mac[4], mac[5]];
    let mut packet = vec![1, 1, 6, 0];
    packet.extend(number);
    // The answer comes as a broadcast.
    packet.extend([0, 0, 0x80, 0]);
    packet.resize(28, 0);
    packet.extend(mac);
    packet.resize(236, 0);
    packet.extend(COOKIE);
    packet.extend([53, 1, kind]);
    packet.extend([55, 6, 1, 3, 6, 42, 51, 114]);
    if !name.is_empty() {
        packet.extend([12, u8::try_from(name.len()).expect("a short name")]);
        packet.extend(name);
    }
    packet.extend(wish);
    packet.push(255);
    packet.resize(packet.len().max(300), 0);
    packet
}

/// Sends what a phone sends that makes up devices: a question for an address for each number, and
/// for each address of `wished` the wish of one more device to have it. Nobody waits for answers.
pub fn flood(segments: &Segments, place: &str, interface: &str, count: u32, wished: &[Ipv4Addr]) {
    let device = |kind: u8, number: u32| {
        let [_, a, b, c] = number.to_be_bytes();
        [2, 0xbb, kind, a, b, c]
    };
    segments.inside(place, || {
        let socket = UdpSocket::bind("0.0.0.0:68").expect("the client's port");
        socket.set_broadcast(true).expect("broadcast");
        let socket = bound_to(socket, interface);
        let asked = (0..count).map(|n| packet(device(DISCOVER, n), b"", DISCOVER, &[]));
        let asked = asked.chain((0..).zip(wished).map(|(n, address)| {
            let mut wish = vec![50, 4];
            wish.extend(address.octets());
            wish.extend([54, 4, 10, 7, 0, 1]);
            packet(device(REQUEST, n), b"", REQUEST, &wish)
        }));
        for (number, packet) in asked.enumerate() {
            socket.send_to(&packet, "255.255.255.255:67").expect("sent");
            // As fast as the server reads, and no packet is lost on the way there.
            if number % 20 == 0 {
                std::thread::sleep(Duration::from_millis(4));
            }
        }
    });
}

fn read(answer: &[u8]) -> Answer {
    let address: [u8; 4] = answer[16..20].try_into().expect("four bytes");
    let mut options = BTreeMap::new();
    let mut rest = &answer[240..];
    while let [number, length, after @ ..] = rest {
        if *number == 255 {
            break;
        }
        if *number == 0 {
            rest = &rest[1..];
            continue;
        }
        let (value, next) = after.split_at(usize::from(*length));
        options.insert(*number, value.to_vec());
        rest = next;
    }
    Answer {
        address: address.into(),
        options,
    }
}

/// The program `chronyd`: the machine's own, or the one that `scripts/test` unpacked, so that the
/// machine's time daemon stays what it is.
pub fn chronyd() -> PathBuf {
    let unpacked = std::env::var_os("CONGLANG_CHRONYD").map(PathBuf::from);
    unpacked.unwrap_or_else(|| PathBuf::from("/usr/sbin/chronyd"))
}
