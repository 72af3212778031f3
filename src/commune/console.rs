//! The officer's page: every village, when it was last heard, what it has reported; and a bulletin to all.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use super::store::{Outcome, Store};
use crate::domain::event::{Entry, Event};
use crate::domain::notice::unsound;
use crate::doors::dates;
use crate::doors::headers::{same_site, strict};
use crate::doors::locale::{Lang, capital, noun};
use crate::doors::page::{Frame, see, show_with};
use crate::doors::serve::Peer;
use crate::keys::secret;
use crate::protocol::commune::Bulletin;
use crate::supervisor::clock::Clock;

const DAY_MS: i64 = 86_400_000;
/// How long a bulletin is worth taking, and stands in the village, ms.
const BULLETIN_MS: i64 = 7 * DAY_MS;
/// A wrong PIN costs an address this long, ms.
const WRONG_WAIT_MS: u64 = 2_000;
/// Wrong PINs before five minutes of waiting.
const WRONG_MAX: u32 = 10;
/// Wrong PINs a day from addresses that were never right; then only those that were get in.
const WRONG_A_DAY: u32 = 200;
/// Newest records of a village that are looked through, and rows that are shown beside the alarms.
const NEWEST: usize = 400;
const ROWS: usize = 12;
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
    /// Pepper of the hash and key of sessions and forms.
    pub key: Arc<Vec<u8>>,
    /// Wrong PINs.
    pub wrong: Arc<Mutex<Wrong>>,
}

/// Wrong PINs: per address how many and until when it waits; addresses that were right once; all of this day.
/// Whoever guesses makes himself wait, not the officer.
#[derive(Debug, Default)]
pub struct Wrong {
    by: BTreeMap<IpAddr, (u32, u64)>,
    right: BTreeSet<IpAddr>,
    today: (i64, u32),
}

impl Wrong {
    /// Counts a try as wrong before it is looked at (guesses side by side would otherwise all count as one); gives how
    /// many were wrong before, or how long this address waits, ms.
    fn count(&mut self, address: IpAddr, now: u64, day: i64) -> Result<u32, u64> {
        if self.today.0 != day {
            self.today = (day, 0);
        }
        let known = self.right.contains(&address);
        if self.today.1 >= WRONG_A_DAY && !known {
            return Err(3_600_000);
        }
        if self.by.len() > 5_000 {
            self.by.retain(|_, w| now < w.1);
        }
        let here = self.by.entry(address).or_default();
        if now < here.1 {
            return Err(here.1 - now);
        }
        let before = here.0 % WRONG_MAX;
        *here = (before + 1, now + if before + 1 >= WRONG_MAX { 300_000 } else { WRONG_WAIT_MS });
        self.today.1 += u32::from(!known);
        Ok(before)
    }

    fn was_right(&mut self, address: IpAddr) {
        self.by.remove(&address);
        self.today.1 = self.today.1.saturating_sub(1);
        if self.right.len() < 1_000 {
            self.right.insert(address);
        }
    }
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
struct Typed {
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
}

/// The console's routes.
pub fn router(console: Console) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/sign-in", post(sign_in))
        .route("/bulletins", post(send))
        .route("/villages.json", get(villages_json))
        .layer(DefaultBodyLimit::max(64 * 1024))
        .layer(from_fn(same_site))
        .layer(from_fn(strict))
        .layer(from_fn(inline_style))
        .with_state(console)
}

async fn inline_style(request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    use base64ct::{Base64, Encoding as _};
    use sha2::{Digest as _, Sha256};
    static HASH: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| Base64::encode_string(&Sha256::digest(STYLE.as_bytes())));
    let mut response = next.run(request).await;
    if let Ok(policy) = format!("default-src 'none'; style-src 'sha256-{}'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'", *HASH).parse() {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

impl Console {
    /// A session is a signed day: no state, over by itself.
    fn session(&self, day: i64) -> String {
        format!("{day}.{}", secret::mac(&self.key, format!("console {day} {}", self.pin).as_bytes()))
    }

    fn is_signed_in(&self, headers: &HeaderMap) -> bool {
        let today = self.clock.wall_ms().div_euclid(DAY_MS);
        let token = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(';')).find_map(|c| c.trim().strip_prefix("xa="));
        token.is_some_and(|t| (0..2).any(|d| secret::same(t, &self.session(today - d))))
    }

    fn form(&self) -> String {
        secret::mac(&self.key, b"console form")[..32].to_owned()
    }

    fn frame(&self, headers: &HeaderMap) -> Frame {
        let lang = Lang::choose(crate::doors::headers::cookie(headers, "lang"));
        Frame { lang, village: self.name.clone(), form: self.form(), ..Frame::default() }
    }

    fn rows(&self, lang: Lang, now: i64) -> Vec<VillageRow> {
        let row = |(id, name): &(String, String)| {
            let seen = self.store.seen(id).unwrap_or_default();
            let mark = match now - seen.heard_at {
                ..300_000 => "",
                300_000..DAY_MS => "warn",
                _ => "bad",
            };
            let words = if seen.heard_at == 0 {
                lang.t("commune-never")
            } else {
                let received = if seen.newest_at == 0 { "–".to_owned() } else { dates::since(now, seen.newest_at) };
                lang.f("commune-heard", &[("last", &dates::since(now, seen.heard_at)), ("received", &received), ("n", &seen.records.to_string())])
            };
            VillageRow { id: id.clone(), name: name.clone(), mark, words, chosen: true }
        };
        self.villages.iter().map(row).collect()
    }

    /// Alarms in force of all villages, and below what was told last; of each thing only the newest, so that one that
    /// comes and goes does not push the others out.
    fn reported(&self, lang: Lang, now: i64) -> Vec<String> {
        let (mut alarms, mut news): (Vec<(i64, String)>, Vec<(i64, String)>) = Default::default();
        let row = |mark, at: i64, village: &str, words: &str| (at.min(now), crate::doors::page::plain_row(mark, &format!("{village}: {words}"), &dates::since(now, at)));
        for (id, name) in self.villages.iter() {
            let called = |thing: &str| self.store.called(id, thing).unwrap_or_else(|_| thing.to_owned());
            for alarm in self.store.alarms(id).unwrap_or_default() {
                let words = lang.f("commune-raised", &[("name", &called(&alarm.sensor)), ("value", &dates::number(alarm.value, 1))]);
                alarms.push(row("bad", alarm.at, name, &words));
            }
            let mut seen = BTreeSet::new();
            let mut down = BTreeSet::new();
            for bytes in self.store.newest(id, NEWEST).unwrap_or_default() {
                let Ok(entry) = serde_json::from_slice::<Entry>(&bytes) else { continue };
                let (words, mark) = match &entry.event {
                    Event::NoticeTakenDown { id } => {
                        down.insert(id.clone());
                        continue;
                    }
                    Event::NoticePublished { id: notice, text, .. } => {
                        let key = if down.contains(notice) { "happened-taken-down-one" } else { "happened-published" };
                        (lang.f(key, &[("text", self.store.text(id, text.id.as_str()).ok().flatten().unwrap_or_default().lines().next().unwrap_or_default())]), "")
                    }
                    Event::SensorAlarmLowered { sensor, value, level: 0 } => (lang.f("commune-lowered", &[("name", &called(sensor.as_str())), ("value", &dates::number(*value, 1))]), ""),
                    Event::LightGivenUp { light, .. } => (capital(&lang.f("happened-gave-up", &[("name", &noun(lang, "a-light", &called(light.as_str())))])), "bad"),
                    Event::CameraChanged { camera, here } => {
                        (lang.f(if *here { "happened-picture" } else { "happened-no-picture" }, &[("name", &called(camera.as_str()))]), if *here { "" } else { "bad" })
                    }
                    Event::PresenceChanged { device, here } => (lang.f(if *here { "happened-here" } else { "happened-gone" }, &[("name", &called(device.as_str()))]), if *here { "" } else { "bad" }),
                    Event::EverythingStopped {} => (lang.t("happened-stopped"), "warn"),
                    Event::Booted { boot, .. } => (lang.f("happened-booted", &[("n", &boot.to_string())]), "off"),
                    Event::HistoryDamaged { from, to, .. } => (lang.f("happened-damage", &[("from", &from.to_string()), ("to", &to.to_string())]), "bad"),
                    _ => continue,
                };
                // That something answers again is no news by itself; it only makes its silence old.
                let is_well = matches!(entry.event, Event::PresenceChanged { here: true, .. } | Event::CameraChanged { here: true, .. });
                let subject = entry.event.subject().map_or_else(|| words.clone(), str::to_owned);
                if seen.insert(subject) && !is_well {
                    news.push(row(mark, entry.wall_ms, name, &words));
                }
            }
        }
        alarms.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        news.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        alarms.into_iter().chain(news.into_iter().take(ROWS)).map(|(_, row)| row).collect()
    }

    fn bulletins(&self, lang: Lang, now: i64) -> Vec<String> {
        let mut out: Vec<(u64, String)> = Vec::new();
        for (id, name) in self.villages.iter() {
            for w in self.store.sent(id).unwrap_or_default() {
                let (words, mark) = match &w.outcome {
                    Outcome::Waiting => (lang.t("commune-bulletin-waiting"), "warn"),
                    Outcome::Done => (lang.t("commune-bulletin-taken"), ""),
                    Outcome::Refused(why) => (lang.f("commune-bulletin-refused", &[("why", &lang.t(why))]), "bad"),
                };
                let urgent = if w.bulletin.urgent { format!("{} · ", lang.t("kind-urgent")) } else { String::new() };
                let sent = dates::since(now, w.expires_at - BULLETIN_MS);
                out.push((w.seq, crate::doors::page::plain_row(mark, &format!("{urgent}“{}” · {name}: {words}", w.bulletin.title), &sent)));
            }
        }
        out.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq));
        out.into_iter().take(20).map(|(_, r)| r).collect()
    }

    fn page(&self, headers: &HeaderMap, status: StatusCode, wrong: String, said: Option<String>) -> Response {
        self.page_with(headers, status, wrong, said, Typed::default())
    }

    /// The page, with a bulletin that was typed and not taken.
    fn page_with(&self, headers: &HeaderMap, status: StatusCode, wrong: String, said: Option<String>, typed: Typed) -> Response {
        let f = Frame { said, ..self.frame(headers) };
        let signed_in = self.is_signed_in(headers);
        let (lang, now) = (f.lang, self.clock.wall_ms());
        let mut rows = if signed_in { self.rows(lang, now) } else { Vec::new() };
        for village in &mut rows {
            village.chosen = typed.villages.as_ref().is_none_or(|chosen| chosen.contains(&village.id));
        }
        let Ok(once) = secret::token() else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
        let good = rows.iter().filter(|r| r.mark.is_empty()).count().to_string();
        let summary = lang.f("commune-summary", &[("n", &good), ("all", &rows.len().to_string())]);
        let (reported, bulletins) = if signed_in { (self.reported(lang, now), self.bulletins(lang, now)) } else { Default::default() };
        show_with(status, &Page { css: STYLE, signed_in, wrong, summary, villages: rows, reported, bulletins, typed, once, f })
    }
}

async fn page(State(console): State<Console>, headers: HeaderMap, uri: Uri) -> Response {
    let said = (uri.query() == Some("said=sent")).then(|| console.frame(&headers).lang.t("commune-sent"));
    tokio::task::spawn_blocking(move || console.page(&headers, StatusCode::OK, String::new(), said)).await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

async fn sign_in(State(console): State<Console>, ConnectInfo(peer): ConnectInfo<Peer>, headers: HeaderMap, axum::Form(fields): axum::Form<Vec<(String, String)>>) -> Response {
    let pin = fields.iter().find(|(n, _)| n == "pin").map(|(_, v)| v.trim().to_owned()).unwrap_or_default();
    let now = console.clock.mono_ms();
    let lang = console.frame(&headers).lang;
    let address = match peer {
        Peer::Net { address, .. } => address.ip(),
        Peer::Console => IpAddr::from([127, 0, 0, 1]),
    };
    let counted = console.wrong.lock().unwrap_or_else(PoisonError::into_inner).count(address, now, console.clock.wall_ms().div_euclid(DAY_MS));
    let count = match counted {
        Ok(count) => count,
        Err(wait) => return console.page(&headers, StatusCode::TOO_MANY_REQUESTS, lang.f("locked-pin", &[("minutes", &wait.div_ceil(60_000).to_string())]), None),
    };
    let (hash, key) = (console.pin.clone(), console.key.clone());
    let right = tokio::task::spawn_blocking(move || secret::check_pin(&pin, &hash, &key)).await.unwrap_or(false);
    if right {
        console.wrong.lock().unwrap_or_else(PoisonError::into_inner).was_right(address);
        let cookie = format!("xa={}; Path=/; HttpOnly; SameSite=Lax; Max-Age=86400", console.session(console.clock.wall_ms().div_euclid(DAY_MS)));
        return ([(header::SET_COOKIE, cookie)], see("/")).into_response();
    }
    console.page(&headers, StatusCode::UNAUTHORIZED, lang.f("wrong-pin", &[("n", &WRONG_MAX.saturating_sub(count + 1).to_string())]), None)
}

async fn send(State(console): State<Console>, headers: HeaderMap, axum::Form(fields): axum::Form<Vec<(String, String)>>) -> Response {
    let get = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.trim().to_owned()).unwrap_or_default();
    let chosen: Vec<String> = fields.iter().filter(|(n, _)| n == "village").map(|(_, v)| v.clone()).filter(|v| console.villages.iter().any(|(id, _)| id == v)).collect();
    let (title, body, once) = (get("title"), get("body"), get("once"));
    // What was typed comes back with the reason; nobody types it twice.
    let lang = console.frame(&headers).lang;
    let again = |status, wrong: String| {
        let typed = Typed { title: title.clone(), body: body.clone(), urgent: get("urgent") == "1", villages: Some(chosen.clone()) };
        console.page_with(&headers, status, wrong, None, typed)
    };
    if !console.is_signed_in(&headers) {
        return see("/");
    }
    if !secret::same(&get("form"), &console.form()) || once.len() != 32 {
        return again(StatusCode::FORBIDDEN, lang.t("form-again"));
    }
    if let Some((key, n, most)) = unsound(&title, &body) {
        return again(StatusCode::BAD_REQUEST, lang.f(key, &[("n", &n.to_string()), ("most", &most.to_string())]));
    }
    if chosen.is_empty() {
        return again(StatusCode::BAD_REQUEST, lang.t("commune-nobody"));
    }
    let now = console.clock.wall_ms();
    let bulletin = Bulletin { title: title.clone(), body: body.clone(), urgent: get("urgent") == "1", until: Some(now + BULLETIN_MS) };
    let done = tokio::task::spawn_blocking({
        let (console, villages) = (console.clone(), chosen.clone());
        move || console.store.send(&villages, &bulletin, now + BULLETIN_MS, &once)
    })
    .await;
    if !matches!(done, Ok(Ok(_))) {
        return again(StatusCode::SERVICE_UNAVAILABLE, lang.t("journal-closed-do"));
    }
    // A reload of what follows sends nothing again.
    see("/?said=sent")
}

/// What villages reported, for programs of the officer's own browser session.
async fn villages_json(State(console): State<Console>, headers: HeaderMap) -> Response {
    if !console.is_signed_in(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let list: Vec<_> = console.villages.iter().map(|(id, name)| serde_json::json!({ "id": id, "name": name, "seen": console.store.seen(id).unwrap_or_default() })).collect();
    axum::Json(list).into_response()
}
