//! A form with one file that is kept in memory while it comes: the map, the list of procedures.
//!
//! Invariants: nothing of it reaches the disk before it is here whole and understood, so a form
//! that is cut in the middle leaves nothing. Only a signed-in person's file is read, behind the
//! form's token, and at most [`MOST_AT_ONCE`] at a time. Bytes beyond the longest file are read and
//! thrown away, so that the answer reaches the phone.

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::Semaphore;

use super::BoardFile;
use crate::http::form::{Audience as _, FormFields, is_proof};
use crate::http::form_parts::{FormPart, FormParts};
use crate::http::page_error::{ErrorPages as _, PageError};
use crate::web::kit::app::{App, RequestContext};

/// Where such forms are sent to; the kind of the file follows.
const PATH: &str = "/files/";
/// Most bytes of a form.
const MAX_UPLOAD_BYTES: u64 = 64 * 1024 * 1024;
/// Most bytes of a field that is no file.
const MAX_FIELD_BYTES: usize = 4 * 1024;
/// Most fields.
const MAX_FIELDS: usize = 16;
/// Files that are read and understood at a time; another waits.
const MOST_AT_ONCE: usize = 2;

static SLOTS: Semaphore = Semaphore::const_new(MOST_AT_ONCE);

/// A file as it came; empty = none was chosen.
#[derive(Debug, Clone, Default)]
pub struct IncomingTable(pub Vec<u8>);

/// Reads the body of such a form, and hands its fields and its file on.
pub async fn take_file(State(app): State<App>, request: Request, next: Next) -> Response {
    let kind = request.uri().path().strip_prefix(PATH);
    let kind = kind.and_then(|name| name.parse::<BoardFile>().ok());
    let boundary = request.headers().get(CONTENT_TYPE);
    let boundary = boundary.and_then(|value| multer::parse_boundary(value.to_str().ok()?).ok());
    let (mut parts, body) = request.into_parts();
    let (Some(kind), Some(boundary)) = (kind, boundary) else {
        parts.extensions.insert(IncomingTable::default());
        return next.run(Request::from_parts(parts, body)).await;
    };
    let Ok(visit) = RequestContext::from_request_parts(&mut parts, &app).await;
    let slot = SLOTS.acquire().await;
    let (fields, table) = if visit.user.is_some() {
        match read(&app, &visit, kind, body, boundary).await {
            Ok(read) => read,
            Err(why) => return app.page_of(&visit, why).await,
        }
    } else {
        <(FormFields, IncomingTable)>::default()
    };
    parts.headers.remove(CONTENT_TYPE);
    parts.extensions.insert(fields);
    parts.extensions.insert(table);
    let response = next.run(Request::from_parts(parts, Body::empty())).await;
    drop(slot);
    response
}

async fn read(
    app: &App,
    visit: &RequestContext,
    kind: BoardFile,
    body: Body,
    boundary: String,
) -> Result<(FormFields, IncomingTable), PageError> {
    let mut form = FormParts::new(body, boundary, MAX_UPLOAD_BYTES);
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut table = IncomingTable::default();
    while let Some(mut field) = form.next_part().await? {
        if field.file_name().is_some() {
            let is_proved = app.sender(visit).is_some_and(|(_, csrf)| {
                let token = fields.iter().find(|(name, _)| name == "form");
                token.is_some_and(|(_, token)| is_proof(token, &csrf))
            });
            // One byte more than a file may have: the reader of files says that it is too large.
            let most = if is_proved { kind.most_bytes() + 1 } else { 0 };
            table = IncomingTable(beginning(&mut field, most).await?);
            continue;
        }
        let name = field.name().to_owned();
        let value = beginning(&mut field, MAX_FIELD_BYTES + 1).await?;
        if fields.len() >= MAX_FIELDS || value.len() > MAX_FIELD_BYTES {
            return Err(PageError::FormTooLong);
        }
        let value = String::from_utf8(value).map_err(|_| PageError::UnreadableForm)?;
        fields.push((name, value));
    }
    Ok((FormFields::cleaned(fields), table))
}

/// The first bytes of a field; the rest is read and thrown away.
async fn beginning(field: &mut FormPart, most: usize) -> Result<Vec<u8>, PageError> {
    let mut bytes = Vec::new();
    while let Some(piece) = field.piece().await? {
        let room = most.saturating_sub(bytes.len()).min(piece.len());
        bytes.extend_from_slice(&piece[..room]);
    }
    Ok(bytes)
}
