//! Shared pages: whole pages, feeds and the lists of the first page that all visitors see alike,
//! made once for each change and not for each visitor.
//!
//! Invariants: a page that is given out was made of the village as it is now ([`BoardVersion`]),
//! and no notice of it is over since; it is at most a minute old, as pages say how old things are.
//! A page that lies ready is given out at once, whatever is being made. Of each sort of pages
//! ([`SharedPages`]) one is made at a time, off the async threads; whoever asks meanwhile for
//! another of that sort waits without a thread and takes what was made. A visitor who goes away
//! does not end it, so nobody makes many by asking and leaving. At most [`MOST`] of a sort lie in
//! memory; only of further parts of lists there are more, so nothing else makes room for them.
//! Deliberately absent: anything of a visitor.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::Mutex as TurnMutex;

use super::Portal;
use crate::domain::directory::map::VillageMap;
use crate::domain::id::{AnnouncementId, BlobId, EntityId, NoticeId};
use crate::domain::notice::Notice;
use crate::domain::procedure::ProcedureCatalogue;
use crate::domain::sensor::Sensor;
use crate::domain::speaker::Announcement;
use crate::domain::storm::StormPlan;
use crate::domain::things::Things;
use crate::domain::village::Village;
use crate::http::render::{failed_page, page_html};
use crate::http::typed_moment::MINUTE_MS;
use crate::i18n::locale::Lang;
use crate::keys::secret;
use crate::time::WallMs;
use crate::web::kit::app::App;

/// Most of one sort in memory; what was made first makes room.
const MOST: usize = 64;
/// Fewer bytes are not packed.
const LEAST_PACKED: usize = 512;

/// The part of the village of which such pages are made; equal when nothing of it changed.
#[cfg_attr(test, derive(Clone, Default))]
struct BoardVersion {
    village: Option<Arc<Village>>,
    notices: Things<NoticeId, Notice>,
    erased: Arc<BTreeSet<BlobId>>,
    sensors: Things<EntityId, Sensor>,
    announcements: Things<AnnouncementId, Announcement>,
    procedures: Option<Arc<ProcedureCatalogue>>,
    storm_plan: Option<Arc<StormPlan>>,
    map: Option<Arc<VillageMap>>,
    /// The minutes of the wall clock and of the time that is known.
    minutes: (i64, i64),
}

fn is_one<T>(a: Option<&Arc<T>>, b: Option<&Arc<T>>) -> bool {
    a.map(Arc::as_ptr) == b.map(Arc::as_ptr)
}

impl PartialEq for BoardVersion {
    fn eq(&self, other: &Self) -> bool {
        self.minutes == other.minutes
            && Arc::ptr_eq(&self.notices, &other.notices)
            && Arc::ptr_eq(&self.erased, &other.erased)
            && Arc::ptr_eq(&self.sensors, &other.sensors)
            && Arc::ptr_eq(&self.announcements, &other.announcements)
            && is_one(self.village.as_ref(), other.village.as_ref())
            && is_one(self.procedures.as_ref(), other.procedures.as_ref())
            && is_one(self.storm_plan.as_ref(), other.storm_plan.as_ref())
            && is_one(self.map.as_ref(), other.map.as_ref())
    }
}

impl BoardVersion {
    fn now(app: &App) -> Self {
        let (state, clock) = (app.journal.state(), app.supervisor.clock());
        let minute = |at: WallMs| at.ms().div_euclid(MINUTE_MS);
        Self {
            village: state.village.clone(),
            notices: state.notices.clone(),
            erased: state.erased.clone(),
            sensors: state.sensors.clone(),
            announcements: state.announcements.clone(),
            procedures: state.procedures.clone(),
            storm_plan: state.storm_plan.clone(),
            map: app.live.directory.get(),
            minutes: (minute(clock.wall_ms()), minute(clock.trusted_ms())),
        }
    }

    /// The moment behind which a notice is over that is not over `now`.
    fn holds_until(&self, now: WallMs) -> WallMs {
        let ends = self.notices.values().filter_map(|n| n.details.until);
        ends.filter(|until| *until >= now)
            .min()
            .unwrap_or(WallMs::MAX)
    }
}

struct Made<K, V> {
    key: K,
    version: BoardVersion,
    until: WallMs,
    value: V,
}

/// The moment at which somebody asks: the village, and the time that is known.
type AskedMoment = (BoardVersion, WallMs);

/// Values, and the turn of whoever makes one.
struct MadeValues<K, V> {
    made: Mutex<Vec<Made<K, V>>>,
    turn: Arc<TurnMutex<()>>,
}

impl<K: PartialEq, V: Clone> MadeValues<K, V> {
    fn lock(&self) -> MutexGuard<'_, Vec<Made<K, V>>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, key: &K, (version, now): &AskedMoment) -> Option<V> {
        let all = self.lock();
        let mut known = all.iter().filter(|made| made.key == *key);
        let good = known.find(|made| made.is_good(version, *now))?;
        Some(good.value.clone())
    }

    fn put(&self, key: K, (version, now): AskedMoment, value: V) {
        let mut all = self.lock();
        all.retain(|made| made.key != key && made.is_good(&version, now));
        if all.len() >= MOST {
            all.remove(0);
        }
        all.push(Made {
            until: version.holds_until(now),
            key,
            version,
            value,
        });
    }
}

impl<K, V> Made<K, V> {
    fn is_good(&self, version: &BoardVersion, now: WallMs) -> bool {
        self.version == *version && now <= self.until
    }
}

/// The values that were made, by key; clones share them.
pub(super) struct MadeOnce<K, V>(Arc<MadeValues<K, V>>);

impl<K, V> Clone for MadeOnce<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> Default for MadeOnce<K, V> {
    fn default() -> Self {
        Self(Arc::new(MadeValues {
            made: Mutex::default(),
            turn: Arc::default(),
        }))
    }
}

impl<K, V> MadeOnce<K, V>
where
    K: PartialEq + Send + 'static,
    V: Clone + Send + 'static,
{
    /// The value of this key, made now unless it was made of the same village; none = making it
    /// failed.
    pub(super) async fn get(
        &self,
        app: &App,
        key: K,
        make: impl FnOnce() -> V + Send + 'static,
    ) -> Option<V> {
        let now = || {
            let known = app.supervisor.clock().trusted_ms();
            (BoardVersion::now(app), known)
        };
        self.get_at(now, key, make).await
    }

    async fn get_at(
        &self,
        now: impl Fn() -> AskedMoment,
        key: K,
        make: impl FnOnce() -> V + Send + 'static,
    ) -> Option<V> {
        if let Some(known) = self.0.known(&key, &now()) {
            return Some(known);
        }
        let turn = self.0.turn.clone().lock_owned().await;
        let asked = now();
        if let Some(known) = self.0.known(&key, &asked) {
            return Some(known);
        }
        let values = self.0.clone();
        // The turn goes with the work: it is held until that has ended, whoever still waits.
        let made = tokio::task::spawn_blocking(move || {
            let value = make();
            values.put(key, asked, value.clone());
            drop(turn);
            value
        });
        made.await.ok()
    }
}

/// A page or a feed that is the same for all who ask for it so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SharedPage {
    Rss,
    JsonFeed,
    /// The list of notices: language, large text, the place of its kind, its first notice.
    Notices(Lang, bool, Option<usize>, usize),
    /// The storm page: language, large text, by which tick of the readings.
    Storm(Lang, bool, u64),
}

/// All such pages, by sort: none waits for one of another sort, and none pushes out another's.
#[derive(Clone, Default)]
pub(super) struct SharedPages {
    feeds: MadeOnce<SharedPage, Option<PageBytes>>,
    storm: MadeOnce<SharedPage, Option<PageBytes>>,
    /// The first parts of the lists of notices.
    lists: MadeOnce<SharedPage, Option<PageBytes>>,
    /// Their further parts, of which there are as many as notices are up.
    further: MadeOnce<SharedPage, Option<PageBytes>>,
}

impl SharedPages {
    const fn of(&self, page: SharedPage) -> &MadeOnce<SharedPage, Option<PageBytes>> {
        match page {
            SharedPage::Rss | SharedPage::JsonFeed => &self.feeds,
            SharedPage::Storm(..) => &self.storm,
            SharedPage::Notices(.., 0) => &self.lists,
            SharedPage::Notices(..) => &self.further,
        }
    }
}

/// A page or a feed as it is sent.
#[derive(Debug, Clone)]
pub(super) struct PageBytes {
    kind: &'static str,
    plain: Bytes,
    /// The same as gzip.
    packed: Bytes,
    /// The tag of this version.
    tag: String,
}

impl PageBytes {
    /// A text of this type, for HTTP.
    pub(super) fn new(kind: &'static str, text: String) -> Self {
        let mut packed = Vec::new();
        if text.len() >= LEAST_PACKED {
            let mut pack = GzEncoder::new(Vec::new(), Compression::default());
            let written = pack.write_all(text.as_bytes());
            packed = written.and_then(|()| pack.finish()).unwrap_or_default();
        }
        let hash = secret::sha256(text.as_bytes());
        Self {
            kind,
            tag: format!("W/\"{hash:.32}\""),
            plain: text.into(),
            packed: packed.into(),
        }
    }

    /// A page; none = its template failed.
    pub(super) fn of_page(template: &impl askama::Template) -> Option<Self> {
        page_html(template).map(|html| Self::new("text/html; charset=utf-8", html))
    }

    /// The answer to a request with these headers.
    pub(super) fn answer(self, asked: &HeaderMap) -> Response {
        let kind = [
            (header::CONTENT_TYPE, self.kind),
            (header::VARY, "accept-encoding"),
        ];
        if takes_gzip(asked) && !self.packed.is_empty() {
            let how = [(header::CONTENT_ENCODING, "gzip")];
            return (kind, how, Body::from(self.packed)).into_response();
        }
        (kind, Body::from(self.plain)).into_response()
    }

    /// The same for programs that ask again and again: whoever has this version gets nothing.
    pub(super) fn answer_if_new(self, asked: &HeaderMap) -> Response {
        let known = has_version(asked, &self.tag);
        // It may be kept, and is asked for each time.
        let about: [(HeaderName, String); 2] = [
            (header::CACHE_CONTROL, "no-cache".to_owned()),
            (header::ETAG, self.tag.clone()),
        ];
        if known {
            return (StatusCode::NOT_MODIFIED, about).into_response();
        }
        (about, self.answer(asked)).into_response()
    }
}

/// The values of a header, which may stand there several times, each with several.
fn values(asked: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let all = asked.get_all(name).into_iter();
    all.filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

fn takes_gzip(asked: &HeaderMap) -> bool {
    values(asked, header::ACCEPT_ENCODING).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=");
        let is_none = weight.is_some_and(|q| q.parse() == Ok(0.0_f32));
        name.trim().eq_ignore_ascii_case("gzip") && !is_none
    })
}

/// Whether the asker says that it has the version with this tag.
fn has_version(asked: &HeaderMap, tag: &str) -> bool {
    let bare = |tag: &str| tag.trim_start_matches("W/").to_owned();
    let mut known = values(asked, header::IF_NONE_MATCH);
    known.any(|known| known == "*" || bare(known) == bare(tag))
}

impl Portal {
    /// A page that all see alike.
    pub(super) async fn shared(
        &self,
        page: SharedPage,
        make: impl FnOnce(&Self) -> Option<PageBytes> + Send + 'static,
    ) -> Result<PageBytes, Response> {
        let portal = self.clone();
        let pages = self.pages.of(page);
        let made = pages.get(&self.app, page, move || make(&portal));
        made.await.flatten().ok_or_else(failed_page)
    }
}

#[cfg(test)]
mod tests;
