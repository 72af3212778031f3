//! What stands in for the internet in the demo of the free wifi: a host that answers every request
//! over HTTP with 204, as the hosts do that phones ask whether they are online; `/tai` is a long
//! download, `/tai-mai` one that goes on until the visitor leaves.

use std::io::{Read as _, Write as _};
use std::net::{Ipv6Addr, TcpListener, TcpStream};

/// Bytes of the long download.
const DOWNLOAD_BYTES: usize = 200_000_000;
/// Bytes of the one that nobody waits for the end of.
const ENDLESS_BYTES: usize = usize::MAX / 2;

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
    let request = &request[..length];
    let bytes = if request.starts_with(b"GET /tai ") {
        DOWNLOAD_BYTES
    } else if request.starts_with(b"GET /tai-mai ") {
        ENDLESS_BYTES
    } else {
        let head = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
        return stream.write_all(head.as_bytes());
    };
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {bytes}\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    let piece = vec![b'x'; 256 * 1_024];
    let mut left = bytes;
    while left > 0 {
        let now = left.min(piece.len());
        stream.write_all(&piece[..now])?;
        left -= now;
    }
    Ok(())
}
