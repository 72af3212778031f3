//! Sounds, which speaker clusters fetch from the portal by name.

use std::path::PathBuf;

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

/// Where they lie. Speakers reach them by whatever address the box has for them.
pub const PATH: &str = "/sound/";

/// How much of a sound is in memory for each client that fetches it, bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// A sound for a speaker cluster; its name is a hash that only the order contains. The file is read
/// in chunks: a client that fetches it slowly holds one chunk in memory, not the sound.
pub async fn sound(
    hash: String,
    sound: impl Fn(String) -> Option<PathBuf> + Send + 'static,
) -> Response {
    let Some(path) = sound(hash) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Ok(file) = File::open(path).await else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Ok(about) = file.metadata().await else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let pieces = stream::unfold(file, |mut file| async move {
        let mut piece = vec![0; CHUNK_BYTES];
        let read = file.read(&mut piece).await;
        let read = read.map(|n| {
            piece.truncate(n);
            Bytes::from(piece)
        });
        if read.as_ref().is_ok_and(Bytes::is_empty) {
            None
        } else {
            Some((read, file))
        }
    });
    (
        [
            (header::CONTENT_TYPE, "audio/wav".to_owned()),
            (header::CONTENT_LENGTH, about.len().to_string()),
        ],
        Body::from_stream(pieces),
    )
        .into_response()
}
