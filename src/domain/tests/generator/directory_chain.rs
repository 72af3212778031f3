//! The chain of random commands about roads and houses.

use super::Random;
use crate::domain::directory::{self, ConsentForm, HouseLabel};
use crate::domain::id::HouseId;
use crate::domain::tests::blob;

pub(super) fn directory(
    last: Option<&directory::Command>,
    r: Random,
) -> Option<directory::Command> {
    use directory::Command::{Label, Replace, Withdraw};
    let house = HouseId::new(&format!("h{}", r.a % 3)).expect("id");
    Some(match last {
        None => Replace {
            file: blob(),
            roads: u32::from(r.a),
            houses: u32::from(r.b),
            following: vec![house],
            withdraw_others: r.b.is_multiple_of(2),
        },
        Some(Replace { .. }) => Label {
            label: HouseLabel {
                house,
                text: blob(),
                form: ConsentForm::Signed,
                given: 20_000 + i64::from(r.b),
            },
        },
        Some(Label { .. }) => Withdraw { house },
        Some(Withdraw { .. }) => return None,
    })
}
