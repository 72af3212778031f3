//! The report of `conglang status`: the village in a sentence and a few lines, and each camera.

use axum::Json;

use crate::domain::camera::Camera;
use crate::domain::device::Availability;
use crate::domain::state::VillageState;
use crate::i18n::locale::Lang;
use crate::i18n::reason_text::{keyed_text, reason_text};
use crate::live::faults::ClockFault;
use crate::live::pictures::SourceStatus;
use crate::protocol::control::{CameraStatus, MqttStatus, ReadingRow, StatusReport, SyncStatus};
use crate::protocol::stream_loss::StreamLoss;
use crate::protocol::village_status::{Status, ThingKind, VillageStatus};
use crate::time::WallMs;
use crate::view::status_text;
use crate::web::kit::app::App;

/// Most readings in the report.
const MAX_READINGS: usize = 2;

pub(super) fn status(app: &App, pids: Vec<(String, u32)>) -> Json<StatusReport> {
    let state = app.village();
    let now = app.supervisor.clock().wall_ms();
    let status = app.status(&state);
    let link = app.live.uplink.get();
    let mqtt = app.live.broker.counters();
    let parts = app.supervisor.health().parts();
    let health = parts
        .iter()
        .map(|(part, health)| {
            let text = health
                .reason
                .as_ref()
                .map_or_else(String::new, |reason| reason_text(Lang::Vi, reason));
            (part.clone(), health.status, text)
        })
        .collect();
    let reasons = parts
        .into_iter()
        .filter_map(|(part, health)| Some((part, health.reason?)))
        .collect();
    Json(StatusReport {
        village: state
            .village
            .as_ref()
            .map_or_else(|| "Cổng Làng".to_owned(), |v| v.name.clone()),
        sentence: status_text::sentence(Lang::Vi, now, &status.summary).title,
        at: now,
        readings: readings(app, &state, &status),
        status,
        health,
        reasons,
        seq: state.seq,
        sync: SyncStatus {
            configured: link.configured,
            up: link.up,
            since: link.since,
            received: link.received,
            received_at: link.received_at,
            waiting: link.waiting,
        },
        mqtt: MqttStatus {
            connected: mqtt.connected,
            dropped: mqtt.dropped,
        },
        names: app.live.names.get(),
        pids,
    })
}

/// The first readings of the gauges that have thresholds.
fn readings(app: &App, state: &VillageState, status: &VillageStatus) -> Vec<ReadingRow> {
    state
        .sensors
        .values()
        .filter(|s| !s.thresholds.is_empty())
        .filter_map(|s| Some((s, app.live.latest.get(&s.id)?)))
        .map(|(s, v)| ReadingRow {
            name: s.name.clone(),
            value: v.number,
            decimals: s.decimals,
            unit: s.unit.clone(),
            at: v.at,
            is_current: !v.retained
                && status
                    .of(ThingKind::Sensor, s.id.as_str())
                    .is_some_and(|t| t.status == Status::Well),
        })
        .take(MAX_READINGS)
        .collect()
}

/// Each camera: whether its stream comes, why not, and until when it is recorded.
pub(super) fn cameras(app: &App) -> Vec<CameraStatus> {
    let (state, now) = (app.village(), app.supervisor.clock().wall_ms());
    let status = app.status(&state);
    let line = |c: &std::sync::Arc<Camera>| {
        let picture = app.live.pictures.get(&c.id);
        let recording = picture.as_ref().map(|p| p.recording()).unwrap_or_default();
        let faults = picture.as_ref().map(|p| p.faults()).unwrap_or_default();
        let (why, stream_loss) = match picture
            .as_ref()
            .map(|p| p.source_status())
            .unwrap_or_default()
        {
            SourceStatus::Lost(reason) => (keyed_text(Lang::Vi, &reason.keyed()), Some(reason)),
            SourceStatus::NoAddress => {
                let reason = StreamLoss::NoAddress;
                (keyed_text(Lang::Vi, &reason.keyed()), Some(reason))
            }
            SourceStatus::Connecting | SourceStatus::Live => (String::new(), None),
        };
        let codec = picture
            .as_ref()
            .and_then(|p| p.keyframe())
            .map(|f| format!("{} {}×{}", f.format.codec, f.format.width, f.format.height))
            .unwrap_or_default();
        let segments = app.ring.list(&c.id);
        let bytes = segments.iter().map(|s| s.bytes).sum();
        CameraStatus {
            id: c.id.to_string(),
            name: c.name.clone(),
            signal: c.signal,
            status: status
                .of(ThingKind::Camera, c.id.as_str())
                .map(|t| t.status)
                .unwrap_or_default(),
            why,
            stream_loss,
            codec,
            viewers: picture
                .as_ref()
                .map_or(0, |p| p.viewers().saturating_sub(1)),
            recorded_until: if recording.until_ms > WallMs::default() {
                recording.until_ms
            } else {
                segments
                    .iter()
                    .rev()
                    .find(|s| s.start_ms <= now)
                    .map_or(WallMs::default(), |s| s.start_ms + i64::from(s.duration_ms))
            },
            recorded_from: segments.first().map_or(WallMs::default(), |s| s.start_ms),
            recorded_bytes: bytes,
            recording_trouble: recording.error,
            undecodable: faults.undecodable.unwrap_or_default(),
            unchecked: faults.unchecked.unwrap_or_default(),
            loss: faults.loss.unwrap_or_default(),
            missed: faults.missed.unwrap_or_default(),
            clock: faults.clock.map_or("", ClockFault::tag).to_owned(),
            removed: !state.cameras.contains_key(&c.id),
        }
    };
    // Recordings of a camera that was removed can still be found.
    let gone = app
        .ring
        .cameras()
        .into_iter()
        .filter(|id| !state.cameras.contains_key(id));
    let gone = gone.map(|id| {
        std::sync::Arc::new(Camera {
            name: id.to_string(),
            id,
            signal: Availability::Unknown,
            looks: Vec::new(),
        })
    });
    state
        .cameras
        .values()
        .cloned()
        .chain(gone)
        .map(|c| line(&c))
        .collect()
}
