//! Commands that take others back: a group's lamps get the orders that they had before, a notice is
//! up again as it was.

use super::actor::Actor;
use super::command::Command;
use super::decide::{Now, Rejection, decide};
use super::device;
use super::event::{Entry, Event};
use super::id::{EntityId, GroupId, NoticeId, UserId};
use super::light::{self, LightGroup};
use super::notice::{self, NoticeDetails, NoticeKind};
use super::rejection::Rejection::{Exists, Expired, NotPermitted, Unknown};
use super::state::{ENDED_NOTICES_KEPT, VillageState};
use super::tests::{blob, device_id, lamp};
use crate::time::WallMs;

/// A village in which commands are decided and applied at a time of one's own.
#[derive(Default)]
struct Village {
    state: VillageState,
    wall_ms: WallMs,
}

impl Village {
    fn apply(&mut self, actor: &Actor, event: Event) -> u64 {
        let seq = self.state.seq + 1;
        self.state.apply(&Entry {
            wall_ms: self.wall_ms,
            actor: actor.clone(),
            ..Entry::sample(seq, event)
        });
        seq
    }

    /// Carries a command out; gives the numbers of its entries, the first and the last.
    fn give(
        &mut self,
        actor: &Actor,
        command: impl Into<Command>,
    ) -> Result<(u64, u64), Rejection> {
        let now = Now::at(self.wall_ms);
        let events = decide(&self.state, actor, &command.into(), now)?;
        let mut seqs = Vec::new();
        for event in events {
            seqs.push(self.apply(actor, event));
        }
        Ok((
            seqs.first().copied().unwrap_or(0),
            seqs.last().copied().unwrap_or(0),
        ))
    }

    /// Three lamps in a group.
    fn with_lamps() -> Self {
        let mut village = Self::default();
        for n in 0..3 {
            let id = device_id(n);
            let event = device::Event::EntitiesAdopted {
                device: id.clone(),
                model: String::new(),
                entities: vec![lamp(&id)],
            };
            village.apply(&Actor::System, event.into());
        }
        let group = LightGroup {
            id: group(),
            name: "Trục".into(),
            lights: (0..3).map(lamp_id).collect(),
        };
        village.apply(&Actor::System, light::Event::GroupDeclared { group }.into());
        village
    }

    fn wanted(&self) -> [Option<bool>; 3] {
        [0, 1, 2].map(|n| self.state.lights[&lamp_id(n)].desired.map(|d| d.on))
    }
}

fn lamp_id(n: u8) -> EntityId {
    EntityId::new(&format!("{}.light", device_id(n))).expect("id")
}

fn group() -> GroupId {
    GroupId::new("truc").expect("id")
}

fn switch_group(on: bool) -> light::Command {
    light::Command::SwitchGroup { group: group(), on }
}

fn undo((first, last): (u64, u64)) -> light::Command {
    light::Command::UndoSwitchGroup {
        group: group(),
        first,
        last,
    }
}

#[test]
fn each_lamp_of_a_group_gets_the_order_that_it_had_before() {
    let mut village = Village::with_lamps();
    let by = Actor::LocalAdmin;
    // The first is ordered on, the second was never ordered and reports that it is lit, the third
    // is ordered off.
    for (n, on) in [(0, true), (2, false)] {
        let order = light::Command::Switch {
            light: lamp_id(n),
            on,
        };
        village.give(&by, order).expect("ordered");
    }
    let lit = light::Event::Reported {
        light: lamp_id(1),
        on: true,
    };
    village.apply(&Actor::System, lit.into());
    let off = village.give(&by, switch_group(false)).expect("ordered");
    assert_eq!(off.1 - off.0, 2, "three orders");
    assert_eq!(village.wanted(), [Some(false); 3]);
    let undone = village.give(&by, undo(off)).expect("taken back");
    assert_eq!(village.wanted(), [Some(true), Some(true), Some(false)]);
    assert_eq!(
        undone.1 - undone.0,
        1,
        "the lamp that was off gets no order"
    );
    assert_eq!(
        village.give(&by, undo(off)),
        Err(Expired),
        "taken back once: what came since is newer"
    );
}

#[test]
fn a_lamp_that_got_a_newer_order_keeps_it() {
    let mut village = Village::with_lamps();
    let by = Actor::LocalAdmin;
    village.give(&by, switch_group(true)).expect("ordered");
    let off = village.give(&by, switch_group(false)).expect("ordered");
    let again = light::Command::Switch {
        light: lamp_id(0),
        on: false,
    };
    village.give(&by, again).expect("ordered");
    village.give(&by, undo(off)).expect("taken back");
    assert_eq!(village.wanted(), [Some(false), Some(true), Some(true)]);
    // A program cannot take back what was never there, and numbers the wrong way round are none.
    assert!(matches!(
        village.give(&by, undo((off.1, off.0))),
        Err(Rejection::Invalid { .. })
    ));
    let nobody = light::Command::UndoSwitchGroup {
        group: GroupId::new("khac").expect("id"),
        first: 1,
        last: u64::MAX,
    };
    assert!(matches!(village.give(&by, nobody), Err(Unknown { .. })));
}

fn notice_id(n: usize) -> NoticeId {
    NoticeId::new(&format!("n{n}")).expect("id")
}

fn publish(n: usize, until: Option<WallMs>) -> notice::Command {
    notice::Command::Publish {
        id: notice_id(n),
        text: blob(),
        details: NoticeDetails::of(NoticeKind::Event).until(until),
    }
}

fn take_down(n: usize) -> notice::Command {
    notice::Command::TakeDown { id: notice_id(n) }
}

fn restore(n: usize) -> notice::Command {
    notice::Command::Restore { id: notice_id(n) }
}

#[test]
fn a_notice_that_was_taken_down_is_readable_and_comes_back_as_it_was() {
    let mut village = Village {
        wall_ms: WallMs::new(1_000),
        ..Village::default()
    };
    let by = Actor::LocalAdmin;
    village
        .give(&by, publish(1, Some(WallMs::new(5_000))))
        .expect("up");
    village.give(&by, publish(2, None)).expect("up");
    let before = village.state.notices.clone();
    village.wall_ms = WallMs::new(2_000);
    let (seq, _) = village.give(&by, take_down(1)).expect("down");
    let taken = village.state.ended[&notice_id(1)].clone();
    assert_eq!(taken.notice, *before[&notice_id(1)]);
    assert_eq!(
        (taken.at, taken.order, &taken.by),
        (WallMs::new(2_000), seq, &by)
    );
    assert!(
        village.state.blobs().any(|(_, b)| *b == taken.notice.text),
        "its text is in use"
    );
    village.wall_ms = WallMs::new(3_000);
    village.give(&by, restore(1)).expect("up again");
    assert_eq!(
        village.state.notices, before,
        "its date, its end and its place in the list"
    );
    assert!(village.state.ended.is_empty());
    assert!(matches!(village.give(&by, restore(1)), Err(Exists { .. })));
    assert!(matches!(village.give(&by, restore(7)), Err(Unknown { .. })));
    village.give(&by, take_down(1)).expect("down");
    village.wall_ms = WallMs::new(6_000);
    assert_eq!(
        village.give(&by, restore(1)),
        Err(Expired),
        "its time is over"
    );
    // A new notice under the same id takes the place of the old one.
    village.give(&by, publish(1, None)).expect("up");
    assert!(village.state.ended.is_empty());
}

#[test]
fn what_the_commune_took_down_stays_down_and_only_the_newest_are_kept() {
    let mut village = Village::default();
    let by = Actor::LocalAdmin;
    village.give(&Actor::Commune, publish(0, None)).expect("up");
    village.give(&Actor::Commune, take_down(0)).expect("down");
    assert_eq!(village.give(&by, restore(0)), Err(NotPermitted));
    let nobody = Actor::User {
        id: UserId::new("ai").expect("id"),
    };
    for n in 1..=ENDED_NOTICES_KEPT {
        village.give(&by, publish(n, None)).expect("up");
        village.give(&by, take_down(n)).expect("down");
        assert_eq!(village.give(&nobody, restore(n)), Err(NotPermitted));
    }
    assert_eq!(village.state.ended.len(), ENDED_NOTICES_KEPT);
    assert!(!village.state.ended.contains_key(&notice_id(0)));
    assert!(village.state.ended.contains_key(&notice_id(1)));
}
