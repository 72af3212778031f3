//! Common causes: things that were lost at the same moment, or all devices of one place. A person
//! looks for one cause then, and not for as many as there are names.

use crate::protocol::village_status::{
    CauseKind, CommonCause, NamedThing, Status, StatusReason, ThingKind, ThingStatus,
};

/// Losses that follow each other within this time have one moment, ms: a broker notices a silent
/// client by its keep alive, so one power cut is noticed over some seconds.
const MAX_GAP_MS: i64 = 15_000;
/// Longest moment, ms.
const MAX_MOMENT_MS: i64 = 120_000;
/// Fewest things that have a common cause because of their moment.
const MIN_TOGETHER: usize = 3;
/// Fewest devices of a place that have a common cause because of their place.
const MIN_AT_PLACE: usize = 2;

/// True for a thing that was there and is lost: no fault of its own is known.
fn is_lost(t: &ThingStatus) -> bool {
    t.status == Status::Broken
        && t.is_root()
        && t.since.is_some()
        && match t.kind {
            ThingKind::Device => t.reason == StatusReason::Silent,
            ThingKind::Camera => t.reason == StatusReason::StreamLost,
            ThingKind::Light | ThingKind::Speaker | ThingKind::Sensor => false,
        }
}

/// The common causes, the largest first, and the broken things that have none.
pub(super) fn common_causes(things: &[ThingStatus]) -> (Vec<CommonCause>, Vec<NamedThing>) {
    let mut lost: Vec<&ThingStatus> = things.iter().filter(|t| is_lost(t)).collect();
    lost.sort_by_key(|t| t.since);
    let (mut causes, mut left) = (Vec::new(), Vec::new());
    for moment in moments(&lost) {
        if moment.len() >= MIN_TOGETHER {
            causes.push(cause(kind_of(things, moment), moment));
        } else {
            left.extend_from_slice(moment);
        }
    }
    while let Some(place) = left.iter().find_map(|t| whole_place(things, &left, t)) {
        let (at_place, others): (Vec<_>, Vec<_>) = left.into_iter().partition(|t| {
            t.kind == ThingKind::Device && t.place.as_deref() == Some(place.as_str())
        });
        causes.push(cause(CauseKind::Place { name: place }, &at_place));
        left = others;
    }
    causes.sort_by_key(|c| (std::cmp::Reverse(c.things.len()), c.since));
    let alone = left
        .into_iter()
        .chain(
            things
                .iter()
                .filter(|t| t.status == Status::Broken && t.is_root() && !is_lost(t)),
        )
        .map(ThingStatus::named)
        .collect();
    (causes, alone)
}

/// The lost things, cut where no loss followed for a while; `lost` is sorted by time.
fn moments<'a, 'b>(lost: &'a [&'b ThingStatus]) -> Vec<&'a [&'b ThingStatus]> {
    let at = |t: &&ThingStatus| t.since.unwrap_or_default();
    let (mut out, mut begin) = (Vec::new(), 0);
    for end in 1..=lost.len() {
        let is_over = lost.get(end).is_none_or(|next| {
            at(next).since(at(&lost[end - 1])) > MAX_GAP_MS
                || at(next).since(at(&lost[begin])) > MAX_MOMENT_MS
        });
        if is_over {
            out.push(&lost[begin..end]);
            begin = end;
        }
    }
    out
}

/// The common cause of the things that were lost at one moment.
fn kind_of(things: &[ThingStatus], moment: &[&ThingStatus]) -> CauseKind {
    let all = things
        .iter()
        .filter(|t| matches!(t.kind, ThingKind::Device | ThingKind::Camera))
        .count();
    if moment.len() == all {
        return CauseKind::Everything;
    }
    let first = moment.first().and_then(|t| t.place.clone());
    match first.filter(|place| {
        moment
            .iter()
            .all(|t| t.place.as_deref() == Some(place.as_str()))
            && devices_at(things, place) == moment.len()
    }) {
        Some(name) => CauseKind::Place { name },
        None => CauseKind::SameMoment,
    }
}

fn devices_at(things: &[ThingStatus], place: &str) -> usize {
    things
        .iter()
        .filter(|t| t.kind == ThingKind::Device && t.place.as_deref() == Some(place))
        .count()
}

/// The place of `one`, when every device there is lost.
fn whole_place(things: &[ThingStatus], left: &[&ThingStatus], one: &ThingStatus) -> Option<String> {
    let place = one.place.as_deref()?;
    let lost = left
        .iter()
        .filter(|t| t.kind == ThingKind::Device && t.place.as_deref() == Some(place))
        .count();
    (lost >= MIN_AT_PLACE && lost == devices_at(things, place)).then(|| place.to_owned())
}

fn cause(kind: CauseKind, things: &[&ThingStatus]) -> CommonCause {
    CommonCause {
        kind,
        since: things
            .iter()
            .filter_map(|t| t.since)
            .min()
            .unwrap_or_default(),
        things: things.iter().map(|t| t.named()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::WallMs;

    fn device(id: &str, place: &str, since: Option<WallMs>) -> ThingStatus {
        ThingStatus {
            kind: ThingKind::Device,
            id: id.to_owned(),
            name: id.to_owned(),
            place: Some(place.to_owned()),
            status: since.map_or(Status::Well, |_| Status::Broken),
            reason: since.map_or(StatusReason::Works, |_| StatusReason::Silent),
            since,
            on: None,
            explained_by: None,
        }
    }

    fn names(things: &[NamedThing]) -> Vec<&str> {
        things.iter().map(|t| t.name.as_str()).collect()
    }

    #[test]
    fn what_falls_within_seconds_has_one_cause_and_what_fell_apart_has_none() {
        let things = [
            device("a", "Đình", Some(WallMs::new(0))),
            device("b", "Chợ", Some(WallMs::new(9_000))),
            device("c", "Ngõ", Some(WallMs::new(18_000))),
            device("d", "Ngõ", Some(WallMs::new(400_000))),
            device("e", "Đình", None),
        ];
        let (causes, alone) = common_causes(&things);
        assert_eq!(
            (
                causes[0].kind.clone(),
                names(&causes[0].things),
                causes[0].since
            ),
            (CauseKind::SameMoment, vec!["a", "b", "c"], WallMs::new(0))
        );
        assert_eq!((causes.len(), names(&alone)), (1, vec!["d"]));
    }

    #[test]
    fn all_devices_of_a_place_and_all_of_the_village_are_named_as_that() {
        let mut things = vec![
            device("a", "Ngõ", Some(WallMs::new(0))),
            device("b", "Ngõ", Some(WallMs::new(400_000))),
            device("c", "Đình", Some(WallMs::new(900_000))),
            device("d", "Đình", None),
        ];
        let (causes, alone) = common_causes(&things);
        let place = CauseKind::Place {
            name: "Ngõ".into()
        };
        assert_eq!(
            (causes[0].kind.clone(), names(&causes[0].things)),
            (place, vec!["a", "b"])
        );
        assert_eq!((causes.len(), names(&alone)), (1, vec!["c"]));
        for thing in &mut things {
            (thing.since, thing.status) = (Some(WallMs::new(5_000)), Status::Broken);
            thing.reason = StatusReason::Silent;
        }
        let (causes, alone) = common_causes(&things);
        assert_eq!(causes[0].kind, CauseKind::Everything);
        assert!(causes.len() == 1 && alone.is_empty(), "{causes:?}");
    }
}
