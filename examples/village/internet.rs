//! What stands in for the internet in the demo of the free wifi: a host that answers every request
//! over HTTP with 204, as the hosts do that phones ask whether they are online; `/tai` is a long
//! download.

use std::io::{Read as _, Write as _};
use std::net::{Ipv6Addr, TcpListener, TcpStream};

/// Bytes of the download.
const DOWNLOAD_BYTES: usize = 200_000_000;

/// Serves until the process ends.
///
/// # Errors
/// Port 80 cannot be bound.
pub fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 80))?;
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || {
            // A visitor that goes away ends the answer.
            let _ = answer(stream);
        });
    }
    Ok(())
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = [0; 2_048];
    let length = stream.read(&mut request)?;
    if !request[..length].starts_with(b"GET /tai ") {
        let head = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
        return stream.write_all(head.as_bytes());
    }
    let head =
        format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {DOWNLOAD_BYTES}\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    let piece = [b'x'; 16 * 1_024];
    let mut left = DOWNLOAD_BYTES;
    while left > 0 {
        let now = left.min(piece.len());
        stream.write_all(&piece[..now])?;
        left -= now;
    }
    Ok(())
}
