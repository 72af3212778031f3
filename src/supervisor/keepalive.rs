//! What every listener of ours has from the moment it is bound.
//!
//! Invariants: an end that vanished without a word (a cable, a flat battery) is known after two
//! minutes, also where nothing is said meanwhile; a row of newcomers that is a moment too fast is
//! not turned away by the kernel.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::net::sockopt;

/// A connection that was silent for so long is asked whether it is there,
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
/// again so often,
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// and so many times.
const KEEPALIVE_PROBES: u32 = 4;
/// Newcomers that may stand before the door, as after a power cut; the kernel has its own bound.
const LISTEN_BACKLOG: i32 = 4_096;

/// Prepares a listening TCP socket; what it accepts inherits its keepalive (tcp(7)).
///
/// # Errors
/// When the socket does not take it.
pub fn configure(listener: impl AsFd) -> io::Result<()> {
    sockopt::set_socket_keepalive(&listener, true)?;
    sockopt::set_tcp_keepidle(&listener, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(&listener, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(&listener, KEEPALIVE_PROBES)?;
    Ok(rustix::net::listen(&listener, LISTEN_BACKLOG)?)
}
