//! The words of the first page about the way to the internet, by how the device stands. Each reason
//! has its own words: what is so, until when, and what the visitor can do.

use super::Portal;
use super::visit::PortalVisit;
use crate::domain::guest::WifiRules;
use crate::domain::guest::admission::NotNow;
use crate::i18n::amounts;
use crate::i18n::locale::Lang;
use crate::ports::guests::GuestVisitor;

/// The act of the big button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Button {
    /// It lets the device in.
    Enter,
    /// It tries to: there may be a place now.
    TryAgain,
    /// It opens the notices: there is no way in from here.
    Notices,
    /// There is none: the device is in.
    None,
}

/// The words about the way to the internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// `""` well, `info`: the look of a warning is the urgent notices' alone.
    pub class: &'static str,
    /// The sentence; empty = the button says all.
    pub title: String,
    /// Further sentences.
    pub details: Vec<String>,
    /// Names that can be opened all the same.
    pub garden: Vec<String>,
    /// The act of the button.
    pub button: Button,
}

impl Gate {
    /// The words for a device; `tapped` = this is the answer to its tap.
    pub fn new(portal: &Portal, visit: PortalVisit, visitor: GuestVisitor, tapped: bool) -> Self {
        let wifi = portal.app.journal.state().wifi.clone();
        let lang = visit.lang;
        match visitor {
            GuestVisitor::Captive => Self {
                class: "",
                title: String::new(),
                details: Vec::new(),
                garden: Vec::new(),
                button: Button::Enter,
            },
            GuestVisitor::In {
                seconds_left,
                bytes_left,
            } => Self {
                class: "",
                title: lang.t(if tapped { "wifi-done" } else { "wifi-in" }),
                details: vec![rest(lang, seconds_left, bytes_left)],
                garden: Vec::new(),
                button: Button::None,
            },
            GuestVisitor::NotNow(why) => Self::refused(lang, &wifi.rules, why),
            GuestVisitor::OutOfOrder => Self {
                class: "info",
                title: lang.t("wifi-out-of-order"),
                details: vec![lang.t("wifi-out-of-order-do")],
                garden: Vec::new(),
                button: Button::Notices,
            },
            GuestVisitor::NotAGuest | GuestVisitor::NotServed => Self {
                class: "info",
                title: if tapped {
                    lang.t("wifi-not-from-here")
                } else {
                    String::new()
                },
                details: Vec::new(),
                garden: Vec::new(),
                button: Button::Notices,
            },
        }
    }

    fn refused(lang: Lang, rules: &WifiRules, why: NotNow) -> Self {
        let (title, detail) = match why {
            NotNow::Off => (lang.t("wifi-off"), lang.t("wifi-off-do")),
            NotNow::Closed { opens } => {
                let at = amounts::hour_of_day(lang, opens);
                (
                    lang.f("wifi-closed", &[("at", &at)]),
                    lang.t("wifi-closed-do"),
                )
            }
            NotNow::Blocked => (lang.t("wifi-blocked"), lang.t("wifi-blocked-do")),
            NotNow::UplinkDown => (lang.t("wifi-down"), lang.t("wifi-down-do")),
            NotNow::MeteredOnly => {
                let detail = match rules.metered_mb {
                    0 => "wifi-metered-do",
                    _ => "wifi-metered-spent-do",
                };
                (lang.t("wifi-metered"), lang.t(detail))
            }
            NotNow::DeviceUsedUp => {
                let most = most_of_day(lang, "wifi-used-up-most", rules.device_mb);
                (lang.t("wifi-used-up"), most + &again(lang, rules))
            }
            NotNow::HouseUsedUp => {
                let most = most_of_day(lang, "wifi-house-used-up-most", rules.house_mb);
                (lang.t("wifi-house-used-up"), most + &again(lang, rules))
            }
            NotNow::TurnIn { seconds } => (
                lang.t("wifi-turn"),
                lang.f("wifi-turn-do", &[("n", seconds)]),
            ),
            NotNow::Full => (
                lang.t("wifi-full"),
                lang.f("wifi-full-do", &[("n", rules.most_devices)]),
            ),
        };
        // Names that need no tap stay open when the line is paid by the byte or a day is used
        // up; without any line it is not.
        let has_garden = !matches!(why, NotNow::UplinkDown | NotNow::Blocked | NotNow::Off);
        Self {
            class: "info",
            title,
            details: vec![detail],
            garden: if has_garden {
                rules.garden.clone()
            } else {
                Vec::new()
            },
            button: if matches!(why, NotNow::Full | NotNow::TurnIn { .. }) {
                Button::TryAgain
            } else {
                Button::Notices
            },
        }
    }

    /// Whether the button is the form of the tap.
    pub fn has_tap(&self) -> bool {
        matches!(self.button, Button::Enter | Button::TryAgain)
    }

    /// The words on the button.
    pub fn label(&self, lang: Lang) -> String {
        lang.t(match self.button {
            Button::Enter => "wifi-enter",
            Button::TryAgain => "wifi-try-again",
            Button::Notices | Button::None => "read-notices",
        })
    }
}

/// How much there is in a day, with a space behind; nothing where there is no bound.
fn most_of_day(lang: Lang, key: &str, megabytes: Option<u32>) -> String {
    megabytes.map_or_else(String::new, |mb| {
        let most = amounts::bytes(lang, u64::from(mb) * 1_000_000);
        lang.f(key, &[("most", &most)]) + " "
    })
}

/// When a day that is used up is over: at midnight where it is open then, otherwise when it opens.
pub fn again(lang: Lang, rules: &WifiRules) -> String {
    match rules.hours.filter(|hours| !hours.is_open_at_midnight()) {
        None => lang.t("wifi-again-midnight"),
        Some(hours) => {
            let at = amounts::hour_of_day(lang, hours.from);
            lang.f("wifi-again-tomorrow", &[("at", &at)])
        }
    }
}

/// How long and how much is left.
fn rest(lang: Lang, seconds: u32, bytes: Option<u64>) -> String {
    let time = amounts::how_long(lang, u64::from(seconds));
    match bytes {
        None => lang.f("wifi-left-time", &[("time", &time)]),
        Some(bytes) => lang.f(
            "wifi-left",
            &[("time", &time), ("bytes", &amounts::bytes(lang, bytes))],
        ),
    }
}

/// A sentence around the address that people type, which stands out and is never broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressSentence {
    /// The words before it.
    pub before: String,
    /// The address.
    pub address: String,
    /// The words behind it.
    pub after: String,
}

impl AddressSentence {
    /// The sentence with this key; none = no address is known.
    pub fn new(lang: Lang, key: &str, address: Option<String>) -> Option<Self> {
        /// Stands in no sentence.
        const PLACE: &str = "%";
        let words = lang.f(key, &[("name", PLACE)]);
        let (before, after) = words.split_once(PLACE)?;
        Some(Self {
            before: before.to_owned(),
            address: address?,
            after: after.to_owned(),
        })
    }
}

/// How to open these pages again: the window that a phone opens by itself is gone with the tap.
pub fn come_back(lang: Lang, portal: &Portal) -> Option<AddressSentence> {
    AddressSentence::new(lang, "wifi-come-back", portal.site.typed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::guest::OpenHours;

    #[test]
    fn a_share_of_4g_that_is_used_up_is_not_called_closed_to_everybody() {
        for (lang, share, closed, spent) in [
            (Lang::Vi, 0, "chưa mở cho mọi người", "hôm nay đã hết"),
            (Lang::En, 0, "not open for everybody", "used up today"),
            (Lang::Vi, 500, "hôm nay đã hết", "chưa mở"),
            (Lang::En, 500, "used up today", "not open"),
        ] {
            let rules = WifiRules {
                metered_mb: share,
                ..WifiRules::default()
            };
            let told = Gate::refused(lang, &rules, NotNow::MeteredOnly).details;
            let told = told.concat();
            assert!(told.contains(closed) && !told.contains(spent), "{told}");
        }
    }

    #[test]
    fn the_address_stands_apart_from_the_words_around_it() {
        let address = || Some("nhavanhoa.lan/".to_owned());
        for lang in [Lang::Vi, Lang::En] {
            for key in ["wifi-come-back", "portal-manage-staff"] {
                let said = AddressSentence::new(lang, key, address()).expect("known");
                assert!(
                    said.before.ends_with(' ') && said.after.starts_with(" ("),
                    "{said:?}"
                );
                assert_eq!(AddressSentence::new(lang, key, None), None);
            }
        }
    }

    #[test]
    fn a_day_that_is_used_up_ends_when_the_house_is_open_again() {
        let told = |hours: Option<(u16, u16)>, device_mb| {
            let rules = WifiRules {
                hours: hours.map(|(from, until)| OpenHours { from, until }),
                device_mb,
                house_mb: None,
                ..WifiRules::default()
            };
            let of = |why| Gate::refused(Lang::Vi, &rules, why).details.concat();
            (of(NotNow::DeviceUsedUp), of(NotNow::HouseUsedUp))
        };
        let morning = "Ngày mai, từ 5 giờ, lại dùng được.";
        let (device, house) = told(Some((300, 1_320)), Some(1_000));
        assert_eq!(device, format!("Mỗi máy được 1 GB một ngày. {morning}"));
        assert_eq!(house, morning, "no bound is no number");
        assert_eq!(told(Some((300, 0)), None).0, morning);
        for open in [None, Some((1_080, 120)), Some((0, 1_320))] {
            assert_eq!(told(open, None).0, "Qua nửa đêm lại dùng được.", "{open:?}");
        }
    }
}
