//! `status`, `sync status`.

use clap::Subcommand;

use super::layout::hang;
use super::{Cli, client, print};
use crate::i18n::dates;
use crate::i18n::locale::{Arg, Lang};
use crate::i18n::reason_text::reason_text;
use crate::protocol::control::{NameCounts, ReadingRow, StatusReport};
use crate::protocol::village_status::{Status, ThingKind};
use crate::supervisor::health::{HealthPart, HealthStatus};
use crate::view::status_text;

/// Where the details of a row begin.
const DETAIL_COLUMN: usize = 24;

/// The link to the commune.
#[derive(Debug, Subcommand)]
pub enum SyncCommand {
    /// How the link is and what waits
    Status,
}

fn fetch_status(cli: &Cli) -> anyhow::Result<(StatusReport, serde_json::Value)> {
    let value = client::request(cli, "GET", "/status", None)?;
    Ok((client::understand(cli, &value)?, value))
}

/// The exit code that `status` and `doctor` share: 2 when a thing or a part of the gateway is
/// broken.
pub(super) fn exit_code(report: &StatusReport) -> u8 {
    let is_red = report
        .health
        .iter()
        .any(|(_, status, _)| *status == HealthStatus::Red);
    if is_red {
        Status::Broken.exit_code()
    } else {
        report.status.exit_code()
    }
}

/// The sentence with the village and the time, on the first lines.
pub(super) fn head(lang: Lang, report: &StatusReport) -> String {
    let d = crate::domain::calendar::day(report.at);
    let sentence = status_text::sentence(lang, report.at, &report.status.summary);
    hang(
        &format!(
            "{} ({} {}/{}): {}",
            report.village,
            dates::clock(report.at),
            d.day,
            d.month,
            status_text::uncapital(&sentence.title)
        ),
        2,
    )
}

fn reading_text(lang: Lang, r: &ReadingRow) -> String {
    let value = format!(
        "{} {} {}",
        r.name,
        dates::number(lang, r.value, r.decimals),
        r.unit
    );
    let value = value.trim_end();
    if r.is_current {
        value.to_owned()
    } else {
        lang.f("status-reading-old", &[("value", value)])
    }
}

/// The rows: what it is, how many, and what is wrong.
fn rows(lang: Lang, report: &StatusReport) -> Vec<(String, String, String)> {
    let (status, now) = (&report.status, report.at);
    let of = |n: usize, all: usize| format!("{n}/{all}");
    let counted = |key: &str, n: usize, all: usize| {
        lang.f(key, &[("n", &n.to_string()), ("all", &all.to_string())])
    };
    let things = |key: &str, count: String, kind| {
        let troubles = status_text::troubles_text(lang, now, status, kind);
        (lang.t(key), count, troubles)
    };
    let (devices, lights) = (status.devices, status.lights);
    let mut sensors = things(
        "status-sensors",
        of(status.sensors.working, status.sensors.all),
        ThingKind::Sensor,
    );
    let readings: Vec<String> = report
        .readings
        .iter()
        .map(|r| reading_text(lang, r))
        .chain((!sensors.2.is_empty()).then(|| sensors.2.clone()))
        .collect();
    sensors.2 = readings.join("; ");
    let sync = &report.sync;
    let (sync_count, sync_words) = if sync.configured {
        let waiting = sync.waiting.to_string();
        let (key, time) = if sync.up {
            ("status-commune-up", sync.received_at)
        } else {
            ("status-commune-down", sync.since)
        };
        let time = dates::since(now, time);
        let count = if sync.up && sync.waiting == 0 {
            lang.t("status-commune-all")
        } else {
            String::new()
        };
        (count, lang.f(key, &[("time", &time), ("n", &waiting)]))
    } else {
        (String::new(), lang.t("status-commune-none"))
    };
    let dropped = if report.mqtt.dropped > 0 {
        lang.f("status-dropped", &[("n", &report.mqtt.dropped.to_string())])
    } else {
        String::new()
    };
    let worst = report.health.iter().map(|(_, status, _)| *status).max();
    let gateway = match worst.unwrap_or(HealthStatus::Green) {
        HealthStatus::Green => "status-green",
        HealthStatus::Amber => "status-amber",
        HealthStatus::Red => "status-red",
    };
    let mut rows = vec![
        things(
            "status-devices",
            of(devices.answering, devices.all),
            ThingKind::Device,
        ),
        things(
            "status-speakers",
            counted(
                "status-count-speakers",
                status.speakers.working,
                status.speakers.all,
            ),
            ThingKind::Speaker,
        ),
        things(
            "status-lights",
            counted("status-count-lights", lights.lit, lights.all),
            ThingKind::Light,
        ),
        things(
            "status-cameras",
            of(status.cameras.working, status.cameras.all),
            ThingKind::Camera,
        ),
        sensors,
        (lang.t("status-commune"), sync_count, sync_words),
        (
            lang.t("status-links"),
            lang.f(
                "status-count-links",
                &[("n", &report.mqtt.connected.to_string())],
            ),
            dropped,
        ),
    ];
    rows.extend(report.names.map(|names| names_row(lang, &names)));
    rows.push((lang.t("status-gateway"), lang.t(gateway), String::new()));
    rows
}

/// The row of the forwarder of names: what became of the questions since the gateway started.
fn names_row(lang: Lang, names: &NameCounts) -> (String, String, String) {
    let parts = [
        (
            "status-names-cached",
            names.cached + names.stale + names.joined,
        ),
        ("status-names-local", names.local),
        ("status-names-forwarded", names.forwarded),
        ("status-names-offline", names.offline),
        ("status-names-blocked", names.blocked),
        ("status-names-refused", names.refused + names.over_budget),
        ("status-names-too-fast", names.too_fast),
        ("status-names-silent", names.silent + names.busy),
    ];
    let said = parts.iter().filter(|(_, n)| *n > 0);
    let words: Vec<String> = said.map(|(key, n)| lang.f(key, &[("n", *n)])).collect();
    let count = lang.f("status-count-names", &[("n", names.questions)]);
    (lang.t("status-names"), count, words.join(", "))
}

/// Why a part is not green, in the reader's language; `text` is the gateway's own, for a reason
/// that this version of the program does not know.
pub(super) fn health_text(
    lang: Lang,
    report: &StatusReport,
    part: &HealthPart,
    text: &str,
) -> String {
    report
        .reasons
        .get(part)
        .map_or_else(|| text.to_owned(), |reason| reason_text(lang, reason))
}

/// Prints the state of the village in one screen and gives the exit code.
pub fn status(cli: &Cli) -> anyhow::Result<u8> {
    let (report, value) = fetch_status(cli)?;
    let mut text = head(cli.lang(), &report);
    text.push('\n');
    for (name, count, words) in rows(cli.lang(), &report) {
        let row = format!("  {name:<9} {count:<11} {}", hang(&words, DETAIL_COLUMN));
        text.push_str(row.trim_end());
        text.push('\n');
    }
    for (part, status, own) in report
        .health
        .iter()
        .filter(|(_, s, _)| *s != HealthStatus::Green)
    {
        let why = health_text(cli.lang(), &report, part, own);
        let how = cli.t(match status {
            HealthStatus::Green => "status-green",
            HealthStatus::Amber => "status-amber",
            HealthStatus::Red => "status-red",
        });
        text.push_str(&hang(&format!("  ! {part} ({how}): {why}"), 4));
        text.push('\n');
    }
    print(cli, &value, &text);
    Ok(exit_code(&report))
}

/// Prints the state of the link to the commune and gives the exit code.
pub fn sync(cli: &Cli, what: &SyncCommand) -> anyhow::Result<u8> {
    let SyncCommand::Status = what;
    let (status, _) = fetch_status(cli)?;
    let s = &status.sync;
    let text = if !s.configured {
        cli.t("sync-none")
    } else if s.up {
        let time = dates::clock(s.received_at);
        cli.f(
            "sync-up",
            &[
                ("received", Arg::from(s.received)),
                ("time", (&time).into()),
                ("n", s.waiting.into()),
            ],
        )
    } else if s.received == 0 {
        cli.f("sync-down-never", &[("n", s.waiting)])
    } else {
        cli.f("sync-down", &[("received", s.received), ("n", s.waiting)])
    };
    print(cli, &serde_json::to_value(s)?, &text);
    Ok(if s.configured && !s.up { 2 } else { 0 })
}
