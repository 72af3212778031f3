//! A bulletin as the officer typed it: what a form carried, what a refused form shows again, what a
//! sign-in in between carries on.

use super::context::Console;
use super::official::OfficialFields;
use crate::domain::id::CommandId;
use crate::domain::notice::normalize;
use crate::http::form::FormFields;
use crate::keys::secret;

/// For whom a bulletin is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::commune) enum Recipients {
    /// Nothing was chosen yet.
    #[default]
    None,
    /// Every village.
    All,
    /// Those that were ticked.
    Some,
}

/// A bulletin as it was typed.
#[derive(Debug, Clone, Default)]
pub(in crate::commune) struct BulletinDraft {
    pub(in crate::commune) title: String,
    pub(in crate::commune) body: String,
    pub(in crate::commune) urgent: bool,
    pub(in crate::commune) to: Recipients,
    /// Its level of risk, source and days.
    pub(in crate::commune) official: OfficialFields,
    /// The villages that were ticked.
    pub(in crate::commune) villages: Vec<String>,
    /// The command id of the form: the same bulletin under it is sent once. None = the form had
    /// none.
    pub(in crate::commune) once: Option<CommandId>,
    /// The id of the officer on whose page it was typed; empty = the page did not say.
    pub(in crate::commune) by: String,
}

impl BulletinDraft {
    /// The draft that a form carried.
    pub(in crate::commune) fn of_form(fields: &FormFields) -> Self {
        let (title, body) = normalize(fields.get("title"), fields.get("body"));
        let villages: Vec<String> = fields.all("village").map(str::to_owned).collect();
        let to = match fields.get("to") {
            "all" => Recipients::All,
            // An officer who ticked villages and chose neither “all” nor “some” meant these
            // villages.
            "some" => Recipients::Some,
            _ if villages.is_empty() => Recipients::None,
            _ => Recipients::Some,
        };
        Self {
            title,
            body,
            urgent: fields.get("urgent") == "1",
            official: OfficialFields::of_form(fields),
            to,
            villages,
            once: CommandId::new(fields.get("once")).ok(),
            by: fields.get("by").to_owned(),
        }
    }

    /// With a command id of its own, unless it has one.
    ///
    /// # Errors
    /// When the machine has no randomness to give.
    pub(in crate::commune) fn identified(self) -> std::io::Result<Self> {
        let once = match self.once {
            Some(once) => once,
            None => CommandId::new(&secret::token()?).map_err(std::io::Error::other)?,
        };
        Ok(Self {
            once: Some(once),
            ..self
        })
    }

    /// The draft, if this officer may go on with it: nobody sends the words of another by pressing
    /// a button after signing in at the same browser.
    pub(in crate::commune) fn of(self, officer: &str) -> Self {
        if self.by.is_empty() || self.by == officer {
            self
        } else {
            Self::default()
        }
    }

    /// Nothing was typed.
    pub(in crate::commune) fn is_blank(&self) -> bool {
        self.title.is_empty() && self.body.is_empty()
    }

    /// The villages that get it, in the order of the configuration, each once.
    pub(in crate::commune) fn recipients(&self, console: &Console) -> Vec<String> {
        console
            .villages
            .iter()
            .map(|v| v.id.clone())
            .filter(|id| match self.to {
                Recipients::None => false,
                Recipients::All => true,
                Recipients::Some => self.villages.contains(id),
            })
            .collect()
    }

    /// The fields of a form that carries it on unseen.
    pub(in crate::commune) fn fields(&self) -> Vec<(&'static str, String)> {
        let mut out = vec![("title", self.title.clone()), ("body", self.body.clone())];
        out.extend(self.official.fields());
        out.extend(self.once.iter().map(|once| ("once", once.to_string())));
        if !self.by.is_empty() {
            out.push(("by", self.by.clone()));
        }
        if self.urgent {
            out.push(("urgent", "1".to_owned()));
        }
        match self.to {
            Recipients::None => {}
            Recipients::All => out.push(("to", "all".to_owned())),
            Recipients::Some => out.push(("to", "some".to_owned())),
        }
        out.extend(self.villages.iter().map(|v| ("village", v.clone())));
        out
    }

    pub(in crate::commune) fn is_to_all(&self) -> bool {
        self.to == Recipients::All
    }

    pub(in crate::commune) fn is_to_some(&self) -> bool {
        self.to == Recipients::Some
    }

    /// Whether a village was ticked.
    pub(in crate::commune) fn has(&self, village: &str) -> bool {
        self.villages.iter().any(|v| v == village)
    }
}
