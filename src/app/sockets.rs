//! Sockets, bound before anything is served: of the broker with the certificate of its TLS
//! listeners, of the pages, and the control socket.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use super::secrets::Secrets;
use super::services::broker_certificate::ServedCertificate;
use crate::config::{BrokerConfig, HttpListeners};
use crate::keys::tls::ReloadableCertificate;
use crate::protocol::broker::ListenerKind;
use crate::supervisor::clock::Clock;
use crate::supervisor::keepalive;

/// Binds, trying again for five seconds: an earlier process may still be ending.
///
/// # Errors
/// A sentence with the address when it stays in use.
pub(super) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let mut last = None;
    for _ in 0..50 {
        match TcpListener::bind(address) {
            Ok(listener) => {
                if let Err(cause) = keepalive::configure(&listener) {
                    tracing::warn!(
                        %address,
                        %cause,
                        "cannot set listener options; serving without them"
                    );
                }
                return Ok(listener);
            }
            Err(cause) => last = Some(cause),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let cause = last.map_or_else(String::new, |c| c.to_string());
    anyhow::bail!(
        "cannot listen on {address}: {cause}. Another program may use this port; “ss -ltnp” shows \
         which"
    )
}

async fn bind_some(address: Option<SocketAddr>) -> anyhow::Result<Option<TcpListener>> {
    match address {
        Some(address) => Ok(Some(bind(address).await?)),
        None => Ok(None),
    }
}

pub(super) fn control_socket(path: &Path) -> anyhow::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path)
        .map_err(|e| anyhow::anyhow!("cannot make the control socket {}: {e}", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// The sockets of the broker, bound and not served yet.
pub struct BrokerSockets {
    /// The sockets, each with what is spoken on it.
    pub listeners: Vec<(ListenerKind, TcpListener)>,
    /// The certificate of the TLS listeners; none = they refuse connections, or there is none.
    pub certificate: Option<ServedCertificate>,
}

impl BrokerSockets {
    /// Binds the sockets that the configuration names, and issues their certificate when it is due.
    ///
    /// # Errors
    /// A sentence with the address that cannot be bound.
    pub async fn bind(
        broker: &BrokerConfig,
        keys: &Path,
        secrets: &Secrets,
        clock: &Clock,
    ) -> anyhow::Result<Self> {
        let mut listeners = Vec::new();
        for (kind, address) in [
            (ListenerKind::Plain, broker.plain),
            (ListenerKind::Tls, broker.tls),
            (ListenerKind::WebSocket, broker.websocket),
            (ListenerKind::WebSocketTls, broker.websocket_tls),
        ] {
            if let Some(address) = address {
                listeners.push((kind, bind(address).await?));
            }
        }
        let certificate = broker
            .tls
            .and_then(|_| usable_certificate(&broker.names, keys, secrets, clock));
        Ok(Self {
            listeners,
            certificate,
        })
    }
}

/// The certificate of the TLS listeners. None = there is none and none can be signed: the broker
/// starts without one, so its TLS listeners refuse connections and the others serve.
fn usable_certificate(
    names: &[String],
    keys: &Path,
    secrets: &Secrets,
    clock: &Clock,
) -> Option<ServedCertificate> {
    let certificate = ServedCertificate::of(keys, names, "house-ca");
    let made = if secrets.has_authority {
        certificate.issue_if_due(clock).map(drop)
    } else {
        Ok(())
    };
    if let Err(cause) = &made {
        tracing::error!(
            %cause,
            "issuing broker certificate failed; keeping the old one, will retry"
        );
    }
    let is_signed = made.is_ok() && secrets.has_authority;
    (is_signed || ReloadableCertificate::load(&certificate.files).is_ok()).then_some(certificate)
}

/// The sockets of the pages and the control socket, bound and not served yet.
pub struct HttpSockets {
    /// Of the portal.
    pub portal: Option<TcpListener>,
    /// Of the portal, HTTPS.
    pub portal_tls: Option<TcpListener>,
    /// Of the dashboard, plain.
    pub dashboard: Option<TcpListener>,
    /// Of the dashboard, HTTPS.
    pub dashboard_tls: Option<TcpListener>,
    /// The control socket.
    pub control: UnixListener,
}

impl HttpSockets {
    /// Binds the sockets that the configuration names, and the control socket.
    ///
    /// # Errors
    /// A sentence with the address or the path that cannot be bound.
    pub async fn bind(listeners: &HttpListeners, control: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            portal: bind_some(listeners.portal).await?,
            portal_tls: bind_some(listeners.portal_tls).await?,
            dashboard: bind_some(listeners.dashboard).await?,
            dashboard_tls: bind_some(listeners.dashboard_tls).await?,
            control: control_socket(control)?,
        })
    }
}
