//! Live updates by SSE: fragments whose id replaces the element with that id.
//!
//! After each commit and each live value the page's fragments are rendered again, and those that
//! changed are sent, with the entry number as id. Changes by a commit go at once. A fragment that
//! only a live value changed goes at most twice a second, and waits for no other fragment. A
//! reconnect gets every fragment whole: nothing depends on what was sent before. A heartbeat goes
//! every three seconds: a link that died without being closed is told by its silence.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio::time::Instant;

use crate::domain::state::VillageState;
use crate::i18n::dates;
use crate::supervisor::admission::AdmissionPermit;
use crate::supervisor::meter::Meter;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::components::Fragment;

/// Most pages that are followed at once, in the whole gateway; one more evicts a follower of the
/// sign-in that holds the most.
pub const MAX_FOLLOWERS: usize = 64;
/// Most of them by one sign-in: as many connections as a browser opens to one host.
const MAX_FOLLOWERS_PER_SESSION: usize = 6;
/// Shortest time between two values of one fragment.
const MIN_INTERVAL: Duration = Duration::from_millis(500);
/// Shortest time between two renderings because of live values: a flood of readings must not become
/// a flood of pages.
const COALESCE: Duration = Duration::from_millis(40);
/// Pending rows count seconds: the page is rendered again this often even when nothing happened.
const IDLE_REFRESH: Duration = Duration::from_secs(1);
/// Time between two heartbeats. The page's script calls the link lost after eight seconds without
/// any event.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(3);

async fn fragments(
    app: &App,
    visit: &RequestContext,
    page: &str,
    state: &VillageState,
) -> Option<Vec<Fragment>> {
    let mut out = match page {
        "today" => super::home::fragments(app, visit, state).await,
        "lights" => super::lights::fragments(app, visit, state),
        "sensors" => super::sensors::fragments(app, visit, state),
        "devices" => super::devices::fragments(app, visit, state),
        "cameras" => super::cameras::fragments(app, visit, state),
        "speakers" => super::speakers::fragments(app, visit, state),
        "wifi" => super::wifi::fragments(app, visit, state),
        "other" => Vec::new(),
        one => super::cameras::camera_fragments(app, visit, state, one.strip_prefix("camera-")?)?,
    };
    out.push(app.on_air(visit, state));
    Some(out)
}

struct SseSubscription {
    slot: AdmissionPermit<String>,
    app: App,
    context: RequestContext,
    page: String,
    sent: BTreeMap<String, (String, Instant)>,
    checked_at: Instant,
    /// When a fragment that was held back may go.
    due: Option<Instant>,
    state: tokio::sync::watch::Receiver<std::sync::Arc<VillageState>>,
    values: tokio::sync::watch::Receiver<u64>,
    link: tokio::sync::watch::Receiver<crate::live::uplink::UplinkState>,
    first: bool,
    heartbeat_at: Instant,
}

/// The event that is sent next.
enum Update {
    /// Fragments of the village as it is after this entry.
    Fragments(u64, String),
    /// The link is alive: the stamp for taps, and the time to show when it is lost.
    Heartbeat(String),
}

impl Update {
    fn event(self) -> Event {
        match self {
            Self::Fragments(seq, html) => Event::default()
                .id(seq.to_string())
                .data(html.replace('\r', "")),
            Self::Heartbeat(words) => Event::default().event("beat").data(words),
        }
    }
}

impl SseSubscription {
    async fn next(&mut self) -> Option<Update> {
        loop {
            if Instant::now() >= self.heartbeat_at {
                self.heartbeat_at = Instant::now() + HEARTBEAT_INTERVAL;
                let clock = dates::clock(self.app.supervisor.clock().wall_ms());
                return Some(Update::Heartbeat(format!(
                    "{} {clock}",
                    self.app.taps.stamp()
                )));
            }
            let mut committed = true;
            if !self.first {
                let stop = self.app.supervisor.stop().soft.clone();
                let refresh_at = self.due.unwrap_or(self.checked_at + IDLE_REFRESH);
                tokio::select! {
                    changed = self.state.changed() => changed.ok()?,
                    changed = self.values.changed() => {
                        changed.ok()?;
                        committed = false;
                        tokio::time::sleep_until(self.checked_at + COALESCE).await;
                    }
                    changed = self.link.changed() => changed.ok()?,
                    () = tokio::time::sleep_until(refresh_at) => committed = false,
                    // A heartbeat needs no page: rendering one for it would also make the next
                    // change wait.
                    () = tokio::time::sleep_until(self.heartbeat_at) => continue,
                    () = stop.cancelled() => return None,
                    () = self.slot.evicted() => return None,
                }
            }
            self.first = false;
            self.due = None;
            self.checked_at = Instant::now();
            self.values.borrow_and_update();
            committed |= self.state.has_changed().unwrap_or(true);
            let state = self
                .app
                .live
                .latest
                .overlay(&self.state.borrow_and_update());
            // A phone that was signed out gets nothing more.
            self.app.sessions.user_of(&state, &self.context.token)?;
            let fresh = fragments(&self.app, &self.context, &self.page, &state).await?;
            let mut out = String::new();
            for fragment in fresh {
                let known = self.sent.get(&fragment.id);
                if known.is_some_and(|(html, _)| *html == fragment.html) {
                    continue;
                }
                let from = known.map_or(self.checked_at, |(_, at)| *at + MIN_INTERVAL);
                if !committed && from > self.checked_at {
                    self.due = Some(self.due.map_or(from, |d| d.min(from)));
                    continue;
                }
                out.push_str(&fragment.html);
                self.sent
                    .insert(fragment.id, (fragment.html, self.checked_at));
            }
            if !out.is_empty() {
                return Some(Update::Fragments(state.seq, out));
            }
        }
    }
}

/// The stream of a page's fragments.
pub async fn follow(
    State(app): State<App>,
    visit: RequestContext,
    Path(page): Path<String>,
) -> Response {
    if fragments(&app, &visit, &page, &app.journal.state())
        .await
        .is_none()
    {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Some(permit) = app.sse_slots.acquire(
        visit.token.clone(),
        MAX_FOLLOWERS_PER_SESSION,
        &Meter::start(),
    ) else {
        return (
            StatusCode::TOO_MANY_REQUESTS,
            [(header::RETRY_AFTER, "30")],
            visit.lang.t("live-full"),
        )
            .into_response();
    };
    // A follower keeps its permit; only a sign-in that holds more makes room for another one.
    permit.mark_identified();
    let following = SseSubscription {
        slot: permit,
        state: app.journal.watch(),
        values: app.live.latest.watch(),
        link: app.live.uplink.watch(),
        app,
        context: visit,
        page,
        sent: BTreeMap::new(),
        checked_at: Instant::now(),
        due: None,
        first: true,
        heartbeat_at: Instant::now(),
    };
    let events = stream::unfold(following, |mut following| async move {
        let event = following.next().await?.event();
        Some((Ok::<_, Infallible>(event), following))
    });
    ([("x-accel-buffering", "no")], Sse::new(events)).into_response()
}
