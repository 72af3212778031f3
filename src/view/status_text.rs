//! The status of the village in words. The same values give the same sentence on every page, in
//! every command and at the commune.

use crate::i18n::dates;
use crate::i18n::locale::{Lang, noun};
use crate::protocol::village_status::{
    CauseKind, CauseSummary, GatewayTrouble, LostData, NamedThing, NamedThings, Status,
    StatusReason, StatusSummary, ThingKind, ThingStatus, VillageStatus,
};
use crate::time::WallMs;

/// One sentence and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusSentence {
    /// The worst status that it names; none = there is nothing yet that could have one.
    pub status: Option<Status>,
    /// The sentence.
    pub title: String,
    /// The other faults, and the advice; empty = nothing.
    pub detail: String,
}

/// A name with the noun that it needs in a sentence.
#[must_use]
pub fn name_text(lang: Lang, thing: &NamedThing) -> String {
    match thing.kind {
        ThingKind::Device | ThingKind::Sensor => thing.name.clone(),
        ThingKind::Light => noun(lang, "a-light", &thing.name),
        ThingKind::Speaker => noun(lang, "a-speaker", &thing.name),
        ThingKind::Camera => noun(lang, "a-camera", &thing.name),
    }
}

fn names_text(lang: Lang, things: &NamedThings) -> String {
    let mut names = things
        .first
        .iter()
        .map(|t| name_text(lang, t))
        .collect::<Vec<_>>()
        .join(", ");
    if things.count > things.first.len() {
        names.push('…');
    }
    names
}

/// Things that were lost together, in words that end without a full stop.
#[must_use]
pub fn cause_text(
    lang: Lang,
    now: WallMs,
    kind: &CauseKind,
    since: WallMs,
    count: usize,
    names: &str,
) -> String {
    let (key, place) = match kind {
        CauseKind::Everything => ("lost-everything", ""),
        CauseKind::SameMoment => ("lost-together", ""),
        CauseKind::Place { name } => ("lost-place", name.as_str()),
    };
    lang.f(
        key,
        &[
            ("place", place),
            ("n", &count.to_string()),
            ("since", &dates::since(now, since)),
            ("names", names),
        ],
    )
}

fn cause_summary_text(lang: Lang, now: WallMs, cause: &CauseSummary) -> String {
    let names = names_text(lang, &cause.things);
    cause_text(
        lang,
        now,
        &cause.kind,
        cause.since,
        cause.things.count,
        &names,
    )
}

/// The broken things, in one sentence; none = nothing is.
fn broken_text(lang: Lang, now: WallMs, summary: &StatusSummary) -> Option<String> {
    if summary.broken_count == 0 {
        return None;
    }
    if let ([only], 0) = (summary.causes.as_slice(), summary.broken.count) {
        return Some(crate::i18n::locale::capital(&cause_summary_text(
            lang, now, only,
        )));
    }
    let mut parts: Vec<String> = summary
        .causes
        .iter()
        .map(|c| cause_summary_text(lang, now, c))
        .collect();
    if summary.broken.count > 0 {
        parts.push(names_text(lang, &summary.broken));
    }
    Some(lang.f(
        "broken-things",
        &[
            ("n", &summary.broken_count.to_string()),
            ("names", &parts.join("; ")),
        ],
    ))
}

fn unknown_text(lang: Lang, unknown: &NamedThings) -> Option<String> {
    (unknown.count > 0).then(|| {
        lang.f(
            "unheard-things",
            &[
                ("n", &unknown.count.to_string()),
                ("names", &names_text(lang, unknown)),
            ],
        )
    })
}

fn loss_text(lang: Lang, losses: &[LostData]) -> Option<String> {
    let words: Vec<String> = losses
        .iter()
        .map(|loss| {
            lang.t(match loss {
                LostData::History => "lost-history",
                LostData::Broker => "lost-ledger",
                LostData::Texts => "lost-people",
                LostData::Commune => "lost-commune",
            })
        })
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn gateway_text(lang: Lang, gateway: &[GatewayTrouble]) -> Option<String> {
    let words: Vec<String> = gateway
        .iter()
        .map(|trouble| {
            lang.t(match trouble {
                GatewayTrouble::Journal => "part-journal",
                GatewayTrouble::Broker => "part-broker",
                GatewayTrouble::Queues => "part-queues",
                GatewayTrouble::Keys => "part-keys",
                GatewayTrouble::Other => "part-other",
            })
        })
        .collect();
    (!words.is_empty()).then(|| lang.f("machine-trouble", &[("what", &words.join(", "))]))
}

/// The advice about the broken things.
fn broken_advice(lang: Lang, now: WallMs, summary: &StatusSummary) -> String {
    match summary.broken.first.first() {
        Some(oldest) if summary.causes.is_empty() => match oldest.since {
            Some(since) => lang.f(
                "broken-oldest",
                &[
                    ("name", &name_text(lang, oldest)),
                    ("since", &dates::since(now, since)),
                ],
            ),
            None => lang.t("machine-trouble-do"),
        },
        _ => lang.t("lost-together-do"),
    }
}

/// The one sentence about the village.
#[must_use]
pub fn sentence(lang: Lang, now: WallMs, summary: &StatusSummary) -> StatusSentence {
    let broken = broken_text(lang, now, summary);
    let gateway = gateway_text(lang, &summary.gateway);
    let unknown = unknown_text(lang, &summary.unknown);
    let losses = loss_text(lang, &summary.losses);
    let join = |parts: &[Option<String>]| {
        let parts: Vec<&str> = parts.iter().flatten().map(String::as_str).collect();
        parts.join(" ")
    };
    let say = |status, title, detail| StatusSentence {
        status: Some(status),
        title,
        detail,
    };
    if summary.is_blind() {
        // The status of the things is as old as this fault: it explains all of them.
        let advice = format!("{} {}", lang.t("machine-trouble-do"), lang.t("devices-old"));
        return say(
            Status::Broken,
            gateway.unwrap_or_default(),
            join(&[Some(advice), losses]),
        );
    }
    if let Some(title) = broken {
        let advice = broken_advice(lang, now, summary);
        let gateway = gateway.map(|g| format!("{g}."));
        return say(
            Status::Broken,
            title,
            join(&[Some(advice), unknown, gateway, losses]),
        );
    }
    if let Some(title) = gateway {
        let advice = lang.t("machine-trouble-do");
        return say(
            Status::Broken,
            title,
            join(&[Some(advice), unknown, losses]),
        );
    }
    if let Some(title) = losses {
        let advice = lang.t("lost-do");
        return say(Status::Attention, title, join(&[Some(advice), unknown]));
    }
    if summary.empty {
        return StatusSentence {
            status: None,
            title: lang.t("nothing-yet"),
            detail: lang.t("nothing-yet-do"),
        };
    }
    match unknown {
        Some(title) => say(Status::Attention, title, String::new()),
        None => say(Status::Well, lang.t("all-well"), String::new()),
    }
}

/// Why a thing has its status, in words.
#[must_use]
pub fn reason_text(lang: Lang, now: WallMs, thing: &ThingStatus) -> String {
    let since = thing
        .since
        .map_or_else(|| "–".to_owned(), |since| dates::since(now, since));
    let with = |key: &str| lang.f(key, &[("since", &since), ("time", &since)]);
    let percent = |key: &str, percent: u8| lang.f(key, &[("n", &percent.to_string())]);
    let on_off = |on: bool| lang.t(if on { "light-on" } else { "light-off" });
    match (thing.reason, thing.kind) {
        (StatusReason::Works, ThingKind::Light) => {
            let what = on_off(thing.on.unwrap_or_default());
            lang.f("light-since", &[("what", &what), ("time", &since)])
        }
        (StatusReason::Works, ThingKind::Camera) => with("camera-live"),
        (StatusReason::Works, ThingKind::Sensor) => with("reading-at"),
        (StatusReason::Works, _) => with("device-here-since"),
        (StatusReason::Unmonitored, _) => with("device-heard"),
        (StatusReason::NeverAnswered, ThingKind::Camera) => lang.t("camera-never"),
        (StatusReason::NeverAnswered, _) => lang.t("device-unknown"),
        (StatusReason::NotAnnounced, _) => lang.t("light-not-announced"),
        (StatusReason::Silent, _) => with("device-gone"),
        (StatusReason::OrderPending { on }, _) => {
            let waited = thing.since.map_or(0, |at| (now.since(at) / 1000).max(0));
            let key = if on {
                "light-waiting-on"
            } else {
                "light-waiting-off"
            };
            lang.f(key, &[("n", &waited.to_string())])
        }
        (StatusReason::OrderUnanswered { .. }, _) => with("light-unanswered"),
        (StatusReason::Unreadable, _) => lang.t("reading-unclear"),
        (StatusReason::Expired, _) => with("reading-expired"),
        (StatusReason::NoReading, _) => lang.t("tile-reading-none"),
        (StatusReason::OnlyRetained, ThingKind::Light) => format!(
            "{} · {}",
            on_off(thing.on.unwrap_or_default()),
            lang.t("reading-kept")
        ),
        (StatusReason::OnlyRetained, _) => lang.t("reading-kept"),
        (StatusReason::UnusableDiscovery { count }, _) => {
            lang.f("device-unusable", &[("n", &count.to_string())])
        }
        (StatusReason::NoAddress, _) => lang.t("camera-no-address"),
        (StatusReason::Connecting, _) => lang.t("camera-calling"),
        (StatusReason::StreamLost, _) => with("camera-lost"),
        (StatusReason::Undecodable, _) => lang.t("camera-unseen"),
        (StatusReason::NotRecorded, _) => lang.t("camera-not-recorded"),
        (StatusReason::Unchecked, _) => lang.t("camera-unchecked"),
        (StatusReason::PacketLoss { percent: n }, _) => percent("camera-loss", n),
        (StatusReason::SlowDisk { percent: n }, _) => percent("camera-missed", n),
        (StatusReason::WrongClock, _) => lang.t("camera-clock"),
    }
}

/// The advice to a technician about a thing that is not well.
#[must_use]
pub fn advice_text(lang: Lang, thing: &ThingStatus) -> String {
    let key = match (thing.reason, thing.kind) {
        (StatusReason::StreamLost | StatusReason::NoAddress, _) => "status-do-camera",
        (_, ThingKind::Camera) => "status-do-recording",
        (StatusReason::OrderUnanswered { .. }, _) => "status-do-lamp",
        (StatusReason::Silent, _) => "status-do-silent",
        (StatusReason::NeverAnswered, _) => "status-do-never",
        _ => "status-do-reading",
    };
    lang.f(key, &[("id", &thing.id)])
}

/// The things of a kind that are not well, those with the same reason and time together: “Cầu Tre,
/// Đình: không trả lời từ 14:05”.
#[must_use]
pub fn troubles_text(lang: Lang, now: WallMs, status: &VillageStatus, kind: ThingKind) -> String {
    let mut groups: Vec<(String, Vec<NamedThing>)> = Vec::new();
    for thing in status
        .of_kind(kind)
        .filter(|t| t.status >= Status::Attention)
    {
        let reason = reason_text(lang, now, thing);
        match groups.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, things)) => things.push(thing.named()),
            None => groups.push((reason, vec![thing.named()])),
        }
    }
    groups
        .into_iter()
        .map(|(reason, things)| {
            let things = NamedThings::of(things);
            let mut names = things
                .first
                .iter()
                .map(|t| t.name.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            if things.count > things.first.len() {
                names.push('…');
            }
            format!("{names}: {}", uncapital(&reason))
        })
        .collect::<Vec<_>>()
        .join("; ")
}

/// The sentence without a capital at its beginning, as it stands behind a colon.
#[must_use]
pub fn uncapital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters
        .next()
        .map_or_else(String::new, |c| c.to_lowercase().chain(letters).collect())
}
