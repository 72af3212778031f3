//! The networks that the box serves, as far as people decide about them: which device keeps which
//! address.
//!
//! Invariants: a hardware address has one reservation, and no two of them have the same address.
//! A reservation never leaves the village. Deliberately absent: which networks there are and which
//! addresses belong to them (the configuration, known before boot), addresses that are given for a
//! time, and the devices of guests.

#![allow(
    missing_docs,
    reason = "fields of variants are named by what they are; the variant says the rest"
)]

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::hardware_address::MacAddress;
use super::lane::{EventProperties, Lane};
use super::rejection::Rejection;
use super::validation::{check_name, check_number};

pub mod rules;

/// Most reservations.
pub const MAX_RESERVATIONS: usize = 500;

/// A network in which addresses are reserved. In that of the guests no device keeps one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentKind {
    /// Lamps, horns, sensors, cameras.
    Device,
    /// The house's own computers and the chief's phone.
    Staff,
}

/// An address that a device keeps for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The device.
    pub mac: MacAddress,
    /// Its address.
    pub v4: Ipv4Addr,
    /// Its name on the technician's list: “Camera ngã ba”.
    pub name: String,
    /// The network in which it has this address.
    pub segment: SegmentKind,
}

/// A request about the networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Gives a device an address for ever, or changes the address, the name or the network.
    ReserveAddress { reservation: Reservation },
    /// Lets the address of a device be given to others again.
    ReleaseAddress { mac: MacAddress },
}

/// Something that was decided about the networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Event {
    /// A device keeps an address from now on.
    AddressReserved { reservation: Reservation },
    /// It does not any more; the reservation as it was.
    AddressReleased { reservation: Reservation },
}

impl Event {
    /// How this event is filed. Hardware addresses and the names of people's devices stay in the
    /// village.
    #[must_use]
    pub const fn properties(&self) -> EventProperties<'_> {
        match self {
            Self::AddressReserved { .. } | Self::AddressReleased { .. } => {
                EventProperties::in_lane(Lane::Local)
            }
        }
    }
}

/// Checks that everything in a command is within its bounds.
///
/// # Errors
/// [`Rejection::Invalid`] with the first part that is not.
pub fn validate(command: &Command) -> Result<(), Rejection> {
    match command {
        Command::ReserveAddress { reservation } => {
            check_number("mac", reservation.mac.is_of_one_device())?;
            check_number("address", is_of_one_host(reservation.v4))?;
            check_name("name", &reservation.name)
        }
        // A hardware address of which every value is allowed: none but a reserved one is found.
        Command::ReleaseAddress { .. } => Ok(()),
    }
}

/// Whether a device can have this address, in whichever network. The first and the last address of
/// a network are known where networks are: in the configuration.
fn is_of_one_host(address: Ipv4Addr) -> bool {
    let is_reserved = |first: u8| first == 0 || first == 127 || first >= 224;
    !is_reserved(address.octets()[0]) && !address.is_link_local()
}
