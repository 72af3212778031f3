//! Socket options that every TCP listener has from the moment it is bound.
//!
//! Invariants: a peer that vanished without closing (a cable, a flat battery) is detected after two
//! minutes, also where nothing is sent meanwhile; the kernel does not refuse a burst of connections
//! that comes faster than it is accepted.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::net::sockopt;

/// Idle time after which a connection is probed.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
/// Pause between two probes.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// Probes without an answer after which the connection is closed.
const KEEPALIVE_PROBES: u32 = 4;
/// Connections that may wait to be accepted, as after a power cut; the kernel has a bound of its
/// own.
const LISTEN_BACKLOG: i32 = 4_096;

/// Prepares a listening TCP socket; the connections that it accepts inherit its keepalive (tcp(7)).
///
/// # Errors
/// When the socket refuses an option.
pub fn configure(listener: impl AsFd) -> io::Result<()> {
    sockopt::set_socket_keepalive(&listener, true)?;
    sockopt::set_tcp_keepidle(&listener, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(&listener, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(&listener, KEEPALIVE_PROBES)?;
    Ok(rustix::net::listen(&listener, LISTEN_BACKLOG)?)
}
