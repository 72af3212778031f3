//! Random commands of nouns that have few.

use super::Random;
use crate::domain::hardware_address::MacAddress;
use crate::domain::network::{self, Reservation, SegmentKind};
use crate::domain::tests::blob;
use crate::domain::{procedure, storm};

pub(super) fn procedure(
    last: Option<&procedure::Command>,
    r: Random,
) -> Option<procedure::Command> {
    use procedure::Command::Replace;
    match last {
        None => Some(Replace {
            file: blob(),
            count: u32::from(r.a) + 1,
        }),
        Some(Replace { .. }) => None,
    }
}

pub(super) fn storm(last: Option<&storm::Command>, _: Random) -> Option<storm::Command> {
    use storm::Command::SetPlan;
    match last {
        None => Some(SetPlan { text: blob() }),
        Some(SetPlan { .. }) => None,
    }
}

pub(super) fn network(last: Option<&network::Command>, r: Random) -> Option<network::Command> {
    use network::Command::{ReleaseAddress, ReserveAddress};
    let mac = MacAddress::new([0x3c, 0x52, 0x82, 0, 0, r.a % 3]);
    Some(match last {
        None => ReserveAddress {
            reservation: Reservation {
                mac,
                v4: [10, 8, 0, r.b % 4].into(),
                name: "Camera".into(),
                segment: if r.on {
                    SegmentKind::Device
                } else {
                    SegmentKind::Staff
                },
            },
        },
        Some(ReserveAddress { .. }) => ReleaseAddress { mac },
        Some(ReleaseAddress { .. }) => return None,
    })
}
