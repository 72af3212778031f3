//! Bulletins as they were sent: one row for each, whatever the number of villages, with who sent
//! it; and what became of it in every village.
//!
//! Invariants: a bulletin and its rows for the villages are one transaction. The same bulletin
//! under the same command id is sent once; a corrected one is another bulletin, and so is one that
//! is shown until another day. A village in which a bulletin that says all the same is up, or is on
//! its way to it, does not get it a second time; one row tells, however many were sent. Rows that
//! an older version queued get a bulletin of their own at the start.

use std::collections::BTreeMap;
use std::io;

use redb::{ReadableDatabase as _, ReadableTable as _, Table, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::bulletins::DOWN;
use super::history::{self, Author, CommuneEvent};
use super::store::CommuneStore;
use super::tables::{
    BulletinOutcome, META, UndeliveredBulletin, io_error, json_row, village_rows, with_number,
};
use crate::domain::calendar::{day_number, day_start};
use crate::domain::id::CommandId;
use crate::keys::secret;
use crate::protocol::commune::Bulletin;
use crate::time::WallMs;

/// Number (big endian) → bulletin.
const SENT: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("sent");
/// Village and what is shown of a bulletin (SHA-256) → its last number in that village.
const SHOWN: TableDefinition<'_, &[u8], u64> = TableDefinition::new("shown");
/// How long a bulletin is sent, and shown in the village unless its officer chose otherwise, ms.
pub const BULLETIN_LIFETIME_MS: i64 = 7 * 86_400_000;
/// How long it may be shown at most, ms.
pub const MAX_SHOWN_MS: i64 = 60 * 86_400_000;

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
    /// The command id of the form.
    pub once: CommandId,
}

/// The outcome of an order to send a bulletin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendOutcome {
    /// It was sent as this number, to as many villages as were chosen; or it was sent under its
    /// command id before.
    Sent(u64),
    /// It was sent as this number, but not to those of the villages that have the words already.
    SentToOthers(u64),
    /// Each of the villages has the words already, the first one as this number. Nothing was sent.
    Present(u64),
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

/// The outcome of a bulletin in a village, with its time.
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
    /// The receipt of a bulletin that was queued for a village.
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
    let mut shown = write.open_table(SHOWN).map_err(io_error)?;
    let mut unnumbered: BTreeMap<(WallMs, String), Vec<(String, UndeliveredBulletin)>> =
        BTreeMap::new();
    for row in down.iter().map_err(io_error)? {
        let (key, value) = row.map_err(io_error)?;
        let village = key.value().split(|b| *b == 0).next().unwrap_or_default();
        let village = String::from_utf8_lossy(village).into_owned();
        let queued: UndeliveredBulletin = serde_json::from_slice(value.value())?;
        let key = shown_key(&village, &queued.bulletin)?;
        let known = shown.get(key.as_slice()).map_err(io_error)?;
        let known = known.map(|seq| seq.value());
        if known.is_none_or(|known| known < queued.seq) {
            shown.insert(key.as_slice(), queued.seq).map_err(io_error)?;
        }
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
    let (from, to) = village_rows(village);
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
    let content = serde_json::to_vec(&(
        order.once.as_str(),
        &b.title,
        &b.body,
        b.urgent,
        // An end that nobody chose moves on between two taps.
        (b.until.map(day_number), b.risk, &b.source),
        &order.villages,
    ))?;
    Ok([
        b"sent form ".as_slice(),
        secret::sha256(&content).as_bytes(),
    ]
    .concat())
}

/// The key of all that a village shows of a bulletin, for one village.
fn shown_key(village: &str, bulletin: &Bulletin) -> io::Result<Vec<u8>> {
    let shown = Bulletin {
        // An end that nobody chose moves on between two taps.
        until: bulletin.until.map(|until| day_start(day_number(until))),
        ..bulletin.clone()
    };
    let hash = secret::sha256(&serde_json::to_vec(&shown)?);
    Ok([village.as_bytes(), b"\0", hash.as_bytes()].concat())
}

/// The number of the bulletin by which a village shows this already: it waits or was published,
/// was not taken down, and its time is not over.
fn present(
    shown: &Table<'_, &'static [u8], u64>,
    down: &BulletinTable<'_>,
    village: &str,
    order: &BulletinOrder,
) -> io::Result<Option<u64>> {
    let key = shown_key(village, &order.bulletin)?;
    let seq = shown.get(key.as_slice()).map_err(io_error)?;
    let Some(seq) = seq.map(|seq| seq.value()) else {
        return Ok(None);
    };
    let key = with_number([village.as_bytes(), b"\0"].concat(), seq);
    let Some(row) = down.get(key.as_slice()).map_err(io_error)? else {
        return Ok(None);
    };
    let queued: UndeliveredBulletin = serde_json::from_slice(row.value())?;
    let lasts = match queued.outcome {
        BulletinOutcome::Refused(_) => false,
        BulletinOutcome::Waiting => queued.expires_at > order.at,
        BulletinOutcome::Done => true,
    };
    let ends = queued.bulletin.until.unwrap_or(queued.expires_at);
    let is_up = lasts && queued.taken_down_at.is_none() && ends > order.at;
    Ok(is_up.then_some(queued.number))
}

impl CommuneStore {
    /// Sends a bulletin to all of its villages that do not have the words yet, or to none.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn send_bulletin(&self, order: &BulletinOrder) -> io::Result<SendOutcome> {
        let write = self.db.begin_write().map_err(io_error)?;
        let outcome = {
            let mut meta = write.open_table(META).map_err(io_error)?;
            let once = once_key(order)?;
            if let Some(known) = meta.get(once.as_slice()).map_err(io_error)?
                && let Some(number) = known.value().first_chunk::<8>()
            {
                return Ok(SendOutcome::Sent(u64::from_be_bytes(*number)));
            }
            let mut sent = write.open_table(SENT).map_err(io_error)?;
            let mut down = write.open_table(DOWN).map_err(io_error)?;
            let mut shown = write.open_table(SHOWN).map_err(io_error)?;
            let number = next_number(&sent)?;
            let mut villages = Vec::new();
            let mut earlier = None;
            for village in &order.villages {
                if let Some(number) = present(&shown, &down, village, order)? {
                    earlier = earlier.or(Some(number));
                    continue;
                }
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
                    history_entries: 0,
                };
                queue(&mut down, village, &queued)?;
                let key = shown_key(village, &order.bulletin)?;
                shown.insert(key.as_slice(), seq).map_err(io_error)?;
                villages.push((village.clone(), seq));
            }
            if let Some(earlier) = earlier.filter(|_| villages.is_empty()) {
                return Ok(SendOutcome::Present(earlier));
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
            let author = Author::Officer {
                id: order.officer.clone(),
                name: order.by.clone(),
            };
            let event = CommuneEvent::BulletinSent {
                number,
                villages: bulletin.villages.iter().map(|(id, _)| id.clone()).collect(),
            };
            history::append(&write, order.at, &author, &event)?;
            meta.insert(once.as_slice(), number.to_be_bytes().as_slice())
                .map_err(io_error)?;
            if earlier.is_some() {
                SendOutcome::SentToOthers(number)
            } else {
                SendOutcome::Sent(number)
            }
        };
        write.commit().map_err(io_error)?;
        self.changes.rise();
        Ok(outcome)
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
            .map(json_row)
            .collect()
    }

    /// The receipt of a bulletin from each of its villages.
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
mod tests;
