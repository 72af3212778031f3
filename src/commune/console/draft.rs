//! A bulletin as the officer typed it: what a form carried, what a refused form shows again, what a
//! sign-in in between carries on.

use super::context::Console;
use crate::domain::notice::normalize;
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
    /// The villages that were ticked.
    pub(in crate::commune) villages: Vec<String>,
    /// The token of the form: the same bulletin under it is sent once.
    pub(in crate::commune) once: String,
}

/// The first value of a field, without space around it.
pub(in crate::commune) fn field<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields
        .iter()
        .find(|(n, _)| n == name)
        .map_or("", |(_, v)| v.trim())
}

impl BulletinDraft {
    /// An empty one with a token of its own.
    ///
    /// # Errors
    /// When the machine has no randomness to give.
    pub(in crate::commune) fn blank() -> std::io::Result<Self> {
        Ok(Self {
            once: secret::token()?,
            ..Self::default()
        })
    }

    /// What a form carried.
    ///
    /// # Errors
    /// When it has no token, and the machine has no randomness to give one.
    pub(in crate::commune) fn of_form(
        console: &Console,
        fields: &[(String, String)],
    ) -> std::io::Result<Self> {
        let (title, body) = normalize(field(fields, "title"), field(fields, "body"));
        let villages: Vec<String> = fields
            .iter()
            .filter(|(n, v)| n == "village" && console.village(v).is_some())
            .map(|(_, v)| v.clone())
            .collect();
        let to = match field(fields, "to") {
            "all" => Recipients::All,
            // Who ticked villages and nothing else meant these villages.
            "some" => Recipients::Some,
            _ if villages.is_empty() => Recipients::None,
            _ => Recipients::Some,
        };
        let once = field(fields, "once");
        Ok(Self {
            title,
            body,
            urgent: field(fields, "urgent") == "1",
            to,
            villages,
            once: if once.len() == 32 {
                once.to_owned()
            } else {
                secret::token()?
            },
        })
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
        let mut out = vec![
            ("title", self.title.clone()),
            ("body", self.body.clone()),
            ("once", self.once.clone()),
        ];
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
