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
    /// `""` well, `warn`, `info`.
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
                details: [
                    Some(rest(lang, seconds_left, bytes_left)),
                    come_back(lang, portal.site.typed()),
                ]
                .into_iter()
                .flatten()
                .collect(),
                garden: Vec::new(),
                button: Button::None,
            },
            GuestVisitor::NotNow(why) => Self::refused(lang, &wifi.rules, why),
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
        let megabytes = |mb: Option<u32>| amounts::bytes(u64::from(mb.unwrap_or(0)) * 1_000_000);
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
            NotNow::MeteredOnly => (lang.t("wifi-metered"), lang.t("wifi-metered-do")),
            NotNow::DeviceUsedUp => {
                let most = megabytes(rules.device_mb);
                (
                    lang.t("wifi-used-up"),
                    lang.f("wifi-used-up-do", &[("most", &most)]),
                )
            }
            NotNow::HouseUsedUp => {
                let most = megabytes(rules.house_mb);
                (
                    lang.t("wifi-house-used-up"),
                    lang.f("wifi-house-used-up-do", &[("most", &most)]),
                )
            }
            NotNow::Full => (
                lang.t("wifi-full"),
                lang.f("wifi-full-do", &[("n", rules.most_devices)]),
            ),
        };
        // Names that need no tap stay open when the line is paid by the byte or a day is used
        // up; without any line it is not.
        let has_garden = !matches!(why, NotNow::UplinkDown | NotNow::Blocked | NotNow::Off);
        Self {
            class: "warn",
            title,
            details: vec![detail],
            garden: if has_garden {
                rules.garden.clone()
            } else {
                Vec::new()
            },
            button: if why == NotNow::Full {
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

/// How long and how much is left.
fn rest(lang: Lang, seconds: u32, bytes: Option<u64>) -> String {
    let time = amounts::how_long(lang, u64::from(seconds));
    match bytes {
        None => lang.f("wifi-left-time", &[("time", &time)]),
        Some(bytes) => lang.f(
            "wifi-left",
            &[("time", &time), ("bytes", &amounts::bytes(bytes))],
        ),
    }
}

/// How to open these pages again: the window that a phone opens by itself is gone with the tap.
pub fn come_back(lang: Lang, typed: &str) -> Option<String> {
    (!typed.is_empty()).then(|| lang.f("wifi-come-back", &[("name", typed)]))
}
