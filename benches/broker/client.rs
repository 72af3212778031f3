//! One connection of the load generator.
//!
//! Invariants: one read takes as much as the buffer holds, many answers leave in one write; a
//! broker that closes or refuses a connection ends the run with a sentence, because a figure
//! without its load would be wrong. Deliberately absent: reconnects, keep alive (runs are shorter),
//! time-outs (the run has one around everything).

use std::io;
use std::net::SocketAddr;

use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::wire::{self, Login, Message, Packet};

/// Bytes that a busy connection reads at once.
pub const BUSY: usize = 64 * 1024;
/// Bytes that a quiet connection reads at once.
pub const QUIET: usize = 1024;
/// Bytes that a publisher's socket takes ahead of the broker: a flood must wait at its source, not
/// in the kernel.
const AHEAD: usize = 32 * 1024;

/// A connection that has completed CONNECT.
pub struct Client<S = TcpStream> {
    stream: S,
    input: Vec<u8>,
    start: usize,
    end: usize,
    output: Vec<u8>,
}

/// A TCP connection without delay; dropping it leaves nothing behind in the kernel.
pub async fn tcp(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    sockopt::set_socket_linger(&stream, Some(std::time::Duration::ZERO))?;
    sockopt::set_socket_send_buffer_size(&stream, AHEAD)?;
    Ok(stream)
}

impl Client {
    /// Connects and waits for CONNACK.
    pub async fn open(address: SocketAddr, login: &Login<'_>, room: usize) -> io::Result<Self> {
        Self::greet(tcp(address).await?, login, room).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Sends CONNECT on a ready stream and waits for CONNACK.
    pub async fn greet(stream: S, login: &Login<'_>, room: usize) -> io::Result<Self> {
        let mut client = Self {
            stream,
            input: vec![0; room],
            start: 0,
            end: 0,
            output: Vec::new(),
        };
        client.send(&wire::connect(login)).await?;
        let code = client.expect(wire::CONNACK).await?;
        if code == 0 {
            Ok(client)
        } else {
            Err(io::Error::other(format!("CONNACK {code}")))
        }
    }

    /// Subscribes to one filter and waits for SUBACK; gives the QoS that was granted.
    pub async fn subscribe(&mut self, filter: &str, qos: u8) -> io::Result<u8> {
        self.send(&wire::subscribe(1, filter, qos)).await?;
        let code = self.expect(wire::SUBACK).await?;
        if code <= 2 {
            Ok(code)
        } else {
            Err(io::Error::other(format!("SUBACK {code} for {filter}")))
        }
    }

    /// Waits for a packet of that kind, the next one to come; gives its last byte.
    async fn expect(&mut self, kind: u8) -> io::Result<u8> {
        loop {
            if let Some(packet) = self.whole() {
                let (got, code) = (packet.kind(), packet.code());
                return if got == kind {
                    Ok(code)
                } else {
                    Err(io::Error::other(format!(
                        "packet {got:#x} instead of {kind:#x}"
                    )))
                };
            }
            self.read().await?;
        }
    }

    /// Writes bytes now.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Appends bytes to those that the next [`Client::flush`] writes.
    pub fn queue(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// Writes the queued bytes.
    pub async fn flush(&mut self) -> io::Result<()> {
        if !self.output.is_empty() {
            self.stream.write_all(&self.output).await?;
            self.output.clear();
        }
        Ok(())
    }

    /// Waits for bytes and takes as many as there is room for. It may be cancelled.
    pub async fn read(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.input.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.input.len() {
            self.input.resize(self.end * 2, 0);
        }
        match self.stream.read(&mut self.input[self.end..]).await? {
            0 => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the broker closed the connection",
            )),
            n => {
                self.end += n;
                Ok(())
            }
        }
    }

    /// The next complete packet that was read.
    pub fn whole(&mut self) -> Option<Packet<'_>> {
        let (packet, len) = wire::first(&self.input[self.start..self.end])?;
        self.start += len;
        Some(packet)
    }

    /// Handles all complete packets that were read as a subscriber does: `hear` gets each message,
    /// answers are queued. A message of QoS 2 counts at its PUBLISH.
    pub fn hear(&mut self, mut hear: impl FnMut(Message<'_>)) {
        while let Some((packet, len)) = wire::first(&self.input[self.start..self.end]) {
            if let Some(message) = packet.message() {
                hear(message);
                match message.qos {
                    1 => self
                        .output
                        .extend_from_slice(&wire::answer(wire::PUBACK, message.id)),
                    2 => self
                        .output
                        .extend_from_slice(&wire::answer(wire::PUBREC, message.id)),
                    _ => {}
                }
            } else if packet.kind() == wire::PUBREL {
                self.output
                    .extend_from_slice(&wire::answer(wire::PUBCOMP, packet.id()));
            }
            self.start += len;
        }
    }

    /// Handles all complete packets that were read as a publisher does: `done` gets the id of each
    /// message that the broker has acknowledged, at any QoS; packets that QoS 2 needs in between
    /// are queued.
    pub fn taken(&mut self, mut done: impl FnMut(u16, &mut Vec<u8>)) {
        while let Some((packet, len)) = wire::first(&self.input[self.start..self.end]) {
            let id = packet.id();
            match packet.kind() {
                wire::PUBACK | wire::PUBCOMP => done(id, &mut self.output),
                wire::PUBREC => self
                    .output
                    .extend_from_slice(&wire::answer(wire::PUBREL, id)),
                _ => {}
            }
            self.start += len;
        }
    }
}
