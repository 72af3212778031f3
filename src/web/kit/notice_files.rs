//! Answers with the files of notices: pictures and PDFs to be seen, other papers to be downloaded.
//!
//! Invariants: a file is sent in pieces, so a slow client holds one piece in memory. A paper is
//! never a part of our pages: a PDF opens at its own address in the viewer of the phone, which runs
//! nothing of it as ours; another paper is a download. Each has a plain name, and its type is not
//! guessed.

use std::path::PathBuf;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use crate::domain::notice::{Attachment, AttachmentKind};
use crate::store::attachments::{extension, media_type};
use crate::web::kit::app::App;

/// How much of a file is in memory for each client that fetches it, bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// The file; `name` = what a person called it; `is_small` = the small size of a picture.
pub async fn answer(app: &App, file: &Attachment, name: &str, is_small: bool) -> Response {
    let is_picture = file.kind == AttachmentKind::Picture;
    let path = if is_small && is_picture {
        app.attachments.small_path(file)
    } else {
        app.attachments.path(file)
    };
    let Some((length, body)) = read(path).await else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(media_type(file.kind)),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    // The address is the content.
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, max-age=86400, immutable"),
    );
    if !is_picture && let Ok(value) = disposition(file, name).parse() {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// The picture of a page of a paper.
pub async fn picture(path: PathBuf) -> Response {
    let Some((length, body)) = read(path).await else {
        return StatusCode::NOT_FOUND.into_response();
    };
    (
        [
            (header::CONTENT_TYPE, "image/jpeg".to_owned()),
            (header::CONTENT_LENGTH, length.to_string()),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
            (header::CACHE_CONTROL, "private, max-age=86400".to_owned()),
        ],
        body,
    )
        .into_response()
}

async fn read(path: PathBuf) -> Option<(u64, Body)> {
    let file = File::open(path).await.ok()?;
    let length = file.metadata().await.ok()?.len();
    let pieces = stream::unfold(file, |mut file| async move {
        let mut piece = vec![0; PIECE_BYTES];
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
    Some((length, Body::from_stream(pieces)))
}

/// How a paper is opened: a PDF in the viewer of the phone, another as a download; both under the
/// name that a person gave, with the ending of what it is (RFC 6266; the name in UTF-8 by RFC 8187,
/// and a plain one for programs that know no other).
fn disposition(file: &Attachment, name: &str) -> String {
    let end = extension(file.kind);
    let stem = name
        .strip_suffix(&format!(".{end}"))
        .unwrap_or(name)
        .trim_start_matches('.');
    let mut encoded = String::new();
    for byte in stem.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    let short = &file.sha256[..8];
    if encoded.is_empty() {
        encoded.push_str(short);
    }
    let how = if file.kind == AttachmentKind::Pdf {
        "inline"
    } else {
        "attachment"
    };
    format!("{how}; filename=\"{short}.{end}\"; filename*=UTF-8''{encoded}.{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_has_a_plain_name_whatever_a_person_called_it() {
        let file = Attachment {
            sha256: "0a".repeat(32),
            kind: AttachmentKind::Pdf,
            bytes: 1,
            size: None,
        };
        for (name, sent) in [
            ("Quy ước.pdf", "Quy%20%C6%B0%E1%BB%9Bc.pdf"),
            ("a\"; filename=x.exe", "a%22%3B%20filename%3Dx.exe.pdf"),
            ("../../etc/passwd", "%2F..%2Fetc%2Fpasswd.pdf"),
            ("a\r\nset-cookie: x", "a%0D%0Aset-cookie%3A%20x.pdf"),
            ("", "0a0a0a0a.pdf"),
        ] {
            let sent = format!("inline; filename=\"0a0a0a0a.pdf\"; filename*=UTF-8''{sent}");
            assert_eq!(disposition(&file, name), sent, "opened, and not saved");
            assert!(sent.parse::<HeaderValue>().is_ok());
            let table = Attachment {
                kind: AttachmentKind::Xlsx,
                ..file.clone()
            };
            assert!(disposition(&table, name).starts_with("attachment; "));
        }
    }
}
