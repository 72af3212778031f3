//! Forms that carry files: their fields become the fields of the form, their files are stored, and
//! the form's handler runs as with any other form.
//!
//! Invariants: a file costs disk only once the sign-in and the form's token are proved, which stand
//! before it. Files are kept when the whole form is here; a form that is cut in the middle leaves
//! nothing. A file that is not kept costs the form nothing else: its reason is a field, and what
//! was typed stays. Everything is bounded: bytes in all, bytes of text, fields, files, and the
//! memory of a body while it comes (`http::form_parts`). Of a browser in which nobody signed in
//! nothing is read; of one in which somebody did and is not signed in any more, a few forms at a
//! time, and what was read of the text is handed on.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::Semaphore;

use crate::domain::notice::{MAX_ATTACHMENTS, MAX_LINE_CHARS};
use crate::domain::text;
use crate::http::form::{Audience as _, FormFields, is_proof};
use crate::http::form_parts::{FormPart, FormParts, boundary};
use crate::http::page_error::{ErrorPages as _, PageError};
use crate::store::attachments::{FileProblem, IncomingFile};
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::kept_files;

/// Most bytes of a form with files; what is beyond a file's own bound is read and thrown away, so
/// that the answer reaches the phone.
const MAX_UPLOAD_BYTES: u64 = 128 * 1024 * 1024;
/// Most bytes of the other fields together.
const MAX_TEXT_BYTES: usize = 64 * 1024;
/// How long a form of somebody who is not signed in may take.
const STRANGER_TIMEOUT: Duration = Duration::from_secs(20);
/// Forms of those that are read at a time; another waits for its turn.
const STRANGERS_AT_ONCE: usize = 8;
static STRANGERS: Semaphore = Semaphore::const_new(STRANGERS_AT_ONCE);
/// Most fields.
const MAX_FIELDS: usize = 128;

/// Where such forms are sent to.
const PATHS: [&str; 4] = [
    "/notices",
    "/notices/preview",
    "/notices/new",
    "/notices/drafts",
];

/// The field with a file that is kept: its hash, a space, its name.
pub(super) const FILE_FIELD: &str = "file";
/// The fields that say why a file was not kept, and which.
pub(super) const PROBLEM_FIELD: &str = "file-problem";
pub(super) const PROBLEM_NAME_FIELD: &str = "file-problem-name";

/// Reads the body of a form with files, and hands its fields on.
pub async fn take_files(State(app): State<App>, request: Request, next: Next) -> Response {
    let takes_files = request.method() == Method::POST && PATHS.contains(&request.uri().path());
    let Some(boundary) = boundary(request.headers()).filter(|_| takes_files) else {
        return next.run(request).await;
    };
    let (mut parts, body) = request.into_parts();
    let Ok(visit) = RequestContext::from_request_parts(&mut parts, &app).await;
    let mut read = ReadForm::default();
    let form = FormParts::new(body, boundary, MAX_UPLOAD_BYTES);
    let fields = if visit.user.is_some() {
        match read.read(&app, &visit, form).await {
            Ok(()) => read.keep().await,
            Err(why) => return app.page_of(&visit, why).await,
        }
    } else {
        // A person who is not signed in any more may have typed something; their files are not
        // kept.
        if app.last_person(&parts.headers).is_some() {
            let reading = async {
                let _one = STRANGERS.acquire().await;
                read.read(&app, &visit, form).await
            };
            let _ = tokio::time::timeout(STRANGER_TIMEOUT, reading).await;
        }
        FormFields::cleaned(read.fields)
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

impl ReadForm {
    async fn read(
        &mut self,
        app: &App,
        visit: &RequestContext,
        mut form: FormParts,
    ) -> Result<(), PageError> {
        while let Some(part) = form.next_part().await? {
            match part.file_name().map(str::to_owned) {
                None => self.take_text(part).await?,
                Some(name) => {
                    let is_proved = app.sender(visit).is_some_and(|(_, csrf)| {
                        let token = self.fields.iter().find(|(name, _)| name == "form");
                        visit.is_chief() && token.is_some_and(|(_, token)| is_proof(token, &csrf))
                    });
                    self.take_file(app, part, &name, is_proved).await?;
                }
            }
        }
        Ok(())
    }

    async fn take_text(&mut self, mut part: FormPart) -> Result<(), PageError> {
        let name = part.name().to_owned();
        let mut value = Vec::new();
        while let Some(piece) = part.piece().await? {
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
        mut part: FormPart,
        name: &str,
        is_proved: bool,
    ) -> Result<(), PageError> {
        let mut coming = None;
        let mut problem = None;
        while let Some(piece) = part.piece().await? {
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
    async fn keep(mut self) -> FormFields {
        for (file, name) in std::mem::take(&mut self.files) {
            match kept_files::keep(file).await {
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
        FormFields::cleaned(self.fields)
    }
}
