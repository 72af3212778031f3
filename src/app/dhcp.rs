//! `conglang dhcp`: addresses and IPv6 prefixes for the segments of the box, started by its own
//! unit as its own user with the capabilities that `dnsmasq` asks for.

use crate::config::network::NetworkConfig;
use crate::dhcp::{DhcpServer, StartError};
use crate::supervisor::systemd::StopSignal;

/// Serves until the process is ended; gives the exit code. 78 = nothing can be served with this
/// configuration, and starting again would change nothing.
#[must_use]
pub fn run(network: &NetworkConfig) -> u8 {
    if !network.is_served() {
        tracing::error!("no segment in the configuration; nothing to serve");
        return 78;
    }
    // The program is waited for and lines are passed on; one thread does that.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(serve(network)),
        Err(cause) => {
            tracing::error!(%cause, "cannot start the runtime");
            71
        }
    }
}

async fn serve(network: &NetworkConfig) -> u8 {
    let mut stop = match StopSignal::listen() {
        Ok(stop) => stop,
        Err(cause) => {
            tracing::error!(%cause, "cannot catch signals");
            return 71;
        }
    };
    match DhcpServer::prepare(network).await {
        Ok(server) => {
            server.run(&mut stop).await;
            0
        }
        Err(error) => {
            let code = exit_code(&error);
            let why = format!("{:#}", anyhow::Error::new(error));
            tracing::error!(why, "addresses are not served");
            code
        }
    }
}

const fn exit_code(error: &StartError) -> u8 {
    match error {
        StartError::Refused { .. } => 78,
        StartError::Folder { .. } => 73,
        StartError::Tool(_) => 69,
    }
}
