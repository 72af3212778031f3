//! Loa: type a sentence, hear it, play it, stop everything.

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::app::{App, Fields, Visit};
use super::rows::{Row, Say, html};
use super::words::name_of;
use crate::domain::blob::BlobRef;
use crate::domain::command::Command;
use crate::domain::device::Presence;
use crate::domain::id::{AnnouncementId, BlobId, CommandId, DeviceId, NoticeId};
use crate::domain::speaker::{Announcement, Class, Ending, Play};
use crate::domain::state::State as Village;
use crate::domain::words::line;
use crate::doors::dates;
use crate::doors::locale::Lang;
use crate::doors::page::{Frame, see, show, show_with};
use crate::journal::Wish;
use crate::keys::secret;

/// Characters of a typed sentence.
const SENTENCE: usize = 1_000;
/// Clusters of one announcement.
const ZONE: usize = 100;
/// How long the newest announcement's end stands on top, ms.
const LAST_MS: i64 = 600_000;
/// A typed sentence that could not begin within this is not played later, ms.
const EXPIRES_MS: i64 = 120_000;

struct Pick {
    id: String,
    mark: &'static str,
    name: String,
    words: String,
    chosen: bool,
}

#[derive(askama::Template)]
#[template(path = "speakers.html")]
struct SpeakersPage {
    f: Frame,
    text: String,
    /// Why the sentence was not taken; empty = nothing is wrong.
    wrong: String,
    speakers: Vec<Pick>,
    /// Without script the page asks again after so many seconds while something plays; 0 = never.
    refresh: u8,
    last: String,
    played: String,
}

/// The clusters; `chosen` by the form that comes back, or else all that answer.
fn pick(app: &App, lang: Lang, state: &Village, chosen: Option<&[String]>) -> Vec<Pick> {
    let now = app.house.clock().wall_ms();
    let one = |s: &std::sync::Arc<crate::domain::speaker::Speaker>| {
        let horns = lang.f("horns", &[("n", &s.horns.to_string())]);
        let (words, mark) = match state
            .devices
            .get(&s.id)
            .map(|d| d.presence)
            .unwrap_or_default()
        {
            _ if state.is_sent_away(&s.id) => (lang.t("device-sent-away"), "off"),
            Presence::Here { .. } => (horns, ""),
            Presence::Unknown => (format!("{horns} · {}", lang.t("device-unknown")), "off"),
            Presence::Gone { since } => (
                lang.f("device-gone", &[("since", &dates::since(now, since))]),
                "bad",
            ),
        };
        let chosen = chosen.map_or(mark.is_empty(), |c| c.iter().any(|z| z == s.id.as_str()));
        Pick {
            id: s.id.to_string(),
            mark,
            name: s.name.clone(),
            words,
            chosen,
        }
    };
    state.speakers.values().map(one).collect()
}

/// How an announcement went, in words: “Đã phát 2/2 cụm”.
fn result(lang: Lang, state: &Village, said: &Announcement) -> (String, &'static str) {
    let (played, all) = said.score();
    let (n, all) = (played.to_string(), all.to_string());
    if !said.is_over() {
        // How many sound or have sounded: nobody presses again because “0” have ended.
        let began = said
            .plays
            .values()
            .filter(|p| !matches!(p, Play::Waiting))
            .count()
            .to_string();
        return (
            lang.f(
                if began == "0" {
                    "played-beginning"
                } else {
                    "played-running"
                },
                &[("n", &began), ("all", &all)],
            ),
            "warn",
        );
    }
    let troubles: Vec<String> = said
        .plays
        .iter()
        .filter_map(|(speaker, play)| {
            let key = match play {
                Play::Ended {
                    how: Ending::Played { .. },
                } => return None,
                Play::Ended {
                    how: Ending::Stopped,
                } => "played-stopped",
                Play::Ended {
                    how: Ending::Missed,
                } => "played-missed",
                Play::Ended {
                    how: Ending::Failed { .. },
                } => "played-failed",
                _ => "played-unanswered",
            };
            Some(lang.f(key, &[("name", &name_of(state, speaker.as_str()))]))
        })
        .collect();
    let stopped = said
        .plays
        .values()
        .filter(|p| {
            matches!(
                p,
                Play::Ended {
                    how: Ending::Stopped
                }
            )
        })
        .count();
    if stopped > 0 && stopped == said.plays.len() {
        let names = said
            .plays
            .keys()
            .map(|s| name_of(state, s.as_str()))
            .collect::<Vec<_>>()
            .join(", ");
        return (
            lang.f(
                "played-cut",
                &[("n", &stopped.to_string()), ("names", &names)],
            ),
            "off",
        );
    }
    if troubles.is_empty() {
        (lang.f("played-all", &[("n", &n), ("all", &all)]), "")
    } else {
        (
            lang.f(
                "played-part",
                &[
                    ("n", &n),
                    ("all", &all),
                    ("who", &(troubles.join("; ") + ".")),
                ],
            ),
            "warn",
        )
    }
}

fn played(app: &App, visit: &Visit, state: &Village) -> Vec<String> {
    let lang = visit.lang;
    let now = app.house.clock().wall_ms();
    let mut said: Vec<_> = state.announcements.values().collect();
    said.sort_by_key(|a| std::cmp::Reverse(a.order));
    said.into_iter()
        .take(5)
        .map(|a| {
            let (words, mark) = result(lang, state, a);
            let href = again(app, visit, a);
            let words = if href.is_empty() {
                words
            } else {
                format!("{words} · {}", lang.t("tap-to-repeat"))
            };
            Row {
                id: format!("said-{}", a.id),
                mark,
                name: format!("“{}”", app.text_of(lang, &a.text, 60)),
                words,
                side: dates::since(now, a.at),
                href,
            }
            .html()
        })
        .collect()
}

/// The address where a sentence is heard once more, to be played once more.
fn again(app: &App, visit: &Visit, said: &Announcement) -> String {
    if !visit.is_chief() || !said.is_over() || said.text.len == 0 {
        return String::new();
    }
    let once = app
        .sessions
        .seal(&visit.token, &format!("again {}", said.id));
    let heard = Heard {
        blob: said.text.id.to_string(),
        mac: said.text.mac.clone(),
        len: said.text.len,
        once,
        zone: said.plays.keys().map(ToString::to_string).collect(),
        seal: String::new(),
    };
    format!("/speakers/hear?{}", heard.sealed(app, visit).query())
}

fn played_list(app: &App, visit: &Visit, state: &Village) -> String {
    let rows = played(app, visit, state);
    let rows = if rows.is_empty() {
        format!("<li class=\"soft\">{}</li>", visit.lang.t("nothing-played"))
    } else {
        rows.concat()
    };
    format!("<ul class=\"rows sheet\" id=\"played\">{rows}</ul>")
}

/// How the newest announcement went, on top of the page where it is seen, for as long as somebody
/// waits for it.
fn last(app: &App, lang: Lang, state: &Village) -> String {
    let now = app.house.clock().wall_ms();
    let newest = state
        .announcements
        .values()
        .max_by_key(|a| a.order)
        .filter(|a| (0..LAST_MS).contains(&(now - a.at)) && a.is_over());
    newest.map_or_else(
        || "<div id=\"last\"></div>".to_owned(),
        |a| {
            let (words, mark) = result(lang, state, a);
            let kind = if mark == "off" { "info" } else { mark };
            html(&Say {
                id: "last".into(),
                kind,
                title: words,
                detail: format!(
                    "“{}” · {}",
                    app.text_of(lang, &a.text, 60),
                    dates::since(now, a.at)
                ),
            })
        },
    )
}

/// The fragments of this page.
pub fn fragments(app: &App, visit: &Visit, state: &Village) -> Vec<String> {
    vec![last(app, visit.lang, state), played_list(app, visit, state)]
}

fn form(
    app: &App,
    visit: &Visit,
    text: String,
    chosen: Option<&[String]>,
    wrong: String,
) -> SpeakersPage {
    let state = app.journal.state();
    let f = app.frame(visit, &state, "speakers");
    // What went before says nothing of the sentence that is being mended.
    let last = if wrong.is_empty() && text.is_empty() {
        last(app, f.lang, &state)
    } else {
        String::new()
    };
    let (speakers, played) = (
        pick(app, f.lang, &state, chosen),
        played_list(app, visit, &state),
    );
    let refresh =
        if visit.said.as_deref() == Some("playing") && f.on_air.is_some() && text.is_empty() {
            5
        } else {
            0
        };
    SpeakersPage {
        f,
        text,
        wrong,
        speakers,
        refresh,
        last,
        played,
    }
}

/// The page; a sentence that was heard and is to be mended stands in its form again, a notice that
/// is to be read aloud too.
pub async fn page(
    State(app): State<App>,
    visit: Visit,
    Query(asked): Query<Vec<(String, String)>>,
) -> Response {
    if let Some((_, id)) = asked
        .iter()
        .find(|(name, _)| name == "notice")
        .filter(|_| visit.is_chief())
    {
        let state = app.journal.state();
        let notice = NoticeId::new(id)
            .ok()
            .and_then(|id| state.notices.get(&id).cloned())
            .filter(|n| app.files.text(&n.text).is_ok());
        let (title, body) = notice
            .map(|n| super::notices::words(&app, visit.lang, &n))
            .unwrap_or_default();
        let sentence = |p: String| {
            if p.is_empty() || p.ends_with(['.', '!', '?']) {
                p
            } else {
                format!("{p}.")
            }
        };
        let (text, is_cut) = spoken_part(
            &std::iter::once(title)
                .chain(body)
                .map(sentence)
                .collect::<Vec<_>>()
                .join(" "),
        );
        return show(&form(
            &app,
            &visit,
            text,
            None,
            if is_cut {
                visit.lang.t("notice-cut")
            } else {
                String::new()
            },
        ));
    }
    let heard = Heard::of(asked);
    let text = heard.text(&app, &visit);
    let chosen = text.is_some().then_some(heard.zone.as_slice());
    show(&form(
        &app,
        &visit,
        text.unwrap_or_default(),
        chosen,
        String::new(),
    ))
}

/// As much of a text as one announcement holds, to the end of a sentence; true = there was more.
fn spoken_part(text: &str) -> (String, bool) {
    if text.chars().count() <= SENTENCE {
        return (text.to_owned(), false);
    }
    let most: String = text.chars().take(SENTENCE).collect();
    let end = most.rfind(['.', '!', '?']).map_or(most.len(), |at| at + 1);
    (most[..end].to_owned(), true)
}

/// A sentence that was typed and kept in a file, with where it is to be played: what its pages'
/// addresses tell.
#[derive(Default)]
struct Heard {
    blob: String,
    mac: String,
    len: u64,
    once: String,
    zone: Vec<String>,
    /// Seal of all that for this session: nobody else's address plays anything here.
    seal: String,
}

impl Heard {
    fn of(fields: Vec<(String, String)>) -> Self {
        let mut heard = Self::default();
        for (name, value) in fields {
            match name.as_str() {
                "blob" => heard.blob = value,
                "mac" => heard.mac = value,
                "len" => heard.len = value.parse().unwrap_or(0),
                "once" => heard.once = value,
                "seal" => heard.seal = value,
                "zone" if DeviceId::new(&value).is_ok() && heard.zone.len() < ZONE => {
                    heard.zone.push(value)
                }
                _ => {}
            }
        }
        heard
    }

    fn blob(&self) -> Option<BlobRef> {
        BlobId::new(&self.blob).ok().map(|id| BlobRef {
            id,
            mac: self.mac.clone(),
            len: self.len,
        })
    }

    /// The words, when this session typed them.
    fn text(&self, app: &App, visit: &Visit) -> Option<String> {
        let sealed = visit.is_chief()
            && secret::same(&self.seal, &app.sessions.seal(&visit.token, &self.bare()));
        app.files.text(&self.blob().filter(|_| sealed)?).ok()
    }

    /// With the seal of this session.
    fn sealed(self, app: &App, visit: &Visit) -> Self {
        Self {
            seal: app.sessions.seal(&visit.token, &self.bare()),
            ..self
        }
    }

    /// As the query of an address.
    fn query(&self) -> String {
        format!("{}&seal={}", self.bare(), self.seal)
    }

    fn bare(&self) -> String {
        let mut out = format!(
            "blob={}&mac={}&len={}&once={}",
            self.blob, self.mac, self.len, self.once
        );
        self.zone
            .iter()
            .for_each(|z| out.push_str(&format!("&zone={z}")));
        out
    }
}

#[derive(askama::Template)]
#[template(path = "hear.html")]
struct HearPage {
    f: Frame,
    text: String,
    heard: Heard,
    query: String,
    question: String,
    /// When it was played before; empty = never.
    before: String,
    play: String,
}

/// Reads the sentence aloud to the chief before anybody else hears it.
pub async fn hear(State(app): State<App>, visit: Visit, fields: Fields) -> Response {
    if !app.proves(&visit, fields.get("form")) {
        return app.problem(&visit, StatusCode::FORBIDDEN, "form-old", "form-old-do");
    }
    let text = line(fields.get("text"), usize::MAX);
    if !visit.is_chief() {
        return app.problem(
            &visit,
            StatusCode::FORBIDDEN,
            "refused-title",
            "refused-not-permitted",
        );
    }
    let zone: Vec<String> = fields
        .all("zone")
        .filter(|z| DeviceId::new(z).is_ok())
        .take(ZONE)
        .map(str::to_owned)
        .collect();
    // What was typed comes back with the reason: nobody types it twice.
    let again = |status, key: &str| {
        show_with(
            status,
            &form(&app, &visit, text.clone(), Some(&zone), visit.lang.t(key)),
        )
    };
    if text.is_empty() {
        return again(StatusCode::BAD_REQUEST, "empty-sentence");
    }
    if text.chars().count() > SENTENCE {
        return again(StatusCode::BAD_REQUEST, "long-sentence");
    }
    if zone.is_empty() {
        return again(StatusCode::BAD_REQUEST, "refused-empty-zone");
    }
    if let Err(why) = app.live.voice.speak(&text).await {
        tracing::error!(why, "a sentence could not be read aloud");
        return again(StatusCode::SERVICE_UNAVAILABLE, "speech-failed-do");
    }
    let (Ok(blob), Ok(once)) = (
        app.files.put(text.clone().into_bytes()).await,
        secret::token(),
    ) else {
        return again(StatusCode::SERVICE_UNAVAILABLE, "journal-closed-do");
    };
    // An address of its own: going back to it, or reloading it, sends nothing again.
    let heard = Heard {
        blob: blob.id.to_string(),
        mac: blob.mac,
        len: blob.len,
        once,
        zone,
        seal: String::new(),
    };
    see(&format!(
        "/speakers/hear?{}",
        heard.sealed(&app, &visit).query()
    ))
}

/// The sentence, its sound, and the question whether to play it.
pub async fn heard(
    State(app): State<App>,
    visit: Visit,
    Query(heard): Query<Vec<(String, String)>>,
) -> Response {
    let is_again = heard.iter().any(|(name, _)| name == "again");
    let heard = Heard::of(heard);
    let text = heard.text(&app, &visit);
    let (Some(text), Ok(id), false) = (
        text,
        AnnouncementId::new(&heard.once),
        heard.zone.is_empty(),
    ) else {
        return see("/speakers");
    };
    let state = app.journal.state();
    // Played under this name already: once more needs a name of its own, and the page says what
    // was.
    let before = state.announcements.get(&id).map(|a| a.at);
    let heard = match (before.is_some() || is_again, secret::token()) {
        (true, Ok(once)) => Heard { once, ..heard }.sealed(&app, &visit),
        _ => heard,
    };
    let f = app.frame(&visit, &state, "speakers");
    let names = heard
        .zone
        .iter()
        .map(|z| name_of(&state, z))
        .collect::<Vec<_>>()
        .join(", ");
    let question = f.t2("hear-question", "n", heard.zone.len(), "names", names);
    let before = match before {
        Some(at) => f.t1(
            "heard-before",
            "time",
            dates::since(app.house.clock().wall_ms(), at),
        ),
        None if is_again => f.t("heard-before-once"),
        None => String::new(),
    };
    let play = f.t(if before.is_empty() {
        "play-now"
    } else {
        "play-again"
    });
    show(&HearPage {
        f,
        text,
        query: heard.query(),
        heard,
        question,
        before,
        play,
    })
}

/// The sound of a sentence that was typed.
pub async fn sound(
    State(app): State<App>,
    visit: Visit,
    Query(heard): Query<Vec<(String, String)>>,
) -> Response {
    let Some(text) = Heard::of(heard).text(&app, &visit) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match app.live.voice.speak(&text).await {
        Ok(spoken) => ([(header::CONTENT_TYPE, "audio/wav")], spoken.wav).into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// Plays what was heard.
pub async fn announce(State(app): State<App>, visit: Visit, fields: Fields) -> Response {
    if !app.proves(&visit, fields.get("form")) {
        return app.problem(&visit, StatusCode::FORBIDDEN, "form-old", "form-old-do");
    }
    let heard = Heard::of(fields.into_pairs());
    let is_typed_here = heard.text(&app, &visit).is_some();
    let query = heard.query();
    let zone: Vec<DeviceId> = heard
        .zone
        .iter()
        .filter_map(|z| DeviceId::new(z).ok())
        .collect();
    let (Ok(id), Ok(once), Some(text), true) = (
        AnnouncementId::new(&heard.once),
        CommandId::new(&heard.once),
        heard.blob(),
        is_typed_here,
    ) else {
        return app.problem(&visit, StatusCode::BAD_REQUEST, "form-old", "form-old-do");
    };
    let Some(actor) = visit.actor() else {
        return see("/sign-in");
    };
    let now = app.house.clock().certain_ms();
    let wish = Wish::new(
        actor,
        Command::QueueAnnouncement {
            id,
            text,
            class: Class::Normal,
            zone,
            expires_in_ms: EXPIRES_MS,
        },
    )
    .named(once, now + EXPIRES_MS);
    match app.wish(&visit, wish).await {
        // Back and once more: what was played is not played again, and nobody is told that it is.
        Ok(receipt) if receipt.repeated => see(&format!("/speakers/hear?{query}&again=1")),
        Ok(_) => see("/speakers?said=playing"),
        Err(page) => page,
    }
}

/// Dừng tất cả: one tap, from any page, by anybody signed in.
pub async fn stop(State(app): State<App>, visit: Visit, fields: Fields) -> Response {
    if !app.proves(&visit, fields.get("form")) {
        return app.problem(&visit, StatusCode::FORBIDDEN, "form-old", "form-old-do");
    }
    let was_silent = app.journal.state().on_air().is_empty();
    match app.submit(&visit, Command::StopEverything).await {
        Ok(_) => see(if was_silent {
            "/speakers?said=was-silent"
        } else {
            "/speakers?said=stopped"
        }),
        Err(page) => page,
    }
}
