//! Đèn đường: each lamp with its status and one switch; light groups.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};

use crate::domain::device::Availability;
use crate::domain::id::{EntityId, GroupId};
use crate::domain::light::{self, Light};
use crate::domain::state::VillageState;
use crate::http::address::PathId;
use crate::http::form::{FormContent, FormFields};
use crate::http::page_error::{PageError, PageResult};
use crate::http::render::{redirect_see_other, render};
use crate::i18n::locale::Lang;
use crate::protocol::village_status::{
    Status, StatusReason, ThingKind, ThingStatus, VillageStatus,
};
use crate::time::WallMs;
use crate::view::status_text;
use crate::view::village_status::unannounced_name;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::components::{
    Banner, Fragment, ListPage, PageSection, Row, html, status_class,
};
use crate::web::kit::form::Post;
use crate::web::kit::undo::Act;

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
    name: &'a str,
    csrf: &'a str,
    on: String,
    off: String,
}

/// The status of a lamp in words, with its status class; a lamp that is off is no disturbance.
fn light_text(lang: Lang, now: WallMs, thing: Option<&ThingStatus>) -> (String, &'static str) {
    thing.map_or_else(
        || (lang.t("device-sent-away"), "off"),
        |t| {
            let is_off = t.status == Status::Well && t.on == Some(false);
            let class = if is_off {
                "off"
            } else {
                status_class(t.status)
            };
            (status_text::reason_text(lang, now, t), class)
        },
    )
}

/// The values that the rows of one page share.
struct LightRows<'a> {
    lang: Lang,
    now: WallMs,
    csrf: &'a str,
    state: &'a VillageState,
    status: &'a VillageStatus,
}

fn row(page: &LightRows<'_>, light: &Light) -> Fragment {
    let (lang, state) = (page.lang, page.state);
    let thing = page.status.of(ThingKind::Light, light.id.as_str());
    let (words, mark) = light_text(lang, page.now, thing);
    let on = light
        .desired
        .filter(|_| light.is_pending())
        .map_or_else(|| light.is_on(), |d| d.on);
    // A lamp that never answered is the technician's task: a button that does nothing helps nobody.
    let device = state.device_of(&light.id);
    let has_reported = light.reported.is_some()
        || light.desired.is_some()
        || device.is_some_and(|d| matches!(d.availability, Availability::Online { .. }));
    let can = has_reported
        && !device.is_some_and(|d| state.is_revoked(&d.id))
        && state
            .entities
            .get(&light.id)
            .is_some_and(|e| e.order.is_some());
    let row = LightRow {
        id: light.id.as_str(),
        status_class: mark,
        name: &lang.verbatim(&light.name),
        words,
        can,
        csrf: page.csrf,
        next: if on { "0" } else { "1" },
        button: lang.t(if on { "turn-off" } else { "turn-on" }),
        button_class: if on { "quiet" } else { "" },
    };
    Fragment::new(format!("light-{}", light.id), &row)
}

/// The row of a lamp that its group names and no discovery message ever announced.
fn unannounced_row(page: &LightRows<'_>, id: &EntityId) -> Fragment {
    let thing = page.status.of(ThingKind::Light, id.as_str());
    let (words, mark) = light_text(page.lang, page.now, thing);
    Row {
        id: format!("light-{id}"),
        status_class: mark,
        name: page.lang.verbatim(&unannounced_name(page.state, id)),
        words,
        ..Row::default()
    }
    .fragment()
}

fn summary(lang: Lang, status: &VillageStatus) -> Fragment {
    let counts = status.lights;
    let parts = [
        ("lights-on", counts.lit),
        ("lights-waiting", counts.waiting),
        ("lights-off", counts.off),
        ("lights-bad", counts.broken),
    ];
    let mut parts: Vec<String> = parts
        .iter()
        .filter(|(_, n)| *n > 0)
        .map(|(key, n)| lang.f(key, &[("n", &n.to_string())]))
        .collect();
    let unknown: Vec<&ThingStatus> = status
        .of_kind(ThingKind::Light)
        .filter(|t| t.status == Status::Attention)
        .collect();
    if !unknown.is_empty() {
        let is_never = |t: &&&ThingStatus| {
            matches!(
                t.reason,
                StatusReason::NeverAnswered | StatusReason::NotAnnounced
            )
        };
        let key = if unknown.iter().filter(is_never).count() == unknown.len() {
            "lights-never"
        } else {
            "lights-unknown-names"
        };
        let names: Vec<&str> = unknown.iter().map(|t| t.name.as_str()).collect();
        parts.push(lang.f(
            key,
            &[
                ("n", &unknown.len().to_string()),
                ("names", &names.join(", ")),
            ],
        ));
    }
    let worst = status
        .of_kind(ThingKind::Light)
        .map(|t| t.status)
        .filter(|s| *s != Status::Waiting)
        .max()
        .unwrap_or_default();
    Banner {
        id: "lights-summary".into(),
        status_class: status_class(worst),
        title: if parts.is_empty() {
            lang.t("lights-none")
        } else {
            parts.join(", ")
        },
        ..Banner::default()
    }
    .fragment()
}

/// The fragments of this page.
pub fn fragments(app: &App, visit: &RequestContext, state: &VillageState) -> Vec<Fragment> {
    let status = app.status_on_page(visit.lang, state);
    let page = LightRows {
        lang: visit.lang,
        now: app.supervisor.clock().wall_ms(),
        csrf: &app.sessions.csrf_token(&visit.token),
        state,
        status: &status,
    };
    let mut out = vec![summary(visit.lang, &status)];
    out.extend(state.lights.values().map(|l| row(&page, l)));
    out
}

/// The page.
pub async fn page(State(app): State<App>, visit: RequestContext) -> Response {
    let state = app.village();
    let f = app.page_context(&visit, &state, "lights");
    let status = app.status_on_page(f.lang, &state);
    let page = LightRows {
        lang: f.lang,
        now: app.supervisor.clock().wall_ms(),
        csrf: &f.csrf,
        state: &state,
        status: &status,
    };
    let mut parts: Vec<PageSection> = state
        .groups
        .values()
        .map(|g| PageSection {
            name: f.verbatim(&g.name),
            controls: html(&GroupControls {
                id: g.id.as_str(),
                name: &f.verbatim(&g.name),
                csrf: &f.csrf,
                on: f.t("turn-on-all"),
                off: f.t("turn-off-all"),
            }),
            rows: g
                .lights
                .iter()
                .map(|id| {
                    state
                        .lights
                        .get(id)
                        .map_or_else(|| unannounced_row(&page, id), |l| row(&page, l))
                        .html
                })
                .collect(),
            empty: f.t("no-lights"),
        })
        .collect();
    let others: Vec<String> = state
        .lights
        .values()
        .filter(|l| l.group.is_none())
        .map(|l| row(&page, l).html)
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
    let summary = summary(f.lang, &status).html;
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

/// Goes back to where the button was pressed, and offers there to take the act back.
fn go_back(app: &App, visit: &RequestContext, place: &str, act: Option<Act>) -> Response {
    match (visit.live, act) {
        // The page stays, and puts the bar in its place.
        (true, Some(act)) => Html(app.undo_bar(visit, act)).into_response(),
        (true, None) => StatusCode::NO_CONTENT.into_response(),
        (false, act) => redirect_see_other(&format!("{}#{place}", Act::address(act, "/lights"))),
    }
}

/// The form of a lamp's or a group's switch. It names the state that is wanted: sent twice, it
/// changes nothing more.
pub struct SwitchForm {
    on: bool,
}

impl FormContent<App> for SwitchForm {
    fn read(fields: FormFields) -> Self {
        Self {
            on: fields.get("on") == "1",
        }
    }
}

/// Switches one lamp. Its button is its own way back.
pub async fn switch(
    State(app): State<App>,
    PathId(light): PathId<EntityId>,
    post: Post<SwitchForm>,
) -> PageResult {
    let place = format!("light-{light}");
    let (visit, _) = order(&app, post, |on| light::Command::Switch { light, on }).await?;
    Ok(go_back(&app, &visit, &place, None))
}

/// Switches a group.
pub async fn switch_group(
    State(app): State<App>,
    PathId(group): PathId<GroupId>,
    post: Post<SwitchForm>,
) -> PageResult {
    let place = format!("group-{group}");
    let (visit, act) = order(&app, post, |on| light::Command::SwitchGroup { group, on }).await?;
    Ok(go_back(&app, &visit, &place, act))
}

/// Gives an order before its deadline; gives what it did, with the request that it came by.
async fn order(
    app: &App,
    Post {
        visit,
        deadline,
        form,
        ..
    }: Post<SwitchForm>,
    command: impl FnOnce(bool) -> light::Command,
) -> Result<(RequestContext, Option<Act>), PageError> {
    let request = visit.request(command(form.on))?.before(deadline);
    let committed = app.journal.submit(request).await?;
    Ok((visit, Act::of(committed)))
}
