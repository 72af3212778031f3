//! Permissions: one table of who may give which command, for every audience.
//!
//! Invariants: every command is listed by name, so a new command is permitted only to `System`
//! until somebody adds a principal to it. The audience through which a request comes, and how the
//! actor proved itself there, changes nothing in this table. `System` may give every command: it is
//! this program, and no audience can act as it.

use super::actor::{Actor, Role};
use super::command::Command;
use super::device::Account;
use super::id::TokenId;
use super::rejection::Rejection;
use super::state::VillageState;
use super::token::{FILE_TOKEN, Scope};

/// A kind of actor, as the table distinguishes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// A signed-in chief.
    Chief,
    /// A signed-in technician.
    Technician,
    /// The technician at the control socket: any process that may open it.
    LocalAdmin,
    /// A program with a token of this scope.
    Program(Scope),
    /// The commune.
    Commune,
    /// A device, about itself.
    Device,
}

/// The principals that may give a command, besides `System`.
#[must_use]
pub const fn allowed_principals(command: &Command) -> &'static [Principal] {
    use Principal::{Chief, Commune, Device, LocalAdmin, Program, Technician};
    use Scope::{Manage, Speak, Switch};
    match command {
        // The gateway itself finds these out, or reads them in the configuration.
        Command::DeclareVillage { .. }
        | Command::NoteClock { .. }
        | Command::NoteDamage { .. }
        | Command::NoteTrim { .. }
        | Command::NoteConfigured { .. }
        | Command::PutAway { .. }
        | Command::GiveUpLight { .. }
        | Command::DeclareSpeaker { .. }
        | Command::DeclareCamera { .. }
        | Command::RemoveCamera { .. }
        | Command::ReportCamera { .. } => &[],
        Command::EraseBlob { .. } | Command::PutToken { .. } | Command::RemoveToken { .. } => {
            &[LocalAdmin]
        }
        Command::PutUser { .. } | Command::RenameUser { .. } | Command::RemoveUser { .. } => {
            &[Chief, LocalAdmin]
        }
        // Only a person whom the pages show a camera can have viewed it.
        Command::ViewCameras { .. } => &[Chief, Technician],
        Command::DeclarePlace { .. } => &[LocalAdmin, Program(Manage)],
        Command::DeclareDevice { .. }
        | Command::GrantAccess { .. }
        | Command::RevokeAccess { .. }
        | Command::DeclareGroup { .. }
        | Command::DeclareSensor { .. } => &[Technician, LocalAdmin, Program(Manage)],
        // Only the device itself knows its state.
        Command::AdoptEntities { .. }
        | Command::WithdrawEntities { .. }
        | Command::ReportPresence { .. }
        | Command::ReportLight { .. }
        | Command::ReportLevel { .. }
        | Command::BeginPlayback { .. }
        | Command::FinishPlayback { .. } => &[Device],
        Command::SwitchLight { .. } | Command::SwitchGroup { .. } => {
            &[Chief, Technician, LocalAdmin, Program(Switch)]
        }
        // Users, and programs that may switch lamps or make announcements, may stop everything; the
        // commune may not.
        Command::StopEverything => &[
            Chief,
            Technician,
            LocalAdmin,
            Program(Switch),
            Program(Speak),
        ],
        Command::QueueAnnouncement { .. }
        | Command::PublishNotice { .. }
        | Command::TakeDownNotice { .. } => &[Chief, LocalAdmin, Program(Speak), Commune],
    }
}

/// Whether a token has a scope. The token of the file has every scope until it is revoked.
#[must_use]
pub fn has_scope(state: &VillageState, token: &TokenId, scope: Scope) -> bool {
    state
        .tokens
        .get(token)
        .map_or(token.as_str() == FILE_TOKEN, |t| t.scopes.contains(&scope))
}

/// Whether an actor is this kind of principal.
fn matches_principal(state: &VillageState, actor: &Actor, giver: Principal) -> bool {
    let role = |id, role| state.users.get(id).is_some_and(|u| u.role == role);
    match (actor, giver) {
        (Actor::User { id }, Principal::Chief) => role(id, Role::Chief),
        (Actor::User { id }, Principal::Technician) => role(id, Role::Technician),
        (Actor::Program { id }, Principal::Program(scope)) => has_scope(state, id, scope),
        (Actor::LocalAdmin, Principal::LocalAdmin)
        | (Actor::Commune, Principal::Commune)
        | (Actor::Device { .. }, Principal::Device) => true,
        _ => false,
    }
}

/// Whether the command is within the actor's own business: its own topics, its own notices, its own
/// entities.
fn acts_on_itself(state: &VillageState, actor: &Actor, command: &Command) -> bool {
    match (actor, command) {
        // An account that is granted by command has the topics of an ordinary device and no others;
        // wider filters such as `#` can only be written in the configuration. A new secret for a
        // speaker cluster would let its holder act as the cluster, so only the technician at the
        // control socket may set one.
        (_, Command::GrantAccess { account }) => {
            let plain =
                *account == Account::of_device(account.name.clone(), account.secret_sha256.clone());
            plain && (*actor == Actor::LocalAdmin || !state.speakers.contains_key(&account.name))
        }
        // The commune takes down the notices that it sent, not those of the village.
        (Actor::Commune, Command::TakeDownNotice { id }) => {
            state.notices.get(id).is_none_or(|n| n.from_commune)
        }
        (
            Actor::Device { id },
            Command::AdoptEntities { device, .. }
            | Command::WithdrawEntities { device, .. }
            | Command::ReportPresence { device, .. },
        ) => device == id,
        (
            Actor::Device { id },
            Command::ReportLight { light: entity, .. }
            | Command::ReportLevel { sensor: entity, .. },
        ) => state.entities.get(entity).is_some_and(|e| e.device == *id),
        (
            Actor::Device { id },
            Command::BeginPlayback { speaker, .. } | Command::FinishPlayback { speaker, .. },
        ) => speaker == id,
        _ => true,
    }
}

/// Checks that `actor` may give this command.
///
/// # Errors
/// [`Rejection::NotPermitted`].
pub fn authorize(state: &VillageState, actor: &Actor, command: &Command) -> Result<(), Rejection> {
    let is_permitted = *actor == Actor::System
        || allowed_principals(command)
            .iter()
            .any(|g| matches_principal(state, actor, *g))
            && acts_on_itself(state, actor, command);
    if is_permitted {
        Ok(())
    } else {
        Err(Rejection::NotPermitted)
    }
}

#[cfg(test)]
pub mod tests;
