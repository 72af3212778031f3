//! Decisions about the networks that the box serves, and what their events change.

use super::{Command, Event, MAX_RESERVATIONS};
use crate::domain::actor::Actor;
use crate::domain::permissions::{Principal, is_one_of};
use crate::domain::rejection::{Rejection, emit_if, unknown};
use crate::domain::state::VillageState;
use crate::domain::things::{put, remove};

/// Whether an actor other than the gateway may give this command.
#[must_use]
pub fn allowed(state: &VillageState, actor: &Actor, command: &Command) -> bool {
    match command {
        Command::ReserveAddress { .. } | Command::ReleaseAddress { .. } => {
            is_one_of(state, actor, &[Principal::Chief, Principal::LocalAdmin])
        }
    }
}

/// Turns a command into events.
///
/// # Errors
/// [`Rejection`] when the command is not carried out.
pub fn decide(state: &VillageState, command: &Command) -> Result<Vec<Event>, Rejection> {
    match command {
        Command::ReserveAddress { reservation } => {
            let (mac, v4) = (reservation.mac, reservation.v4);
            let mut others = state.reservations.values().filter(|r| r.mac != mac);
            if others.any(|other| other.v4 == v4) {
                return Err(Rejection::Exists { id: v4.to_string() });
            }
            let before = state.reservations.get(&mac);
            if before.is_none() && state.reservations.len() >= MAX_RESERVATIONS {
                return Err(Rejection::TooMany {
                    most: MAX_RESERVATIONS as u64,
                });
            }
            Ok(emit_if(before.map(|b| &**b) != Some(reservation), || {
                Event::AddressReserved {
                    reservation: reservation.clone(),
                }
            }))
        }
        Command::ReleaseAddress { mac } => match state.reservations.get(mac) {
            Some(known) => Ok(vec![Event::AddressReleased {
                reservation: (**known).clone(),
            }]),
            None => Err(unknown("reservation", mac)),
        },
    }
}

/// Applies an event.
pub fn apply(state: &mut VillageState, event: &Event) {
    match event {
        Event::AddressReserved { reservation } => put(
            &mut state.reservations,
            reservation.mac,
            reservation.clone(),
        ),
        Event::AddressReleased { reservation } => {
            remove(&mut state.reservations, &reservation.mac);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::domain::event::Entry;
    use crate::domain::hardware_address::MacAddress;
    use crate::domain::network::{Reservation, SegmentKind};

    fn mac(n: u16) -> MacAddress {
        let [high, low] = n.to_be_bytes();
        MacAddress::new([0x3c, 0x52, 0x82, 0, high, low])
    }

    fn address(n: u16) -> Ipv4Addr {
        let [high, low] = n.to_be_bytes();
        Ipv4Addr::new(10, 8, high, low)
    }

    fn reserve(device: u16, at: u16) -> Command {
        Command::ReserveAddress {
            reservation: Reservation {
                mac: mac(device),
                v4: address(at),
                name: "Camera ngã ba".to_owned(),
                segment: SegmentKind::Device,
            },
        }
    }

    fn carry_out(state: &mut VillageState, command: &Command) -> Result<usize, Rejection> {
        let events = decide(state, command)?;
        let n = events.len();
        for event in events {
            let seq = state.seq + 1;
            state.apply(&Entry::sample(seq, event.into()));
        }
        Ok(n)
    }

    #[test]
    fn an_address_belongs_to_one_device_until_it_is_released() {
        let mut state = VillageState::default();
        let state = &mut state;
        assert_eq!(carry_out(state, &reserve(1, 20)), Ok(1));
        assert_eq!(
            carry_out(state, &reserve(1, 20)),
            Ok(0),
            "it has it already"
        );
        let taken = Err(Rejection::Exists {
            id: "10.8.0.20".to_owned(),
        });
        assert_eq!(carry_out(state, &reserve(2, 20)), taken);
        assert_eq!(carry_out(state, &reserve(1, 21)), Ok(1), "another address");
        assert_eq!(carry_out(state, &reserve(2, 20)), Ok(1));
        let release = Command::ReleaseAddress { mac: mac(2) };
        assert_eq!(carry_out(state, &release), Ok(1));
        let gone = Err(Rejection::Unknown {
            what: "reservation".to_owned(),
            id: "3c:52:82:00:00:02".to_owned(),
        });
        assert_eq!(carry_out(state, &release), gone);
        let kept: Vec<_> = state.reservations.values().map(|r| r.v4).collect();
        assert_eq!(kept, [address(21)]);
        let text = serde_json::to_string(state).expect("JSON");
        assert!(
            text.contains(r#""reservations":{"3c:52:82:00:00:01":"#),
            "{text}"
        );
    }

    #[test]
    fn a_reservation_more_than_there_may_be_is_refused() {
        let mut state = VillageState::default();
        for n in 0..500 {
            assert_eq!(carry_out(&mut state, &reserve(n, n + 1)), Ok(1));
        }
        let refused = Err(Rejection::TooMany { most: 500 });
        assert_eq!(carry_out(&mut state, &reserve(500, 501)), refused);
        assert_eq!(carry_out(&mut state, &reserve(0, 501)), Ok(1), "it has one");
    }
}
