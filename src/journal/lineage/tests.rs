//! Tests of forked boots: the line that ends in the newest segment stays.

use super::*;
use crate::domain::event::{Entry, Lane};
use crate::domain::history;
use crate::journal::codec::{self, JournalRecord};

/// The first entry of boot `epoch` after boot `previous`, in segment `segment`.
fn boot(segment: u64, seq: u64, epoch: u8, previous: u8) -> LoggedRecord {
    let event = Event::History(history::Event::Booted {
        boot: 1,
        previous: codec::epoch_text(&[previous; 16]),
    });
    let entry = Entry {
        lane: Lane::Log,
        lane_seq: 1,
        ..Entry::sample(seq, event)
    };
    LoggedRecord {
        segment,
        epoch: [epoch; 16],
        bytes: Vec::new(),
        record: JournalRecord::Entry(Box::new(entry)),
        stamp: None,
    }
}

#[test]
fn of_two_boots_after_the_same_one_the_line_to_the_newest_segment_stays() {
    let order = [[1; 16], [2; 16]];
    // Boots after entry 100: segment, first entry, boot, the boot before; which stay.
    type Case = (&'static [(u64, u64, u8, u8)], &'static [u8]);
    let cases: [Case; 6] = [
        (&[(5, 101, 3, 2), (6, 110, 4, 3)], &[3, 4]),
        // Boot 3 could not be read when boot 4 began, and can be read again.
        (&[(5, 101, 3, 2), (6, 101, 4, 2), (7, 120, 5, 4)], &[4, 5]),
        // Boot 9 is of a copy: the certain line went on from boot 1 with boot 2.
        (&[(5, 101, 3, 2), (9, 140, 9, 1)], &[3]),
        // The boots between are lost.
        (&[(5, 101, 3, 2), (8, 140, 7, 6)], &[3, 7]),
        (&[(5, 101, 3, 2), (6, 110, 4, 3), (7, 112, 5, 3)], &[3, 5]),
        // Released segments of long ago prove nothing.
        (&[(2, 40, 8, 7), (5, 101, 3, 2)], &[8, 3]),
    ];
    for (boots, stay) in cases {
        let lines: Vec<LoggedRecord> = boots
            .iter()
            .map(|(segment, seq, epoch, previous)| boot(*segment, *seq, *epoch, *previous))
            .collect();
        let mut log: BTreeSet<Epoch> = lines.iter().map(|l| l.epoch).collect();
        drop_forked_epochs(&mut log, &order, &lines, 100);
        assert_eq!(log, stay.iter().map(|e| [*e; 16]).collect(), "{boots:?}");
    }
}
