//! Bulletins as they were sent: one row for each, whatever the number of villages, with who sent
//! it; and what became of it in every village.
//!
//! Invariants: a bulletin and its rows for the villages are one transaction. The same bulletin
//! under the same token of a form is sent once; a corrected one is another bulletin. Rows that an
//! older version queued get a bulletin of their own at the start.

use std::collections::BTreeMap;
use std::io;

use redb::{ReadableDatabase as _, ReadableTable as _, Table, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::bulletins::DOWN;
use super::store::CommuneStore;
use super::tables::{BulletinOutcome, META, UndeliveredBulletin, io_error, with_number};
use crate::keys::secret;
use crate::protocol::commune::Bulletin;
use crate::time::WallMs;

/// Number (big endian) → bulletin.
const SENT: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("sent");
/// How long a bulletin is sent, and shown in the village, ms.
pub const BULLETIN_LIFETIME_MS: i64 = 7 * 86_400_000;

/// A bulletin that an officer sends.
#[derive(Debug, Clone)]
pub struct BulletinOrder {
    /// The villages that get it.
    pub villages: Vec<String>,
    /// Its content.
    pub bulletin: Bulletin,
    /// Now.
    pub at: WallMs,
    /// The moment after which it is not sent any more.
    pub expires_at: WallMs,
    /// Id of the officer; empty = signed in with the PIN of the office.
    pub officer: String,
    /// Name of the officer; empty = signed in with the PIN of the office.
    pub by: String,
    /// The token of the form.
    pub once: String,
}

/// A bulletin that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentBulletin {
    /// Its number, from 1.
    pub number: u64,
    /// When it was sent.
    pub at: WallMs,
    /// Id of the officer; empty = unknown.
    #[serde(default)]
    pub officer: String,
    /// Name of the officer as it was then; empty = the PIN of the office was used.
    #[serde(default)]
    pub by: String,
    /// The moment after which it is not sent any more.
    pub expires_at: WallMs,
    /// Its content.
    pub bulletin: Bulletin,
    /// The villages, and its number among the bulletins of each.
    pub villages: Vec<(String, u64)>,
}

/// What became of a bulletin in a village, with when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// The village refused it, with a message key.
    Refused(String, Option<WallMs>),
    /// The village did not answer before it expired; it is not sent any more.
    Expired,
    /// The village has not answered yet.
    Waiting,
    /// It was published, and taken down since.
    TakenDown(WallMs, Option<super::store::Remover>),
    /// It was published.
    Published(Option<WallMs>),
}

impl Receipt {
    /// What became of a bulletin that was queued for a village.
    #[must_use]
    pub fn of(queued: &UndeliveredBulletin, now: WallMs) -> Self {
        match &queued.outcome {
            BulletinOutcome::Refused(why) => Self::Refused(why.clone(), queued.answered_at),
            BulletinOutcome::Waiting if queued.expires_at < now => Self::Expired,
            BulletinOutcome::Waiting => Self::Waiting,
            BulletinOutcome::Done => match queued.taken_down_at {
                Some(at) => Self::TakenDown(at, queued.taken_down_by),
                None => Self::Published(queued.answered_at),
            },
        }
    }

    /// The village took it and published it, whatever followed.
    #[must_use]
    pub const fn is_received(&self) -> bool {
        matches!(self, Self::Published(_) | Self::TakenDown(..))
    }

    /// The order in which villages are listed: what needs somebody comes first.
    #[must_use]
    pub const fn rank(&self) -> u8 {
        match self {
            Self::Refused(..) => 0,
            Self::Expired => 1,
            Self::Waiting => 2,
            Self::TakenDown(..) => 3,
            Self::Published(_) => 4,
        }
    }
}

/// Creates the table, and gives rows of older versions their bulletin.
pub(super) fn create_tables(write: &WriteTransaction) -> io::Result<()> {
    let mut sent = write.open_table(SENT).map_err(io_error)?;
    let mut down = write.open_table(DOWN).map_err(io_error)?;
    let mut unnumbered: BTreeMap<(WallMs, String), Vec<(String, UndeliveredBulletin)>> =
        BTreeMap::new();
    for row in down.iter().map_err(io_error)? {
        let (key, value) = row.map_err(io_error)?;
        let village = key.value().split(|b| *b == 0).next().unwrap_or_default();
        let village = String::from_utf8_lossy(village).into_owned();
        let queued: UndeliveredBulletin = serde_json::from_slice(value.value())?;
        if queued.number == 0 {
            // All rows of one sending end in the same millisecond and say the same.
            let words = serde_json::to_string(&queued.bulletin)?;
            unnumbered
                .entry((queued.expires_at, words))
                .or_default()
                .push((village, queued));
        }
    }
    for ((expires_at, _), rows) in unnumbered {
        let number = next_number(&sent)?;
        let Some((_, first)) = rows.first() else {
            continue;
        };
        let bulletin = SentBulletin {
            number,
            at: expires_at - BULLETIN_LIFETIME_MS,
            officer: String::new(),
            by: String::new(),
            expires_at,
            bulletin: first.bulletin.clone(),
            villages: rows.iter().map(|(v, q)| (v.clone(), q.seq)).collect(),
        };
        put(&mut sent, &bulletin)?;
        for (village, mut queued) in rows {
            queued.number = number;
            queue(&mut down, &village, &queued)?;
        }
    }
    Ok(())
}

type BulletinTable<'a> = Table<'a, &'static [u8], &'static [u8]>;

fn next_number(sent: &BulletinTable<'_>) -> io::Result<u64> {
    let last = sent.last().map_err(io_error)?;
    let last = last.and_then(|(k, _)| k.value().last_chunk::<8>().map(|b| u64::from_be_bytes(*b)));
    Ok(last.unwrap_or(0) + 1)
}

fn put(sent: &mut BulletinTable<'_>, bulletin: &SentBulletin) -> io::Result<()> {
    let row = serde_json::to_vec(bulletin)?;
    sent.insert(bulletin.number.to_be_bytes().as_slice(), row.as_slice())
        .map(drop)
        .map_err(io_error)
}

fn queue(
    down: &mut BulletinTable<'_>,
    village: &str,
    queued: &UndeliveredBulletin,
) -> io::Result<()> {
    let key = with_number([village.as_bytes(), b"\0"].concat(), queued.seq);
    let row = serde_json::to_vec(queued)?;
    down.insert(key.as_slice(), row.as_slice())
        .map(drop)
        .map_err(io_error)
}

/// The next number among the bulletins of a village.
fn next_seq(down: &BulletinTable<'_>, village: &str) -> io::Result<u64> {
    let (from, to) = (
        [village.as_bytes(), b"\0"].concat(),
        [village.as_bytes(), b"\x01"].concat(),
    );
    let last = down
        .range(from.as_slice()..to.as_slice())
        .map_err(io_error)?
        .next_back()
        .transpose()
        .map_err(io_error)?
        .and_then(|(k, _)| k.value().last_chunk::<8>().map(|b| u64::from_be_bytes(*b)));
    Ok(last.unwrap_or(0) + 1)
}

/// The key under which a sent form is remembered: its token with what was sent.
fn once_key(order: &BulletinOrder) -> io::Result<Vec<u8>> {
    let b = &order.bulletin;
    let told = serde_json::to_vec(&(&order.once, &b.title, &b.body, b.urgent, &order.villages))?;
    Ok([b"sent form ".as_slice(), secret::sha256(&told).as_bytes()].concat())
}

impl CommuneStore {
    /// Sends a bulletin to all of its villages or to none, and gives its number. The same bulletin
    /// again under the same token is not sent again: its number is given.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn send_bulletin(&self, order: &BulletinOrder) -> io::Result<u64> {
        let write = self.db.begin_write().map_err(io_error)?;
        let number = {
            let mut meta = write.open_table(META).map_err(io_error)?;
            let once = once_key(order)?;
            if let Some(known) = meta.get(once.as_slice()).map_err(io_error)?
                && let Some(number) = known.value().first_chunk::<8>()
            {
                return Ok(u64::from_be_bytes(*number));
            }
            let mut sent = write.open_table(SENT).map_err(io_error)?;
            let mut down = write.open_table(DOWN).map_err(io_error)?;
            let number = next_number(&sent)?;
            let mut villages = Vec::new();
            for village in &order.villages {
                let seq = next_seq(&down, village)?;
                let incarnation = &self.incarnation[..16.min(self.incarnation.len())];
                let queued = UndeliveredBulletin {
                    seq,
                    number,
                    id: format!("xa-{incarnation}-{seq}"),
                    expires_at: order.expires_at,
                    bulletin: order.bulletin.clone(),
                    outcome: BulletinOutcome::Waiting,
                    answered_at: None,
                    taken_down_at: None,
                    taken_down_by: None,
                };
                queue(&mut down, village, &queued)?;
                villages.push((village.clone(), seq));
            }
            let bulletin = SentBulletin {
                number,
                at: order.at,
                officer: order.officer.clone(),
                by: order.by.clone(),
                expires_at: order.expires_at,
                bulletin: order.bulletin.clone(),
                villages,
            };
            put(&mut sent, &bulletin)?;
            meta.insert(once.as_slice(), number.to_be_bytes().as_slice())
                .map_err(io_error)?;
            number
        };
        write.commit().map_err(io_error)?;
        self.changes.rise();
        Ok(number)
    }

    /// A bulletin by its number.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn sent_bulletin(&self, number: u64) -> io::Result<Option<SentBulletin>> {
        let read = self.db.begin_read().map_err(io_error)?;
        let sent = read.open_table(SENT).map_err(io_error)?;
        sent.get(number.to_be_bytes().as_slice())
            .map_err(io_error)?
            .map(|v| Ok(serde_json::from_slice(v.value())?))
            .transpose()
    }

    /// Up to `limit` bulletins with numbers below `before`, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn sent_bulletins(&self, before: u64, limit: usize) -> io::Result<Vec<SentBulletin>> {
        let read = self.db.begin_read().map_err(io_error)?;
        let sent = read.open_table(SENT).map_err(io_error)?;
        sent.range::<&[u8]>(..before.to_be_bytes().as_slice())
            .map_err(io_error)?
            .rev()
            .take(limit)
            .map(|row| {
                row.map_err(io_error)
                    .and_then(|(_, v)| Ok(serde_json::from_slice(v.value())?))
            })
            .collect()
    }

    /// What became of a bulletin in each of its villages.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn receipts(&self, sent: &SentBulletin, now: WallMs) -> io::Result<Vec<(String, Receipt)>> {
        let receipt = |(village, seq): &(String, u64)| {
            let queued = self.queued_one(village, *seq)?;
            let receipt = queued.map_or(Receipt::Expired, |queued| Receipt::of(&queued, now));
            Ok((village.clone(), receipt))
        };
        sent.villages.iter().map(receipt).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::store_tests::rig;
    use super::*;

    fn order(title: &str, villages: &[&str], once: &str) -> BulletinOrder {
        BulletinOrder {
            villages: villages.iter().map(|v| (*v).to_owned()).collect(),
            bulletin: Bulletin {
                title: title.to_owned(),
                body: "Kê cao đồ đạc.".to_owned(),
                urgent: false,
                until: Some(WallMs::new(9_000)),
            },
            at: WallMs::new(1_000),
            expires_at: WallMs::new(9_000),
            officer: "hoa".to_owned(),
            by: "Chị Hoa".to_owned(),
            once: once.to_owned(),
        }
    }

    #[test]
    fn the_same_bulletin_of_one_form_is_sent_once_and_a_corrected_one_is_another() {
        let (store, path) = rig();
        let villages = ["a", "b"];
        let first = store
            .send_bulletin(&order("Mưa lớn", &villages, "form"))
            .expect("sent");
        for (title, villages, once, number) in [
            ("Mưa lớn", &villages[..], "form", first),
            ("Mưa rất lớn", &villages[..], "form", first + 1),
            ("Mưa lớn", &villages[..1], "form", first + 2),
            ("Mưa lớn", &villages[..], "another form", first + 3),
            ("Mưa lớn", &villages[..], "form", first),
        ] {
            let sent = store.send_bulletin(&order(title, villages, once));
            assert_eq!(sent.expect("sent"), number);
        }
        assert_eq!(
            (
                store.queued("a").expect("read").len(),
                store.queued("b").expect("read").len()
            ),
            (4, 3)
        );
        let page = store.sent_bulletins(u64::MAX, 3).expect("read");
        assert_eq!(
            page.iter().map(|s| s.number).collect::<Vec<_>>(),
            [first + 3, first + 2, first + 1]
        );
        let older = store.sent_bulletins(first + 1, 3).expect("read");
        assert_eq!(older.len(), 1);
        assert_eq!(older[0].by, "Chị Hoa");
        drop(store);
        std::fs::remove_file(path).expect("clean");
    }

    #[test]
    fn a_receipt_follows_what_happens_to_the_notice_and_time() {
        let (store, path) = rig();
        let number = store
            .send_bulletin(&order("Mưa lớn", &["a", "b", "c"], "form"))
            .expect("sent");
        let receipts = |now: i64| {
            let sent = store.sent_bulletin(number).expect("read").expect("there");
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
        super::super::bulletins::record_taken_down(
            &write,
            "a",
            &queued.id,
            WallMs::new(3_000),
            super::super::store::Remover::Chief,
        )
        .expect("stored");
        write.commit().expect("committed");
        let (_, after) = receipts(9_001).remove(0);
        assert_eq!(
            after,
            Receipt::TakenDown(
                WallMs::new(3_000),
                Some(super::super::store::Remover::Chief)
            )
        );
        assert!(after.is_received());
        drop(store);
        std::fs::remove_file(path).expect("clean");
    }

    #[test]
    fn a_folder_of_before_opens_with_one_bulletin_for_each_sending() {
        let (store, path) = rig();
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
        std::fs::remove_file(path).expect("clean");
    }
}
