//! What is asked of the journal, and what is answered: below the handle that asks and the thread
//! that answers.

use tokio::sync::oneshot;

use super::codec::Cursor;
use crate::domain::actor::Actor;
use crate::domain::command::Command;
use crate::domain::decide::Rejection;
use crate::domain::id::CommandId;

/// The journal ended: its medium failed or the house is stopping. What was answered before is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal is closed")]
pub struct Closed;

/// Why a wish was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// Refused, for a reason that can be told to people.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The journal ended; whether it was carried out is unknown.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// What was made: the entries, durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// First entry; 0 = nothing had to change.
    pub first: u64,
    /// Last entry.
    pub last: u64,
    /// True when the same command was carried out before: this is the old outcome.
    pub repeated: bool,
}

/// A command with who asks and what led to it.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandRequest {
    /// Who.
    pub actor: Actor,
    /// What.
    pub command: Command,
    /// The entry that led to it.
    pub cause: Option<u64>,
    /// Its name, if it must not be carried out twice.
    pub id: Option<CommandId>,
    /// With a name: wall ms after which it means nothing.
    pub expires_at: i64,
}

impl CommandRequest {
    /// A command without a name.
    #[must_use]
    pub const fn new(actor: Actor, command: Command) -> Self {
        Self {
            actor,
            command,
            cause: None,
            id: None,
            expires_at: i64::MAX,
        }
    }

    /// The same, led to by entry `seq`.
    #[must_use]
    pub const fn caused_by(mut self, seq: u64) -> Self {
        self.cause = Some(seq);
        self
    }

    /// The same, with a name: sending it twice does it once.
    #[must_use]
    pub fn idempotent(mut self, id: CommandId, expires_at: i64) -> Self {
        self.id = Some(id);
        self.expires_at = expires_at;
        self
    }
}

/// What the thread is asked.
pub(super) enum WriterRequest {
    Submit(
        Box<CommandRequest>,
        oneshot::Sender<Result<Committed, SubmitError>>,
    ),
    Cursor(Cursor),
    Ping(oneshot::Sender<()>),
    /// The packing thread is through; its result comes by joining it.
    Checkpointed,
    Checkpoint,
    Trim(u64),
    Shutdown(oneshot::Sender<Result<(), Closed>>),
}

impl std::fmt::Debug for WriterRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Request")
    }
}
