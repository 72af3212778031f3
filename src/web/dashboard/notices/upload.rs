//! Forms that carry files: their fields become the fields of the form, their files are stored, and
//! the form's handler runs as with any other form.
//!
//! Invariants: a file costs disk only once the sign-in and the form's token are proved, which stand
//! before it. Files are kept when the whole form is here; a form that is cut in the middle leaves
//! nothing. A file that is not kept costs the form nothing else: its reason is a field, and what
//! was typed stays. Everything is bounded: bytes in all, bytes of text, fields, files. Of whoever
//! never signed in nothing is read.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::Response;
use multer::{Constraints, Field, Multipart, SizeLimit};

use crate::domain::notice::{Attachment, MAX_ATTACHMENTS, MAX_LINE_CHARS};
use crate::domain::text;
use crate::http::form::{Audience as _, FormFields, is_proof};
use crate::http::page_error::{ErrorPages as _, PageError};
use crate::store::attachments::{FileProblem, IncomingFile};
use crate::web::kit::app::{App, RequestContext};

/// Most bytes of a form with files; what is beyond a file's own bound is read and thrown away, so
/// that the answer reaches the phone.
const MAX_UPLOAD_BYTES: u64 = 128 * 1024 * 1024;
/// Most bytes of the other fields together.
const MAX_TEXT_BYTES: usize = 64 * 1024;
/// How long a form of somebody who is not signed in may take.
const STRANGER_TIMEOUT: Duration = Duration::from_secs(20);
/// Most fields.
const MAX_FIELDS: usize = 128;

/// The field with a file that is kept: its hash, a space, its name.
pub(super) const FILE_FIELD: &str = "file";
/// The fields that say why a file was not kept, and which.
pub(super) const PROBLEM_FIELD: &str = "file-problem";
pub(super) const PROBLEM_NAME_FIELD: &str = "file-problem-name";

/// Reads the body of a form with files, and hands its fields on.
pub async fn take_files(State(app): State<App>, request: Request, next: Next) -> Response {
    let kind = request.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|value| value.to_str().ok());
    let Some(boundary) = kind.and_then(|kind| multer::parse_boundary(kind).ok()) else {
        return next.run(request).await;
    };
    let (mut parts, body) = request.into_parts();
    let Ok(visit) = RequestContext::from_request_parts(&mut parts, &app).await;
    let fields = if visit.token.is_empty() {
        FormFields::default()
    } else {
        let reading = read(&app, &visit, body, boundary);
        // A person who is not signed in any more may have typed something; their files are not
        // kept.
        let read = if visit.user.is_some() {
            reading.await
        } else {
            let read = tokio::time::timeout(STRANGER_TIMEOUT, reading).await;
            read.unwrap_or(Err(PageError::UnreadableForm))
        };
        match read {
            Ok(fields) => fields,
            Err(why) => return app.page_of(&visit, why).await,
        }
    };
    parts.extensions.insert(fields);
    next.run(Request::from_parts(parts, Body::empty())).await
}

/// The part of a form that was read.
#[derive(Default)]
struct ReadForm {
    fields: Vec<(String, String)>,
    text_bytes: usize,
    files: Vec<(IncomingFile, String)>,
    problem: Option<(FileProblem, String)>,
}

async fn read(
    app: &App,
    visit: &RequestContext,
    body: Body,
    boundary: String,
) -> Result<FormFields, PageError> {
    let limit = SizeLimit::new().whole_stream(MAX_UPLOAD_BYTES);
    let constraints = Constraints::new().size_limit(limit);
    let stream = body.into_data_stream();
    let mut form = Multipart::with_constraints(stream, boundary, constraints);
    let mut read = ReadForm::default();
    let broken = |_| PageError::UnreadableForm;
    while let Some(field) = form.next_field().await.map_err(broken)? {
        match field.file_name().map(str::to_owned) {
            None => read.take_text(field).await?,
            Some(name) => {
                let is_proved = app.sender(visit).is_some_and(|(_, csrf)| {
                    let token = read.fields.iter().find(|(name, _)| name == "form");
                    visit.is_chief() && token.is_some_and(|(_, token)| is_proof(token, &csrf))
                });
                read.take_file(app, field, &name, is_proved).await?;
            }
        }
    }
    read.keep().await
}

impl ReadForm {
    async fn take_text(&mut self, mut field: Field<'_>) -> Result<(), PageError> {
        let name = field.name().unwrap_or_default().to_owned();
        let mut value = Vec::new();
        while let Some(piece) = next_piece(&mut field).await? {
            self.text_bytes += piece.len();
            if self.text_bytes > MAX_TEXT_BYTES {
                return Err(PageError::FormTooLong);
            }
            value.extend_from_slice(&piece);
        }
        if self.fields.len() >= MAX_FIELDS {
            return Err(PageError::FormTooLong);
        }
        let value = String::from_utf8(value).map_err(|_| PageError::UnreadableForm)?;
        self.fields.push((name, value));
        Ok(())
    }

    async fn take_file(
        &mut self,
        app: &App,
        mut field: Field<'_>,
        name: &str,
        is_proved: bool,
    ) -> Result<(), PageError> {
        let mut coming = None;
        let mut problem = None;
        while let Some(piece) = next_piece(&mut field).await? {
            // A field without a chosen file has no bytes; a browser sends it all the same.
            if piece.is_empty() {
                continue;
            }
            if coming.is_none() && problem.is_none() && is_proved {
                match self.begin(app, name) {
                    Ok(file) => coming = Some(file),
                    Err(why) => problem = Some(why),
                }
            }
            if let Some(file) = &mut coming
                && let Err(why) = file.write(&piece)
            {
                (coming, problem) = (None, Some(why));
            }
        }
        let name = text::line(name, MAX_LINE_CHARS);
        if let Some(why) = problem {
            self.problem.get_or_insert((why, name));
        } else if let Some(file) = coming {
            self.files.push((file, name));
        }
        Ok(())
    }

    fn begin(&self, app: &App, name: &str) -> Result<IncomingFile, FileProblem> {
        if name.chars().any(text::is_hidden) {
            return Err(FileProblem::HiddenName);
        }
        let kept = self.fields.iter().filter(|(name, _)| name == FILE_FIELD);
        if kept.count() + self.files.len() >= MAX_ATTACHMENTS {
            return Err(FileProblem::TooMany);
        }
        app.attachments.begin()
    }

    /// Keeps the files, now that the whole form is here.
    async fn keep(mut self) -> Result<FormFields, PageError> {
        for (file, name) in std::mem::take(&mut self.files) {
            match keep_one(file).await {
                Ok(kept) => {
                    let value = format!("{} {name}", kept.sha256);
                    self.fields.push((FILE_FIELD.to_owned(), value));
                }
                Err(why) => {
                    self.problem.get_or_insert((why, name));
                }
            }
        }
        if let Some((why, name)) = self.problem {
            let said = [
                (PROBLEM_FIELD, why.key().to_owned()),
                (PROBLEM_NAME_FIELD, name),
            ];
            let said = said.map(|(field, value)| (field.to_owned(), value));
            self.fields.extend(said);
        }
        Ok(FormFields::cleaned(self.fields))
    }
}

async fn next_piece(field: &mut Field<'_>) -> Result<Option<Bytes>, PageError> {
    field.chunk().await.map_err(|_| PageError::UnreadableForm)
}

/// Keeps a file off the async threads. A decoder that panics found a damaged picture.
async fn keep_one(file: IncomingFile) -> Result<Attachment, FileProblem> {
    tokio::task::spawn_blocking(move || file.keep())
        .await
        .unwrap_or(Err(FileProblem::DamagedPicture))
}
