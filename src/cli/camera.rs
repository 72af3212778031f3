//! `camera list`.

use clap::Subcommand;

use super::{Cli, client, print};
use crate::domain::device::Availability;
use crate::i18n::dates;
use crate::i18n::locale::Arg;
use crate::i18n::reason_text::keyed_text;
use crate::protocol::control::CameraStatus;
use crate::time::WallMs;

/// Cameras.
#[derive(Debug, Subcommand)]
pub enum CameraCommand {
    /// All cameras and whether their pictures come
    List,
}

/// “21/11/2026 14:05”.
pub(super) fn moment(at: WallMs) -> String {
    format!("{} {}", dates::date(at), dates::clock(at))
}

fn signal_text(cli: &Cli, c: &CameraStatus) -> String {
    match c.signal {
        _ if c.removed => cli.t("cli-camera-removed"),
        Availability::Unknown => cli.t("cli-camera-none-yet"),
        Availability::Online { since } => cli.f("cli-camera-here", &[("since", &moment(since))]),
        Availability::Offline { since } => cli.f("cli-camera-lost", &[("since", &moment(since))]),
    }
}

/// The faults of a camera, a sentence for each.
fn troubles(cli: &Cli, c: &CameraStatus) -> Vec<String> {
    let why = c
        .stream_loss
        .as_ref()
        .map_or_else(|| c.why.clone(), |r| keyed_text(cli.lang(), &r.keyed()));
    let quoted = [
        ("cli-camera-undecodable", &c.undecodable),
        ("cli-camera-unchecked", &c.unchecked),
        ("cli-camera-why", &why),
        ("cli-camera-not-recorded", &c.recording_trouble),
    ];
    let mut out: Vec<String> = quoted
        .into_iter()
        .filter(|(_, why)| !why.is_empty())
        .map(|(key, why)| cli.f(key, &[("why", why)]))
        .collect();
    if !c.clock.is_empty() {
        out.push(cli.t(&format!("cli-camera-clock-{}", c.clock)));
    }
    if c.loss > 0 {
        out.push(cli.f("cli-camera-packets", &[("n", c.loss)]));
    }
    if c.missed > 0 {
        out.push(cli.f("cli-camera-missed", &[("n", c.missed)]));
    }
    out
}

/// Carries out the command and gives its exit code: 2 when a camera needs somebody.
pub fn run(cli: &Cli, what: &CameraCommand) -> anyhow::Result<u8> {
    let CameraCommand::List = what;
    let value = client::request(cli, "GET", "/cameras", None)?;
    let cameras: Vec<CameraStatus> = client::understand(cli, &value)?;
    let lost = cameras.iter().filter(|c| c.signal.is_offline()).count();
    let count = cameras.iter().filter(|c| !c.removed).count();
    let mut text = cli.f("cli-cameras", &[("n", count), ("lost", lost)]) + "\n";
    for c in &cameras {
        text.push_str(&format!(
            "  {:<10}{:<28}{}\n",
            c.id,
            c.name,
            signal_text(cli, c)
        ));
        let mut more = Vec::new();
        if !c.codec.is_empty() {
            more.push(c.codec.clone());
        }
        if c.recorded_until > WallMs::default() {
            more.push(cli.f(
                "cli-camera-recorded",
                &[
                    ("until", Arg::Text(&moment(c.recorded_until))),
                    ("mb", Arg::from(c.recorded_bytes >> 20)),
                ],
            ));
        }
        if !more.is_empty() {
            text.push_str(&format!("            {}\n", more.join(" · ")));
        }
        for trouble in troubles(cli, c) {
            text.push_str(&format!("            {trouble}\n"));
        }
    }
    print(cli, &value, &text);
    let worst = cameras
        .iter()
        .filter(|c| !c.removed)
        .map(|c| c.status)
        .max()
        .unwrap_or_default();
    Ok(worst.exit_code())
}
