//! Results: how each announcement went, in words, and the newest one on top for as long as somebody
//! waits for it.

use super::draft::Preview;
use crate::domain::id::DeviceId;
use crate::domain::speaker::{Announcement, PlaybackOutcome, PlaybackState};
use crate::domain::state::VillageState;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::protocol::village_status::Status;
use crate::view::history_text::trouble_text;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::components::{Banner, Fragment, Row, status_class};
use crate::web::kit::names::name_of;

/// How long the result of the newest announcement stands on top, ms.
const RESULT_SHOWN_MS: i64 = 600_000;

/// True when people stopped this playback.
const fn is_stopped(play: &PlaybackState) -> bool {
    matches!(
        play,
        PlaybackState::Ended {
            how: PlaybackOutcome::Stopped
        }
    )
}

/// How an announcement went, in words: “Đã phát 2/2 cụm”, and its status; none = people stopped it.
fn result_text(
    lang: Lang,
    state: &VillageState,
    announcement: &Announcement,
) -> (String, Option<Status>) {
    let (played, all) = announcement.played_count();
    let (n, all) = (played.to_string(), all.to_string());
    let name = |speaker: &DeviceId| lang.verbatim(&name_of(state, speaker.as_str()));
    if !announcement.is_over() {
        let ordered = announcement.plays.len().to_string();
        // The number of speaker clusters that play or have played: nobody presses again because “0”
        // have ended.
        let began = announcement
            .plays
            .values()
            .filter(|p| !matches!(p, PlaybackState::Waiting))
            .count()
            .to_string();
        return (
            lang.f(
                if began == "0" {
                    "played-beginning"
                } else {
                    "played-running"
                },
                &[("n", &began), ("all", &ordered)],
            ),
            Some(Status::Waiting),
        );
    }
    let unreachable = announcement
        .unreachable
        .iter()
        .map(|speaker| lang.f("played-unreachable", &[("name", &name(speaker))]));
    let troubles: Vec<String> = announcement
        .plays
        .iter()
        .filter_map(|(speaker, play)| {
            let PlaybackState::Ended { how } = play else {
                return None;
            };
            trouble_text(lang, &name(speaker), how)
        })
        .chain(unreachable)
        .collect();
    let stopped = announcement
        .plays
        .values()
        .filter(|play| is_stopped(play))
        .count();
    if stopped > 0 && stopped == announcement.plays.len() {
        let names = announcement
            .plays
            .keys()
            .map(name)
            .collect::<Vec<_>>()
            .join(", ");
        return (
            lang.f(
                "played-cut",
                &[("n", &stopped.to_string()), ("names", &names)],
            ),
            None,
        );
    }
    if troubles.is_empty() {
        (
            lang.f("played-all", &[("n", &n), ("all", &all)]),
            Some(Status::Well),
        )
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
            Some(Status::Attention),
        )
    }
}

fn recent_announcements(app: &App, visit: &RequestContext, state: &VillageState) -> Vec<String> {
    let lang = visit.lang;
    let now = app.supervisor.clock().wall_ms();
    let mut announcements: Vec<_> = state.announcements.values().collect();
    announcements.sort_by_key(|a| std::cmp::Reverse(a.order));
    announcements
        .into_iter()
        .take(5)
        .map(|a| {
            let (words, status) = result_text(lang, state, a);
            let href = replay_url(app, visit, a);
            let words = if href.is_empty() {
                words
            } else {
                format!("{words} · {}", lang.t("tap-to-repeat"))
            };
            Row {
                id: format!("said-{}", a.id),
                status_class: status.map_or("off", status_class),
                name: format!("“{}”", app.text_on_page(lang, &a.text, 60)),
                words,
                side: dates::since(now, a.at),
                href,
                ..Row::default()
            }
            .html()
        })
        .collect()
}

/// The address where a sentence is previewed again, to be played again.
fn replay_url(app: &App, visit: &RequestContext, announcement: &Announcement) -> String {
    let Some(user) = visit
        .user
        .as_ref()
        .filter(|_| visit.is_chief() && announcement.is_over() && announcement.text.len > 0)
    else {
        return String::new();
    };
    let once = app
        .sessions
        .seal(&user.id, &format!("again {}", announcement.id));
    let preview = Preview {
        blob: announcement.text.id.to_string(),
        mac: announcement.text.mac.clone(),
        len: announcement.text.len,
        once,
        zone: announcement.plays.keys().map(ToString::to_string).collect(),
        seal: String::new(),
    };
    format!("/speakers/hear?{}", preview.sealed(app, visit).query())
}

pub(super) fn recent_list(app: &App, visit: &RequestContext, state: &VillageState) -> Fragment {
    let rows = recent_announcements(app, visit, state);
    let rows = if rows.is_empty() {
        format!("<li class=\"soft\">{}</li>", visit.lang.t("nothing-played"))
    } else {
        rows.concat()
    };
    Fragment {
        id: "played".to_owned(),
        html: format!("<ul class=\"rows sheet\" id=\"played\">{rows}</ul>"),
    }
}

/// How the newest announcement went, on top of the page where it is seen, for as long as somebody
/// waits for it.
pub(super) fn latest_result(app: &App, lang: Lang, state: &VillageState) -> Fragment {
    let now = app.supervisor.clock().wall_ms();
    let newest = state
        .announcements
        .values()
        .max_by_key(|a| a.order)
        .filter(|a| (0..RESULT_SHOWN_MS).contains(&now.since(a.at)) && a.is_over());
    newest.map_or_else(
        || Fragment::empty("last"),
        |a| {
            let (words, status) = result_text(lang, state, a);
            Banner {
                id: "last".into(),
                status_class: status.map_or("info", status_class),
                title: words,
                detail: format!(
                    "“{}” · {}",
                    app.text_on_page(lang, &a.text, 60),
                    dates::since(now, a.at)
                ),
                href: "",
            }
            .fragment()
        },
    )
}
