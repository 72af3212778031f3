//! Who may ask for what: one table for every door.
//!
//! Invariants: every command stands here by name, so a new one is nobody's but the house's until
//! somebody says whose it is; what a door lets in, and by which proof, changes nothing of this. The
//! house itself may everything: it is this program, and no door speaks in its name.

use super::actor::{Actor, Role};
use super::command::Command;
use super::device::Account;
use super::id::TokenId;
use super::rejection::Rejection;
use super::state::VillageState;
use super::token::{FILE_TOKEN, Scope};

/// Who asks, as far as the table goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// A signed-in chief.
    Chief,
    /// A signed-in technician.
    Technician,
    /// Whoever may open the control socket.
    LocalAdmin,
    /// A program with a token of this scope.
    Program(Scope),
    /// The commune.
    Commune,
    /// A device, of itself.
    Device,
}

/// Who may give a command besides the house.
#[must_use]
pub const fn allowed_principals(command: &Command) -> &'static [Principal] {
    use Principal::{Chief, Commune, Device, LocalAdmin, Program, Technician};
    use Scope::{Manage, Speak, Switch};
    match command {
        // What the house finds out about itself, and what the configuration says.
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
        // What only somebody who sees the pictures can have looked at.
        Command::ViewCameras { .. } => &[Chief, Technician],
        Command::DeclarePlace { .. } => &[LocalAdmin, Program(Manage)],
        Command::DeclareDevice { .. }
        | Command::GrantAccess { .. }
        | Command::RevokeAccess { .. }
        | Command::DeclareGroup { .. }
        | Command::DeclareSensor { .. } => &[Technician, LocalAdmin, Program(Manage)],
        // Only the thing itself knows how it is.
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
        // Silence is everybody's who can make a noise.
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

/// Whether a token may this. The one in the file may all, until it is taken away.
#[must_use]
pub fn has_scope(state: &VillageState, token: &TokenId, scope: Scope) -> bool {
    state
        .tokens
        .get(token)
        .map_or(token.as_str() == FILE_TOKEN, |t| t.scopes.contains(&scope))
}

/// Whether an actor stands in the table as this.
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

/// True when what is asked for is the asker's own business.
fn acts_on_itself(state: &VillageState, actor: &Actor, command: &Command) -> bool {
    match (actor, command) {
        // A device gets its own topics and no others: filters like `#` are written in the
        // configuration. Who gives a horn cluster another secret would speak for it: that
        // takes the machine itself.
        (_, Command::GrantAccess { account }) => {
            let plain =
                *account == Account::of_device(account.name.clone(), account.secret_sha256.clone());
            plain && (*actor == Actor::LocalAdmin || !state.speakers.contains_key(&account.name))
        }
        // It takes down what it put up, not what the village wrote.
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

/// Whether `actor` may ask for this.
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
