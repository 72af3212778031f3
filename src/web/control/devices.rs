//! A device as its page shows it, and what a lamp reports after an order.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::commands::error_response;
use super::terminal_lang::TerminalLang;
use crate::domain::binary_sensor;
use crate::domain::entity::{Entity, Kind};
use crate::domain::id::{DeviceId, EntityId};
use crate::domain::light::Light;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::protocol::control::{DeviceReport, EntityReport, LightAnswer};
use crate::protocol::village_status::{ThingKind, VillageStatus};
use crate::time::WallMs;
use crate::view::status_text;
use crate::web::dashboard::devices;
use crate::web::kit::app::App;

/// The longest wait in one request, which may take 30 s. The gateway repeats an order for half a
/// minute, then gives up: whoever wants to know asks again while the order is pending.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// One entity, by the same sentences as on its page.
fn entity_report(app: &App, lang: Lang, status: &VillageStatus, entity: &Entity) -> EntityReport {
    let now = app.supervisor.clock().wall_ms();
    let thing = [ThingKind::Light, ThingKind::Sensor]
        .into_iter()
        .find_map(|kind| status.of(kind, entity.id.as_str()));
    let value = app.live.latest.get(&entity.id);
    let words = match (thing, &value) {
        (Some(thing), _) => status_text::reason_text(lang, now, thing),
        (None, Some(value)) => lang.f("reading-at", &[("time", &dates::since(now, value.at))]),
        (None, None) => lang.t("tile-reading-none"),
    };
    let value = value.map_or_else(String::new, |v| match entity.kind {
        Kind::Sensor => format!("{} {}", dates::number(lang, v.number, 2), entity.unit),
        Kind::BinarySensor => lang.t(&binary_sensor::key(&entity.class, v.number > 0.5)),
        Kind::Light | Kind::Switch => String::new(),
    });
    EntityReport {
        id: entity.id.to_string(),
        name: thing.map_or_else(|| entity.name.clone(), |t| t.name.clone()),
        value: value.trim_end().to_owned(),
        words,
        topic: entity.state.topic.clone(),
    }
}

/// A device with all that it does.
pub(super) async fn device(
    State(app): State<App>,
    TerminalLang(lang): TerminalLang,
    Path(id): Path<String>,
) -> Response {
    let state = app.village();
    let known = DeviceId::new(&id)
        .ok()
        .and_then(|id| state.devices.get(&id).cloned());
    let Some(device) = known else {
        return error_response(
            StatusCode::NOT_FOUND,
            lang.f("cli-no-device", &[("id", &id)]),
        );
    };
    let status = app.status(&state);
    let thing = status.of(ThingKind::Device, &id);
    let place = device.place.as_ref().and_then(|p| state.places.get(p));
    Json(DeviceReport {
        name: device.name.clone(),
        model: device.model.clone(),
        place: place.map_or_else(String::new, |p| p.name.clone()),
        words: devices::device_text(&app, lang, thing, &device),
        status: thing.map(|t| t.status),
        entities: state
            .entities
            .values()
            .filter(|e| e.device == device.id)
            .map(|e| entity_report(&app, lang, &status, e))
            .collect(),
        id,
    })
    .into_response()
}

/// The order whose answer is waited for: the number of its entry.
#[derive(Debug, Deserialize)]
pub(super) struct OrderQuery {
    order: u64,
}

fn answer_of(light: &Light, order: u64) -> LightAnswer {
    let superseded = light.desired.is_some_and(|d| d.order > order);
    LightAnswer {
        name: light.name.clone(),
        answered: !superseded && !light.is_pending() && !light.is_unanswered(),
        superseded,
        pending: !superseded && light.is_pending(),
        on: light.reported.map(|r| r.on),
        at: light.reported.map_or(WallMs::default(), |r| r.at),
    }
}

/// Waits until a lamp reported the ordered state, the gateway gave the order up, or another order
/// took its place; with a bound.
pub(super) async fn answer(
    State(app): State<App>,
    TerminalLang(lang): TerminalLang,
    Path(id): Path<String>,
    Query(query): Query<OrderQuery>,
) -> Response {
    let unknown = || {
        error_response(
            StatusCode::NOT_FOUND,
            lang.f("cli-no-light", &[("id", &id)]),
        )
    };
    let Ok(light_id) = EntityId::new(&id) else {
        return unknown();
    };
    let (mut history, mut values) = (app.journal.watch(), app.live.latest.watch());
    let end = tokio::time::Instant::now() + ANSWER_TIMEOUT;
    let stop = app.supervisor.stop().soft.clone();
    loop {
        history.borrow_and_update();
        values.borrow_and_update();
        let state = app.village();
        let Some(light) = state.lights.get(&light_id) else {
            return unknown();
        };
        let answer = answer_of(light, query.order);
        let is_over = !answer.pending || stop.is_cancelled() || tokio::time::Instant::now() >= end;
        if is_over {
            return Json(answer).into_response();
        }
        let open = tokio::select! {
            changed = history.changed() => changed.is_ok(),
            changed = values.changed() => changed.is_ok(),
            () = tokio::time::sleep_until(end) => true,
            () = stop.cancelled() => true,
        };
        if !open {
            return unknown();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::light::{Desired, Reported};

    #[test]
    fn only_the_ordered_state_is_an_answer() {
        let light = |order, on, given_up, reported: Option<bool>| Light {
            id: EntityId::new("den-01.light").expect("id"),
            name: "5".into(),
            group: None,
            desired: Some(Desired {
                on,
                order,
                at: WallMs::default(),
                given_up,
            }),
            previous: None,
            reported: reported.map(|on| Reported {
                on,
                at: WallMs::new(7),
            }),
        };
        let of = |light: Light| {
            let a = answer_of(&light, 10);
            (a.answered, a.superseded, a.pending)
        };
        assert_eq!(of(light(10, true, false, Some(true))), (true, false, false));
        assert_eq!(
            of(light(10, true, false, Some(false))),
            (false, false, true)
        );
        assert_eq!(of(light(10, true, true, None)), (false, false, false));
        assert_eq!(
            of(light(11, false, false, Some(false))),
            (false, true, false)
        );
    }
}
