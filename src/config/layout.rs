//! The folders and sockets of this machine, from the configuration. Used by the composition in
//! `app` and by the technician's commands.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::Config;
use crate::keys::secret::make_folder;

/// Folders and sockets.
pub struct Layout {
    /// Data folder.
    pub data: PathBuf,
    /// Folder of the sockets.
    pub run: PathBuf,
    /// Control socket.
    pub control: PathBuf,
}

impl Layout {
    /// The layout that `config` gives.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let data = config
            .data
            .clone()
            .unwrap_or_else(|| "/var/lib/conglang".into());
        let control = config
            .listeners
            .control
            .clone()
            .unwrap_or_else(|| "/run/conglang/control.sock".into());
        let run = control
            .parent()
            .map_or_else(|| data.clone(), Path::to_owned);
        Self { data, run, control }
    }

    /// The folder of keys.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.data.join("keys")
    }

    /// Makes the missing folders. The data folder is for the gateway's user alone (0700); the
    /// folder of the sockets may also be entered by its group, in which the technician's user is
    /// (0750).
    ///
    /// # Errors
    /// A folder cannot be made, or its mode cannot be set.
    pub fn make(&self) -> io::Result<()> {
        make_folder(&self.data)?;
        if !self.run.is_dir() {
            make_folder(&self.run)?;
            if !self.run.starts_with(&self.data) {
                std::fs::set_permissions(&self.run, std::fs::Permissions::from_mode(0o750))?;
            }
        }
        Ok(())
    }
}
