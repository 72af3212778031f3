//! A sentence between being typed and being played: its state in the addresses of its pages.
//!
//! Invariant: an address shows and plays nothing unless all of it was sealed for this person. The
//! seal is the person's and not the sign-in's: a sentence that was typed before a sign-in ended is
//! there again after the next one.

use crate::domain::blob::BlobRef;
use crate::domain::id::{BlobId, DeviceId};
use crate::keys::secret;
use crate::web::kit::app::{App, RequestContext};

/// Most speaker clusters of one announcement.
pub(super) const MAX_ZONE_SPEAKERS: usize = 100;

/// A sentence that was typed and stored as a blob, with its zone: the content of its pages'
/// addresses.
#[derive(Default)]
pub struct Preview {
    pub(super) blob: String,
    pub(super) mac: String,
    pub(super) len: u64,
    pub(super) once: String,
    pub(super) zone: Vec<String>,
    /// Seal of all that for this person: an address of anybody else plays nothing here.
    pub(super) seal: String,
}

impl Preview {
    pub(super) fn from_fields(fields: Vec<(String, String)>) -> Self {
        let mut preview = Self::default();
        for (name, value) in fields {
            match name.as_str() {
                "blob" => preview.blob = value,
                "mac" => preview.mac = value,
                "len" => preview.len = value.parse().unwrap_or(0),
                "once" => preview.once = value,
                "seal" => preview.seal = value,
                "zone"
                    if DeviceId::new(&value).is_ok() && preview.zone.len() < MAX_ZONE_SPEAKERS =>
                {
                    preview.zone.push(value);
                }
                _ => {}
            }
        }
        preview
    }

    pub(super) fn blob(&self) -> Option<BlobRef> {
        BlobId::new(&self.blob).ok().map(|id| BlobRef {
            id,
            mac: self.mac.clone(),
            len: self.len,
        })
    }

    /// The text, when this person typed it.
    pub(super) fn text(&self, app: &App, visit: &RequestContext) -> Option<String> {
        let user = visit.user.as_ref().filter(|_| visit.is_chief())?;
        let seal = app.sessions.seal(&user.id, &self.unsigned_query());
        let is_sealed = secret::constant_time_eq(&self.seal, &seal);
        app.files.text(&self.blob().filter(|_| is_sealed)?).ok()
    }

    /// The same with the seal of this person; without one it stays unsealed.
    pub(super) fn sealed(self, app: &App, visit: &RequestContext) -> Self {
        let seal = visit.user.as_ref().map_or_else(String::new, |user| {
            app.sessions.seal(&user.id, &self.unsigned_query())
        });
        Self { seal, ..self }
    }

    /// As the query of an address.
    pub(super) fn query(&self) -> String {
        format!("{}&seal={}", self.unsigned_query(), self.seal)
    }

    fn unsigned_query(&self) -> String {
        let mut out = format!(
            "blob={}&mac={}&len={}&once={}",
            self.blob, self.mac, self.len, self.once
        );
        self.zone
            .iter()
            .for_each(|z| out.push_str(&format!("&zone={z}")));
        out
    }
}
