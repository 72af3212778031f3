//! Who may ask for what: one table for every door.
//!
//! Invariants: every command stands here by name, so a new one is nobody's but the house's until somebody says whose it is;
//! what a door lets in, and by which proof, changes nothing of this. The house itself may everything: it is this program, and
//! no door speaks in its name.

use super::actor::{Actor, Role};
use super::command::Command;
use super::decide::Rejection;
use super::device::Account;
use super::state::State;

/// Who asks, as far as the table goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Giver {
    /// A signed-in chief.
    Chief,
    /// A signed-in technician.
    Technician,
    /// Whoever may open the control socket.
    Console,
    /// A program with a token.
    Program,
    /// The commune.
    Commune,
    /// A device, of itself.
    Device,
}

/// Who may give a command besides the house.
#[must_use]
pub const fn givers(command: &Command) -> &'static [Giver] {
    use Giver::{Chief, Commune, Console, Device, Program, Technician};
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
        Command::EraseBlob { .. } => &[Console],
        Command::PutUser { .. } | Command::RenameUser { .. } | Command::RemoveUser { .. } => &[Chief, Console],
        // What only somebody who sees the pictures can have looked at.
        Command::LookAtPictures { .. } => &[Chief, Technician],
        Command::DeclarePlace { .. } => &[Console, Program],
        Command::DeclareDevice { .. } | Command::GrantAccess { .. } | Command::RevokeAccess { .. } | Command::DeclareGroup { .. } | Command::DeclareSensor { .. } => &[Technician, Console, Program],
        // Only the thing itself knows how it is.
        Command::AdoptEntities { .. }
        | Command::WithdrawEntities { .. }
        | Command::ReportPresence { .. }
        | Command::ReportLight { .. }
        | Command::ReportLevel { .. }
        | Command::BeginPlayback { .. }
        | Command::FinishPlayback { .. } => &[Device],
        Command::SwitchLight { .. } | Command::SwitchGroup { .. } | Command::StopEverything => &[Chief, Technician, Console, Program],
        Command::QueueAnnouncement { .. } | Command::PublishNotice { .. } | Command::TakeDownNotice { .. } => &[Chief, Console, Program, Commune],
    }
}

/// As what an actor stands in the table; none = the house, or nobody who is known.
fn giver(state: &State, actor: &Actor) -> Option<Giver> {
    match actor {
        Actor::House => None,
        Actor::User { id } => state.users.get(id).map(|u| match u.role {
            Role::Chief => Giver::Chief,
            Role::Technician => Giver::Technician,
        }),
        Actor::Console => Some(Giver::Console),
        Actor::Program { .. } => Some(Giver::Program),
        Actor::Commune => Some(Giver::Commune),
        Actor::Device { .. } => Some(Giver::Device),
    }
}

/// True when what is asked for is the asker's own business.
fn is_own(state: &State, actor: &Actor, command: &Command) -> bool {
    match (actor, command) {
        // A device gets its own topics and no others: filters like `#` are written in the configuration. Who gives a horn cluster
        // another secret would speak for it: that takes the machine itself.
        (_, Command::GrantAccess { account }) => {
            let plain = *account == Account::of_device(account.name.clone(), account.secret_sha256.clone());
            plain && (*actor == Actor::Console || !state.speakers.contains_key(&account.name))
        }
        // It takes down what it put up, not what the village wrote.
        (Actor::Commune, Command::TakeDownNotice { id }) => state.notices.get(id).is_none_or(|n| n.from_commune),
        (Actor::Device { id }, Command::AdoptEntities { device, .. } | Command::WithdrawEntities { device, .. } | Command::ReportPresence { device, .. }) => device == id,
        (Actor::Device { id }, Command::ReportLight { light: entity, .. } | Command::ReportLevel { sensor: entity, .. }) => state.entities.get(entity).is_some_and(|e| e.device == *id),
        (Actor::Device { id }, Command::BeginPlayback { speaker, .. } | Command::FinishPlayback { speaker, .. }) => speaker == id,
        _ => true,
    }
}

/// Whether `actor` may ask for this.
///
/// # Errors
/// [`Rejection::NotPermitted`].
pub fn permit(state: &State, actor: &Actor, command: &Command) -> Result<(), Rejection> {
    let is_permitted = *actor == Actor::House || giver(state, actor).is_some_and(|g| givers(command).contains(&g)) && is_own(state, actor, command);
    if is_permitted { Ok(()) } else { Err(Rejection::NotPermitted) }
}

#[cfg(test)]
pub mod tests;
