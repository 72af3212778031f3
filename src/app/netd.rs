//! `conglang netd`: the network helper, started by its own systemd unit with CAP_NET_ADMIN and no
//! other right.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;

use crate::netd;
use crate::protocol::netd::NetworkPlan;
use crate::supervisor::systemd;

/// Serves the gateway on `socket` until the process is ended; gives the exit code. `gateway_uid` is
/// the user that may ask, `base` what is put in force where the kernel has no rules of ours yet.
#[must_use]
pub fn run(socket: &Path, gateway_uid: u32, base: Option<NetworkPlan>) -> u8 {
    let listener = match bind(socket) {
        Ok(listener) => listener,
        Err(cause) => {
            tracing::error!(socket = %socket.display(), %cause, "cannot make the helper's socket");
            return 73;
        }
    };
    let served = on_one_thread(netd::serve(
        listener,
        gateway_uid,
        base,
        systemd::notify_ready,
    ));
    served.unwrap_or_else(|code| code)
}

/// Without a plan nothing is forwarded; gives `code`, with which the configuration was refused.
#[must_use]
pub fn stay_shut(code: u8) -> u8 {
    tracing::error!("no network to serve in the configuration; nothing is forwarded");
    on_one_thread(netd::shut()).map_or_else(|failed| failed, |_| code)
}

/// Requests come one after the other, and between them the helper only waits. Gives the exit code
/// either way.
fn on_one_thread(work: impl Future<Output = Result<(), netd::ServerError>>) -> Result<u8, u8> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|cause| {
        tracing::error!(%cause, "cannot start the runtime");
        71
    })?;
    match runtime.block_on(work) {
        Ok(()) => Ok(0),
        Err(error) => {
            tracing::error!(%error, "network helper failed");
            Err(1)
        }
    }
}

/// The helper's group may connect, which is the helper and the gateway; who of them may ask is
/// decided by the credentials that the kernel tells.
fn bind(socket: &Path) -> std::io::Result<UnixListener> {
    let _ = std::fs::remove_file(socket);
    let listener = UnixListener::bind(socket)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}
