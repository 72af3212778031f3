//! Requests to the journal and their answers. They are in a file of their own, because both the
//! handle that sends requests and the thread that answers them use it.

use tokio::sync::oneshot;

use super::codec::Cursor;
use crate::domain::actor::Actor;
use crate::domain::command::Command;
use crate::domain::decide::Rejection;
use crate::domain::id::CommandId;
use crate::time::{MonoMs, WallMs};

/// The journal ended: its medium failed or the gateway is stopping. Everything that was answered
/// before is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal is closed")]
pub struct Closed;

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// Rejected, for a reason that can be shown to people.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The journal ended; whether the command was carried out is unknown.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// The durable entries that a command made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// First entry; 0 = nothing had to change.
    pub first: u64,
    /// Last entry.
    pub last: u64,
    /// True when the same command was carried out before: this is its stored outcome.
    pub repeated: bool,
}

/// A command with its actor and its cause.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandRequest {
    /// The actor.
    pub actor: Actor,
    /// The command.
    pub command: Command,
    /// The entry that caused it.
    pub cause: Option<u64>,
    /// Its id, if it must not be carried out twice.
    pub id: Option<CommandId>,
    /// With an id: wall ms after which the command is expired.
    pub expires_at: WallMs,
    /// The moment of the journal's clock after which it is not carried out any more: whoever
    /// waits for the answer was told so by then.
    pub deadline: Option<MonoMs>,
}

impl CommandRequest {
    /// A command without an id.
    #[must_use]
    pub fn new(actor: Actor, command: impl Into<Command>) -> Self {
        Self {
            actor,
            command: command.into(),
            cause: None,
            id: None,
            expires_at: WallMs::MAX,
            deadline: None,
        }
    }

    /// The same, caused by entry `seq`.
    #[must_use]
    pub const fn caused_by(mut self, seq: u64) -> Self {
        self.cause = Some(seq);
        self
    }

    /// The same, not carried out after a moment of monotonic time; none = whenever it is decided.
    #[must_use]
    pub const fn before(mut self, deadline: Option<MonoMs>) -> Self {
        self.deadline = deadline;
        self
    }

    /// The same, with an id: a command that is sent twice is carried out once.
    #[must_use]
    pub fn idempotent(mut self, id: CommandId, expires_at: WallMs) -> Self {
        self.id = Some(id);
        self.expires_at = expires_at;
        self
    }
}

/// A request to the writer's thread.
pub(super) enum WriterRequest {
    Submit(
        Box<CommandRequest>,
        oneshot::Sender<Result<Committed, SubmitError>>,
    ),
    Cursor(Cursor),
    Ping(oneshot::Sender<()>),
    /// The packing thread has finished; its result comes by joining it.
    Checkpointed,
    Checkpoint,
    Trim(u64),
    Shutdown(oneshot::Sender<Result<(), Closed>>),
    /// Ends the writer as a kill would, when the round in hand and a packing thread are over; the
    /// other end notices that this one is dropped.
    #[cfg(test)]
    Kill(std::sync::mpsc::Sender<()>),
}

impl std::fmt::Debug for WriterRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Request")
    }
}
