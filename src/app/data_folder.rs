//! The data folder of a gateway: made, and claimed by one process.

use std::fs::File;
use std::path::Path;

use crate::config::layout::Layout;
use crate::store::disk_space::Ballast;
use crate::supervisor::folder_lock;

/// Makes the folders of a gateway, claims them, and makes room for the journal if the disk is full.
/// The folders are claimed for as long as the file lives.
///
/// # Errors
/// A folder cannot be made, or another process has claimed them.
pub(super) async fn claim(layout: &Layout) -> anyhow::Result<File> {
    layout.make().map_err(|e| {
        anyhow::anyhow!(
            "cannot make {} or {}: {e}",
            layout.data.display(),
            layout.run.display()
        )
    })?;
    let lock = lock(&layout.data).await?;
    release_ballast(&layout.data);
    Ok(lock)
}

/// One gateway per data folder; an earlier process may still be ending.
async fn lock(data: &Path) -> anyhow::Result<File> {
    let file = File::create(data.join("lock"))?;
    anyhow::ensure!(
        folder_lock::acquire(&file).await?,
        "another conglang runs with the data in {}",
        data.display()
    );
    Ok(file)
}

/// Releases the space that was reserved for the journal, if the disk is full.
fn release_ballast(data: &Path) {
    match Ballast::of(data).release() {
        Ok(true) => tracing::warn!("disk full; ballast released for the journal"),
        Ok(false) => {}
        Err(cause) => tracing::error!(%cause, "releasing ballast failed"),
    }
}
