//! `guest list|sessions|cut|block|allow|forget|rules`: the free wifi.

mod rules;
mod sessions;

use clap::Subcommand;

use super::{Cli, client, layout, print};
use crate::domain::guest::{self, DecidedDevice, DeviceCodes, Standing, WifiRules};
use crate::domain::id::GuestId;
use crate::i18n::amounts;
use crate::i18n::dates;
use crate::i18n::locale::{Arg, Lang};
use crate::protocol::control::Submit;
use crate::protocol::guest_report::{CutAnswer, CutRequest, GuestEntry, GuestReport, UplinkKind};

/// The exit code when guests are kept out by something broken.
const BROKEN: u8 = 2;
/// Width of the codes in a list.
const CODE_WIDTH: usize = 6;

/// The free wifi.
#[derive(Debug, Subcommand)]
pub enum GuestCommand {
    /// Devices that are in, that were in today, and those with a decision
    List,
    /// Sessions that ended on a day: times, bytes, the code of the device, and nothing else is kept
    Sessions {
        /// The day: `21/11` or `21/11/2026`; without it today
        #[arg(long)]
        day: Option<String>,
    },
    /// End the session of a device; it may tap again
    Cut {
        /// The device: the beginning of its id in `guest list`, or its name
        device: String,
    },
    /// Keep a device out
    Block {
        /// The device
        device: String,
        /// Its name from now on
        name: Option<String>,
    },
    /// Let a device in without a tap: a hall's television, a printer
    Allow {
        /// The device
        device: String,
        /// Its name from now on
        name: Option<String>,
    },
    /// Take the decision about a device back
    Forget {
        /// The device
        device: String,
    },
    /// Show the rules, or change some: `hours=05:00-22:00 device_mb=2048 keep_days=30`
    Rules {
        /// NAME=VALUE; `-` = no limit
        set: Vec<String>,
    },
}

/// The codes of the devices of the report, as the page has them.
fn codes(report: &GuestReport) -> DeviceCodes {
    report.devices.iter().map(|d| &d.id).collect()
}

fn report(cli: &Cli) -> anyhow::Result<(serde_json::Value, GuestReport)> {
    let value = client::request(cli, "GET", "/guests", None)?;
    let report = client::understand(cli, &value)?;
    Ok((value, report))
}

/// The device that was meant; one that is on no list is taken by its whole id.
fn find(cli: &Cli, report: &GuestReport, meant: &str) -> anyhow::Result<GuestEntry> {
    // The page shows it in capitals.
    let beginning = meant.to_ascii_lowercase();
    let is_meant = |d: &&GuestEntry| {
        d.id.as_str().starts_with(&beginning) || (!d.name.is_empty() && d.name == meant)
    };
    let mut found = report.devices.iter().filter(is_meant);
    match (found.next(), found.next()) {
        (Some(device), None) => Ok(device.clone()),
        (Some(_), Some(_)) => Err(cli.failure("cli-guest-several", &[("device", meant)])),
        (None, _) => match GuestId::new(&beginning) {
            Ok(id) if meant.len() == 32 => Ok(GuestEntry {
                id,
                name: String::new(),
                standing: None,
                since: None,
                seconds_left: 0,
                used_today: 0,
                is_random: false,
            }),
            _ => Err(cli.failure("cli-guest-unknown", &[("device", meant)])),
        },
    }
}

fn submit(cli: &Cli, command: guest::Command) -> anyhow::Result<serde_json::Value> {
    let submit = serde_json::to_value(Submit {
        command: command.into(),
    })?;
    client::request(cli, "POST", "/commands", Some(&submit))
}

/// The name that somebody gave it, or the one that the page gives it: “Máy AA11”.
fn called(lang: Lang, report: &GuestReport, device: &GuestEntry) -> String {
    if device.name.is_empty() {
        let code = codes(report).of(&device.id);
        lang.f("wifi-device-code", &[("code", &code)])
    } else {
        device.name.clone()
    }
}

/// Why nobody new can come in; none = the wifi works.
fn trouble(report: &GuestReport) -> Option<&'static str> {
    match report.uplink {
        _ if !report.configured => None,
        _ if report.key_lost => Some("cli-guest-key-lost"),
        _ if !report.in_force => Some("cli-guest-broken"),
        UplinkKind::Down => Some("cli-guest-line-down"),
        UplinkKind::Metered | UplinkKind::Free => None,
    }
}

/// How many are in and what keeps others out. Without the network helper the number is that of
/// before, and says so.
fn list_head(cli: &Cli, report: &GuestReport, trouble: Option<&'static str>) -> String {
    if !report.configured {
        return cli.t("cli-guest-none") + "\n";
    }
    let count = report.devices.iter().filter(|d| d.since.is_some()).count();
    let used = amounts::bytes(cli.lang(), report.used_today);
    let is_known = report.in_force || !report.devices.is_empty() || report.used_today > 0;
    let key = if !report.in_force {
        "cli-guests-last-known"
    } else if report.online {
        "cli-guests"
    } else {
        "cli-guests-waiting"
    };
    let mut lines = Vec::new();
    // Nobody knows how many are in when the helper never answered.
    if is_known {
        lines.push(cli.f(key, &[("n", Arg::from(count)), ("bytes", (&used).into())]));
    }
    if let Some(key) = trouble {
        // A cause that is broken comes first.
        let at = if report.in_force { lines.len() } else { 0 };
        lines.insert(at, cli.t(key));
    } else if report.uplink == UplinkKind::Metered {
        let bytes = amounts::bytes(cli.lang(), report.metered_today);
        lines.push(cli.f("cli-guest-metered", &[("bytes", &bytes)]));
    }
    lines.join("\n  ") + "\n"
}

fn list(cli: &Cli) -> anyhow::Result<u8> {
    let (value, report) = report(cli)?;
    let lang = cli.lang();
    let trouble = trouble(&report);
    let mut text = list_head(cli, &report, trouble);
    if let Some(n) = report.blocked_today {
        let blocked = cli.f("wifi-blocked-today", &[("n", n)]);
        text.push_str(&format!("  {blocked}\n"));
    }
    if report.newcomers_waited > 0 {
        let waited = cli.f("cli-guest-waited", &[("n", report.newcomers_waited)]);
        text.push_str(&format!("  {waited}\n"));
    }
    let codes = codes(&report);
    let rows: Vec<(String, String)> = report
        .devices
        .iter()
        .map(|d| {
            let mut words = Vec::new();
            if !d.name.is_empty() {
                words.push(d.name.clone());
            }
            if let Some(since) = d.since.filter(|_| !report.in_force) {
                words.push(cli.f("wifi-since", &[("at", &dates::clock(since))]));
            } else if let Some(since) = d.since {
                let left = amounts::how_long(lang, u64::from(d.seconds_left));
                words.push(cli.f(
                    "cli-guest-in",
                    &[("since", &dates::clock(since)), ("left", &left)],
                ));
            }
            words.push(amounts::bytes(lang, d.used_today));
            match d.standing {
                Some(Standing::AlwaysIn) => words.push(cli.t("cli-guest-always")),
                Some(Standing::Blocked) => words.push(cli.t("cli-guest-blocked")),
                None => {}
            }
            if d.is_random {
                words.push(cli.t("cli-guest-random"));
            }
            (codes.of(&d.id), words.join(" · "))
        })
        .collect();
    text.push_str(&layout::rows(&rows, CODE_WIDTH));
    print(cli, &value, &text);
    Ok(if trouble.is_some() { BROKEN } else { 0 })
}

fn cut(cli: &Cli, meant: &str) -> anyhow::Result<u8> {
    let report = report(cli)?.1;
    let device = find(cli, &report, meant)?;
    let request = serde_json::to_value(CutRequest {
        device: device.id.clone(),
    })?;
    let value = client::request(cli, "POST", "/guests/cut", Some(&request))?;
    let answer: CutAnswer = client::understand(cli, &value)?;
    let name = called(cli.lang(), &report, &device);
    let name = [("name", &*name)];
    let key = match answer.was_in {
        Some(true) => "cli-guest-cut",
        Some(false) => "cli-guest-was-out",
        None => return Err(cli.failure("cli-guest-uncut", &name)),
    };
    print(cli, &value, &cli.f(key, &name));
    Ok(0)
}

fn decide(cli: &Cli, meant: &str, name: Option<&str>, standing: Standing) -> anyhow::Result<u8> {
    let report = report(cli)?.1;
    let device = find(cli, &report, meant)?;
    // A stored name is in the village's tongue.
    let name = name.map_or_else(|| called(Lang::Vi, &report, &device), str::to_owned);
    let key = match standing {
        Standing::AlwaysIn => "cli-guest-allowed",
        Standing::Blocked => "cli-guest-kept-out",
    };
    let mut text = cli.f(key, &[("name", &name)]);
    if device.is_random {
        text.push('\n');
        text.push_str(&cli.t("cli-guest-random-note"));
    }
    let device = DecidedDevice {
        id: device.id,
        name,
        standing,
    };
    let made = submit(cli, guest::Command::Decide { device })?;
    print(cli, &made, &text);
    Ok(0)
}

fn forget(cli: &Cli, meant: &str) -> anyhow::Result<u8> {
    let report = report(cli)?.1;
    let device = find(cli, &report, meant)?;
    let name = called(cli.lang(), &report, &device);
    let text = cli.f("cli-guest-forgotten", &[("name", &name)]);
    let made = submit(cli, guest::Command::Forget { device: device.id })?;
    print(cli, &made, &text);
    Ok(0)
}

fn show_rules(cli: &Cli, set: &[String]) -> anyhow::Result<u8> {
    let report = report(cli)?.1;
    let mut rules: WifiRules = report.rules.clone();
    for pair in set {
        rules::change(cli, &mut rules, pair)?;
    }
    if rules.block_list && !report.rules.block_list && !report.has_block_list {
        return Err(cli.failure::<&str>("wifi-form-block-none", &[]));
    }
    if !set.is_empty() {
        let rules = rules.clone();
        submit(cli, guest::Command::SetRules { rules })?;
    }
    let key = if set.is_empty() {
        "cli-guest-rules"
    } else {
        "cli-guest-rules-set"
    };
    let text = cli.t(key) + "\n" + &layout::rows(&rules::rows(&rules), 16);
    print(cli, &serde_json::to_value(&rules)?, &text);
    Ok(0)
}

/// Carries out the command and gives its exit code: 2 when something broken keeps guests out.
pub fn run(cli: &Cli, what: &GuestCommand) -> anyhow::Result<u8> {
    match what {
        GuestCommand::List => list(cli),
        GuestCommand::Sessions { day } => sessions::list(cli, day.as_deref()),
        GuestCommand::Cut { device } => cut(cli, device),
        GuestCommand::Block { device, name } => {
            decide(cli, device, name.as_deref(), Standing::Blocked)
        }
        GuestCommand::Allow { device, name } => {
            decide(cli, device, name.as_deref(), Standing::AlwaysIn)
        }
        GuestCommand::Forget { device } => forget(cli, device),
        GuestCommand::Rules { set } => show_rules(cli, set),
    }
}
