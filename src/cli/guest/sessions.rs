//! `guest sessions`: the sessions of a day that ended, as far as the village keeps them.
//!
//! Invariant: a device is the code of its keyed hash here, also one that somebody gave a name.

use crate::cli::journal::day_of;
use crate::cli::{Cli, client, layout, print};
use crate::domain::calendar::{day_number, day_start, day_text, parse_day};
use crate::domain::guest::DeviceCodes;
use crate::i18n::amounts;
use crate::i18n::dates;
use crate::i18n::locale::Arg;
use crate::protocol::guest_report::{SessionEntry, SessionsReport};
use crate::supervisor::clock::Clock;
use crate::time::WallMs;

/// Width of the codes in the list.
const CODE_WIDTH: usize = 6;

/// Prints the sessions that ended on a day, `21/11` or `21/11/2026`; none = today.
pub(super) fn list(cli: &Cli, day: Option<&str>) -> anyhow::Result<u8> {
    let mut path = "/guests/sessions".to_owned();
    if let Some(text) = day {
        let now = Clock::system(0).wall_ms();
        let number = day_of(text.trim(), now).map(|ago| day_number(now) - ago);
        let number = number.or_else(|| parse_day(text.trim()));
        let number = number.ok_or_else(|| cli.failure("cli-guest-day", &[("text", text)]))?;
        path.push_str(&format!("?day={}", day_text(number)));
    }
    let value = client::request(cli, "GET", &path, None)?;
    let report: SessionsReport = client::understand(cli, &value)?;
    print(cli, &value, &text(cli, &report));
    Ok(0)
}

/// A day of the report as people write it.
fn date(day: &str) -> String {
    parse_day(day).map_or_else(|| day.to_owned(), |number| dates::date(day_start(number)))
}

fn text(cli: &Cli, report: &SessionsReport) -> String {
    let sessions = &report.sessions;
    let bytes = sessions
        .iter()
        .fold(0_u64, |s, r| s.saturating_add(r.bytes));
    let codes: DeviceCodes = sessions.iter().map(|s| &s.device).collect();
    let (day, bytes) = (date(&report.day), amounts::bytes(cli.lang(), bytes));
    let mut text = if sessions.is_empty() {
        cli.f("cli-guest-no-sessions", &[("day", &day)])
    } else {
        let n = Arg::from(sessions.len());
        let sum = [("day", (&day).into()), ("n", n), ("bytes", (&bytes).into())];
        cli.f("cli-guest-sessions", &sum)
    };
    let kept = if report.keep_days == 0 {
        cli.t("cli-guest-keeps-none")
    } else {
        cli.f("cli-guest-keeps", &[("days", report.keep_days)])
    };
    text.push_str(&format!("\n  {kept}\n"));
    if let (Some(first), Some(last)) = (report.days.first(), report.days.last()) {
        let (from, to) = (date(first), date(last));
        let n = Arg::from(report.days.len());
        let span = [("n", n), ("from", (&from).into()), ("to", (&to).into())];
        text.push_str(&format!("  {}\n", cli.f("cli-guest-session-days", &span)));
    }
    let row = |s: &SessionEntry| (codes.of(&s.device), words(cli, s));
    let rows: Vec<(String, String)> = sessions.iter().map(row).collect();
    text + &layout::rows(&rows, CODE_WIDTH)
}

/// “14:05–15:20 · 120 MB”; a session that began on another day says on which.
fn words(cli: &Cli, session: &SessionEntry) -> String {
    let SessionEntry { since, until, .. } = *session;
    let begin = |at: WallMs| {
        if day_number(at) == day_number(until) {
            dates::clock(at)
        } else {
            format!("{} {}", dates::date(at), dates::clock(at))
        }
    };
    let (since, until) = (begin(since), dates::clock(until));
    let bytes = amounts::bytes(cli.lang(), session.bytes);
    let values = [("since", &since), ("until", &until), ("bytes", &bytes)];
    cli.f("cli-guest-session", &values)
}
