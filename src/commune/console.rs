//! The officer's page: every village, when it was last heard, what it has reported; and a bulletin
//! to all.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tokio::sync::Semaphore;

use super::sessions::Sessions;
use super::sign_in::{self, Wrong};
use super::store::{Outcome, Store};
use crate::domain::event::{Entry, Event};
use crate::domain::notice::{TITLE_MAX, clean, unsound};
use crate::domain::words;
use crate::doors::dates;
use crate::doors::headers::{cookie, same_site, strict};
use crate::doors::hosts::{Hosts, known};
use crate::doors::locale::{Lang, capital, noun};
use crate::doors::losses;
use crate::doors::page::{Frame, see, show_with};
use crate::keys::pins::Pins;
use crate::keys::secret;
use crate::protocol::commune::Bulletin;
use crate::protocol::parting::Parting;
use crate::supervisor::clock::Clock;

const DAY_MS: i64 = 86_400_000;
/// How long a bulletin is worth taking, and stands in the village, ms.
const BULLETIN_MS: i64 = 7 * DAY_MS;
/// Newest records of a village that are looked through, and rows that are shown beside the alarms.
const NEWEST: usize = 400;
/// Alarms of one village that have a row each.
const ALARMS: usize = 20;
const ROWS: usize = 12;
/// Rows of bulletins.
const SENT: usize = 20;
/// Pages of all villages that are made at once: each reads hundreds of records of each.
pub const PAGES: usize = 2;
const STYLE: &str = include_str!("../web/assets/village.css");

/// What the console works with; clones are the same.
#[derive(Clone)]
pub struct Console {
    /// The store.
    pub store: Store,
    /// The commune's name.
    pub name: String,
    /// Villages: id and name.
    pub villages: Arc<Vec<(String, String)>>,
    /// The clock.
    pub clock: Clock,
    /// argon2id hash of the officer's PIN.
    pub pin: Arc<String>,
    /// Where PINs are looked at.
    pub pins: Pins,
    /// Who is signed in.
    pub sessions: Sessions,
    /// Wrong PINs.
    pub wrong: Arc<Mutex<Wrong>>,
    /// Turns at making the page of all villages.
    pub pages: Arc<Semaphore>,
}

/// What a page says besides what it always shows.
#[derive(Default)]
pub(super) struct Said {
    /// Why something was not done.
    pub wrong: String,
    /// What was done.
    pub done: Option<String>,
    /// A bulletin that was typed and not taken.
    pub typed: Typed,
}

struct VillageRow {
    id: String,
    name: String,
    /// `""` heard lately, `warn` today, `bad` longer ago or never.
    mark: &'static str,
    words: String,
    /// Chosen for the bulletin.
    chosen: bool,
}

/// A bulletin as the officer typed it.
#[derive(Default)]
pub(super) struct Typed {
    title: String,
    body: String,
    urgent: bool,
    /// None = nothing was typed yet: all are chosen.
    villages: Option<Vec<String>>,
}

#[derive(askama::Template)]
#[template(path = "console.html")]
struct Page {
    f: Frame,
    css: &'static str,
    signed_in: bool,
    wrong: String,
    summary: String,
    villages: Vec<VillageRow>,
    reported: Vec<String>,
    bulletins: Vec<String>,
    /// What the officer typed, when it was not taken.
    typed: Typed,
    /// The form's own name: a second tap sends nothing again.
    once: String,
    /// Who is signed in, this one first.
    inside: Vec<String>,
    /// The language that this page is not in.
    other: &'static str,
}

/// The console's routes.
pub fn router(console: Console, hosts: Hosts) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/sign-in", post(sign_in::enter))
        .route("/sign-out", post(sign_in::leave))
        .route("/sign-out/others", post(sign_in::leave_others))
        .route("/lang/{tag}", get(sign_in::language))
        .route("/bulletins", post(send))
        .route("/villages.json", get(villages_json))
        .layer(DefaultBodyLimit::max(64 * 1024))
        .layer(from_fn(same_site))
        .layer(from_fn_with_state(hosts, known))
        .layer(from_fn(strict))
        .layer(from_fn(inline_style))
        .with_state(console)
}

async fn inline_style(request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    use base64ct::{Base64, Encoding as _};
    use sha2::{Digest as _, Sha256};
    static HASH: std::sync::LazyLock<String> =
        std::sync::LazyLock::new(|| Base64::encode_string(&Sha256::digest(STYLE.as_bytes())));
    let mut response = next.run(request).await;
    if let Ok(policy) = format!("default-src 'none'; style-src 'sha256-{}'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'", *HASH).parse() {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The language that a browser chose.
pub(super) fn language_of(headers: &HeaderMap) -> Lang {
    Lang::choose(cookie(headers, "lang"))
}

impl Console {
    fn rows(&self, lang: Lang, now: i64) -> Vec<VillageRow> {
        let row = |(id, name): &(String, String)| {
            let Ok((seen, account)) = self
                .store
                .seen(id)
                .and_then(|seen| Ok((seen, self.store.account(id)?)))
            else {
                return VillageRow {
                    id: id.clone(),
                    name: name.clone(),
                    mark: "bad",
                    words: lang.t("commune-unread"),
                    chosen: true,
                };
            };
            let mark = match now.saturating_sub(seen.heard_at) {
                ..300_000 => "",
                300_000..DAY_MS => "warn",
                _ => "bad",
            };
            let words = if seen.heard_at == 0 {
                lang.t("commune-never")
            } else {
                let received = if seen.newest_at == 0 {
                    "–".to_owned()
                } else {
                    dates::since(now, seen.newest_at)
                };
                lang.f(
                    "commune-heard",
                    &[
                        ("last", &dates::since(now, seen.heard_at)),
                        ("received", &received),
                        ("n", &seen.records.to_string()),
                    ],
                )
            };
            // What is refused or cannot be read, and what does not go on where it was, is told
            // where the village stands.
            let Ok(trouble) = self.store.trouble(id, now) else {
                return VillageRow {
                    id: id.clone(),
                    name: name.clone(),
                    mark: "bad",
                    words: lang.t("commune-unread"),
                    chosen: true,
                };
            };
            let (mark, words) = if let Some(t) = trouble {
                let key = match t.how {
                    Parting::Shorter => "commune-parted-shorter",
                    Parting::Older => "commune-parted-older",
                    Parting::Twin => "commune-parted-twin",
                    Parting::Differs => "commune-parted-differs",
                };
                let told = lang.f(
                    key,
                    &[
                        ("n", &t.missing.to_string()),
                        ("boot", &t.boot.to_string()),
                        ("highest", &t.highest.to_string()),
                    ],
                );
                (
                    "bad",
                    format!("{words} · {told} ({})", dates::since(now, t.at)),
                )
            } else if account.is_full(self.store.today(now)) {
                ("bad", format!("{words} · {}", lang.t("commune-full")))
            } else if account.unreadable > 0 {
                (
                    if mark.is_empty() { "warn" } else { mark },
                    format!(
                        "{words} · {}",
                        lang.f(
                            "commune-unreadable",
                            &[("n", &account.unreadable.to_string())]
                        )
                    ),
                )
            } else {
                (mark, words)
            };
            VillageRow {
                id: id.clone(),
                name: name.clone(),
                mark,
                words,
                chosen: true,
            }
        };
        self.villages.iter().map(row).collect()
    }

    /// Alarms in force of all villages, and below what was told last; of each thing only the
    /// newest, so that one that comes and goes does not push the others out.
    fn reported(&self, lang: Lang, now: i64) -> Vec<String> {
        let (mut alarms, mut news): (Vec<(i64, String)>, Vec<(i64, String)>) = Default::default();
        let row = |mark, at: i64, village: &str, words: &str| {
            (
                at.min(now),
                crate::doors::page::plain_row(
                    mark,
                    &format!("{village}: {words}"),
                    &dates::since(now, at.min(now)),
                ),
            )
        };
        for (id, name) in self.villages.iter() {
            let called = |thing: &str| {
                self.store
                    .called(id, thing)
                    .unwrap_or_else(|_| thing.to_owned())
            };
            let (Ok(mut in_force), Ok(newest)) =
                (self.store.alarms(id), self.store.newest(id, NEWEST))
            else {
                alarms.push(row("bad", now, name, &lang.t("commune-unread")));
                continue;
            };
            // None hides another's: of each village the newest, and how many more there are.
            let more = in_force.len().saturating_sub(ALARMS);
            if more > 0 {
                alarms.push(row(
                    "bad",
                    now,
                    name,
                    &lang.f("commune-more-alarms", &[("n", &more.to_string())]),
                ));
            }
            in_force.sort_by_key(|alarm| std::cmp::Reverse(alarm.at));
            for alarm in in_force.into_iter().take(ALARMS) {
                let words = lang.f(
                    "commune-raised",
                    &[
                        ("name", &called(&alarm.sensor)),
                        ("value", &dates::number(alarm.value, 1)),
                    ],
                );
                alarms.push(row("bad", alarm.at, name, &words));
            }
            let mut seen = BTreeSet::new();
            let mut down = BTreeSet::new();
            for bytes in newest {
                let Ok(entry) = serde_json::from_slice::<Entry>(&bytes) else {
                    continue;
                };
                let (words, mark) = match &entry.event {
                    Event::NoticeTakenDown { id } => {
                        down.insert(id.clone());
                        continue;
                    }
                    Event::NoticePublished {
                        id: notice, text, ..
                    } => {
                        let key = if down.contains(notice) {
                            "happened-taken-down-one"
                        } else {
                            "happened-published"
                        };
                        (
                            lang.f(key, &[("text", &self.title(lang, id, text.id.as_str()))]),
                            "",
                        )
                    }
                    Event::SensorAlarmLowered {
                        sensor,
                        value,
                        level: 0,
                    } => (
                        lang.f(
                            "commune-lowered",
                            &[
                                ("name", &called(sensor.as_str())),
                                ("value", &dates::number(*value, 1)),
                            ],
                        ),
                        "",
                    ),
                    Event::LightGivenUp { light, .. } => (
                        capital(&lang.f(
                            "happened-gave-up",
                            &[("name", &noun(lang, "a-light", &called(light.as_str())))],
                        )),
                        "bad",
                    ),
                    Event::CameraChanged { camera, here } => (
                        lang.f(
                            if *here {
                                "happened-picture"
                            } else {
                                "happened-no-picture"
                            },
                            &[("name", &called(camera.as_str()))],
                        ),
                        if *here { "" } else { "bad" },
                    ),
                    Event::CameraRemoved { camera } => (
                        lang.f(
                            "happened-camera-removed",
                            &[("name", &called(camera.as_str()))],
                        ),
                        "",
                    ),
                    Event::PresenceChanged { device, here } => (
                        lang.f(
                            if *here {
                                "happened-here"
                            } else {
                                "happened-gone"
                            },
                            &[("name", &called(device.as_str()))],
                        ),
                        if *here { "" } else { "bad" },
                    ),
                    Event::EverythingStopped {} => (lang.t("happened-stopped"), "warn"),
                    Event::Booted { boot, .. } => (
                        lang.f("happened-booted", &[("n", &boot.to_string())]),
                        "off",
                    ),
                    Event::HistoryDamaged { from, to, lost, .. } => {
                        (losses::of_history(lang, *from, *to, *lost), "bad")
                    }
                    _ => continue,
                };
                // That something answers again is no news by itself; it only makes its silence old.
                let is_well = matches!(
                    entry.event,
                    Event::PresenceChanged { here: true, .. }
                        | Event::CameraChanged { here: true, .. }
                        | Event::CameraRemoved { .. }
                );
                let subject = entry
                    .event
                    .subject()
                    .map_or_else(|| words.clone(), str::to_owned);
                if seen.insert(subject) && !is_well {
                    news.push(row(mark, entry.wall_ms, name, &words));
                }
            }
        }
        alarms.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        news.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        alarms
            .into_iter()
            .chain(news.into_iter().take(ROWS))
            .map(|(_, row)| row)
            .collect()
    }

    /// The first line of people's words; words that stayed in the village or cannot be read are not
    /// “nothing”.
    fn title(&self, lang: Lang, village: &str, blob: &str) -> String {
        match self.store.text(village, blob) {
            Ok(Some(text)) => words::line(text.lines().next().unwrap_or_default(), TITLE_MAX),
            Ok(None) if self.store.is_erased(village, blob).unwrap_or(false) => lang.t("erased"),
            Ok(None) => "…".to_owned(),
            Err(cause) => {
                tracing::error!(village, blob, %cause, "words of a village cannot be read");
                "…".to_owned()
            }
        }
    }

    fn bulletins(&self, lang: Lang, now: i64) -> Vec<String> {
        let mut out: Vec<(u64, String)> = Vec::new();
        for (id, name) in self.villages.iter() {
            let Ok(sent) = self.store.lately(id, SENT) else {
                out.push((
                    u64::MAX,
                    crate::doors::page::plain_row(
                        "bad",
                        &format!("{name}: {}", lang.t("commune-unread")),
                        "",
                    ),
                ));
                continue;
            };
            for w in sent {
                let (words, mark) = match &w.outcome {
                    Outcome::Waiting => (lang.t("commune-bulletin-waiting"), "warn"),
                    Outcome::Done => (lang.t("commune-bulletin-taken"), ""),
                    Outcome::Refused(why) => (
                        lang.f("commune-bulletin-refused", &[("why", &lang.t(why))]),
                        "bad",
                    ),
                };
                let urgent = if w.bulletin.urgent {
                    format!("{} · ", lang.t("kind-urgent"))
                } else {
                    String::new()
                };
                let sent = dates::since(now, w.expires_at - BULLETIN_MS);
                out.push((
                    w.seq,
                    crate::doors::page::plain_row(
                        mark,
                        &format!("{urgent}“{}” · {name}: {words}", w.bulletin.title),
                        &sent,
                    ),
                ));
            }
        }
        out.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq));
        out.into_iter().take(SENT).map(|(_, r)| r).collect()
    }

    /// Makes the page; what is behind the door only in turn and off the async threads.
    pub(super) async fn answer(
        &self,
        headers: HeaderMap,
        status: StatusCode,
        said: Said,
    ) -> Response {
        let token = self.sessions.token(&headers);
        let lang = language_of(&headers);
        let Some(token) = token else {
            return self.page(lang, status, said, None);
        };
        let Ok(turn) = self.pages.clone().acquire_owned().await else {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        };
        let console = self.clone();
        let made = tokio::task::spawn_blocking(move || {
            // The turn lasts as long as the work, also when the browser has left.
            let _turn = turn;
            console.page(lang, status, said, Some(&token))
        });
        made.await
            .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    }

    fn page(&self, lang: Lang, status: StatusCode, said: Said, token: Option<&str>) -> Response {
        let Said { wrong, done, typed } = said;
        let form = token.map_or_else(String::new, |t| self.sessions.form(t));
        let f = Frame {
            lang,
            village: self.name.clone(),
            form,
            said: done,
            ..Frame::default()
        };
        let now = self.clock.wall_ms();
        let signed_in = token.is_some();
        let mut rows = if signed_in {
            self.rows(lang, now)
        } else {
            Vec::new()
        };
        for village in &mut rows {
            village.chosen = typed
                .villages
                .as_ref()
                .is_none_or(|chosen| chosen.contains(&village.id));
        }
        let Ok(once) = secret::token() else {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        };
        let good = rows
            .iter()
            .filter(|r| r.mark.is_empty())
            .count()
            .to_string();
        let summary = lang.f(
            "commune-summary",
            &[("n", &good), ("all", &rows.len().to_string())],
        );
        let (mut reported, bulletins) = if signed_in {
            (self.reported(lang, now), self.bulletins(lang, now))
        } else {
            Default::default()
        };
        if let Some(why) = self.store.today(now).why().filter(|_| signed_in) {
            reported.insert(0, crate::doors::page::plain_row("bad", &lang.t(why), ""));
        }
        let inside = token.map(|t| self.inside(lang, now, t)).unwrap_or_default();
        let other = if lang.tag() == "vi" { "en" } else { "vi" };
        show_with(
            status,
            &Page {
                css: STYLE,
                signed_in,
                wrong,
                summary,
                villages: rows,
                reported,
                bulletins,
                typed,
                once,
                inside,
                other,
                f,
            },
        )
    }

    /// Who is signed in.
    fn inside(&self, lang: Lang, now: i64, token: &str) -> Vec<String> {
        let row = |(session, mine): (super::sessions::Session, bool)| {
            let words = if mine {
                lang.f("commune-this-one", &[("address", &session.address)])
            } else {
                session.address
            };
            crate::doors::page::plain_row("", &words, &dates::since(now, session.began_at))
        };
        self.sessions.list(token).into_iter().map(row).collect()
    }
}

async fn page(State(console): State<Console>, headers: HeaderMap, uri: Uri) -> Response {
    let lang = language_of(&headers);
    let done = match uri.query() {
        Some("said=sent") => Some(lang.t("commune-sent")),
        Some("said=others-out") => Some(lang.t("commune-others-out")),
        _ => None,
    };
    console
        .answer(
            headers,
            StatusCode::OK,
            Said {
                done,
                ..Said::default()
            },
        )
        .await
}

async fn send(
    State(console): State<Console>,
    headers: HeaderMap,
    axum::Form(fields): axum::Form<Vec<(String, String)>>,
) -> Response {
    let get = |name: &str| {
        fields
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.trim().to_owned())
            .unwrap_or_default()
    };
    let chosen: Vec<String> = fields
        .iter()
        .filter(|(n, _)| n == "village")
        .map(|(_, v)| v.clone())
        .filter(|v| console.villages.iter().any(|(id, _)| id == v))
        .collect();
    let ((title, body), once) = (clean(&get("title"), &get("body")), get("once"));
    // What was typed comes back with the reason; nobody types it twice.
    let lang = language_of(&headers);
    let again = |status, wrong: String| {
        let typed = Typed {
            title: title.clone(),
            body: body.clone(),
            urgent: get("urgent") == "1",
            villages: Some(chosen.clone()),
        };
        console.answer(
            headers.clone(),
            status,
            Said {
                wrong,
                typed,
                done: None,
            },
        )
    };
    let Some(token) = console.sessions.token(&headers) else {
        return see("/");
    };
    if !secret::same(&get("form"), &console.sessions.form(&token)) || once.len() != 32 {
        return again(StatusCode::FORBIDDEN, lang.t("form-again")).await;
    }
    if let Some((key, n, most)) = unsound(&title, &body) {
        return again(
            StatusCode::BAD_REQUEST,
            lang.f(key, &[("n", &n.to_string()), ("most", &most.to_string())]),
        )
        .await;
    }
    if chosen.is_empty() {
        return again(StatusCode::BAD_REQUEST, lang.t("commune-nobody")).await;
    }
    let now = console.clock.wall_ms();
    let bulletin = Bulletin {
        title: title.clone(),
        body: body.clone(),
        urgent: get("urgent") == "1",
        until: Some(now + BULLETIN_MS),
    };
    let done = tokio::task::spawn_blocking({
        let (console, villages) = (console.clone(), chosen.clone());
        move || {
            console
                .store
                .send(&villages, &bulletin, now + BULLETIN_MS, &once)
        }
    })
    .await;
    if !matches!(done, Ok(Ok(_))) {
        return again(StatusCode::SERVICE_UNAVAILABLE, lang.t("journal-closed-do")).await;
    }
    // A reload of what follows sends nothing again.
    see("/?said=sent")
}

/// What villages reported, for programs of the officer's own browser session.
async fn villages_json(State(console): State<Console>, headers: HeaderMap) -> Response {
    if console.sessions.token(&headers).is_none() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let list = move || {
        console
            .villages
            .iter()
            .map(|(id, name)| {
                console
                    .store
                    .seen(id)
                    .map(|seen| serde_json::json!({ "id": id, "name": name, "seen": seen }))
            })
            .collect::<std::io::Result<Vec<_>>>()
    };
    match tokio::task::spawn_blocking(list).await {
        Ok(Ok(list)) => axum::Json(list).into_response(),
        // What cannot be read is not “never heard”.
        _ => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
