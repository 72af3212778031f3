//! Live updates by server-sent events: the fragments of a page that changed, and every ten seconds
//! the time, so that a browser notices a connection that died without an end.
//!
//! Invariants: a page is made again when something changed, at most every two seconds, and every
//! ten seconds, because silence is no change; however many follow it, it is made once. A reconnect
//! gets every fragment whole. An officer whose sign-in ended gets nothing more.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio::time::Instant;

use super::super::sessions::Visitor;
use super::context::{CachedFragments, Console, Visit};
use super::pages::{Followed, update_time};
use crate::http::fragment::Fragment;
use crate::i18n::locale::Lang;
use crate::supervisor::admission::AdmissionPermit;
use crate::supervisor::meter::Meter;

/// Most followed pages of one sign-in: as many connections as a browser opens to one host.
const MAX_FOLLOWERS_PER_SIGN_IN: usize = 6;
/// Shortest time between two makings of a page.
const MIN_INTERVAL: Duration = Duration::from_secs(2);
/// A page is made again after so long also when nothing came: a village fell silent.
const IDLE_REFRESH: Duration = Duration::from_secs(10);
/// Pages whose fragments are remembered.
const MAX_CACHED: usize = 64;

impl Console {
    /// The fragments of a page, made now unless they are still true; none = there is no such page.
    async fn current_fragments(&self, lang: Lang, page: &Followed) -> Option<CachedFragments> {
        // Held while a page is made: the next follower of the same page finds it.
        let mut cache = self.fragment_cache.lock().await;
        let key = (page.live(), lang.tag());
        let changes = self.store.changes.now();
        if let Some(known) = cache.get(&key) {
            let age = known.at.elapsed();
            if age < MIN_INTERVAL || (known.changes == changes && age < IDLE_REFRESH) {
                return Some(known.clone());
            }
        }
        let turn = self.page_permits.clone().acquire_owned().await.ok()?;
        let (console, page) = (self.clone(), page.clone());
        let made = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            console.fragments(lang, console.clock.wall_ms(), &page)
        });
        let fragments = Arc::new(made.await.ok()??);
        if cache.len() >= MAX_CACHED {
            cache.retain(|_, known| known.at.elapsed() < IDLE_REFRESH);
        }
        let made = CachedFragments {
            changes,
            at: Instant::now(),
            fragments,
        };
        if cache.len() < MAX_CACHED {
            cache.insert(key, made.clone());
        }
        Some(made)
    }
}

struct Follower {
    console: Console,
    place: AdmissionPermit<String>,
    visitor: Visitor,
    lang: Lang,
    page: Followed,
    changes: tokio::sync::watch::Receiver<u64>,
    /// The count of changes when what was sent was made.
    shown: u64,
    /// The HTML that was sent, by the id of its fragment.
    sent: BTreeMap<String, String>,
    first: bool,
}

impl Follower {
    /// The next message; none = it is over.
    async fn next(&mut self) -> Option<Event> {
        if !self.first {
            let stop = self.console.stop.clone();
            // True if something changed while the page was made, or when it was too young to be
            // made again.
            let is_behind = *self.changes.borrow_and_update() != self.shown;
            let wait = if is_behind {
                MIN_INTERVAL
            } else {
                IDLE_REFRESH
            };
            tokio::select! {
                changed = self.changes.changed(), if !is_behind => {
                    changed.ok()?;
                    // All changes of a burst are shown by one page, made after the burst.
                    tokio::time::sleep(MIN_INTERVAL).await;
                }
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return None,
                () = self.place.evicted() => return None,
            }
        }
        self.first = false;
        if !self.console.sessions.is_signed_in(&self.visitor) {
            return None;
        }
        let fresh = self
            .console
            .current_fragments(self.lang, &self.page)
            .await?;
        self.shown = fresh.changes;
        let mut out = String::new();
        for Fragment { id, html } in fresh.fragments.iter() {
            if self.sent.get(id) != Some(html) {
                out.push_str(html);
                self.sent.insert(id.clone(), html.clone());
            }
        }
        let time = update_time(self.console.clock.wall_ms());
        let event = Event::default().id(&time);
        Some(if out.is_empty() {
            event.event("beat").data(time)
        } else {
            event.data(out.replace('\r', ""))
        })
    }
}

/// The stream of a page's fragments.
pub(super) async fn follow(
    State(console): State<Console>,
    visit: Visit,
    Path(path): Path<String>,
) -> Response {
    let lang = visit.lang;
    let Some(officer) = visit.officer else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let Some(page) = Followed::of_path(&path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if console.current_fragments(lang, &page).await.is_none() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Some(place) = console.followers.acquire(
        officer.visitor.token.clone(),
        MAX_FOLLOWERS_PER_SIGN_IN,
        &Meter::start(),
    ) else {
        return (
            StatusCode::TOO_MANY_REQUESTS,
            [(header::RETRY_AFTER, "30")],
            lang.t("live-full"),
        )
            .into_response();
    };
    // A follower keeps its place; only a sign-in that holds more makes room for another one.
    place.mark_identified();
    let follower = Follower {
        changes: console.store.changes.watch(),
        console,
        place,
        visitor: officer.visitor,
        lang,
        page,
        shown: 0,
        sent: BTreeMap::new(),
        first: true,
    };
    let events = stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    ([("x-accel-buffering", "no")], Sse::new(events)).into_response()
}
