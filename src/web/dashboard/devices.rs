//! Thiết bị: every device and whether it answers. Thêm: links to the remaining pages.

use axum::extract::State;
use axum::response::Response;

use super::home::status_banner;
use crate::domain::device::Device;
use crate::domain::state::VillageState;
use crate::http::render::render;
use crate::i18n::dates;
use crate::i18n::locale::{Lang, capital};
use crate::i18n::refusal_text;
use crate::protocol::broker::RefusalReason;
use crate::protocol::village_status::{
    DeviceCounts, Status, StatusReason, ThingKind, ThingStatus, VillageStatus,
};
use crate::time::WallMs;
use crate::view::status_text;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::components::{Fragment, ListPage, PageSection, Row, status_class};

/// Most unprovisioned devices that are shown.
const MAX_STRANGERS: usize = 3;

/// The sentence that the page opens with, the same as on the home page; none = there is nothing
/// yet.
fn summary(app: &App, lang: Lang, status: &VillageStatus) -> Option<Fragment> {
    let now = app.supervisor.clock().wall_ms();
    (!status.summary.empty).then(|| status_banner(lang, now, status, "devices-sum"))
}

/// How many devices answer.
fn counts_text(lang: Lang, counts: DeviceCounts) -> String {
    let n = |n: usize| n.to_string();
    lang.f(
        "devices-counted",
        &[("n", &n(counts.answering)), ("all", &n(counts.all))],
    )
}

/// Things that are not well and are no devices: the sentence on top names them too.
fn other_troubles(app: &App, lang: Lang, status: &VillageStatus) -> Vec<Fragment> {
    let now = app.supervisor.clock().wall_ms();
    let mut things: Vec<&ThingStatus> = status
        .things
        .iter()
        .filter(|t| t.kind != ThingKind::Device && t.is_root())
        .filter(|t| t.status >= Status::Attention)
        .collect();
    things.sort_by_key(|t| std::cmp::Reverse(t.status));
    things
        .into_iter()
        .map(|t| {
            Row {
                id: format!("trouble-{}", t.id),
                status_class: status_class(t.status),
                name: capital(&status_text::name_text(lang, &t.named())),
                words: status_text::reason_text(lang, now, t),
                side: String::new(),
                href: match t.kind {
                    ThingKind::Light => format!("/lights#light-{}", t.id),
                    ThingKind::Camera => format!("/cameras/{}", t.id),
                    ThingKind::Sensor => "/sensors".to_owned(),
                    ThingKind::Speaker | ThingKind::Device => "/speakers".to_owned(),
                },
                ..Row::default()
            }
            .fragment()
        })
        .collect()
}

/// How a device is, in words: whether it answers, why the broker refuses it, and what of its
/// discovery messages cannot be used.
pub(in crate::web) fn device_text(
    app: &App,
    lang: Lang,
    thing: Option<&ThingStatus>,
    d: &Device,
) -> String {
    let now = app.supervisor.clock().wall_ms();
    let refusals = app.live.broker.refusals();
    let recent = |at_s: i64| now.since(WallMs::of_seconds(at_s)) < 86_400_000;
    let words = thing.map_or_else(
        || {
            format!(
                "{}. {}",
                lang.t("device-sent-away"),
                lang.t("device-sent-away-do")
            )
        },
        |t| status_text::reason_text(lang, now, t),
    );
    // Why the broker refuses the device, if that is why it is offline. Details are for the
    // technician (`conglang broker why`).
    let gone_at = d
        .availability
        .offline_since()
        .map_or(WallMs::default(), |since| since - 120_000);
    let refused = refusals.iter().rfind(|r| {
        thing.is_some_and(|t| t.status != Status::Well)
            && r.client == d.id.as_str()
            && recent(r.at_s)
            && WallMs::of_seconds(r.at_s) >= gone_at
    });
    let words = match refused.and_then(|r| cause_key(&r.reason)) {
        Some(why) => format!("{words}. {}", lang.t(why)),
        None => words,
    };
    // Its discovery messages that the gateway cannot use.
    let (down, more) = app.live.rejected_discovery.of(&d.id);
    match down.first().filter(|_| thing.is_some()) {
        Some(first) => {
            let why = refusal_text::discovery_error_text(lang, &first.why);
            let sentence = lang.f(
                "device-turned-down",
                &[("n", &(down.len() + more).to_string()), ("why", &why)],
            );
            match thing.map(|t| t.reason) {
                Some(StatusReason::UnusableDiscovery { .. }) => sentence,
                _ => format!("{words}. {sentence}"),
            }
        }
        None => words,
    }
}

/// The devices of the village: offline ones first, then those that never answered.
fn rows(app: &App, lang: Lang, state: &VillageState, status: &VillageStatus) -> Vec<Fragment> {
    let mut devices: Vec<_> = state.devices.values().collect();
    let thing = |d: &Device| status.of(ThingKind::Device, d.id.as_str());
    devices.sort_by_key(|d| {
        let how = thing(d).map(|t| t.status);
        (how.is_none(), std::cmp::Reverse(how), d.id.clone())
    });
    let row = |d: &Device| {
        let thing = thing(d);
        let words = device_text(app, lang, thing, d);
        let place = d
            .place
            .as_ref()
            .and_then(|p| state.places.get(p))
            .map(|p| lang.verbatim(&p.name));
        let words = match place {
            Some(place) => format!(
                "{words}{}{place}",
                if words.ends_with('.') { " " } else { " · " }
            ),
            None => words,
        };
        Row {
            id: format!("device-{}", d.id),
            status_class: thing.map_or("off", |t| status_class(t.status)),
            name: lang.verbatim(&d.name),
            words,
            side: String::new(),
            href: format!("/history?about={}", d.id),
            ..Row::default()
        }
        .fragment()
    };
    devices.into_iter().map(|d| row(d)).collect()
}

/// Unprovisioned devices of the last hour: somebody plugged them in. The newest come first, so that
/// noise does not hide them.
fn unknown_devices(app: &App, lang: Lang, state: &VillageState) -> Vec<Fragment> {
    let now = app.supervisor.clock().wall_ms();
    let refusals = app.live.broker.refusals();
    let known = |name: &str| state.devices.keys().any(|id| id.as_str() == name);
    let mut strangers: Vec<_> = refusals
        .iter()
        .filter(|r| {
            r.reason == RefusalReason::Quarantined
                && now.since(WallMs::of_seconds(r.at_s)) < 3_600_000
                && !known(&r.client)
        })
        .collect();
    strangers.sort_by_key(|r| (std::cmp::Reverse(r.at_s), r.client.clone()));
    let others = strangers.len().saturating_sub(MAX_STRANGERS);
    let row = |id: String, name: String, words: String| {
        Row {
            id,
            status_class: "warn",
            name,
            words,
            ..Row::default()
        }
        .fragment()
    };
    let mut rows: Vec<Fragment> = strangers
        .into_iter()
        .take(MAX_STRANGERS)
        .map(|r| {
            row(
                format!("stranger-{}", r.client),
                r.client.clone(),
                lang.f(
                    "device-stranger-seen",
                    &[("time", &dates::since(now, WallMs::of_seconds(r.at_s)))],
                ),
            )
        })
        .collect();
    if others > 0 {
        rows.push(row(
            "strangers-more".into(),
            lang.f("device-strangers-more", &[("n", &others.to_string())]),
            String::new(),
        ));
    }
    rows
}

/// The fragments of this page.
pub fn fragments(app: &App, visit: &RequestContext, state: &VillageState) -> Vec<Fragment> {
    let status = app.status_on_page(visit.lang, state);
    let mut out: Vec<Fragment> = summary(app, visit.lang, &status).into_iter().collect();
    out.extend(other_troubles(app, visit.lang, &status));
    out.extend(rows(app, visit.lang, state, &status));
    out.extend(unknown_devices(app, visit.lang, state));
    out
}

/// The sentence for the chief about a refusal; none = the refusal tells nothing about the device.
fn cause_key(reason: &RefusalReason) -> Option<&'static str> {
    Some(match reason {
        RefusalReason::BadCredentials | RefusalReason::CredentialsMissing => "device-why-password",
        RefusalReason::AccountChanged
        | RefusalReason::CertificateNameUnknown
        | RefusalReason::Quarantined => "device-why-account",
        RefusalReason::KeepAliveTimeout => "device-why-silent",
        RefusalReason::SessionTakenOver
        | RefusalReason::AdministrativeAction
        | RefusalReason::ShuttingDown
        | RefusalReason::ConnectDuringShutdown => return None,
        _ => "device-why-other",
    })
}

fn html_of(fragments: Vec<Fragment>) -> Vec<String> {
    fragments.into_iter().map(|f| f.html).collect()
}

/// The page.
pub async fn page(State(app): State<App>, visit: RequestContext) -> Response {
    let state = app.village();
    let status = app.status_on_page(visit.lang, &state);
    let f = app.page_context(&visit, &state, "more");
    let mut parts = Vec::new();
    let troubles = other_troubles(&app, visit.lang, &status);
    if !troubles.is_empty() {
        parts.push(PageSection {
            name: f.t("other-troubles"),
            rows: html_of(troubles),
            ..PageSection::default()
        });
    }
    parts.push(PageSection {
        name: if status.devices.all > 0 {
            counts_text(f.lang, status.devices)
        } else {
            String::new()
        },
        rows: html_of(rows(&app, visit.lang, &state, &status)),
        empty: f.t("no-devices"),
        ..PageSection::default()
    });
    let strangers = unknown_devices(&app, visit.lang, &state);
    if !strangers.is_empty() {
        parts.push(PageSection {
            name: f.t("device-strangers"),
            controls: format!("<p class=\"soft\">{}</p>", f.t("device-strangers-do")),
            rows: html_of(strangers),
            empty: String::new(),
        });
    }
    let summary = summary(&app, visit.lang, &status).unwrap_or_default().html;
    render(&ListPage {
        title: f.t("devices"),
        live: "/live/devices",
        summary,
        parts,
        links: Vec::new(),
        refresh: 0,
        f,
    })
}

/// Thêm.
pub async fn more(State(app): State<App>, visit: RequestContext) -> Response {
    let state = app.journal.state();
    let f = app.page_context(&visit, &state, "more");
    let links = [
        ("/notices", "notices"),
        ("/wifi", "free-wifi"),
        ("/directory", "roads-link"),
        ("/files/procedures", "procedures-list"),
        ("/storm", "storm-plan"),
        ("/sensors", "sensors"),
        ("/devices", "devices"),
        ("/history", "history"),
    ];
    let links = links
        .into_iter()
        .map(|(href, key)| (href.to_owned(), f.t(key)))
        .collect();
    render(&ListPage {
        title: f.t("more"),
        live: "/live/other",
        summary: String::new(),
        parts: Vec::new(),
        links,
        refresh: 0,
        f,
    })
}
