//! Everything that handlers share: the app, and the context of a request (user and language).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::config::board::BoardConfig;
use crate::domain::actor::Actor;
use crate::domain::blob::BlobRef;
use crate::domain::command::Command;
use crate::domain::guest;
use crate::domain::id::{DeviceId, UserId};
use crate::domain::state::VillageState;
use crate::domain::user::{Role, User};
use crate::http::form_token;
use crate::http::headers::{cookie, same_site_referer};
use crate::http::page_error::PageError;
use crate::http::render::PageContext;
use crate::http::serve::Peer;
use crate::http::session::SignIns;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::journal::index::Index;
use crate::journal::{CommandRequest, Committed, Journal};
use crate::live::Live;
use crate::ports::Ports;
use crate::protocol::village_status::VillageStatus;
use crate::store::attachments::Attachments;
use crate::store::files::PeopleFiles;
use crate::store::paper_pages::PaperPages;
use crate::store::samples::Samples;
use crate::store::segments::Ring;
use crate::store::session_rows::SessionRows;
use crate::store::spoken_texts::SpokenTexts;
use crate::supervisor::Supervisor;
use crate::supervisor::admission::AdmissionControl;
use crate::view::village_status::{self, StatusInput};
use crate::web::kit::board_cache::{BoardSearch, ProcedureCache};
use crate::web::kit::components::Fragment;
use crate::web::kit::links::PublicLinks;
use crate::web::kit::taps::TapClock;

/// Everything a handler may use; clones share it.
#[derive(Clone)]
pub struct App {
    /// The journal.
    pub journal: Journal,
    /// The index of history.
    pub index: Index,
    /// Live values: readings, cameras, links.
    pub live: Live,
    /// The ports through which pages ask the broker and speech synthesis.
    pub ports: Ports,
    /// Readings.
    pub samples: Samples,
    /// Rows of the wifi's sessions.
    pub session_rows: SessionRows,
    /// Recordings.
    pub ring: Ring,
    /// Viewers of live video, by sign-in.
    pub viewer_slots: AdmissionControl<String>,
    /// Followers of pages (server-sent events), by sign-in.
    pub sse_slots: AdmissionControl<String>,
    /// The texts of notices that were taken down, by the number of the entry that took each down;
    /// none = the text cannot be found.
    pub taken_down_titles: Arc<Mutex<BTreeMap<u64, Option<BlobRef>>>>,
    /// The setting of the free wifi that held before an entry about it, by the number of that
    /// entry; none = nothing had been set.
    pub guests_before: Arc<Mutex<BTreeMap<u64, Option<Arc<guest::Event>>>>>,
    /// Telephone of the technician; empty = none is known.
    pub technician: Arc<String>,
    /// Days that recordings are stored.
    pub keep_days: u32,
    /// People's files.
    pub files: PeopleFiles,
    /// The files of notices.
    pub attachments: Attachments,
    /// Text and pictures of their papers.
    pub papers: PaperPages,
    /// Texts as sound, for phones.
    pub spoken: SpokenTexts,
    /// Sign-in.
    pub sessions: SignIns,
    /// Clock, health, stop.
    pub supervisor: Supervisor,
    /// When buttons were tapped.
    pub taps: TapClock,
    /// The port of the portal; none = it is not served.
    pub portal_port: Option<u16>,
    /// The address of the portal that people type, as the portal itself tells it; empty = it has no
    /// name.
    pub portal_address: Arc<String>,
    /// Public links, as they stand in codes, on paper and in feeds.
    pub links: PublicLinks,
    /// Names that the portal answers to.
    pub names: Arc<Vec<String>>,
    /// Devices whose secret is in the configuration.
    pub configured: Arc<BTreeSet<DeviceId>>,
    /// SHA-256 of the token in the folder of keys; empty = none.
    pub api_token: Arc<String>,
    /// Official addresses, and where people get help with papers.
    pub board: Arc<BoardConfig>,
    /// The procedures, as they were read last.
    pub procedures: ProcedureCache,
    /// The index of what is published.
    pub search: BoardSearch,
}

/// The context of a request: its user, where it came from, and its language.
#[derive(Clone)]
pub struct RequestContext {
    /// The signed-in person.
    pub user: Option<Arc<User>>,
    /// The token of their sign-in.
    pub token: String,
    /// The address of the client.
    pub address: IpAddr,
    /// Over TLS.
    pub secure: bool,
    /// Language.
    pub lang: Lang,
    /// Larger text.
    pub big: bool,
    /// The page's script sent the request; it wants no page in return.
    pub live: bool,
    /// Key of the flash, a message that is shown once.
    pub flash: Option<String>,
    /// The act that this page offers to take back, as its address names it.
    pub undo: Option<String>,
    /// The page of ours that led here; `/` = none.
    pub came_from: String,
}

/// Name of the sign-in's cookie; with TLS the cookie is bound to this host.
#[must_use]
pub const fn session_cookie(secure: bool) -> &'static str {
    if secure { "__Host-cl" } else { "cl" }
}

/// The keys of what a page says about a file that was taken or brought back.
const FILE_ANSWERS: [&str; 6] = [
    "map-file-taken",
    "map-file-restored",
    "map-file-same",
    "procedures-file-taken",
    "procedures-file-restored",
    "procedures-file-same",
];

/// Name of the cookie with the person who signed in last in this browser. It proves nothing: it
/// chooses a name in the form, and says whose text an interrupted form holds.
pub const LAST_PERSON_COOKIE: &str = "last";

impl FromRequestParts<App> for RequestContext {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let (address, secure) = match parts.extensions.get::<ConnectInfo<Peer>>() {
            Some(ConnectInfo(Peer::Tcp {
                address, secure, ..
            })) => (address.ip(), *secure),
            _ => (IpAddr::from([127, 0, 0, 1]), false),
        };
        let headers = &parts.headers;
        let token = cookie(headers, session_cookie(secure))
            .unwrap_or_default()
            .to_owned();
        let user = if token.is_empty() {
            None
        } else {
            app.sessions.user_of(&app.journal.state(), &token)
        };
        let query = |name: &str| {
            let pairs = parts.uri.query().unwrap_or_default().split('&');
            let mut values = pairs.filter_map(|pair| pair.split_once('='));
            values.find(|(n, _)| *n == name).map(|(_, value)| value)
        };
        let flash = query("said")
            .filter(|k| k.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
            .map(str::to_owned);
        Ok(Self {
            user,
            token,
            address,
            secure,
            lang: Lang::choose(cookie(headers, "lang")),
            big: cookie(headers, "big").is_some(),
            live: headers.contains_key("x-live"),
            came_from: same_site_referer(headers),
            flash,
            undo: query("undo").map(str::to_owned),
        })
    }
}

impl RequestContext {
    /// The actor of this request; none = nobody is signed in.
    #[must_use]
    pub fn actor(&self) -> Option<Actor> {
        self.user.as_ref().map(|u| Actor::User { id: u.id.clone() })
    }

    /// A command of the user of this request, to be submitted.
    ///
    /// # Errors
    /// When nobody is signed in.
    pub fn request(&self, command: impl Into<Command>) -> Result<CommandRequest, PageError> {
        let actor = self.actor().ok_or(PageError::SignedOut)?;
        Ok(CommandRequest::new(actor, command))
    }

    /// True for a chief.
    #[must_use]
    pub fn is_chief(&self) -> bool {
        self.user.as_ref().is_some_and(|u| u.role == Role::Chief)
    }
}

impl App {
    /// The village as it is now. It includes what lamps reported last, also reports that are not in
    /// history yet.
    #[must_use]
    pub fn village(&self) -> Arc<VillageState> {
        self.live.latest.overlay(&self.journal.state())
    }

    /// The person who signed in last in this browser; none = nobody did, or they may not any more.
    #[must_use]
    pub fn last_person(&self, headers: &HeaderMap) -> Option<UserId> {
        let last = UserId::new(cookie(headers, LAST_PERSON_COOKIE)?).ok()?;
        let state = self.journal.state();
        state.users.contains_key(&last).then_some(last)
    }

    /// The context of a page for this request.
    #[must_use]
    pub fn page_context(
        &self,
        visit: &RequestContext,
        state: &VillageState,
        tab: &'static str,
    ) -> PageContext {
        // The page shows a signed-in person as signed in also when the file with the name cannot be
        // read.
        let person = visit.user.as_ref().map_or_else(String::new, |u| {
            self.sessions
                .person(u)
                .map_or_else(|| u.id.to_string(), |p| p.name)
        });
        let verbatim = |words: &str| visit.lang.verbatim(words);
        // The address with its flash may come from anywhere: it must not claim that the
        // loudspeakers are silent while they are not.
        let now = self.supervisor.clock().wall_ms();
        let (plays, stopped) = (
            !state.on_air().is_empty(),
            state
                .silenced
                .is_some_and(|(_, at)| (0..60_000).contains(&now.since(at))),
        );
        let flash = match visit.flash.as_deref() {
            Some("stopped") if stopped => Some(if plays { "stopping" } else { "stopped" }),
            Some("playing") if plays => Some("playing"),
            Some(
                key @ ("published"
                | "corrected"
                | "correction-undone"
                | "scheduled"
                | "scheduled-removed"
                | "draft-saved"
                | "draft-removed"
                | "draft-went-up"
                | "taken-down"
                | "restored"
                | "undone"
                | "undone-lights"
                | "was-silent"
                | "others-out"
                | "sign-in-again"
                | "typed-not-yours"
                | "form-again"
                | "wifi-cut"
                | "wifi-cut-always"
                | "wifi-cut-not-in"
                | "wifi-cut-unanswered"
                | "wifi-decided-so"
                | "wifi-rules-set"
                | "label-recorded"
                | "label-withdrawn"
                | "storm-plan-set"),
            ) => Some(key),
            Some(key) if FILE_ANSWERS.contains(&key) => Some(key),
            _ => None,
        };
        let flash = flash.map(|key| visit.lang.t(key));
        PageContext {
            lang: visit.lang,
            village: verbatim(
                state
                    .village
                    .as_ref()
                    .map_or("Cổng Làng", |v| v.name.as_str()),
            ),
            commune: state
                .village
                .as_ref()
                .map(|v| verbatim(&v.commune))
                .unwrap_or_default(),
            is_chief: visit.is_chief(),
            csrf: if visit.user.is_some() {
                form_token::mask(&self.sessions.csrf_token(&visit.token))
            } else {
                String::new()
            },
            on_air: state
                .on_air()
                .last()
                .map(|a| self.text_on_page(visit.lang, &a.text, 60)),
            person: verbatim(&person),
            tab,
            seq: state.seq,
            big: visit.big,
            technician: self.technician.to_string(),
            flash,
            stamp: self.taps.stamp(),
            clock: dates::clock(now),
            undo: visit
                .undo
                .as_deref()
                .and_then(|act| act.parse().ok())
                .map_or_else(String::new, |act| self.undo_bar(visit, act)),
        }
    }

    /// The status of the village: what is broken, missing, lit and reachable.
    #[must_use]
    pub fn status(&self, state: &VillageState) -> VillageStatus {
        let clock = self.supervisor.clock();
        village_status::compute(StatusInput {
            state,
            live: &self.live,
            health: &self.supervisor.health().parts(),
            mono_ms: clock.mono_ms(),
            wall_ms: clock.wall_ms(),
        })
    }

    /// The speaker clusters that will not be heard if somebody speaks now.
    #[must_use]
    pub fn unreachable_speakers(&self) -> Vec<DeviceId> {
        village_status::unreachable_speakers(&self.status(&self.journal.state()))
    }

    /// The status of the village, with its names as a page in this language shows them.
    #[must_use]
    pub fn status_on_page(&self, lang: Lang, state: &VillageState) -> VillageStatus {
        self.status(state).with_names(|name| lang.verbatim(name))
    }

    /// The first `most` characters of the first line of a text that people typed, as a page in this
    /// language shows it, or the word for “erased” or “damaged”.
    #[must_use]
    pub fn text_on_page(&self, lang: Lang, blob: &BlobRef, most: usize) -> String {
        match self.files.text(blob) {
            Ok(text) => {
                let first = text.lines().next().unwrap_or_default();
                if first.chars().count() > most {
                    let short: String = first.chars().take(most).chain(['…']).collect();
                    lang.verbatim(&short)
                } else {
                    lang.verbatim(first)
                }
            }
            Err(lost) => lang.t(lost.key()),
        }
    }

    /// Writes a text that people typed. The cause is logged here, once: a page has no place for it.
    ///
    /// # Errors
    /// Storage does not take it.
    pub async fn keep_text(&self, text: Vec<u8>) -> Result<BlobRef, PageError> {
        self.files.put(text).await.map_err(|cause| {
            tracing::error!(%cause, "text of people not written");
            PageError::JournalClosed
        })
    }

    /// Submits a command of the user of this request.
    ///
    /// # Errors
    /// Why it was not carried out.
    pub async fn submit(
        &self,
        visit: &RequestContext,
        command: impl Into<Command>,
    ) -> Result<Committed, PageError> {
        Ok(self.journal.submit(visit.request(command)?).await?)
    }
}

impl App {
    /// Entries about a device and all its entities, or about any other thing, newest first; none =
    /// the index could not be read, which is not “nothing happened”.
    pub async fn about(
        &self,
        id: &str,
        before: u64,
        limit: usize,
    ) -> Option<Vec<Arc<crate::journal::StoredEntry>>> {
        let subjects = self.journal.state().with_parts(id);
        let (index, history) = (self.index.clone(), self.journal.history());
        match tokio::task::spawn_blocking(move || index.about(&history, &subjects, before, limit))
            .await
        {
            Ok(Ok(found)) => Some(found),
            Ok(Err(cause)) => {
                tracing::warn!(%cause, id, "index query failed");
                None
            }
            Err(_) => None,
        }
    }
}

#[derive(askama::Template)]
#[template(path = "on_air.html")]
struct OnAir {
    f: PageContext,
}

impl App {
    /// The box with “Dừng tất cả”, on every page while anything plays.
    #[must_use]
    pub fn on_air(&self, visit: &RequestContext, state: &VillageState) -> Fragment {
        // A live update is sent again when it changed; a mask would change it each time.
        let mut f = self.page_context(visit, state, "");
        f.csrf = self.sessions.csrf_token(&visit.token);
        Fragment::new("on-air", &OnAir { f })
    }
}
