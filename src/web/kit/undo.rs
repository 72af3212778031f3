//! Acts that can be taken back for a few seconds, and the bar that offers it.
//!
//! An act is named by the numbers of its entries. History tells what it was, who did it and when,
//! so nothing else must be remembered, and a restart takes nothing away.
//!
//! The acts are those of one tap that cost much and that the same button does not mend: a group of
//! lamps was switched; a notice was published, corrected, taken down, or put up again; a device of
//! the free wifi was blocked, let in always, or treated as all others again. Deliberately absent:
//! one lamp, because its button is its own way back; “Dừng tất cả”, because a sound that was
//! stopped must not begin again by a tap; a sentence on air, because “Dừng tất cả” ends it; the end
//! of sign-ins, because it asks for the PIN.
//!
//! Invariants: only the person who acted is offered it and may do it. The bar counts to ten where
//! there is a script; the gateway accepts it longer, because without script the bar stays.

use std::str::FromStr;

use super::app::{App, RequestContext};
use super::components::html;
use crate::domain::command::Command;
use crate::domain::event::{Entry, Event};
use crate::domain::id::NoticeId;
use crate::domain::{light, notice};
use crate::http::form_token;
use crate::i18n::locale::Lang;
use crate::journal::Committed;
use crate::keys::secret;
use crate::time::WallMs;

/// How long the bar is shown where there is a script, s.
const SHOWN_S: u32 = 10;
/// How long an act may be taken back, ms.
const ACCEPTED_MS: i64 = 30_000;
/// Most characters of a title in the bar.
const MAX_TITLE_CHARS: usize = 60;

/// An act, by the numbers of its first and its last entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Act {
    /// Its first entry.
    pub first: u64,
    last: u64,
}

impl Act {
    /// The act that made these entries; none = it changed nothing.
    #[must_use]
    pub const fn of(committed: Committed) -> Option<Self> {
        if committed.first == 0 {
            return None;
        }
        Some(Self {
            first: committed.first,
            last: committed.last,
        })
    }

    /// An address with the bar for this act: `path` without a query, or with one.
    #[must_use]
    pub fn address(act: Option<Self>, path: &str) -> String {
        let joint = if path.contains('?') { '&' } else { '?' };
        act.map_or_else(|| path.to_owned(), |act| format!("{path}{joint}undo={act}"))
    }
}

impl std::fmt::Display for Act {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl FromStr for Act {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (first, last) = text.split_once('-').ok_or(())?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| ());
        let (first, last) = (number(first)?, number(last)?);
        if (1..=last).contains(&first) {
            Ok(Self { first, last })
        } else {
            Err(())
        }
    }
}

/// Whether an act of `at` may still be taken back; a clock that was set between makes it too late.
fn is_in_time(at: WallMs, now: WallMs) -> bool {
    (0..=ACCEPTED_MS).contains(&now.since(at))
}

/// How an act is taken back.
pub struct Undo {
    /// The command that takes it back.
    pub command: Command,
    /// The act in words.
    pub done: String,
    /// The page that shows how it is afterwards.
    pub page: String,
}

#[derive(askama::Template)]
#[template(path = "undo.html")]
struct UndoBar<'a> {
    lang: Lang,
    csrf: &'a str,
    once: &'a str,
    act: Act,
    done: &'a str,
    /// The page says what was done: the bar says it to those who do not see it only.
    is_said: bool,
    shown_s: u32,
}

impl App {
    /// Whether the entries of an act are one switch of one group: the last is as the first, and
    /// there are no more than the group has lamps. The form names both ends, and between wider ones
    /// lie orders of other people.
    fn is_one_switch(&self, first: &Entry, act: Act, most: usize) -> bool {
        let Some(more) = act.last.checked_sub(act.first) else {
            return false;
        };
        let recent = self.journal.history().recent_after(act.last - 1, 1);
        let recent = recent.unwrap_or_default();
        let Some(last) = recent.first().map(|stored| &stored.entry) else {
            return false;
        };
        let side = |entry: &Entry| match &entry.event {
            Event::Light(light::Event::Desired { on, group, .. }) => Some((*on, group.clone())),
            _ => None,
        };
        more < most as u64
            && last.seq == act.last
            && last.actor == first.actor
            && side(last) == side(first)
    }

    /// How an act is taken back; none = it is none of the acts above, somebody else did it, or it
    /// is too long ago.
    #[must_use]
    pub fn undo_of(&self, visit: &RequestContext, act: Act) -> Option<Undo> {
        let actor = visit.actor()?;
        let recent = self.journal.history().recent_after(act.first - 1, 1)?;
        let entry = &recent.first()?.entry;
        let now = self.supervisor.clock().wall_ms();
        if entry.seq != act.first || entry.actor != actor || !is_in_time(entry.wall_ms, now) {
            return None;
        }
        match &entry.event {
            Event::Light(light::Event::Desired {
                on,
                group: Some(group),
                ..
            }) => {
                let state = self.journal.state();
                let switched = state.groups.get(group)?;
                if !self.is_one_switch(entry, act, switched.lights.len()) {
                    return None;
                }
                let name = visit.lang.verbatim(&switched.name);
                let key = if *on {
                    "undo-group-on"
                } else {
                    "undo-group-off"
                };
                Some(Undo {
                    command: light::Command::UndoSwitchGroup {
                        group: group.clone(),
                        first: act.first,
                        last: act.last,
                    }
                    .into(),
                    done: visit.lang.f(key, &[("name", &name)]),
                    page: format!("/lights?said=undone-lights#group-{group}"),
                })
            }
            Event::Notice(notice::Event::TakenDown { id }) => {
                // One whose time is over does not go up again.
                let state = self.journal.state();
                let is_over = state.ended.get(id)?.notice.details.is_over(now);
                (!is_over).then(|| Undo {
                    command: notice::Command::Restore { id: id.clone() }.into(),
                    done: self.notice_act(visit.lang, "undo-taken-down", id),
                    page: format!("/notices/{id}?said=undone"),
                })
            }
            Event::Notice(
                event @ (notice::Event::Published { id, .. } | notice::Event::Restored { id }),
            ) => {
                let key = if matches!(event, notice::Event::Published { .. }) {
                    "undo-published"
                } else {
                    "undo-restored"
                };
                Some(Undo {
                    command: notice::Command::TakeDown { id: id.clone() }.into(),
                    done: self.notice_act(visit.lang, key, id),
                    page: format!("/notices/archive/{id}?said=undone"),
                })
            }
            Event::Notice(notice::Event::Corrected { id, text, details }) => {
                let state = self.journal.state();
                let now = state.notices.get(id)?;
                let before = now.versions.last()?;
                let is_as_corrected = now.text == *text && now.details == *details;
                let is_kept = !state.erased.contains(&before.text.id);
                (is_as_corrected && is_kept).then(|| Undo {
                    command: notice::Command::Correct {
                        id: id.clone(),
                        text: before.text.clone(),
                        details: before.details.clone(),
                    }
                    .into(),
                    done: self.notice_act(visit.lang, "undo-corrected", id),
                    page: format!("/notices/{id}?said=correction-undone"),
                })
            }
            Event::Guest(event) => self.guest_undo(visit, act.first, event),
            _ => None,
        }
    }

    /// Reads what [`App::undo_of`] needs of history to take this act back.
    pub async fn find_undo(&self, act: Act) {
        let recent = self.journal.history().recent_after(act.first - 1, 1);
        if let Some(stored) = recent.as_ref().and_then(|found| found.first()) {
            self.find_guest_before_entry(&stored.entry).await;
        }
    }

    fn notice_act(&self, lang: Lang, key: &str, id: &NoticeId) -> String {
        let state = self.journal.state();
        let taken_down = state.ended.get(id).map(|t| &t.notice.text);
        let text = taken_down.or_else(|| state.notices.get(id).map(|n| &n.text));
        let title = text.map_or_else(String::new, |t| self.text_on_page(lang, t, MAX_TITLE_CHARS));
        lang.f(key, &[("text", &title)])
    }

    /// The bar that offers to take an act back; empty = it cannot be taken back.
    #[must_use]
    pub fn undo_bar(&self, visit: &RequestContext, act: Act) -> String {
        let (Some(undo), Ok(once)) = (self.undo_of(visit, act), secret::token()) else {
            return String::new();
        };
        html(&UndoBar {
            lang: visit.lang,
            csrf: &form_token::mask(&self.sessions.csrf_token(&visit.token)),
            once: &once,
            act,
            done: &undo.done,
            is_said: matches!(
                visit.flash.as_deref(),
                Some("published" | "corrected" | "taken-down" | "restored")
            ),
            shown_s: SHOWN_S,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_minute_is_in_time_and_a_clock_that_was_set_back_is_not() {
        let at = WallMs::new(1_795_232_640_000);
        assert!(is_in_time(at, at) && is_in_time(at, at + 30_000));
        assert!(i64::from(SHOWN_S) * 1_000 < ACCEPTED_MS);
        assert!(!is_in_time(at, at + 30_001) && !is_in_time(at, at - 1));
    }

    #[test]
    fn an_act_is_its_numbers_and_nothing_else_is_one() {
        let act: Act = "7-9".parse().expect("an act");
        assert_eq!((act.first, act.last), (7, 9));
        assert_eq!(Act::address(Some(act), "/lights"), "/lights?undo=7-9");
        assert_eq!(Act::address(Some(act), "/n?a=b"), "/n?a=b&undo=7-9");
        assert_eq!(Act::address(None, "/lights"), "/lights");
        for text in [
            "",
            "7",
            "9-7",
            "0-0",
            "7-9-11",
            "-7",
            "7-x",
            "7-99999999999999999999",
        ] {
            assert!(text.parse::<Act>().is_err(), "{text}");
        }
    }
}
