//! Short codes of devices: the beginning of the id in capitals, as long as it takes to tell a
//! device from the others on the list. The code of a device that is alone with its first digits
//! never changes, whoever comes or goes.

use crate::domain::id::GuestId;

/// Fewest digits of a code.
const FEWEST: usize = 4;

/// The codes of the devices of a list.
#[derive(Debug, Default)]
pub struct DeviceCodes {
    sorted: Vec<GuestId>,
}

impl<'a> FromIterator<&'a GuestId> for DeviceCodes {
    fn from_iter<T: IntoIterator<Item = &'a GuestId>>(ids: T) -> Self {
        let mut sorted: Vec<GuestId> = ids.into_iter().cloned().collect();
        sorted.sort_unstable();
        sorted.dedup();
        Self { sorted }
    }
}

impl DeviceCodes {
    /// The code of a device: “AA11”.
    #[must_use]
    pub fn of(&self, id: &GuestId) -> String {
        // Ids with the same beginning are neighbors.
        let place = self.sorted.partition_point(|other| other < id);
        let before = place.checked_sub(1).and_then(|n| self.sorted.get(n));
        let mut after = self.sorted.iter().skip(place);
        let after = after.find(|other| *other != id);
        let shared = [before, after].into_iter().flatten();
        let shared = shared.map(|other| same_beginning(id, other)).max();
        let length = shared.map_or(FEWEST, |shared| FEWEST.max(shared + 1));
        let digits = id.as_str().chars().take(length);
        digits.map(|c| c.to_ascii_uppercase()).collect()
    }
}

fn same_beginning(one: &GuestId, other: &GuestId) -> usize {
    let pairs = one.as_str().chars().zip(other.as_str().chars());
    pairs.take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_four_digits_and_more_where_two_devices_share_them() {
        let id = |text: &str| GuestId::new(text).expect("id");
        let ids = ["aa11aa11", "bb22bb22", "bb22bbcc", "cc33cc33"].map(id);
        let codes = |ids: &[GuestId]| -> Vec<String> {
            let known: DeviceCodes = ids.iter().collect();
            ids.iter().map(|id| known.of(id)).collect()
        };
        assert_eq!(codes(&ids), ["AA11", "BB22BB2", "BB22BBC", "CC33"]);
        // Somebody leaves: the others keep their codes.
        assert_eq!(codes(&ids[1..])[2], "CC33");
        assert_eq!(DeviceCodes::default().of(&ids[0]), "AA11");
    }
}
