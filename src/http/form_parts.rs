//! The parts of a form with files (`multipart/form-data`), piece by piece.
//!
//! Invariants: of a body no more is in memory than [`MAX_UNREAD_BYTES`] and one piece of the
//! connection, whatever it says. The parser alone would keep a body whole until it has found the
//! boundary or the end of a part's head: here the body ends with an error as soon as the parser
//! was given so much and made nothing of it. The whole body is bounded too. Deliberately absent:
//! what becomes of a part, and who may send one.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use futures_util::Stream;
use multer::{Constraints, Field, Multipart, SizeLimit};

use super::page_error::PageError;

/// Most bytes that wait for the parser to make something of them: the head of a part with a long
/// name of a file.
const MAX_UNREAD_BYTES: usize = 16 * 1024;

/// The boundary of a form with files; none = it is another body.
#[must_use]
pub fn boundary(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    multer::parse_boundary(kind).ok()
}

/// The parts of a form.
#[derive(Debug)]
pub struct FormParts {
    parts: Multipart<'static>,
    unread: Unread,
    /// Bytes of the lines around the head of a part.
    between: usize,
}

/// One part; it is dropped before the next one is read.
#[derive(Debug)]
pub struct FormPart {
    field: Field<'static>,
    unread: Unread,
}

/// Bytes that were handed to the parser and did not come out of it; never fewer than it stores.
#[derive(Debug, Clone, Default)]
struct Unread(Arc<AtomicUsize>);

impl Unread {
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So many came out, at least.
    fn take(&self, bytes: usize) {
        let left = self.get().saturating_sub(bytes);
        self.0.store(left, Ordering::Relaxed);
    }
}

impl FormParts {
    /// The parts of a body of so many bytes at most.
    #[must_use]
    pub fn new(body: Body, boundary: String, most: u64) -> Self {
        let unread = Unread::default();
        let between = "--\r\n\r\n".len() + boundary.len();
        let body = MeteredBody {
            body: body.into_data_stream(),
            unread: unread.clone(),
            paused_at: None,
        };
        let limit = SizeLimit::new().whole_stream(most);
        let constraints = Constraints::new().size_limit(limit);
        let parts = Multipart::with_constraints(body, boundary, constraints);
        Self {
            parts,
            unread,
            between,
        }
    }

    /// The next part; none = that was the last.
    ///
    /// # Errors
    /// [`PageError::UnreadableForm`], also for a body that is too long.
    pub async fn next_part(&mut self) -> Result<Option<FormPart>, PageError> {
        let field = self.parts.next_field().await;
        let field = field.map_err(|_| PageError::UnreadableForm)?;
        let lines = field.iter().flat_map(Field::headers);
        let lines = lines.map(|(name, value)| name.as_str().len() + value.len() + ":\r\n".len());
        self.unread.take(self.between + lines.sum::<usize>());
        Ok(field.map(|field| FormPart {
            field,
            unread: self.unread.clone(),
        }))
    }
}

impl FormPart {
    /// The name of its field.
    #[must_use]
    pub fn name(&self) -> &str {
        self.field.name().unwrap_or_default()
    }

    /// The name of its file; none = it is a typed text.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        self.field.file_name()
    }

    /// The next piece of its content; none = that was the last.
    ///
    /// # Errors
    /// [`PageError::UnreadableForm`], also for a body that is too long.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, PageError> {
        let piece = self.field.chunk().await;
        let piece = piece.map_err(|_| PageError::UnreadableForm)?;
        // The end of a part is a line's.
        let bytes = piece.as_ref().map_or("\r\n".len(), Bytes::len);
        self.unread.take(bytes);
        Ok(piece)
    }
}

/// A body that pauses when much of it waits for the parser, and ends when that made nothing of it.
struct MeteredBody {
    body: BodyDataStream,
    unread: Unread,
    /// The count of unread bytes when it paused.
    paused_at: Option<usize>,
}

impl Stream for MeteredBody {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let unread = this.unread.get();
        if unread >= MAX_UNREAD_BYTES {
            if this.paused_at == Some(unread) {
                let why = "neither a boundary nor the end of a part's head";
                return Poll::Ready(Some(Err(io::Error::other(why))));
            }
            // The parser reads on until it has to wait; only then it looks at what it has.
            this.paused_at = Some(unread);
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        this.paused_at = None;
        let piece = ready!(Pin::new(&mut this.body).poll_next(context));
        if let Some(Ok(piece)) = &piece {
            this.unread.add(piece.len());
        }
        Poll::Ready(piece.map(|piece| piece.map_err(io::Error::other)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body in pieces of 1 KiB that are always there, with the bytes that were taken of it.
    fn body(content: &[u8]) -> (Body, Arc<AtomicUsize>) {
        let taken = Arc::new(AtomicUsize::new(0));
        let count = taken.clone();
        let pieces: Vec<_> = content.chunks(1_024).map(Bytes::copy_from_slice).collect();
        let pieces = pieces.into_iter().map(move |piece| {
            count.fetch_add(piece.len(), Ordering::Relaxed);
            Ok::<_, io::Error>(piece)
        });
        (Body::from_stream(futures_util::stream::iter(pieces)), taken)
    }

    async fn read(content: Vec<u8>) -> (Result<Vec<(String, usize)>, PageError>, usize) {
        let (body, taken) = body(&content);
        let mut parts = FormParts::new(body, "b".to_owned(), 64 << 20);
        let mut found = Vec::new();
        let outcome = loop {
            let mut part = match parts.next_part().await {
                Ok(Some(part)) => part,
                Ok(None) => break Ok(found),
                Err(why) => break Err(why),
            };
            let mut bytes = 0;
            let ended = loop {
                match part.piece().await {
                    Ok(Some(piece)) => bytes += piece.len(),
                    ended => break ended,
                }
            };
            if let Err(why) = ended {
                break Err(why);
            }
            found.push((part.name().to_owned(), bytes));
        };
        (outcome, taken.load(Ordering::Relaxed))
    }

    fn part(name: &str, content: &[u8]) -> Vec<u8> {
        let head = format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n");
        [head.as_bytes(), content, b"\r\n"].concat()
    }

    #[tokio::test]
    async fn a_form_that_comes_at_once_is_read_whole() {
        let large = vec![b'\r'; 8 << 20];
        let parts = [part("a", b"x"), part("file", &large), part("c", b"")];
        let whole = [parts.concat(), b"--b--\r\n".to_vec()].concat();
        let named = |name: &str, bytes| (name.to_owned(), bytes);
        assert_eq!(
            read(whole).await.0,
            Ok(vec![named("a", 1), named("file", 8 << 20), named("c", 0)])
        );
    }

    #[tokio::test]
    async fn a_body_of_which_nothing_can_be_made_ends_soon() {
        let endless = vec![b'a'; 8 << 20];
        let head = [b"--b\r\nx: ".to_vec(), endless.clone()].concat();
        let second = [part("a", b"x"), head.clone()].concat();
        for content in [endless, head, second] {
            let (outcome, taken) = read(content).await;
            assert_eq!(outcome, Err(PageError::UnreadableForm));
            assert!(taken <= MAX_UNREAD_BYTES + 2 * 1_024, "{taken} bytes");
        }
    }

    /// Each part takes little out of the parser, which would read on before it gives the next one.
    #[tokio::test]
    async fn thousands_of_small_parts_wait_outside() {
        let parts: Vec<u8> = (0..4_000).flat_map(|_| part("a", b"x")).collect();
        let (body, taken) = body(&[&parts[..], b"--b--\r\n"].concat());
        let mut form = FormParts::new(body, "b".to_owned(), 64 << 20);
        let mut given = 0;
        while let Some(mut part) = form.next_part().await.expect("a part") {
            given += 1;
            while part.piece().await.expect("a piece").is_some() {}
            let waits = taken.load(Ordering::Relaxed) - given * (parts.len() / 4_000);
            assert!(waits <= MAX_UNREAD_BYTES + 2 * 1_024, "{waits} bytes");
        }
        assert_eq!(given, 4_000);
    }
}
