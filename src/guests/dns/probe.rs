//! Whether the internet answers behind an uplink that is up: a router may stand there whose own
//! line is cut.
//!
//! A resolver of the uplink is asked for the root's servers, which is in every resolver's cache:
//! some hundred bytes a probe, also on a line that is paid by the byte.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;

use super::exchange::Randomness;

/// How long an answer may take: longer than a bad mobile line needs.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// Resolvers that are asked at once.
const MAX_RESOLVERS: usize = 3;
/// How often a probe goes out while there are answers.
pub const PROBE_INTERVAL: Duration = Duration::from_secs(15);
/// How often while there are none.
pub const RETRY_INTERVAL: Duration = Duration::from_secs(3);
/// Probes without an answer after which the internet counts as down.
pub const MAX_FAILURES: u32 = 2;

/// Whether one of the resolvers answers.
pub async fn answers(resolvers: &[SocketAddr], randomness: Randomness) -> bool {
    let mut probes = tokio::task::JoinSet::new();
    for resolver in resolvers.iter().take(MAX_RESOLVERS).copied() {
        let Some(number) = randomness() else {
            return false;
        };
        probes.spawn(ask(resolver, number.to_be_bytes()));
    }
    let any = async {
        while let Some(answered) = probes.join_next().await {
            if matches!(answered, Ok(Some(()))) {
                return true;
            }
        }
        false
    };
    tokio::time::timeout(ANSWER_TIMEOUT, any)
        .await
        .unwrap_or(false)
}

/// Asks for `NS .` (RFC 1035, 4.1); any answer with our number counts, also an error: somebody is
/// there.
async fn ask(resolver: SocketAddr, number: [u8; 8]) -> Option<()> {
    let any = if resolver.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let socket = UdpSocket::bind(any).await.ok()?;
    socket.connect(resolver).await.ok()?;
    let [a, b, ..] = number;
    let question = [a, b, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1];
    socket.send(&question).await.ok()?;
    let mut buffer = [0; 512];
    loop {
        let length = socket.recv(&mut buffer).await.ok()?;
        if length >= 12 && buffer[..2] == [a, b] && buffer[2] & 0x80 != 0 {
            return Some(());
        }
    }
}

/// The resolvers in a file like `/etc/resolv.conf` (resolv.conf(5)).
#[must_use]
pub fn resolvers_of(text: &str) -> Vec<SocketAddr> {
    let lines = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver"));
    let addresses = lines.filter_map(|rest| {
        rest.starts_with([' ', '\t'])
            .then(|| rest.trim().parse::<std::net::IpAddr>().ok())?
    });
    addresses
        .map(|address| SocketAddr::new(address, 53))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number() -> Option<u64> {
        Some(0x1234_5678_9abc_def0)
    }

    #[tokio::test]
    async fn an_answer_with_our_number_counts_and_silence_does_not() {
        let resolver = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let at = resolver.local_addr().expect("an address");
        let there = async {
            let mut buffer = [0; 64];
            let (length, from) = resolver.recv_from(&mut buffer).await.expect("a question");
            assert_eq!(length, 17);
            // A wrong number first, then a refusal.
            let mut reply = buffer;
            reply[0] ^= 1;
            reply[2] |= 0x80;
            resolver.send_to(&reply[..17], from).await.expect("sent");
            reply[0] ^= 1;
            reply[3] = 5;
            resolver.send_to(&reply[..17], from).await.expect("sent");
        };
        let asked = [at];
        let (answered, ()) = tokio::join!(answers(&asked, number), there);
        assert!(answered);
        assert!(!answers(&[], number).await);
        // Nobody listens there: the refusal of the port is no answer.
        drop(resolver);
        assert!(!answers(&[at], number).await);
        assert!(!answers(&[at], || None).await);
    }

    #[test]
    fn resolvers_are_read_as_the_system_writes_them() {
        let text = "# x\nnameserver 192.0.2.1\n nameserver\t2001:db8::1\nnameserver x\n\
             nameservers 192.0.2.2\noptions ndots:1\n";
        let expected: [SocketAddr; 2] = [
            "192.0.2.1:53".parse().expect("an address"),
            "[2001:db8::1]:53".parse().expect("an address"),
        ];
        assert_eq!(resolvers_of(text), expected);
    }
}
