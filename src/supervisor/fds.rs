//! Handing open listeners to a worker: SCM_RIGHTS over the socket that is the worker's stdin. The
//! limit of open descriptors is set here too.
//!
//! The parent binds and holds the listeners, so a worker's restart refuses no connection. Safe code
//! only. Source: unix(7), cmsg(3).

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::retry_on_intr;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// Most descriptors in one message.
pub const MAX_FDS: usize = 8;

/// Descriptors that a process with listeners may open.
const OPEN_MAX: u64 = 16_384;

/// Lets this process open as many descriptors as its listeners admit connections. The usual limit
/// of 1,024 is less: clients that used it up would close every listener, and the journal could open
/// no file.
pub fn raise_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit
        .maximum
        .map_or(OPEN_MAX, |most| most.min(OPEN_MAX))
        .max(limit.current.unwrap_or(0));
    if let Err(cause) = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(wanted),
            ..limit
        },
    ) {
        tracing::warn!(%cause, wanted, "raising file descriptor limit failed");
    }
}

/// Sends one byte with `fds`.
///
/// # Errors
/// When there are too many, or the socket is closed.
pub fn send(socket: impl AsFd, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    if fds.len() > MAX_FDS {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut space = [MaybeUninit::<u8>::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    retry_on_intr(|| {
        sendmsg(
            &socket,
            &[IoSlice::new(b"\n")],
            &mut control,
            SendFlags::NOSIGNAL,
        )
    })?;
    Ok(())
}

/// Receives the byte and the descriptors that came with it; blocks.
///
/// # Errors
/// When the peer is gone or more came than there is room for.
pub fn receive(socket: impl AsFd) -> io::Result<Vec<OwnedFd>> {
    let mut byte = [0];
    let mut space = [MaybeUninit::<u8>::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let message = retry_on_intr(|| {
        recvmsg(
            &socket,
            &mut [IoSliceMut::new(&mut byte)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )
    })?;
    let mut fds = Vec::new();
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmRights(these) = part {
            fds.extend(these);
        }
    }
    if message.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if message.flags.contains(ReturnFlags::CTRUNC) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(fds)
}
