//! The map of the village: its index is made before the first page is served, and again whenever
//! the village gets another map.

use crate::app::handles::Handles;
use crate::directory::DirectoryService;
use crate::supervisor::health::HealthPart;

/// Starts the service.
pub fn start(handles: &Handles) {
    let service = DirectoryService {
        journal: handles.journal.clone(),
        files: handles.files.clone(),
        status: handles.live.directory.clone(),
        health: handles.supervisor.health().clone(),
    };
    let _ = service.prepare();
    handles
        .supervisor
        .proving_service(HealthPart::Directory, service, DirectoryService::run);
}
