//! The gateway's sockets, all bound before anything is served, with the certificate of the broker's
//! TLS listeners.

use std::path::Path;

use super::broker::bind;
use super::maintenance::{ServedCertificate, issue_broker_certificate};
use super::secrets::Secrets;
use crate::config::Config;
use crate::keys::authority::CertificateFiles;
use crate::protocol::broker::ListenerKind;
use crate::supervisor::clock::Clock;

pub(super) async fn bind_some(
    address: Option<std::net::SocketAddr>,
) -> anyhow::Result<Option<std::net::TcpListener>> {
    match address {
        Some(address) => Ok(Some(bind(address).await?)),
        None => Ok(None),
    }
}

pub(super) fn control_socket(path: &Path) -> anyhow::Result<std::os::unix::net::UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;
    let _ = std::fs::remove_file(path);
    let listener = std::os::unix::net::UnixListener::bind(path)
        .map_err(|e| anyhow::anyhow!("cannot make the control socket {}: {e}", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

pub(super) async fn broker_listeners(
    config: &Config,
    keys: &Path,
    secrets: &Secrets,
    clock: &Clock,
) -> anyhow::Result<(
    Vec<(ListenerKind, std::net::TcpListener)>,
    Option<ServedCertificate>,
)> {
    let mut doors = Vec::new();
    for (door, address) in [
        (ListenerKind::Plain, config.broker.plain),
        (ListenerKind::Tls, config.broker.tls),
        (ListenerKind::WebSocket, config.broker.websocket),
        (ListenerKind::WebSocketTls, config.broker.websocket_tls),
    ] {
        if let Some(address) = address {
            doors.push((door, bind(address).await?));
        }
    }
    if config.broker.tls.is_none() {
        return Ok((doors, None));
    }
    let mut names = config.broker.names.clone();
    names.extend(["localhost".to_owned(), "127.0.0.1".to_owned()]);
    let folder = keys.join("house-ca");
    let files = CertificateFiles::named(keys, "mqtt");
    let certificate = (files, names, folder);
    let made = if secrets.has_authority {
        issue_broker_certificate(&certificate, clock).map(drop)
    } else {
        Ok(())
    };
    if let Err(cause) = &made {
        tracing::error!(%cause, "issuing broker certificate failed; keeping the old one, will retry");
    }
    if (made.is_err() || !secrets.has_authority)
        && crate::keys::tls::ReloadableCertificate::load(&certificate.0).is_err()
    {
        // No certificate can be signed: the broker starts without one, so its TLS listeners refuse
        // connections and the others serve.
        return Ok((doors, None));
    }
    Ok((doors, Some(certificate)))
}
