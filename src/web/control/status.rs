//! The report of `conglang status`: the village in a sentence and a few lines, and each camera.

use axum::Json;

use super::super::app::App;
use super::super::{cameras, home, lights, sensors};
use crate::domain::camera::Camera;
use crate::domain::device::Availability;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::live::faults::ClockFault;
use crate::live::pictures::SourceStatus;
use crate::protocol::control::{CameraStatus, StatusLine, StatusReport, SyncStatus};
use crate::supervisor::health::HealthStatus;

#[expect(
    clippy::too_many_lines,
    reason = "one field after another of one answer"
)]
pub(super) fn status(app: &App, pids: Vec<(String, u32)>) -> Json<StatusReport> {
    let state = app.village();
    let (now, lang) = (app.supervisor.clock().wall_ms(), Lang::Vi);
    let presence = |id| {
        state
            .devices
            .get(id)
            .map(|d| d.availability)
            .unwrap_or_default()
    };
    let gone = state.offline_devices().count();
    let village = state
        .village
        .as_ref()
        .map_or_else(|| "Cổng Làng".to_owned(), |v| v.name.clone());
    let dark = state
        .cameras
        .values()
        .filter(|c| c.signal.is_offline())
        .count();
    let broken: Vec<String> = [(gone, "thiết bị hỏng"), (dark, "camera mất hình")]
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {what}"))
        .collect();
    // A device that never answered is not well, nor is a sensor that should watch and has no known
    // value.
    let unheard = home::never_answered(app, &state).map_or(0, |names| names.len());
    let broken: Vec<String> = broken
        .into_iter()
        .chain((unheard > 0).then(|| format!("{unheard} thứ chưa rõ thế nào")))
        .collect();
    let sentence = if broken.is_empty() {
        format!("{village}: mọi thiết bị chạy tốt")
    } else {
        format!("{village}: có {}, còn lại chạy tốt", broken.join(", "))
    };
    let words = |names: Vec<String>, none: &str| {
        if names.is_empty() {
            none.to_owned()
        } else {
            names.join(", ")
        }
    };
    // Things that went offline at the same time are named together.
    let silent = |ids: Vec<(String, Availability)>, verb: &str| {
        let mut out: Vec<(String, Vec<String>)> = Vec::new();
        for (name, presence) in ids {
            let Availability::Offline { since } = presence else {
                continue;
            };
            let since = dates::since(now, since);
            match out.iter_mut().find(|(s, _)| *s == since) {
                Some((_, names)) => names.push(name),
                None => out.push((since, vec![name])),
            }
        }
        out.into_iter()
            .map(|(since, names)| format!("{} {verb} từ {since}", names.join(", ")))
            .collect::<Vec<_>>()
    };
    let horns = state
        .speakers
        .values()
        .filter(|s| matches!(presence(&s.id), Availability::Online { .. }))
        .count();
    let lit = state
        .lights
        .values()
        .filter(|l| lights::status_text(app, lang, &state, l).1.is_empty())
        .count();
    let bad_lights = state
        .lights
        .values()
        .filter(|l| lights::status_text(app, lang, &state, l).1 == "bad")
        .map(|l| format!("{} không trả lời", l.name))
        .collect();
    let pictures = state
        .cameras
        .values()
        .filter(|c| matches!(c.signal, Availability::Online { .. }))
        .count();
    let readings = state
        .sensors
        .values()
        .filter(|s| !s.thresholds.is_empty())
        .filter_map(|s| Some((s, app.live.latest.get(&s.id)?)))
        .map(|(s, v)| {
            let value = format!(
                "{} {} {}",
                s.name,
                dates::number(v.number, s.decimals),
                s.unit
            )
            .trim_end()
            .to_owned();
            let is_old = v.retained
                || sensors::is_expired(app, &state, s)
                || sensors::offline_since(&state, s).is_some()
                || sensors::is_revoked(&state, s);
            if is_old {
                format!("{value} (cũ)")
            } else {
                value
            }
        })
        .take(2)
        .collect();
    let link = app.live.uplink.get();
    let sync_words = if !link.configured {
        "chưa nối".to_owned()
    } else if link.up {
        format!(
            "đến {}, chờ gửi {}",
            dates::since(now, link.received_at),
            link.waiting
        )
    } else {
        format!(
            "mất kết nối từ {}, chờ gửi {}",
            dates::since(now, link.since),
            link.waiting
        )
    };
    let mqtt = app.live.broker.counters();
    let machine = match app.supervisor.health().worst() {
        HealthStatus::Green => "tốt",
        HealthStatus::Amber => "cần xem",
        HealthStatus::Red => "có lỗi",
    };
    let line = |name: &str, count: String, words: String| StatusLine {
        name: name.to_owned(),
        count,
        words,
    };
    let lines = vec![
        line(
            "loa",
            format!("{horns}/{} cụm", state.speakers.len()),
            words(
                silent(
                    state
                        .speakers
                        .values()
                        .map(|s| (s.name.clone(), presence(&s.id)))
                        .collect(),
                    "im",
                ),
                "",
            ),
        ),
        line(
            "đèn",
            format!("{lit}/{} sáng", state.lights.len()),
            words(bad_lights, ""),
        ),
        line(
            "camera",
            format!("{pictures}/{}", state.cameras.len()),
            words(
                silent(
                    state
                        .cameras
                        .values()
                        .map(|c| (c.name.clone(), c.signal))
                        .collect(),
                    "mất hình",
                )
                .into_iter()
                .chain(
                    cameras::unviewable(app, &state)
                        .map(|c| format!("{} ghi mà không xem lại được", c.name)),
                )
                .collect(),
                "",
            ),
        ),
        line(
            "cảm biến",
            state.sensors.len().to_string(),
            words(readings, "chưa có số đo"),
        ),
        line(
            "xã",
            if link.configured && link.up && link.waiting == 0 {
                "nhận đủ".into()
            } else {
                String::new()
            },
            sync_words,
        ),
        line(
            "kết nối",
            format!("{} thiết bị", mqtt.connected),
            if mqtt.dropped > 0 {
                format!(
                    "từ khi chạy đã bỏ {} gói tin MQTT; xem conglang broker clients",
                    mqtt.dropped
                )
            } else {
                String::new()
            },
        ),
        line("máy", machine.to_owned(), String::new()),
    ];
    let health = app
        .supervisor
        .health()
        .parts()
        .into_iter()
        .map(|(n, c)| (n, format!("{:?}", c.status).to_lowercase(), c.reason))
        .collect();
    let sync = SyncStatus {
        configured: link.configured,
        up: link.up,
        received: link.received,
        received_at: link.received_at,
        waiting: link.waiting,
    };
    Json(StatusReport {
        village,
        sentence,
        at: now,
        lines,
        health,
        seq: state.seq,
        sync,
        pids,
    })
}

/// Each camera: whether its stream comes, why not, and until when it is recorded.
pub(super) fn cameras(app: &App) -> Vec<CameraStatus> {
    let (state, now) = (app.journal.state(), app.supervisor.clock().wall_ms());
    let line = |c: &std::sync::Arc<Camera>| {
        let picture = app.live.pictures.get(&c.id);
        let recording = picture.as_ref().map(|p| p.recording()).unwrap_or_default();
        let faults = picture.as_ref().map(|p| p.faults()).unwrap_or_default();
        let why = match picture
            .as_ref()
            .map(|p| p.source_status())
            .unwrap_or_default()
        {
            SourceStatus::Lost(why) => why,
            SourceStatus::NoAddress => "it has no address".to_owned(),
            SourceStatus::Connecting | SourceStatus::Live => String::new(),
        };
        let codec = picture
            .as_ref()
            .and_then(|p| p.keyframe())
            .map(|f| format!("{} {}×{}", f.format.codec, f.format.width, f.format.height))
            .unwrap_or_default();
        let kept = app.ring.list(&c.id);
        let bytes = kept.iter().map(|s| s.bytes).sum();
        CameraStatus {
            id: c.id.to_string(),
            name: c.name.clone(),
            signal: c.signal,
            why,
            codec,
            viewers: picture
                .as_ref()
                .map_or(0, |p| p.viewers().saturating_sub(1)),
            recorded_until: if recording.until_ms > 0 {
                recording.until_ms
            } else {
                kept.iter()
                    .rev()
                    .find(|s| s.start_ms <= now)
                    .map_or(0, |s| s.start_ms + i64::from(s.duration_ms))
            },
            recorded_from: kept.first().map_or(0, |s| s.start_ms),
            recorded_bytes: bytes,
            recording_trouble: recording.error,
            undecodable: faults.undecodable.unwrap_or_default(),
            unchecked: faults.unchecked.unwrap_or_default(),
            loss: faults.loss.unwrap_or_default(),
            missed: faults.missed.unwrap_or_default(),
            clock: faults.clock.map_or("", ClockFault::name).to_owned(),
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
