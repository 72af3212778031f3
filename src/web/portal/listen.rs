//! “Nghe”: a notice, or a paper of one, read aloud, as a file for the phone.
//!
//! Invariants: whoever may read the words may hear them, and nobody else. The sound is made when
//! somebody first asks for it: two wait for that at a time, of one address one, in rounds with the
//! other addresses (`FairTurns`); what lies ready waits for nothing. A part of it is sent to
//! whoever asks for a part: iPhones play nothing else.

use std::io::SeekFrom;
use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::sync::oneshot;

use super::Portal;
use super::notices::file_of;
use super::visit::PortalVisit;
use crate::i18n::locale::Lang;
use crate::ports::listening::ListeningRequest;
use crate::store::spoken_texts::{name_of_blob, name_of_paper};
use crate::supervisor::fair_turns::{FairTurns, HeldTurn};
use crate::web::kit::notice_sheet::{ShownNotice, as_speech};
use crate::web::kit::notices::words_of;

/// How much of a sound is in memory for each phone that fetches it, bytes.
const SOUND_PIECE_BYTES: u64 = 64 * 1024;
/// Texts that are with the service at once: one is spoken, and one is ready behind it.
const AT_ONCE: usize = 2;
/// How long a phone waits for its turn.
const PATIENCE: Duration = Duration::from_secs(20);

/// A notice as sound.
pub(super) async fn notice(
    State(portal): State<Portal>,
    visit: PortalVisit,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let app = &portal.app;
    let found = app.journal.state().notice_linked(&id).cloned();
    let text = found.and_then(|notice| {
        let words = words_of(app, &notice).ok()?;
        Some((notice, words))
    });
    let Some((notice, words)) = text else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let name = name_of_blob(&notice.text.id, notice.versions.len());
    if let Some(file) = app.spoken.heard(&name) {
        return answer(Some(file), &headers).await;
    }
    let Some(turn) = turn(&portal, visit).await else {
        return answer(None, &headers).await;
    };
    let sheet = ShownNotice::published(app, Lang::Vi, &notice, "");
    let request = ListeningRequest {
        name,
        text: as_speech(&sheet, &words),
        of: Some(notice.text),
        asker: visit.counted(),
    };
    answer(hear(&portal, turn, request).await, &headers).await
}

/// A paper as sound.
pub(super) async fn paper(
    State(portal): State<Portal>,
    visit: PortalVisit,
    Path((id, sha256)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some((paper, _)) = file_of(&portal, &id, &sha256) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let name = name_of_paper(&sha256);
    if let Some(file) = portal.app.spoken.heard(&name) {
        return answer(Some(file), &headers).await;
    }
    let Some(turn) = turn(&portal, visit).await else {
        return answer(None, &headers).await;
    };
    let record = portal.app.papers.record_of(&paper).await;
    let Some(record) = record.filter(|record| !record.texts.is_empty()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut text = record.whole_text();
    if record.texts.iter().any(|text| text.is_recognised) {
        text = format!("{}.\n{text}", Lang::Vi.t("paper-recognised-aloud"));
    }
    let request = ListeningRequest {
        name,
        text,
        of: None,
        asker: visit.counted(),
    };
    answer(hear(&portal, turn, request).await, &headers).await
}

/// The turns of texts that are to be spoken.
pub(super) fn listening_turns() -> FairTurns {
    FairTurns::new(AT_ONCE)
}

async fn turn(portal: &Portal, visit: PortalVisit) -> Option<HeldTurn> {
    let turns = &portal.listening_turns;
    turns.turn(visit.counted(), PATIENCE).await
}

/// Has a text spoken; none = it is not now. A phone that goes away gives its turn back when its
/// text has been answered, so nobody has many by asking and leaving.
async fn hear(portal: &Portal, turn: HeldTurn, request: ListeningRequest) -> Option<PathBuf> {
    let port = portal.app.ports.listening.clone();
    let (tell, heard) = oneshot::channel();
    portal.app.supervisor.spawn(async move {
        let heard = port.hear(request).await;
        drop(turn);
        // A phone that went away hears nothing.
        let _ = tell.send(heard);
    });
    heard.await.ok().flatten()
}

async fn answer(file: Option<PathBuf>, headers: &HeaderMap) -> Response {
    let Some(file) = file else {
        let later = [(header::RETRY_AFTER, "30")];
        return (StatusCode::SERVICE_UNAVAILABLE, later).into_response();
    };
    let range = headers.get(header::RANGE).and_then(|r| r.to_str().ok());
    send(&file, range)
        .await
        .unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
}

/// The part of a file that is asked for: its first byte and the one behind its last; none = there
/// is no such part. Anything but one range of bytes asks for the whole.
fn part(range: Option<&str>, length: u64) -> Option<(u64, u64)> {
    let asked = range.and_then(|range| range.strip_prefix("bytes="));
    let asked = asked.and_then(|range| range.split_once('-'));
    let number = |text: &str| text.trim().parse::<u64>().ok();
    match asked {
        Some(("", last)) => {
            let last = number(last).filter(|last| *last > 0)?;
            Some((length.saturating_sub(last), length))
        }
        Some((from, to)) => match (number(from), to.is_empty(), number(to)) {
            (Some(from), true, _) if from < length => Some((from, length)),
            (Some(from), false, Some(to)) if from < length && from <= to => {
                Some((from, length.min(to.saturating_add(1))))
            }
            (Some(_), true, _) | (Some(_), false, Some(_)) => None,
            _ => Some((0, length)),
        },
        None => Some((0, length)),
    }
}

async fn send(path: &FilePath, range: Option<&str>) -> Option<Response> {
    let mut file = File::open(path).await.ok()?;
    let length = file.metadata().await.ok()?.len();
    let Some((from, to)) = part(range, length) else {
        let whole = [(header::CONTENT_RANGE, format!("bytes */{length}"))];
        return Some((StatusCode::RANGE_NOT_SATISFIABLE, whole).into_response());
    };
    file.seek(SeekFrom::Start(from)).await.ok()?;
    let pieces = stream::unfold((file, to - from), |(mut file, left)| async move {
        let size = usize::try_from(left.min(SOUND_PIECE_BYTES)).unwrap_or(0);
        if size == 0 {
            return None;
        }
        let mut piece = vec![0; size];
        let read = file.read(&mut piece).await;
        let left = match &read {
            Ok(0) | Err(_) => 0,
            Ok(n) => left - *n as u64,
        };
        let read = read.map(|n| {
            piece.truncate(n);
            Bytes::from(piece)
        });
        Some((read, (file, left)))
    });
    let headers = [
        (header::CONTENT_TYPE, "audio/mpeg".to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::CONTENT_LENGTH, (to - from).to_string()),
        (header::CACHE_CONTROL, "private, max-age=600".to_owned()),
    ];
    let body = Body::from_stream(pieces);
    Some(if range.is_some() {
        let told = format!("bytes {from}-{}/{length}", to.saturating_sub(1));
        let told = [(header::CONTENT_RANGE, told)];
        (StatusCode::PARTIAL_CONTENT, headers, told, body).into_response()
    } else {
        (headers, body).into_response()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_what_was_asked_for_and_is_there() {
        for (range, wanted) in [
            (None, Some((0, 100))),
            (Some("bytes=0-1"), Some((0, 2))),
            (Some("bytes=0-"), Some((0, 100))),
            (Some("bytes=40-900"), Some((40, 100))),
            (Some("bytes=-5"), Some((95, 100))),
            (Some("bytes=-900"), Some((0, 100))),
            (Some("bytes=100-"), None),
            (Some("bytes=5-3"), None),
            (Some("bytes=-0"), None),
            (Some("bytes=0-1,5-6"), Some((0, 100))),
            (Some("lines=1-2"), Some((0, 100))),
            (
                Some("bytes=18446744073709551615-18446744073709551615"),
                None,
            ),
        ] {
            assert_eq!(part(range, 100), wanted, "{range:?}");
        }
    }
}
