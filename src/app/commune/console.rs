//! The console for officers, or a page that names the lost key instead of it.

use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;

use super::keys::CommuneKeys;
use crate::app::sockets::bind;
use crate::commune::console::{Console, MAX_CONCURRENT_PAGES, router};
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

/// Starts the console where the configuration names an address for it.
///
/// # Errors
/// A sentence with the address that cannot be bound.
pub(super) async fn start(
    config: &CommuneServerConfig,
    keys: CommuneKeys,
    store: CommuneStore,
    layout: &Layout,
    supervisor: &Supervisor,
) -> anyhow::Result<()> {
    let Some(address) = config.console else {
        return Ok(());
    };
    let listener = Arc::new(bind(address).await?);
    let pages = pages(config, keys, store, layout, supervisor);
    supervisor.service(
        HealthPart::Console,
        (listener, pages, supervisor.clone()),
        |(listener, pages, supervisor), stop| async move {
            serve::serve_tcp(listener.try_clone()?, None, pages, supervisor, stop).await
        },
    );
    Ok(())
}

fn pages(
    config: &CommuneServerConfig,
    keys: CommuneKeys,
    store: CommuneStore,
    layout: &Layout,
    supervisor: &Supervisor,
) -> axum::Router {
    let problem = keys.problem();
    let pin = keys.pin.and_then(|pin| String::from_utf8(pin).ok());
    let (Some(key), Some(pin)) = (keys.console, pin) else {
        return locked_router(problem.as_ref());
    };
    let clock = supervisor.clock();
    let console = Console {
        store,
        name: config.name.clone(),
        villages: Arc::new(config.villages.clone()),
        clock: clock.clone(),
        sessions: ConsoleSignIns::open(
            &layout.data.join("console-sessions.json"),
            key.clone(),
            &pin,
            clock.clone(),
        ),
        pin: Arc::new(pin),
        pins: PinHasher::new(key),
        failed_pins: Arc::new(Mutex::default()),
        page_permits: Arc::new(Semaphore::new(MAX_CONCURRENT_PAGES)),
    };
    router(console, AllowedHosts::new(config.names.clone(), None))
}

/// The console while a key is lost that its sign-in needs: it states so, and rejects nobody's PIN
/// as wrong.
fn locked_router(lost: Option<&HealthReason>) -> axum::Router {
    let said = [Lang::Vi, Lang::En]
        .map(|lang| {
            let lost = lost.map_or_else(String::new, |lost| reason_text(lang, lost));
            lang.f("console-locked", &[("lost", &lost)])
        })
        .join("\n\n");
    axum::Router::new().fallback(move || {
        let said = said.clone();
        async move { (axum::http::StatusCode::SERVICE_UNAVAILABLE, said) }
    })
}
