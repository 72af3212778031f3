//! A client that speaks MQTT bytes, for tests that must see every packet. It is nobody's codec but
//! its own.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// One connection.
pub struct Peer {
    stream: TcpStream,
    input: Vec<u8>,
    v5: bool,
    /// The session went on.
    pub present: bool,
    /// CONNACK.
    pub welcome: Vec<u8>,
    /// The other side ended the connection (as far as it was read).
    pub ended: bool,
    next_id: u16,
}

/// How to connect.
#[derive(Clone)]
pub struct Hello<'a> {
    pub user: &'a str,
    pub password: &'a str,
    pub client: &'a str,
    pub clean: bool,
    pub v5: bool,
    /// 5.0: seconds; 3.1.1 keeps whatever is not clean.
    pub expiry: u32,
    /// Topic, payload, QoS and retain flag.
    pub will: Option<(&'a str, &'a str, u8, bool)>,
}

impl Default for Hello<'_> {
    fn default() -> Self {
        Self {
            user: "rong",
            password: "mat-khau-rong",
            client: "",
            clean: true,
            v5: false,
            expiry: 0,
            will: None,
        }
    }
}

impl<'a> Hello<'a> {
    /// A client of 3.1.1 whose session ends with its connection.
    pub fn clean(client: &'a str) -> Self {
        Self {
            client,
            ..Self::default()
        }
    }

    /// The same of 5.0.
    pub fn clean_v5(client: &'a str) -> Self {
        Self {
            v5: true,
            ..Self::clean(client)
        }
    }

    /// A client of 3.1.1 whose session outlives its connection.
    pub fn persistent(client: &'a str) -> Self {
        Self {
            clean: false,
            ..Self::clean(client)
        }
    }

    /// A client of 5.0 whose session outlives its connection by an hour.
    pub fn persistent_v5(client: &'a str) -> Self {
        Self {
            v5: true,
            expiry: 3_600,
            ..Self::persistent(client)
        }
    }
}

/// A message that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Came {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: u8,
    pub retain: bool,
    pub dup: bool,
    pub id: u16,
}

/// A string with its length.
pub fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&u16::try_from(text.len()).expect("short").to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// A packet: first byte, length, body.
pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut len = body.len();
    loop {
        let byte = u8::try_from(len & 0x7f).expect("7 bits");
        len >>= 7;
        out.push(if len > 0 { byte | 0x80 } else { byte });
        if len == 0 {
            break;
        }
    }
    out.extend_from_slice(body);
    out
}

impl Peer {
    /// Connects; the code of a refusal is the error.
    pub fn try_connect(port: u16, hello: &Hello<'_>) -> Result<Self, u8> {
        let stream = TcpStream::connect(("127.0.0.1", port)).map_err(|_| 0xff_u8)?;
        stream.set_nodelay(true).expect("nodelay");
        let mut body = b"\x00\x04MQTT".to_vec();
        body.push(if hello.v5 { 5 } else { 4 });
        let will = hello.will.map_or(0, |w| 4 | w.2 << 3 | u8::from(w.3) << 5);
        body.push(0xc0 | if hello.clean { 2 } else { 0 } | will);
        body.extend_from_slice(&60u16.to_be_bytes());
        if hello.v5 {
            body.push(5);
            body.push(0x11);
            body.extend_from_slice(&hello.expiry.to_be_bytes());
        }
        text(&mut body, hello.client);
        if let Some((topic, payload, ..)) = hello.will {
            if hello.v5 {
                body.push(0);
            }
            text(&mut body, topic);
            text(&mut body, payload);
        }
        text(&mut body, hello.user);
        text(&mut body, hello.password);
        let mut peer = Self {
            stream,
            input: Vec::new(),
            v5: hello.v5,
            present: false,
            welcome: Vec::new(),
            ended: false,
            next_id: 0,
        };
        peer.send(0x10, &body);
        match peer.packet(Duration::from_secs(10)) {
            Some((0x20, answer)) if answer[1] == 0 => {
                peer.present = answer[0] == 1;
                peer.welcome = answer;
                Ok(peer)
            }
            Some((0x20, answer)) => Err(answer[1]),
            _ => Err(0xff),
        }
    }

    pub fn connect(port: u16, hello: &Hello<'_>) -> Self {
        Self::try_connect(port, hello).unwrap_or_else(|code| panic!("refused with {code:#x}"))
    }

    /// Sends a packet; a broken connection is seen when something is read.
    pub fn send(&mut self, first: u8, body: &[u8]) {
        let _ = self.stream.write_all(&packet(first, body));
    }

    /// The next packet within `most`; none = nothing came, or (`ended`) nothing will.
    pub fn packet(&mut self, most: Duration) -> Option<(u8, Vec<u8>)> {
        let until = Instant::now() + most;
        loop {
            let mut len = 0usize;
            let mut header = 1;
            while let Some(byte) = self.input.get(header) {
                len |= usize::from(byte & 0x7f) << (7 * (header - 1));
                header += 1;
                if byte & 0x80 == 0 {
                    if self.input.len() >= header + len {
                        let first = self.input[0];
                        let body = self.input[header..header + len].to_vec();
                        self.input.drain(..header + len);
                        return Some((first, body));
                    }
                    break;
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            self.stream.set_read_timeout(Some(left)).expect("timeout");
            let mut buffer = [0; 16_384];
            match self.stream.read(&mut buffer) {
                Ok(n) if n > 0 => self.input.extend_from_slice(&buffer[..n]),
                Err(e)
                    if matches!(
                        e.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                _ => {
                    self.ended = true;
                    return None;
                }
            }
        }
    }

    pub fn publish(&mut self, topic: &str, payload: &[u8], flags: u8, id: u16) {
        let mut body = Vec::new();
        text(&mut body, topic);
        if flags & 6 != 0 {
            body.extend_from_slice(&id.to_be_bytes());
        }
        if self.v5 {
            body.push(0);
        }
        body.extend_from_slice(payload);
        self.send(0x30 | flags, &body);
    }

    /// Publishes with QoS 1 and waits for PUBACK; gives its reason, none = no answer.
    pub fn tell(&mut self, topic: &str, payload: &[u8], retain: bool) -> Option<u8> {
        self.next_id = self.next_id.checked_add(1).unwrap_or(1);
        self.publish(topic, payload, 2 | u8::from(retain), self.next_id);
        let id = self.next_id.to_be_bytes();
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until {
            match self.packet(Duration::from_secs(10))? {
                (0x40, body) if body[..2] == id => return Some(body.get(2).copied().unwrap_or(0)),
                _ => {}
            }
        }
        None
    }

    /// Subscribes and waits; gives the code.
    pub fn subscribe(&mut self, filter: &str, qos: u8) -> u8 {
        let mut body = vec![0, 77];
        if self.v5 {
            body.push(0);
        }
        text(&mut body, filter);
        body.push(qos);
        self.send(0x82, &body);
        loop {
            if let (0x90, body) = self.packet(Duration::from_secs(10)).expect("SUBACK") {
                return *body.last().expect("a code");
            }
        }
    }

    /// Reads a PUBLISH out of its packet.
    pub fn read(&self, first: u8, body: &[u8]) -> Came {
        let len = usize::from(u16::from_be_bytes([body[0], body[1]]));
        let topic = String::from_utf8(body[2..2 + len].to_vec()).expect("UTF-8");
        let mut at = 2 + len;
        let qos = first >> 1 & 3;
        let id = if qos > 0 {
            at += 2;
            u16::from_be_bytes([body[at - 2], body[at - 1]])
        } else {
            0
        };
        if self.v5 {
            at += 1 + usize::from(body[at]);
        }
        Came {
            topic,
            payload: body[at..].to_vec(),
            qos,
            retain: first & 1 != 0,
            dup: first & 8 != 0,
            id,
        }
    }

    /// The next message; others than PUBLISH are passed over. It is not acknowledged.
    pub fn hear(&mut self, most: Duration) -> Option<Came> {
        let until = Instant::now() + most;
        loop {
            let (first, body) = self.packet(until.saturating_duration_since(Instant::now()))?;
            if first >> 4 == 3 {
                return Some(self.read(first, &body));
            }
        }
    }

    /// PUBACK (0x40), PUBREC (0x50), PUBREL (0x62) or PUBCOMP (0x70).
    pub fn answer(&mut self, first: u8, id: u16) {
        self.send(first, &id.to_be_bytes());
    }

    /// No message comes within `most`, and the connection stands.
    pub fn hears_nothing(&mut self, most: Duration) -> bool {
        self.hear(most).is_none() && !self.ended
    }

    /// Waits for the answer to a ping: everything said before was handled.
    pub fn barrier(&mut self) -> bool {
        self.send(0xc0, &[]);
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until {
            match self.packet(Duration::from_secs(10)) {
                Some((0xd0, _)) => return true,
                Some(_) => {}
                None => return false,
            }
        }
        false
    }

    pub fn leave(mut self) {
        self.send(0xe0, &[]);
        while self.packet(Duration::from_secs(2)).is_some() {}
    }
}
