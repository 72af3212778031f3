//! A plain HTTP client, over TCP and over the control socket: what the programs answer, byte by
//! byte.

use std::net::TcpStream;
use std::time::Duration;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// The value of a header; empty = it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    }

    /// The first cookie that it sets, as it is sent back.
    pub fn cookie(&self) -> String {
        let set = self.header("set-cookie");
        assert!(!set.is_empty(), "no cookie: {self:?}");
        set.split(';').next().unwrap_or_default().to_owned()
    }

    /// All hidden fields with their values, as a form of this page would send them.
    pub fn hidden_fields(&self) -> Vec<(String, String)> {
        let plain = |text: &str| {
            [
                ("&#60;", "<"),
                ("&#62;", ">"),
                ("&#34;", "\""),
                ("&#39;", "'"),
                ("&#38;", "&"),
            ]
            .iter()
            .fold(text.to_owned(), |t, (from, to)| t.replace(from, to))
        };
        let fields = self.body.split("type=\"hidden\" name=\"").skip(1);
        fields
            .filter_map(|rest| {
                let (name, rest) = rest.split_once("\" value=\"")?;
                Some((plain(name), plain(rest.split('"').next()?)))
            })
            .collect()
    }

    /// The value of a hidden field, as a form of this page would send it; empty = it is not there.
    pub fn field(&self, name: &str) -> String {
        self.body
            .split_once(&format!("name=\"{name}\" value=\""))
            .and_then(|(_, rest)| rest.split('"').next())
            .unwrap_or_default()
            .to_owned()
    }
}

pub fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() {
                (b as char).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

pub fn http(port: u16, method: &str, path: &str, cookie: &str, body: &str) -> Answer {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("connects");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("timeout");
    let cookie = if cookie.is_empty() {
        String::new()
    } else {
        format!("cookie: {cookie}\r\n")
    };
    exchange(
        stream,
        &format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{cookie}connection: close\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ),
    )
}

pub fn http_unix(socket: &std::path::Path, method: &str, path: &str, body: &str) -> Answer {
    let stream = std::os::unix::net::UnixStream::connect(socket).expect("control socket");
    exchange(
        stream,
        &format!(
            "{method} {path} HTTP/1.1\r\nhost: control\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ),
    )
}

fn exchange(mut stream: impl std::io::Read + std::io::Write, request: &str) -> Answer {
    stream.write_all(request.as_bytes()).expect("written");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("read");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    // Of what people read: a picture may hold any bytes.
    let read = head.lines().any(|l| {
        l.to_ascii_lowercase()
            .starts_with("content-type: text/html")
    });
    assert!(
        !(read && body.contains("{$")),
        "a placeholder is shown raw: {body}"
    );
    assert!(
        !body.contains(['\u{2068}', '\u{2069}']),
        "words are marked raw: {body}"
    );
    let status = head
        .split_whitespace()
        .nth(1)
        .and_then(|s| s.parse().ok())
        .unwrap_or(0);
    Answer {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

/// The head and the body of an answer, as it came; `more` = further lines of the request's head.
pub fn http_bytes(port: u16, path: &str, more: &str) -> (String, Vec<u8>) {
    use std::io::{Read as _, Write as _};
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connects");
    let long = Some(Duration::from_secs(120));
    stream.set_read_timeout(long).expect("timeout");
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n{more}\r\n");
    stream.write_all(request.as_bytes()).expect("written");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("read");
    let end = memchr::memmem::find(&bytes, b"\r\n\r\n").expect("a head");
    let body = bytes.split_off(end + 4);
    (String::from_utf8_lossy(&bytes).into_owned(), body)
}
