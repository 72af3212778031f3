//! Đèn đường: each lamp with its status and one switch; light groups.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::app::{App, FormFields, RequestContext};
use super::components::{Banner, ListPage, PageSection, Row, html};
use crate::domain::command::Command;
use crate::domain::device::{Availability, Device};
use crate::domain::id::{EntityId, GroupId};
use crate::domain::light::Light;
use crate::domain::state::VillageState;
use crate::http::render::{redirect_see_other, render};
use crate::i18n::dates;
use crate::i18n::locale::Lang;

#[derive(askama::Template)]
#[template(path = "light_row.html")]
struct LightRow<'a> {
    id: &'a str,
    status_class: &'static str,
    name: &'a str,
    words: String,
    can: bool,
    csrf: &'a str,
    next: &'static str,
    button: String,
    button_class: &'static str,
}

#[derive(askama::Template)]
#[template(path = "group_controls.html")]
struct GroupControls<'a> {
    id: &'a str,
    csrf: &'a str,
    on: String,
    off: String,
}

/// The status of a lamp in words, with its status class.
pub(super) fn status_text(
    app: &App,
    lang: Lang,
    state: &VillageState,
    light: &Light,
) -> (String, &'static str) {
    let now = app.supervisor.clock().wall_ms();
    let device = state.device_of(&light.id);
    if device.is_some_and(|d| state.is_revoked(&d.id)) {
        return (lang.t("device-sent-away"), "off");
    }
    let gone = device.and_then(|d| d.availability.offline_since());
    if let Some(desired) = light.desired.filter(|_| light.is_pending()) {
        let seconds = ((now - desired.at) / 1000).max(0).to_string();
        return (
            lang.f(
                if desired.on {
                    "light-waiting-on"
                } else {
                    "light-waiting-off"
                },
                &[("n", &seconds)],
            ),
            "warn",
        );
    }
    if let Some(desired) = light.desired.filter(|_| light.is_unanswered()) {
        return (
            lang.f(
                "light-unanswered",
                &[("since", &dates::since(now, desired.at))],
            ),
            "bad",
        );
    }
    if let Some(since) = gone {
        return (
            lang.f("light-gone", &[("since", &dates::since(now, since))]),
            "bad",
        );
    }
    if app.live.latest.is_invalid(&light.id) {
        return (lang.t("reading-unclear"), "bad");
    }
    // A retained message may be of any age, so it proves no answer.
    let heard = |d: &Device| {
        d.availability != Availability::Unknown || app.live.latest.last_seen(&d.id).is_some()
    };
    if let Some(kept) = app
        .live
        .latest
        .get(&light.id)
        .filter(|v| v.retained && !device.is_some_and(|d| heard(d)))
    {
        return (
            format!(
                "{} · {}",
                lang.t(if kept.number > 0.5 {
                    "light-on"
                } else {
                    "light-off"
                }),
                lang.t("reading-kept")
            ),
            "off",
        );
    }
    match light.reported {
        None => (lang.t("light-unknown"), "off"),
        Some(r) => (
            lang.f(
                "light-since",
                &[
                    ("what", &lang.t(if r.on { "light-on" } else { "light-off" })),
                    ("time", &dates::since(now, r.at)),
                ],
            ),
            if r.on { "" } else { "off" },
        ),
    }
}

fn row(app: &App, lang: Lang, form: &str, state: &VillageState, light: &Light) -> String {
    let (words, mark) = status_text(app, lang, state, light);
    let on = light
        .desired
        .filter(|_| light.is_pending())
        .map_or_else(|| light.is_on(), |d| d.on);
    // A lamp that never answered is the technician's task: a button that does nothing helps nobody.
    let device = state.device_of(&light.id);
    let heard = light.reported.is_some()
        || light.desired.is_some()
        || device.is_some_and(|d| matches!(d.availability, Availability::Online { .. }));
    let can = heard
        && !device.is_some_and(|d| state.is_revoked(&d.id))
        && state
            .entities
            .get(&light.id)
            .is_some_and(|e| e.order.is_some());
    html(&LightRow {
        id: light.id.as_str(),
        status_class: mark,
        name: &light.name,
        words,
        can,
        csrf: form,
        next: if on { "0" } else { "1" },
        button: lang.t(if on { "turn-off" } else { "turn-on" }),
        button_class: if on { "quiet" } else { "" },
    })
}

/// The row of a lamp that its group names and no discovery message ever announced.
fn unannounced_row(state: &VillageState, lang: Lang, id: &EntityId) -> String {
    let device = id.as_str().split('.').next().unwrap_or_default();
    let here = state.devices.iter().any(|(k, d)| {
        k.as_str() == device && matches!(d.availability, Availability::Online { .. })
    });
    Row {
        id: format!("light-{id}"),
        status_class: "off",
        name: unannounced_name(state, id),
        words: lang.t(if here {
            "light-not-announced"
        } else {
            "device-unknown"
        }),
        ..Row::default()
    }
    .html()
}

/// Names of the lamps that never answered: adopted ones, and those that only their group names.
pub(super) fn never_answered(state: &VillageState) -> Vec<String> {
    let mut out: Vec<String> = state
        .lights
        .values()
        .filter(|l| l.reported.is_none() && l.desired.is_none())
        .map(|l| l.name.clone())
        .collect();
    let grouped = state
        .groups
        .values()
        .flat_map(|g| g.lights.iter())
        .filter(|id| !state.lights.contains_key(*id));
    out.extend(grouped.map(|id| unannounced_name(state, id)));
    out
}

/// Number of all lamps: adopted ones, and those that only their group names.
pub(super) fn lamp_count(state: &VillageState) -> usize {
    let grouped = state
        .groups
        .values()
        .flat_map(|g| g.lights.iter())
        .filter(|id| !state.lights.contains_key(*id));
    state.lights.len() + grouped.count()
}

fn unannounced_name(state: &VillageState, id: &EntityId) -> String {
    let name = super::names::name_of(state, id.as_str().split('.').next().unwrap_or_default());
    name.strip_prefix("Đèn ").unwrap_or(&name).to_owned()
}

fn summary(app: &App, lang: Lang, state: &VillageState) -> String {
    let (mut on, mut off, mut waiting, mut bad) = (0, 0, 0, 0);
    let never = never_answered(state);
    for light in state
        .lights
        .values()
        .filter(|l| l.reported.is_some() || l.desired.is_some())
    {
        match status_text(app, lang, state, light).1 {
            "bad" => bad += 1,
            "warn" => waiting += 1,
            "" => on += 1,
            _ => off += 1,
        }
    }
    let parts = [
        ("lights-on", on),
        ("lights-waiting", waiting),
        ("lights-off", off),
        ("lights-bad", bad),
    ];
    let title = parts
        .iter()
        .filter(|(_, n)| *n > 0)
        .map(|(key, n)| lang.f(key, &[("n", &n.to_string())]))
        .collect::<Vec<_>>()
        .join(", ");
    let title = match (title.is_empty(), never.is_empty()) {
        (true, true) => lang.t("lights-none"),
        (_, true) => title,
        (true, false) => lang.f(
            "lights-never",
            &[
                ("n", &never.len().to_string()),
                ("names", &never.join(", ")),
            ],
        ),
        (false, false) => format!(
            "{title}, {}",
            lang.f(
                "lights-never",
                &[
                    ("n", &never.len().to_string()),
                    ("names", &never.join(", "))
                ]
            )
        ),
    };
    html(&Banner {
        id: "lights-summary".into(),
        status_class: if bad > 0 {
            "bad"
        } else if never.is_empty() {
            ""
        } else {
            "warn"
        },
        title,
        detail: String::new(),
    })
}

/// The fragments of this page.
pub fn fragments(app: &App, visit: &RequestContext, state: &VillageState) -> Vec<String> {
    let form = app.sessions.csrf_token(&visit.token);
    let mut out = vec![summary(app, visit.lang, state)];
    out.extend(
        state
            .lights
            .values()
            .map(|l| row(app, visit.lang, &form, state, l)),
    );
    out
}

/// The page.
pub async fn page(State(app): State<App>, visit: RequestContext) -> Response {
    let state = app.village();
    let f = app.page_context(&visit, &state, "lights");
    let mut parts: Vec<PageSection> = state
        .groups
        .values()
        .map(|g| PageSection {
            name: g.name.clone(),
            controls: html(&GroupControls {
                id: g.id.as_str(),
                csrf: &f.csrf,
                on: f.t("turn-on-all"),
                off: f.t("turn-off-all"),
            }),
            rows: g
                .lights
                .iter()
                .map(|id| {
                    state.lights.get(id).map_or_else(
                        || unannounced_row(&state, f.lang, id),
                        |l| row(&app, f.lang, &f.csrf, &state, l),
                    )
                })
                .collect(),
            empty: f.t("no-lights"),
        })
        .collect();
    let others: Vec<String> = state
        .lights
        .values()
        .filter(|l| l.group.is_none())
        .map(|l| row(&app, f.lang, &f.csrf, &state, l))
        .collect();
    if !others.is_empty() || parts.is_empty() {
        let name = if parts.is_empty() {
            String::new()
        } else {
            f.t("other-lights")
        };
        parts.push(PageSection {
            name,
            controls: String::new(),
            rows: others,
            empty: f.t("no-lights"),
        });
    }
    let summary = summary(&app, f.lang, &state);
    render(&ListPage {
        title: f.t("lights-page"),
        live: "/live/lights",
        summary,
        parts,
        links: Vec::new(),
        refresh: if state.lights.values().any(|l| l.is_pending()) {
            2
        } else {
            0
        },
        f,
    })
}

/// Redirects to where the button was pressed.
fn redirect_back(visit: &RequestContext, place: &str) -> Response {
    if visit.live {
        StatusCode::NO_CONTENT.into_response()
    } else {
        redirect_see_other(&format!("/lights#{place}"))
    }
}

/// Switches one lamp.
pub async fn switch(
    State(app): State<App>,
    visit: RequestContext,
    Path(id): Path<String>,
    fields: FormFields,
) -> Response {
    if !app.verify_csrf(&visit, fields.get("form")) {
        return app.error_page(&visit, StatusCode::FORBIDDEN, "form-old", "form-old-do");
    }
    let Ok(light) = EntityId::new(&id) else {
        return app.error_page(&visit, StatusCode::NOT_FOUND, "not-found", "not-found-do");
    };
    match app
        .submit(
            &visit,
            Command::SwitchLight {
                light,
                on: fields.get("on") == "1",
            },
        )
        .await
    {
        Ok(_) => redirect_back(&visit, &format!("light-{id}")),
        Err(page) => page,
    }
}

/// Switches a group.
pub async fn switch_group(
    State(app): State<App>,
    visit: RequestContext,
    Path(id): Path<String>,
    fields: FormFields,
) -> Response {
    if !app.verify_csrf(&visit, fields.get("form")) {
        return app.error_page(&visit, StatusCode::FORBIDDEN, "form-old", "form-old-do");
    }
    let Ok(group) = GroupId::new(&id) else {
        return app.error_page(&visit, StatusCode::NOT_FOUND, "not-found", "not-found-do");
    };
    match app
        .submit(
            &visit,
            Command::SwitchGroup {
                group,
                on: fields.get("on") == "1",
            },
        )
        .await
    {
        Ok(_) => redirect_back(&visit, &format!("group-{id}")),
        Err(page) => page,
    }
}
