//! Tests of the bulletins that were sent.

use super::*;
use crate::commune::history::CommuneHistoryQuery;
use crate::commune::store_tests::{rig, store_file};

fn order(title: &str, villages: &[&str], once: &str) -> BulletinOrder {
    BulletinOrder {
        villages: villages.iter().map(|v| (*v).to_owned()).collect(),
        bulletin: Bulletin {
            title: title.to_owned(),
            body: "Kê cao đồ đạc.".to_owned(),
            urgent: false,
            until: Some(WallMs::new(9_000)),
            risk: None,
            source: String::new(),
        },
        at: WallMs::new(1_000),
        expires_at: WallMs::new(9_000),
        officer: "hoa".to_owned(),
        by: "Chị Hoa".to_owned(),
        once: CommandId::new(once).expect("id"),
    }
}

#[test]
fn the_same_words_reach_a_village_once_and_corrected_ones_are_another_bulletin() {
    let (store, _folder) = rig();
    let villages = ["a", "b"];
    let sent = |title, villages: &[&str], once| {
        let sent = store.send_bulletin(&order(title, villages, once));
        sent.expect("sent")
    };
    for (title, villages, once, outcome) in [
        ("Mưa lớn", &villages[..], "form", SendOutcome::Sent(1)),
        ("Mưa lớn", &villages[..], "form", SendOutcome::Sent(1)),
        ("Mưa rất lớn", &villages[..], "form", SendOutcome::Sent(2)),
        // After “back” the form has another id, and the words of before.
        ("Mưa lớn", &villages[..], "other", SendOutcome::Present(1)),
        ("Mưa lớn", &villages[1..], "form", SendOutcome::Present(1)),
        ("Gió lớn", &villages[..1], "other", SendOutcome::Sent(3)),
        (
            "Gió lớn",
            &villages[..],
            "third",
            SendOutcome::SentToOthers(4),
        ),
        ("Gió lớn", &villages[..], "third", SendOutcome::Sent(4)),
        ("Gió lớn", &villages[..], "fourth", SendOutcome::Present(3)),
    ] {
        assert_eq!(sent(title, villages, once), outcome, "{title} {once}");
    }
    assert_eq!(
        (
            store.queued("a").expect("read").len(),
            store.queued("b").expect("read").len()
        ),
        (3, 3)
    );
    // A bulletin that was refused, taken down or is over may be sent again.
    let why = Some("refused-too-many".to_owned());
    store
        .record_outcome("a", 1, why, WallMs::new(2_000))
        .expect("stored");
    let refused = sent("Mưa lớn", &villages, "fifth");
    assert_eq!(refused, SendOutcome::SentToOthers(5));
    let mut late = order("Mưa lớn", &villages, "sixth");
    (late.at, late.expires_at) = (WallMs::new(9_000), WallMs::new(18_000));
    let over = store.send_bulletin(&late).expect("sent");
    assert_eq!(over, SendOutcome::Sent(6));
    let page = store.sent_bulletins(u64::MAX, 3).expect("read");
    assert_eq!(page.iter().map(|s| s.number).collect::<Vec<_>>(), [6, 5, 4]);
    let older = store.sent_bulletins(4, 9).expect("read");
    assert_eq!(older.len(), 3);
    assert_eq!(older[0].by, "Chị Hoa");
    drop(store);
}

#[test]
fn a_bulletin_that_shows_anything_else_or_longer_is_sent_and_only_the_same_is_present() {
    let (store, _folder) = rig();
    let day = 86_400_000;
    let mut first = order("Mưa lớn", &["a"], "first");
    first.bulletin.until = Some(WallMs::new(2 * day));
    first.expires_at = WallMs::new(7 * day);
    let sent = |order: &BulletinOrder| store.send_bulletin(order).expect("sent");
    assert_eq!(sent(&first), SendOutcome::Sent(1));
    let risk = |level| {
        let level = crate::domain::notice::RiskLevel::new(level).expect("a level");
        Some(crate::domain::notice::Risk { level, at: None })
    };
    // The end of before, at another hour of its day, as when nobody chose one.
    let changes: [(&str, fn(&mut Bulletin), bool); 8] = [
        ("same", |_| {}, false),
        ("hour", |b| b.until = b.until.map(|u| u + 60_000), false),
        (
            "longer",
            |b| b.until = b.until.map(|u| u + 6 * 86_400_000),
            true,
        ),
        ("for ever", |b| b.until = None, true),
        ("title", |b| b.title.push('!'), true),
        ("body", |b| b.body.push('!'), true),
        ("urgent", |b| b.urgent = true, true),
        ("source", |b| b.source.push('!'), true),
    ];
    let mut last = 1;
    for (name, change, is_another) in changes {
        let mut again = first.clone();
        again.once = CommandId::new(name.split(' ').next().unwrap_or(name)).expect("id");
        change(&mut again.bulletin);
        let outcome = sent(&again);
        if is_another {
            last += 1;
            assert_eq!(outcome, SendOutcome::Sent(last), "{name}");
        } else {
            assert_eq!(outcome, SendOutcome::Present(1), "{name}");
        }
    }
    for level in [1, 2] {
        let mut again = first.clone();
        again.once = CommandId::new(&format!("risk-{level}")).expect("id");
        again.bulletin.risk = risk(level);
        last += 1;
        assert_eq!(sent(&again), SendOutcome::Sent(last), "{level}");
    }
    let queued = store.queued("a").expect("read");
    let longest = queued.iter().filter_map(|row| row.bulletin.until).max();
    assert_eq!(longest, Some(WallMs::new(8 * day)), "it is prolonged");
}

#[test]
fn one_row_tells_whether_a_village_has_a_bulletin_however_many_were_sent() {
    let (store, folder) = rig();
    for n in 0..40 {
        let one = order(&format!("Tin {n}"), &["a"], &format!("form-{n}"));
        store.send_bulletin(&one).expect("sent");
    }
    // The rows of all but two cannot be read.
    let broken = |store: &CommuneStore, with: &[u8]| {
        let write = store.db.begin_write().expect("write");
        let mut before = Vec::new();
        {
            let mut down = write.open_table(DOWN).expect("table");
            for seq in (1..=40_u64).filter(|seq| ![7, 40].contains(seq)) {
                let key = with_number(b"a\0".to_vec(), seq);
                let row = down.insert(key.as_slice(), with).expect("written");
                before.push((key, row.expect("a row").value().to_vec()));
            }
        }
        write.commit().expect("committed");
        before
    };
    let rows = broken(&store, b"?");
    let sent = |store: &CommuneStore, title: &str, once| {
        let sent = store.send_bulletin(&order(title, &["a"], once));
        sent.expect("no other row is read")
    };
    assert_eq!(sent(&store, "Tin 6", "other"), SendOutcome::Present(7));
    assert_eq!(sent(&store, "Tin 40", "other"), SendOutcome::Sent(41));
    // A folder in which a version before sent them has no such rows yet.
    let write = store.db.begin_write().expect("write");
    {
        let mut down = write.open_table(DOWN).expect("table");
        for (key, row) in rows {
            down.insert(key.as_slice(), row.as_slice()).expect("put");
        }
    }
    write.delete_table(SHOWN).expect("deleted");
    write.commit().expect("committed");
    let path = store_file(&folder);
    drop(store);
    let store = CommuneStore::open(&path).expect("opened");
    assert_eq!(sent(&store, "Tin 3", "again"), SendOutcome::Present(4));
    assert_eq!(sent(&store, "Tin 40", "again"), SendOutcome::Present(41));
}

#[test]
fn a_receipt_follows_what_happens_to_the_notice_and_time() {
    let (store, _folder) = rig();
    let sent = store.send_bulletin(&order("Mưa lớn", &["a", "b", "c"], "form"));
    assert_eq!(sent.expect("sent"), SendOutcome::Sent(1));
    let receipts = |now: i64| {
        let sent = store.sent_bulletin(1).expect("read").expect("there");
        store.receipts(&sent, WallMs::new(now)).expect("read")
    };
    assert!(receipts(2_000).iter().all(|(_, r)| *r == Receipt::Waiting));
    store
        .record_outcome("a", 1, None, WallMs::new(2_500))
        .expect("stored");
    store
        .record_outcome(
            "b",
            1,
            Some("refused-too-many".to_owned()),
            WallMs::new(2_600),
        )
        .expect("stored");
    assert_eq!(
        receipts(9_001)
            .into_iter()
            .map(|(_, r)| r)
            .collect::<Vec<_>>(),
        [
            Receipt::Published(Some(WallMs::new(2_500))),
            Receipt::Refused("refused-too-many".to_owned(), Some(WallMs::new(2_600))),
            Receipt::Expired,
        ]
    );
    let queued = store.queued("a").expect("read").remove(0);
    let write = store.db.begin_write().expect("write");
    crate::commune::bulletins::record_taken_down(
        &write,
        "a",
        &queued.id,
        (WallMs::new(3_000), crate::commune::store::Remover::Chief),
        WallMs::new(3_000),
    )
    .expect("stored");
    write.commit().expect("committed");
    let (_, after) = receipts(9_001).remove(0);
    assert_eq!(
        after,
        Receipt::TakenDown(
            WallMs::new(3_000),
            Some(crate::commune::store::Remover::Chief)
        )
    );
    assert!(after.is_received());
    let told = store.history(&CommuneHistoryQuery::default(), u64::MAX, 100);
    let told: Vec<(Author, CommuneEvent)> = told
        .expect("read")
        .entries
        .into_iter()
        .map(|entry| (entry.author, entry.event))
        .collect();
    let village = |id: &str| Author::Village { id: id.to_owned() };
    let by = crate::commune::store::Remover::Chief;
    let why = "refused-too-many".to_owned();
    assert_eq!(
        told[..3],
        [
            (
                village("a"),
                CommuneEvent::BulletinTakenDown { number: 1, by }
            ),
            (
                village("b"),
                CommuneEvent::BulletinRefused { number: 1, why }
            ),
            (village("a"), CommuneEvent::BulletinPublished { number: 1 }),
        ]
    );
    assert!(matches!(&told[3].0, Author::Officer { name, .. } if name == "Chị Hoa"));
    assert!(
        matches!(&told[3].1, CommuneEvent::BulletinSent { number: 1, villages } if villages.len() == 3)
    );
    drop(store);
}

#[test]
fn a_village_that_changes_its_mind_without_end_fills_no_history() {
    let (store, _folder) = rig();
    let sent = store.send_bulletin(&order("Mưa lớn", &["a"], "form"));
    assert_eq!(sent.expect("sent"), SendOutcome::Sent(1));
    for n in 0..60_i64 {
        let why = (n % 2 == 0).then(|| "refused-too-many".to_owned());
        store
            .record_outcome("a", 1, why, WallMs::new(2_000 + n))
            .expect("stored");
    }
    let told = store.history(&CommuneHistoryQuery::default(), u64::MAX, 100);
    assert_eq!(told.expect("read").entries.len(), 21);
    let queued = store.queued("a").expect("read").remove(0);
    assert_eq!(queued.outcome, BulletinOutcome::Done, "the receipt follows");
    drop(store);
}

#[test]
fn a_folder_of_before_opens_with_one_bulletin_for_each_sending() {
    let (store, folder) = rig();
    let path = store_file(&folder);
    let write = store.db.begin_write().expect("write");
    {
        let mut down = write.open_table(DOWN).expect("table");
        for (village, seq, title, expires_at) in [
            ("a", 1, "Họp thôn", 700_000_000),
            ("a", 2, "Mưa lớn", 800_000_000),
            ("b", 1, "Mưa lớn", 800_000_000),
            ("b", 2, "Mưa lớn", 900_000_000),
        ] {
            // As the version before wrote it.
            let row = serde_json::json!({
                "seq": seq, "id": format!("xa-0-{seq}"), "expires_at": expires_at,
                "bulletin": { "title": title, "body": "…", "urgent": false, "until": null },
                "outcome": "done"
            });
            let key = with_number([village.as_bytes(), b"\0"].concat(), seq);
            down.insert(key.as_slice(), row.to_string().as_bytes())
                .expect("written");
        }
    }
    write.commit().expect("committed");
    drop(store);
    for _ in 0..2 {
        let store = CommuneStore::open(&path).expect("opened");
        let sent = store.sent_bulletins(u64::MAX, 10).expect("read");
        let told: Vec<_> = sent
            .iter()
            .map(|s| {
                (
                    s.number,
                    s.bulletin.title.as_str(),
                    s.villages.len(),
                    s.at.ms(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                (3, "Mưa lớn", 1, 900_000_000 - BULLETIN_LIFETIME_MS),
                (2, "Mưa lớn", 2, 800_000_000 - BULLETIN_LIFETIME_MS),
                (1, "Họp thôn", 1, 700_000_000 - BULLETIN_LIFETIME_MS),
            ]
        );
        assert!(
            store
                .receipts(&sent[1], WallMs::default())
                .expect("read")
                .iter()
                .all(|(_, r)| *r == Receipt::Published(None))
        );
    }
}
