//! Starts the reading of papers.

use crate::app::handles::Handles;
use crate::papers::reading::PaperReader;
use crate::papers::service::PaperService;
use crate::supervisor::health::HealthPart;

/// Starts the service.
pub fn start(handles: &Handles) {
    let service = PaperService {
        journal: handles.journal.clone(),
        reader: PaperReader {
            program: "/proc/self/exe".to_owned(),
            attachments: handles.attachments.clone(),
            pages: handles.papers.clone(),
        },
    };
    handles
        .supervisor
        .service(HealthPart::Papers, service, PaperService::run);
}
