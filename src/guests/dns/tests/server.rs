//! The whole over real sockets, with dnsmasq as the resolver and dig as the device.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::budgets::BudgetLimits;
use super::super::policy::{AskingSegment, DnsPolicy, InternetAccess};
use super::super::server::{DnsListener, serve};
use super::packets::{addresses, asked, read};
use super::rig::{Rig, policy, segment};
use crate::supervisor::clock::Clock;

/// dnsmasq with some names, and without any resolver of its own.
struct Dnsmasq {
    child: Child,
    at: SocketAddr,
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn dnsmasq() -> Dnsmasq {
    for _ in 0..10 {
        let free = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let at = free.local_addr().expect("an address");
        // Names are asked over streams too: both ports of the number have to be free.
        if TcpListener::bind(at).is_err() {
            continue;
        }
        drop(free);
        let mut records: Vec<String> = (0..60)
            .map(|n| format!("--host-record=many.example,203.0.113.{n}"))
            .collect();
        records.push("--cname=alias.example,real.example".into());
        let mut child = Command::new("dnsmasq")
            .args([
                "--no-daemon",
                "--no-resolv",
                "--no-hosts",
                "--conf-file=/dev/null",
            ])
            .args([
                "--listen-address=127.0.0.1",
                "--bind-interfaces",
                "--pid-file=",
            ])
            .args(["--local-ttl=120", "--address=/a.example/203.0.113.7"])
            .args([
                "--address=/house.example/192.168.1.1",
                "--host-record=real.example,203.0.113.8",
            ])
            .args(["--txt-record=a.example,words"])
            .args(records)
            .arg(format!("--port={}", at.port()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("dnsmasq is installed");
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(5) {
            if child.try_wait().expect("its state").is_some() {
                break;
            }
            if let Ok(reply) = datagram(at, &asked("a.example.", RecordType::A))
                && !reply.is_empty()
                && TcpStream::connect(at).is_ok()
            {
                return Dnsmasq { child, at };
            }
        }
        let _ = child.kill();
        let _ = child.wait();
    }
    panic!("dnsmasq does not start");
}

fn datagram(to: SocketAddr, packet: &[u8]) -> std::io::Result<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(Duration::from_secs(3)))?;
    socket.connect(to)?;
    socket.send(packet)?;
    let mut buffer = [0; 2_048];
    let length = socket.recv(&mut buffer)?;
    Ok(buffer[..length].to_vec())
}

fn stream(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).expect("connected");
    let timeout = Some(Duration::from_secs(20));
    stream.set_read_timeout(timeout).expect("a time-out");
    stream
}

fn over_tcp(stream: &mut TcpStream, packet: &[u8]) -> Vec<u8> {
    let length = u16::try_from(packet.len()).expect("short");
    stream.write_all(&length.to_be_bytes()).expect("written");
    stream.write_all(packet).expect("written");
    let mut length = [0; 2];
    stream.read_exact(&mut length).expect("a length");
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply).expect("a reply");
    reply
}

/// A forwarder at one address of the loopback interface, in a runtime of its own.
struct Served {
    rig: Rig,
    at: SocketAddr,
    stop: CancellationToken,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }
}

/// A policy whose segment is the loopback interface.
fn loopback(resolvers: Vec<SocketAddr>) -> DnsPolicy {
    DnsPolicy {
        guest: Some(segment("lo", "127.0.0.1/8", Some("::1/64"))),
        staff: None,
        ..policy(resolvers)
    }
}

fn served(policy: DnsPolicy) -> Served {
    let rig = Rig::with(policy, BudgetLimits::default(), Clock::system(0));
    let (udp, tcp) = (0..20)
        .find_map(|_| {
            let tcp = TcpListener::bind("127.0.0.1:0").ok()?;
            let udp = UdpSocket::bind(tcp.local_addr().ok()?).ok()?;
            Some((udp, tcp))
        })
        .expect("a port for both");
    let at = udp.local_addr().expect("an address");
    let stop = CancellationToken::new();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let (forwarder, stopped) = (rig.forwarder.clone(), stop.clone());
    let listener = DnsListener {
        segment: AskingSegment::Guest,
        udp,
        tcp,
    };
    runtime.spawn(async move { serve(forwarder, &[listener], stopped).await });
    Served {
        rig,
        at,
        stop,
        runtime: Some(runtime),
    }
}

#[test]
fn names_come_over_both_transports_from_another_program() {
    let dnsmasq = dnsmasq();
    let served = served(loopback(vec![dnsmasq.at]));
    let a = asked("A.example.", RecordType::A);
    let udp = datagram(served.at, &a).expect("a reply");
    assert_eq!(addresses(&read(&udp)), ["203.0.113.7"]);
    let mut tcp = stream(served.at);
    let same = over_tcp(&mut tcp, &a);
    assert_eq!(addresses(&read(&same)), ["203.0.113.7"]);
    assert_eq!(
        &same[12..23],
        b"\x01A\x07example\0",
        "capitals of the device"
    );

    let alias = over_tcp(&mut tcp, &asked("alias.example.", RecordType::A));
    let alias = read(&alias);
    assert_eq!(
        (alias.answers.len(), addresses(&alias)),
        (2, vec!["203.0.113.8".into()])
    );
    let private = datagram(served.at, &asked("x.house.example.", RecordType::A));
    assert!(
        read(&private.expect("a reply")).answers.is_empty(),
        "192.168.1.1"
    );
    let cut_off = over_tcp(&mut tcp, &asked("absent.example.", RecordType::A));
    assert_eq!(
        addresses(&read(&cut_off)),
        ["192.0.2.1"],
        "it knows nobody to ask"
    );
    let words = over_tcp(&mut tcp, &asked("a.example.", RecordType::TXT));
    assert_eq!(read(&words).metadata.response_code, ResponseCode::Refused);
    served
        .rig
        .is_admitted
        .store(true, std::sync::atomic::Ordering::SeqCst);
    let words = over_tcp(&mut tcp, &asked("a.example.", RecordType::TXT));
    assert_eq!(read(&words).answers.len(), 1);
    let counts = served.rig.forwarder.counts();
    assert_eq!((counts.cached, counts.rebinding, counts.refused), (1, 1, 1));
}

#[test]
fn a_long_answer_is_cut_in_a_datagram_and_whole_in_a_stream() {
    let dnsmasq = dnsmasq();
    let served = served(loopback(vec![dnsmasq.at]));
    let mut small = asked("many.example.", RecordType::A);
    // Without EDNS.
    small.truncate(small.len() - 11);
    small[11] = 0;
    let cut = datagram(served.at, &small).expect("a reply");
    assert!(cut.len() <= 512);
    assert!(read(&cut).metadata.truncation);
    let whole = over_tcp(&mut stream(served.at), &small);
    assert_eq!(
        read(&whole).answers.len(),
        48,
        "of sixty, as many as are taken"
    );
}

fn dig(at: SocketAddr, arguments: &[&str]) -> String {
    let output = Command::new("dig")
        .args([
            "@127.0.0.1",
            "-p",
            &at.port().to_string(),
            "+tries=1",
            "+time=3",
        ])
        .args(arguments)
        .output()
        .expect("dig is installed");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn dig_is_content_with_the_replies() {
    let dnsmasq = dnsmasq();
    let served = served(loopback(vec![dnsmasq.at]));
    let own = dig(served.at, &["nhavanhoa.lan", "A", "+short"]);
    assert_eq!(own.trim(), "127.0.0.1");
    let whole = dig(served.at, &["many.example", "A", "+noedns"]);
    assert!(whole.contains("retrying in TCP mode"), "{whole}");
    let version = dig(served.at, &["a.example", "+edns=1", "+noednsnegotiation"]);
    assert!(version.contains("BADVERS"), "{version}");
    served.rig.change(|p| p.guest_access = InternetAccess::None);
    for kind in ["A", "AAAA", "HTTPS", "TXT", "ANY"] {
        let reply = dig(served.at, &["connectivitycheck.gstatic.com", kind]);
        assert!(
            !reply.contains("WARNING") && reply.contains("Got answer"),
            "{kind}: {reply}"
        );
    }
    let portal = dig(served.at, &["connectivitycheck.gstatic.com", "+short"]);
    assert_eq!(portal.trim(), "192.0.2.1");
}

#[test]
fn noise_gives_a_code_or_nothing_and_questions_go_on() {
    let served = served(loopback(vec![]));
    for noise in [&b"\0"[..], &[0xff; 40], &[0; 12], &[1; 2_000]] {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.send_to(noise, served.at).expect("sent");
    }
    let mut long = stream(served.at);
    long.write_all(&[0xff; 64]).expect("written");
    let mut rest = Vec::new();
    // It is closed, gently or not.
    let _ = long.read_to_end(&mut rest);
    assert!(rest.is_empty());
    let reply = datagram(served.at, &asked("nhavanhoa.lan.", RecordType::A));
    assert_eq!(addresses(&read(&reply.expect("a reply"))), ["127.0.0.1"]);
    assert_eq!(served.rig.forwarder.counts().closed, 1);
}

#[test]
fn connections_of_one_device_are_few_and_make_room_for_its_next() {
    let served = served(loopback(vec![]));
    let packet = asked("nhavanhoa.lan.", RecordType::A);
    let silent: Vec<TcpStream> = (0..4).map(|_| stream(served.at)).collect();
    // They are fresh for a second; then the oldest that sent nothing makes room.
    let began = Instant::now();
    let is_served = loop {
        let mut next = stream(served.at);
        let length = u16::try_from(packet.len()).expect("short").to_be_bytes();
        let sent = next.write_all(&[&length[..], &packet].concat());
        let mut reply = [0; 2];
        if sent.is_ok() && next.read_exact(&mut reply).is_ok() {
            break true;
        }
        if began.elapsed() > Duration::from_secs(10) {
            break false;
        }
    };
    assert!(is_served);
    drop(silent);
}
