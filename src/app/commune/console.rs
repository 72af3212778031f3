//! The console for officers, or a page that names the lost key instead of it; and the control
//! socket, by which the technician says who the officers are.

use std::sync::Arc;

use super::keys::CommuneKeys;
use crate::app::sockets::{bind, control_socket};
use crate::commune::console::{Console, ConsoleParts, router};
use crate::commune::control::{self, HistoryControl, OfficerControl};
use crate::commune::officers::Officers;
use crate::commune::sessions::ConsoleSignIns;
use crate::commune::store::CommuneStore;
use crate::config::CommuneServerConfig;
use crate::config::layout::Layout;
use crate::http::hosts::AllowedHosts;
use crate::http::serve;
use crate::i18n::locale::Lang;
use crate::i18n::reason_text::reason_text;
use crate::keys::pins::PinHasher;
use crate::supervisor::Supervisor;
use crate::supervisor::health::HealthPart;
use crate::supervisor::health_reason::HealthReason;

/// Starts the control socket, and the console where the configuration names an address for it.
///
/// # Errors
/// A sentence with the address or the socket that cannot be bound.
pub(super) async fn start(
    config: &CommuneServerConfig,
    keys: CommuneKeys,
    store: CommuneStore,
    layout: &Layout,
    supervisor: &Supervisor,
) -> anyhow::Result<()> {
    let routers = Routers::new(config, keys, store, layout, supervisor)?;
    if let Some(address) = config.console {
        let listener = Arc::new(bind(address).await?);
        supervisor.service(
            HealthPart::Console,
            (listener, routers.pages, routers.console, supervisor.clone()),
            |(listener, pages, console, supervisor), stop| async move {
                let listener = listener.try_clone()?;
                let serving = serve::serve_tcp(listener, None, pages, supervisor, stop);
                let Some(console) = console else {
                    return serving.await;
                };
                let ended = tokio::select! {
                    ended = serving => ended,
                    never = console.record_wrong_pins() => match never {},
                };
                console.record_all_wrong_pins().await;
                ended
            },
        );
    }
    let listener = Arc::new(control_socket(&layout.control)?);
    supervisor.service(
        HealthPart::Control,
        (listener, routers.control, supervisor.clone()),
        |(listener, control, supervisor), stop| async move {
            serve::serve_unix(listener.try_clone()?, control, supervisor, stop).await
        },
    );
    Ok(())
}

/// The routes of the console and those of the control socket.
struct Routers {
    pages: axum::Router,
    /// None = nobody can sign in at the pages.
    console: Option<Console>,
    control: axum::Router,
}

impl Routers {
    fn new(
        config: &CommuneServerConfig,
        keys: CommuneKeys,
        store: CommuneStore,
        layout: &Layout,
        supervisor: &Supervisor,
    ) -> std::io::Result<Self> {
        let problem = keys.problem();
        let pin = keys.pin.and_then(|pin| String::from_utf8(pin).ok());
        let officers = Officers::load(store.clone(), pin)?;
        let history = HistoryControl {
            store: store.clone(),
            villages: config.villages.clone().into(),
            officers: officers.clone(),
            clock: supervisor.clock().clone(),
        };
        let Some(key) = keys.console else {
            return Ok(Self {
                pages: locked_router(problem.as_ref()),
                console: None,
                control: control::locked_router(history),
            });
        };
        let pins = PinHasher::new(key.clone());
        let console = officers.anybody().then(|| {
            let clock = supervisor.clock().clone();
            let path = layout.data.join("console-sessions.json");
            Console::new(ConsoleParts {
                store,
                name: config.name.clone(),
                villages: config.villages.clone(),
                clock: clock.clone(),
                officers: officers.clone(),
                pins: pins.clone(),
                sessions: ConsoleSignIns::open(&path, key, officers.clone(), clock),
                stop: supervisor.stop().soft.clone(),
            })
        });
        let pages = match &console {
            Some(console) => {
                let hosts = AllowedHosts::new(config.names.clone(), None);
                router(console.clone(), hosts)
            }
            None => locked_router(problem.as_ref()),
        };
        let officers = OfficerControl {
            officers,
            pins,
            clock: supervisor.clock().clone(),
        };
        Ok(Self {
            pages,
            console,
            control: control::router(officers, history),
        })
    }
}

/// The console while a key is lost that its sign-in needs: it states so, and rejects nobody's PIN
/// as wrong.
fn locked_router(lost: Option<&HealthReason>) -> axum::Router {
    let sentence = [Lang::Vi, Lang::En]
        .map(|lang| {
            let lost = lost.map_or_else(String::new, |lost| reason_text(lang, lost));
            lang.f("console-locked", &[("lost", &lost)])
        })
        .join("\n\n");
    axum::Router::new().fallback(move || {
        let sentence = sentence.clone();
        async move { (axum::http::StatusCode::SERVICE_UNAVAILABLE, sentence) }
    })
}
