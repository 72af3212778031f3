//! Where things lie on this machine, from the configuration. Asked by the roots and by the technician's commands.

use std::path::{Path, PathBuf};

use super::Config;

/// Folders and sockets.
pub struct Layout {
    /// Data folder.
    pub data: PathBuf,
    /// Sockets.
    pub run: PathBuf,
    /// Control socket.
    pub control: PathBuf,
}

impl Layout {
    /// From the configuration.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let data = config.data.clone().unwrap_or_else(|| "/var/lib/conglang".into());
        let control = config.doors.control.clone().unwrap_or_else(|| "/run/conglang/control.sock".into());
        let run = control.parent().map_or_else(|| data.clone(), Path::to_owned);
        Self { data, run, control }
    }
}
