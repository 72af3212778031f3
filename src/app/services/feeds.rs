//! Starts the reading of feeds and the look after links.

use std::sync::Arc;
use std::time::Duration;

use crate::app::handles::Handles;
use crate::config::board::BoardConfig;
use crate::feeds::fetch::Fetcher;
use crate::feeds::links::LinkCheck;
use crate::feeds::reader::FeedReader;
use crate::supervisor::health::HealthPart;

/// Time between two links that are opened.
const PAUSE: Duration = Duration::from_secs(2);

/// Starts both. Without a feed in the configuration nothing is read; links are always looked at.
pub fn start(board: &BoardConfig, handles: &Handles) {
    let supervisor = &handles.supervisor;
    let board = Arc::new(board.clone());
    if !board.feeds.is_empty() {
        let reader = FeedReader {
            board: board.clone(),
            journal: handles.journal.clone(),
            files: handles.files.clone(),
            supervisor: supervisor.clone(),
        };
        supervisor.service(HealthPart::Feeds, reader, FeedReader::run);
    }
    let check = LinkCheck {
        board,
        journal: handles.journal.clone(),
        files: handles.files.clone(),
        dead: handles.live.dead_links.clone(),
        supervisor: supervisor.clone(),
        fetcher: Fetcher::internet(),
        pause: PAUSE,
    };
    supervisor.service(HealthPart::Links, check, LinkCheck::run);
}
