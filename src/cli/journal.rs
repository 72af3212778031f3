//! `journal tail`, `journal check`.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use clap::Subcommand;

use super::broker::escaped;
use super::{Cli, client, layout, plain, print};
use crate::domain::calendar::{self, DAY_MS};
use crate::i18n::dates;
use crate::i18n::locale::Arg;
use crate::i18n::reason_text::keyed_text;
use crate::protocol::control::HistoryReport;
use crate::supervisor::clock::Clock;
use crate::time::WallMs;

/// Most entries at once.
const MAX_LINES: usize = 1_000;
/// The indent of a result beneath its row.
const PART_INDENT: &str = "             – ";
/// How long to wait for the next entry before asking again: longer than the gateway waits.
const FOLLOW_TIMEOUT: Duration = Duration::from_secs(45);

/// The pause behind an answer without an entry.
const EMPTY_PAUSE: Duration = Duration::from_millis(500);

/// History.
#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// The newest entries in words
    Tail {
        /// How many
        #[arg(short = 'n', long, default_value_t = 20)]
        lines: usize,
        /// Only about this device, lamp, camera, notice…
        #[arg(long)]
        about: Option<String>,
        /// Only what is not older than this
        #[arg(long)]
        since: Option<String>,
        /// Only what this person caused
        #[arg(long)]
        person: Option<String>,
        /// Go on with what happens from now on
        #[arg(short, long)]
        follow: bool,
    },
    /// Is history whole and unchanged? Works with the gateway stopped
    Check,
}

/// Carries out the command and gives its exit code.
pub fn run(cli: &Cli, what: &JournalCommand) -> anyhow::Result<u8> {
    match what {
        JournalCommand::Tail {
            lines,
            about,
            since,
            person,
            follow,
        } => {
            let mut filter = String::new();
            for (name, value) in [("about", about), ("person", person)] {
                if let Some(value) = value {
                    filter.push_str(&format!("&{name}={}", escaped(value)));
                }
            }
            if let Some(text) = since {
                let now = Clock::system(0).wall_ms();
                let Some(from) = moment_of(text, now) else {
                    return Err(cli.failure("journal-since", &[("text", text)]));
                };
                filter.push_str(&format!("&since={}", from.ms()));
            }
            tail(cli, (*lines).min(MAX_LINES), &filter, *follow)
        }
        JournalCommand::Check => check(cli),
    }
}

/// The moment that `--since` names: `30m`, `2h`, `3d` ago; `14:05` today, `21/11` of this
/// year or the last, `21/11/2026`, each with a time behind it or not.
fn moment_of(text: &str, now: WallMs) -> Option<WallMs> {
    let text = text.trim();
    let last = text.chars().next_back()?;
    if let Some(unit) = match last {
        'm' => Some(60_000),
        'h' => Some(3_600_000),
        'd' => Some(DAY_MS),
        _ => None,
    } {
        let count: u32 = text[..text.len() - 1].parse().ok()?;
        return Some(now - i64::from(count) * unit);
    }
    let clock = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        let (hour, minute) = (hour.parse::<u8>().ok()?, minute.parse::<u8>().ok()?);
        (hour < 24 && minute < 60).then(|| i64::from(hour) * 60 + i64::from(minute))
    };
    let (ago, minute) = match text.split_once(' ') {
        Some((day, time)) => (day_of(day, now)?, clock(time)?),
        None if text.contains(':') => (0, clock(text)?),
        None => (day_of(text, now)?, 0),
    };
    Some(midnight(now) + (minute * 60_000 - ago * DAY_MS))
}

/// The beginning of the day.
fn midnight(now: WallMs) -> WallMs {
    now - i64::from(calendar::minute_of_day(now)) * 60_000 - now.ms().rem_euclid(60_000)
}

/// How many days ago the day was that `21/11` or `21/11/2026` names.
pub(super) fn day_of(text: &str, now: WallMs) -> Option<i64> {
    let mut parts = text.split('/').map(|p| p.parse::<i64>().ok());
    let (day, month) = (parts.next()??, parts.next()??);
    let year = match parts.next() {
        Some(year) => Some(year?),
        None => None,
    };
    if parts.next().is_some() {
        return None;
    }
    let matches = |ago: &i64| {
        let d = calendar::day(now - ago * DAY_MS);
        i64::from(d.day) == day
            && i64::from(d.month) == month
            && year.is_none_or(|y| i64::from(d.year) == y)
    };
    // A day without a year is the last one of that name; history is not older than a few years.
    (0..366 * 20).find(matches)
}

/// Prints the newest entries, oldest first, and then what happens.
fn tail(cli: &Cli, lines: usize, filter: &str, follow: bool) -> anyhow::Result<u8> {
    let path = format!("/history?limit={lines}{filter}");
    let mut report: HistoryReport =
        client::understand(cli, &client::request(cli, "GET", &path, None)?)?;
    if !follow {
        let text = if report.lines.is_empty() {
            cli.t("journal-none")
        } else {
            lines_text(&report)
        };
        print(cli, &report.entries.into(), &text);
        return Ok(0);
    }
    let mut out = std::io::stdout();
    loop {
        let text = if cli.json {
            let entries = report.entries.iter().map(ToString::to_string);
            entries.collect::<Vec<_>>().join("\n")
        } else {
            let text = plain(lines_text(&report).trim_end());
            layout::wrap(&text, layout::width())
        };
        // Nobody reads any more (`| head`): that is the end, and no error.
        if !text.is_empty() && writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
            return Ok(0);
        }
        let path = format!("/history?after={}{filter}", report.last);
        let answer = client::request_until_back(cli, &path, FOLLOW_TIMEOUT)?;
        report = client::understand(cli, &answer)?;
        if report.entries.is_empty() {
            // A gateway that is stopping answers at once, again and again.
            std::thread::sleep(EMPTY_PAUSE);
        }
    }
}

/// A line for each row: when, who did what, what came of it or what caused it; its results beneath.
pub(super) fn lines_text(report: &HistoryReport) -> String {
    report
        .lines
        .iter()
        .map(|line| {
            let d = calendar::day(line.at);
            let when = format!("{:02}/{:02} {}", d.day, d.month, dates::clock(line.at));
            let mut text = format!("{when}  {}", line.what);
            if !line.detail.is_empty() {
                text.push_str(&format!(" · {}", line.detail));
            }
            text.push('\n');
            for part in &line.parts {
                text.push_str(&format!("{PART_INDENT}{part}\n"));
            }
            text
        })
        .collect()
}

fn check(cli: &Cli) -> anyhow::Result<u8> {
    let Ok(config) = super::load(cli) else {
        return Ok(78);
    };
    let data = crate::config::layout::Layout::of(&config).data;
    let name = config.declared.village.as_ref().map(|v| &v.id);
    let talk = std::io::stderr().is_terminal() && !cli.json;
    let mut shown = 0;
    let findings = crate::journal::check::check(
        &crate::journal::boot::folder(&data),
        &data.join("log"),
        name,
        |n| {
            if talk && n >= shown + 10_000 {
                shown = n;
                let text = cli.f("journal-checking", &[("n", n)]);
                let _ = write!(std::io::stderr(), "\r{text}");
            }
        },
    )
    .map_err(|e| cli.file_failure("journal-unread", &data, &e))?;
    if talk {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    let mut text = if findings.problems.is_empty() {
        cli.f(
            "journal-whole",
            &[
                ("n", findings.entries),
                ("first", findings.first),
                ("last", findings.last),
                ("boots", findings.epochs),
            ],
        )
    } else {
        cli.f(
            "journal-wrong",
            &[
                ("n", Arg::from(findings.problems.len())),
                ("entries", findings.entries.into()),
            ],
        )
    } + "\n";
    let problems: Vec<String> = findings
        .problems
        .iter()
        .map(|problem| keyed_text(cli.lang(), &problem.keyed()))
        .collect();
    for problem in &problems {
        text.push_str(&format!("  {problem}\n"));
    }
    let mut json = serde_json::to_value(&findings)?;
    json["wrong"] = problems.into();
    print(cli, &json, &text);
    Ok(if findings.problems.is_empty() { 0 } else { 2 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::reason_text::assert_worded;
    use crate::journal::JournalProblem;

    #[test]
    fn every_problem_has_its_words_in_both_languages() {
        assert_worded(JournalProblem::KEYS);
    }

    #[test]
    fn since_is_understood_as_people_say_it() {
        // 2026-11-21 14:05 in the village.
        let now = WallMs::new(1_795_244_700_000);
        let at = |text| moment_of(text, now);
        assert_eq!(at("30m"), Some(now - 1_800_000));
        assert_eq!(at("2h"), Some(now - 7_200_000));
        assert_eq!(at("3d"), Some(now - 3 * 86_400_000));
        assert_eq!(at("14:05"), Some(now));
        let midnight = now - (14 * 60 + 5) * 60_000;
        assert_eq!(at("21/11"), Some(midnight));
        assert_eq!(at("20/11/2026"), Some(midnight - 86_400_000));
        assert_eq!(
            at("20/11 06:30"),
            Some(midnight - 86_400_000 + 390 * 60_000)
        );
        // A day that is still to come in this year was in the last.
        assert_eq!(at("22/11"), Some(midnight - 364 * 86_400_000));
        for wrong in [
            "",
            "x",
            "25:00",
            "31/2",
            "21/11/2026/1",
            "h",
            "-1h",
            "99999999999d",
        ] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }
}
