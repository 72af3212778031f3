//! `doctor`: thirteen checks of a gateway, two more where it serves networks, eight of a commune's
//! server. Each finding has a code, a severity, a sentence, and an advice. It works when neither is
//! running: everything that only a running one can answer is then one finding, and the rest is
//! checked directly.

mod commune;
mod network;
mod offline;
mod things;

use serde::Serialize;

use super::layout::hang;
use super::status::{exit_code, head, health_text};
use super::{Cli, client, file_modes, print};
use crate::config::layout::Layout;
use crate::i18n::locale::Lang;
use crate::i18n::reason_text::advice_text;
use crate::i18n::refusal_text::refusal_text;
use crate::protocol::broker::{AdminReply, RefusalReason};
use crate::protocol::control::StatusReport;
use crate::supervisor::health::{HealthPart, HealthStatus};

/// How severe a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Severity {
    Error,
    Note,
}

/// One finding.
#[derive(Debug, Serialize)]
struct Finding {
    severity: Severity,
    code: &'static str,
    what: String,
    todo: String,
}

fn error(code: &'static str, what: impl Into<String>, todo: impl Into<String>) -> Finding {
    Finding {
        severity: Severity::Error,
        code,
        what: what.into(),
        todo: todo.into(),
    }
}

fn note(code: &'static str, what: impl Into<String>, todo: impl Into<String>) -> Finding {
    Finding {
        severity: Severity::Note,
        code,
        what: what.into(),
        todo: todo.into(),
    }
}

/// The finding that the program of this unit does not answer.
fn not_running(unit: &str, cause: &anyhow::Error) -> Finding {
    error(
        "D-RUN-01",
        format!("{cause:#}"),
        format!("systemctl restart {unit}; journalctl -u {unit} -n 50"),
    )
}

/// Checks in all: one of the configuration, eight of the disk and the machine, and four that only
/// a running gateway can answer.
const CHECK_COUNT: usize = 13;
const OFFLINE_CHECK_COUNT: usize = 9;

/// Runs the checks, prints the findings and gives the exit code.
pub fn doctor(cli: &Cli) -> anyhow::Result<u8> {
    let mut found = Vec::new();
    let (mut made, mut all, mut broken, mut sentence) = (1, CHECK_COUNT, 0, None);
    match super::load(cli) {
        Err(_) => found.push(error(
            "D-CFG-01",
            cli.f(
                "doctor-config",
                &[("path", &cli.config.display().to_string())],
            ),
            "conglang config check",
        )),
        Ok(config) if config.is_commune() => {
            (made, all) = commune::check(cli, &config, &mut found);
        }
        Ok(config) => {
            let layout = Layout::of(&config);
            offline::check(cli.lang(), &config, &layout, &mut found);
            match client::request(cli, "GET", "/status", None)
                .and_then(|v| client::understand::<StatusReport>(cli, &v))
            {
                Err(cause) => {
                    made = OFFLINE_CHECK_COUNT;
                    found.push(not_running(client::unit_of(&config), &cause));
                }
                Ok(status) => {
                    made = CHECK_COUNT;
                    broken = exit_code(&status);
                    sentence = Some(head(cli.lang(), &status));
                    check_online(cli.lang(), &status, &mut found);
                    things::check(cli.lang(), &status, &mut found);
                    check_refusals(cli, &mut found);
                }
            }
            let of_networks = network::check(cli.lang(), &config.network, &mut found);
            (made, all) = (made + of_networks, all + of_networks);
        }
    }
    let errors = found
        .iter()
        .filter(|f| f.severity == Severity::Error)
        .count();
    let notes = found.len() - errors;
    let mut text = String::new();
    // The first line is the answer, the same as that of `status`.
    if let Some(first) = &sentence {
        text = format!("{first}\n");
    }
    for f in &found {
        let word = if f.severity == Severity::Error {
            cli.t("doctor-error")
        } else {
            cli.t("doctor-note")
        };
        text.push_str(&format!(
            "{word:<5} {:<9} {}\n                {} {}\n",
            f.code,
            f.what,
            cli.t("doctor-do"),
            hang(&f.todo, 21)
        ));
    }
    let code = if errors > 0 { 2 } else { broken };
    text.push_str(&cli.f(
        "doctor-sum",
        &[
            ("made", made),
            ("all", all),
            ("errors", errors),
            ("notes", notes),
            ("code", usize::from(code)),
        ],
    ));
    print(
        cli,
        &serde_json::json!({
            "checks": made, "errors": errors, "notes": notes, "findings": found,
            "sentence": sentence
        }),
        &text,
    );
    Ok(code)
}

/// The checks of the health parts and of the link, as the running gateway reports them.
fn check_online(lang: Lang, status: &StatusReport, found: &mut Vec<Finding>) {
    for (part, light, text) in &status.health {
        let why = health_text(lang, status, part, text);
        let words = |key| lang.f(key, &[("part", part.to_string().as_str()), ("why", &why)]);
        let todo = || {
            status
                .reasons
                .get(part)
                .and_then(|reason| advice_text(lang, reason))
                .unwrap_or_else(|| lang.t("advice-log"))
        };
        match light {
            HealthStatus::Red => found.push(error("D-RUN-02", words("doctor-red"), todo())),
            // A certificate that nobody installed is told by the check of its file.
            HealthStatus::Amber
                if !matches!(part, HealthPart::DashboardTls | HealthPart::PortalTls) =>
            {
                found.push(note("D-RUN-03", words("doctor-amber"), todo()));
            }
            HealthStatus::Amber | HealthStatus::Green => {}
        }
    }
    if status.sync.configured && !status.sync.up {
        found.push(note(
            "D-SYN-01",
            lang.f("doctor-no-commune", &[("n", status.sync.waiting)]),
            lang.t("doctor-no-commune-do"),
        ));
    }
}

/// Most names in a sentence; the rest is given as a number.
const MAX_NAMES: usize = 3;

/// Devices that the broker refused or disconnected since it started, newest first, and devices in
/// quarantine.
fn check_refusals(cli: &Cli, found: &mut Vec<Finding>) {
    let answer = client::request(cli, "GET", "/broker/why", None)
        .ok()
        .and_then(|value| client::understand(cli, &value).ok());
    let Some(AdminReply::Refusals(rows)) = answer else {
        // Without an answer the technician must not think that no device was refused.
        found.push(note(
            "D-MQT-03",
            cli.t("doctor-broker-silent"),
            "conglang status; journalctl -u conglang",
        ));
        return;
    };
    let mut names: Vec<&str> = Vec::new();
    let (mut quarantined, mut others, mut unused): (Vec<String>, Vec<String>, Vec<String>) =
        Default::default();
    let mut unused_of: Vec<&str> = Vec::new();
    for row in rows.iter().filter(|r| r.reason.is_about_discovery()) {
        if !unused_of.contains(&row.client.as_str()) {
            unused_of.push(&row.client);
            unused.push(format!(
                "{}: {}",
                row.client,
                refusal_text(cli.lang(), &row.reason)
            ));
        }
    }
    for row in rows
        .iter()
        .rev()
        .filter(|r| !r.reason.is_about_discovery())
        .filter(|r| !r.client.starts_with('@'))
    {
        if names.contains(&row.client.as_str()) {
            continue;
        }
        names.push(&row.client);
        if row.reason == RefusalReason::Quarantined {
            quarantined.push(row.client.clone());
        } else {
            others.push(format!(
                "{} ({})",
                row.client,
                refusal_text(cli.lang(), &row.reason)
            ));
        }
    }
    let lang = cli.lang();
    let names = |all: &[String]| file_modes::first_names(lang, all, MAX_NAMES);
    if !others.is_empty() {
        found.push(note(
            "D-MQT-01",
            lang.f("doctor-refused", &[("names", &names(&others))]),
            lang.t("doctor-refused-do"),
        ));
    }
    if !unused.is_empty() {
        found.push(note(
            "D-MQT-03",
            lang.f("doctor-unused", &[("names", &names(&unused))]),
            lang.t("doctor-unused-do"),
        ));
    }
    if !quarantined.is_empty() {
        found.push(note(
            "D-MQT-02",
            lang.f("doctor-quarantined", &[("names", &names(&quarantined))]),
            lang.t("doctor-quarantined-do"),
        ));
    }
}
