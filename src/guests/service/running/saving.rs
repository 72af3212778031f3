//! The use of the day and the rows of sessions, on their way to the disk.

use super::{Running, USE_FILE};

impl Running<'_> {
    /// Waits for a round that is being written.
    pub(super) async fn until_saved(&mut self) {
        if let Some(saving) = self.saving.take() {
            let _ = saving.await;
        }
    }

    /// Writes what was used and the rows of sessions.
    pub(super) fn save(&mut self) {
        if self.saving.as_ref().is_some_and(|s| !s.is_finished()) {
            return;
        }
        let session_rows = self.service.session_rows.clone();
        let is_kept = self.wifi.rules.keep_days > 0;
        let rows = std::mem::take(&mut self.rows);
        self.table.use_of_day.open = self.table.saved(self.now());
        let use_of_day = self.table.use_of_day.clone();
        self.saving = Some(tokio::task::spawn_blocking(move || {
            let write = || -> std::io::Result<()> {
                use_of_day.save(&session_rows.folder().join(USE_FILE))?;
                if is_kept {
                    session_rows.append(&rows)?;
                }
                Ok(())
            };
            if let Err(cause) = write() {
                tracing::warn!(%cause, "use of the guest network not written");
            }
        }));
    }
}
