//! Labels of houses before another map: a label is about a door, not about an id.
//!
//! Invariants: a label follows to the house of its id, of today or of earlier, when that has the
//! number of before on the road of before and its door is where it was; every other label is in
//! doubt, and nobody guesses which house it means. Deliberately absent: following to another id
//! that the map does not name in `old_ids`.

use std::collections::BTreeMap;

use super::data::{House, MapData, Road};
use super::geometry::Projection;
use crate::domain::id::{HouseId, PlaceId};

/// How far a door may have moved in the drawing, metres: a house is drawn at its gate, or on its
/// roof.
pub const SAME_DOOR_METRES: f64 = 30.0;

/// The labels of today before another map.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelsOnMap {
    /// Those that follow to their house.
    pub following: Vec<HouseId>,
    /// Those of which the map does not say where their house is.
    pub in_doubt: Vec<HouseId>,
}

/// The houses of a map by each id that leads to them.
fn by_id(map: &MapData) -> BTreeMap<&HouseId, &House> {
    let mut houses = BTreeMap::new();
    for house in &map.houses {
        houses.extend(house.old_ids.iter().map(|id| (id, house)));
    }
    houses.extend(map.houses.iter().map(|house| (&house.id, house)));
    houses
}

impl LabelsOnMap {
    /// Holds labels, named by the ids under which they are recorded, against another map.
    #[must_use]
    pub fn new<'a>(
        labels: impl Iterator<Item = &'a HouseId>,
        today: Option<&MapData>,
        next: &MapData,
    ) -> Self {
        let houses_today = today.map(by_id).unwrap_or_default();
        let houses_next = by_id(next);
        let roads: BTreeMap<&PlaceId, &Road> = next.roads.iter().map(|r| (&r.id, r)).collect();
        let projection = Projection::around(next.middle);
        let is_same_door = |was: &House, is: &House| {
            let road = roads.get(&is.road);
            let way = projection.metres(was.at).from(projection.metres(is.at));
            was.number == is.number
                && (was.road == is.road || road.is_some_and(|r| r.old_ids.contains(&was.road)))
                && way.length() <= SAME_DOOR_METRES
        };
        let (following, in_doubt) = labels.cloned().partition(|id| {
            let both = houses_today.get(id).zip(houses_next.get(id));
            both.is_some_and(|(was, is)| is_same_door(was, is))
        });
        Self {
            following,
            in_doubt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::directory::map_tests::drawn;

    fn id(text: &str) -> HouseId {
        HouseId::new(text).expect("id")
    }

    fn house<'a>(map: &'a mut MapData, of: &str) -> &'a mut House {
        let of = id(of);
        map.houses.iter_mut().find(|h| h.id == of).expect("a house")
    }

    /// The labels of these houses that follow to another map.
    fn following(next: &MapData, labels: &[&str]) -> Vec<String> {
        let labels: Vec<HouseId> = labels.iter().map(|label| id(label)).collect();
        let on_map = LabelsOnMap::new(labels.iter(), Some(&drawn()), next);
        assert_eq!(on_map.following.len() + on_map.in_doubt.len(), labels.len());
        let following = on_map.following.iter();
        following.map(ToString::to_string).collect()
    }

    #[test]
    fn a_label_follows_its_door_to_another_id_and_to_a_road_that_is_renamed() {
        let labels = ["tay-1", "truc-7"];
        assert_eq!(following(&drawn(), &labels), labels);
        let mut renamed = drawn();
        let first = house(&mut renamed, "tay-1");
        (first.id, first.old_ids) = (id("n12-1"), vec![id("tay-1")]);
        let alley = PlaceId::new("ngo-12").expect("id");
        for road in renamed.roads.iter_mut().filter(|r| r.id.as_str() == "tay") {
            road.old_ids = vec![std::mem::replace(&mut road.id, alley.clone())];
        }
        for house in renamed
            .houses
            .iter_mut()
            .filter(|h| h.road.as_str() == "tay")
        {
            house.road = alley.clone();
        }
        assert_eq!(following(&renamed, &labels), labels);
    }

    #[test]
    fn running_numbers_that_shift_take_no_label_to_a_neighbour() {
        let mut shifted = drawn();
        let is_main = |house: &&mut House| house.road.as_str() == "truc";
        let of_road = shifted.houses.iter_mut().filter(is_main);
        let mut ids: Vec<HouseId> = of_road.map(|h| h.id.clone()).collect();
        ids.rotate_left(1);
        for (house, id) in shifted.houses.iter_mut().filter(is_main).zip(ids) {
            house.id = id;
        }
        assert_eq!(
            following(&shifted, &["truc-7", "truc-8", "tay-1"]),
            ["tay-1"]
        );
    }

    #[test]
    fn another_number_road_id_or_place_leaves_a_label_in_doubt() {
        let north = |house: &mut House, metres: f64| house.at.lat += metres / 111_195.0;
        let changes: [&dyn Fn(&mut House); 4] = [
            &|house| "7A".clone_into(&mut house.number),
            &|house| house.road = PlaceId::new("tay").expect("id"),
            &|house| house.id = id("x"),
            &|house| north(house, 31.0),
        ];
        for change in changes {
            let mut next = drawn();
            change(house(&mut next, "truc-7"));
            assert!(following(&next, &["truc-7"]).is_empty());
        }
        let mut near = drawn();
        north(house(&mut near, "truc-7"), 29.0);
        assert_eq!(following(&near, &["truc-7"]), ["truc-7"]);
        let labels = [id("truc-7")];
        let without = LabelsOnMap::new(labels.iter(), None, &drawn());
        assert_eq!(without.in_doubt, labels, "the map of today is not known");
    }
}
