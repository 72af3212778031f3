//! The rules of the free wifi as a technician types them: `NAME=VALUE`, the names of the JSON.
//! `-` stands for “no limit”.

use crate::cli::Cli;
use crate::domain::guest::{OpenHours, WifiRules};

/// The rules as rows: what `change` takes, as it takes it.
pub(super) fn rows(rules: &WifiRules) -> Vec<(String, String)> {
    let number = |n: Option<u32>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    let hours = |h: OpenHours| format!("{}-{}", time(h.from), time(h.until));
    let garden = rules.garden.join(",");
    let row = |name: &str, value: String| (name.to_owned(), value);
    vec![
        row("is_on", rules.is_on.to_string()),
        row("hours", rules.hours.map_or_else(|| "-".to_owned(), hours)),
        row(
            "session_minutes",
            number(rules.session_minutes.map(u32::from)),
        ),
        row("device_mb", number(rules.device_mb)),
        row("house_mb", number(rules.house_mb)),
        row("device_kbit", number(rules.device_kbit)),
        row("house_kbit", number(rules.house_kbit)),
        row("most_devices", rules.most_devices.to_string()),
        row("metered_mb", rules.metered_mb.to_string()),
        row("keep_days", rules.keep_days.to_string()),
        row(
            "garden",
            if garden.is_empty() {
                "-".to_owned()
            } else {
                garden
            },
        ),
        row("block_list", rules.block_list.to_string()),
    ]
}

fn hours(text: &str) -> Option<OpenHours> {
    let minute = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
        (hour < 24 && minute < 60).then_some(hour * 60 + minute)
    };
    let (from, until) = text.split_once('-')?;
    Some(OpenHours {
        from: minute(from)?,
        until: minute(until)?,
    })
}

/// Changes one rule; false = it has no such name or value.
fn put(rules: &mut WifiRules, name: &str, value: &str) -> Option<()> {
    let bound = || match value {
        "-" => Some(None),
        _ => value.parse::<u32>().ok().map(Some),
    };
    match name {
        "is_on" => rules.is_on = value.parse().ok()?,
        "hours" if value == "-" => rules.hours = None,
        "hours" => rules.hours = Some(hours(value)?),
        "session_minutes" => {
            rules.session_minutes = bound()?.map(u16::try_from).transpose().ok()?;
        }
        "device_mb" => rules.device_mb = bound()?,
        "house_mb" => rules.house_mb = bound()?,
        "device_kbit" => rules.device_kbit = bound()?,
        "house_kbit" => rules.house_kbit = bound()?,
        "most_devices" => rules.most_devices = value.parse().ok()?,
        "metered_mb" => rules.metered_mb = value.parse().ok()?,
        "keep_days" => rules.keep_days = value.parse().ok()?,
        "garden" if value == "-" => rules.garden = Vec::new(),
        "garden" => rules.garden = value.split(',').map(str::to_owned).collect(),
        "block_list" => rules.block_list = value.parse().ok()?,
        _ => return None,
    }
    Some(())
}

/// Changes one rule.
///
/// # Errors
/// A sentence when it has no such name or value. Bounds are the gateway's to judge.
pub(super) fn change(cli: &Cli, rules: &mut WifiRules, pair: &str) -> anyhow::Result<()> {
    pair.split_once('=')
        .and_then(|(name, value)| put(rules, name, value))
        .ok_or_else(|| cli.failure("cli-guest-no-rule", &[("rule", pair)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_be_typed_again() {
        let mut rules = WifiRules::default();
        for (name, value) in [
            ("hours", "18:00-02:30"),
            ("session_minutes", "90"),
            ("house_mb", "20000"),
            ("device_kbit", "-"),
            ("garden", "dichvucong.gov.vn,vneid.gov.vn"),
            ("block_list", "true"),
            ("is_on", "false"),
        ] {
            assert!(put(&mut rules, name, value).is_some(), "{name}");
        }
        let mut again = WifiRules::default();
        for (name, value) in rows(&rules) {
            assert!(put(&mut again, &name, &value).is_some(), "{name}={value}");
        }
        assert_eq!(again, rules);
        for (name, value) in [
            ("hours", "25:00-26:00"),
            ("keep_days", "x"),
            ("nobody", "1"),
        ] {
            assert!(put(&mut rules, name, value).is_none(), "{name}");
        }
    }
}
