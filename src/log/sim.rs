//! A simulated disk that can lose power, lie about syncs and fail: the rig behind the fault tests.
//!
//! Every write and sync is recorded; `image` rebuilds what a power cut at any point would leave, at
//! 512-byte granularity. An honest disk preserves all that was synced; a lying one may lose parts
//! of the last operations although they were synced. For tests, benches and fuzzing only; no
//! command of the program uses it.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::disk::Disk;

/// Smallest piece of a write that survives or is lost on its own.
pub const SECTOR: usize = 512;

#[derive(Debug, Clone)]
enum Op {
    Create(u32, usize),
    Write(u32, usize, Vec<u8>),
    Sync(u32),
}

#[derive(Debug, Default)]
struct SimMedium {
    base: BTreeMap<u32, Vec<u8>>,
    now: BTreeMap<u32, Vec<u8>>,
    ops: Vec<Op>,
    fail_at: Option<usize>,
    calls: usize,
}

/// A simulated disk; clones share the medium.
#[derive(Debug, Clone, Default)]
pub struct SimDisk(Arc<Mutex<SimMedium>>);

/// The parts of the written data that a power cut may destroy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Honesty {
    /// All synced writes are there.
    Honest,
    /// Any part of the last `n` operations may be missing, synced or not.
    Lying(usize),
}

impl SimDisk {
    /// A disk with this content.
    #[must_use]
    pub fn with(base: BTreeMap<u32, Vec<u8>>) -> Self {
        Self(Arc::new(Mutex::new(SimMedium {
            now: base.clone(),
            base,
            ..SimMedium::default()
        })))
    }

    /// Operations so far: the points at which a cut is possible.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.lock().ops.len()
    }

    /// Makes the `n`-th write, sync or creation from now fail (0 = the next).
    pub fn fail_after(&self, n: usize) {
        let mut inner = self.lock();
        inner.fail_at = Some(inner.calls + n);
    }

    /// The content that a power cut after `at` operations leaves. `random` decides which parts of
    /// the unsynced writes survive.
    pub fn image(
        &self,
        at: usize,
        honesty: Honesty,
        mut random: impl FnMut() -> u64,
    ) -> BTreeMap<u32, Vec<u8>> {
        let inner = self.lock();
        let mut out = inner.base.clone();
        let ops = &inner.ops[..at.min(inner.ops.len())];
        let firm = match honesty {
            Honesty::Honest => 0,
            Honesty::Lying(n) => ops.len().saturating_sub(n),
        };
        // The probability of survival differs per cut: sometimes nearly all is lost, sometimes
        // nearly nothing.
        let bias = random() % 5;
        for (i, op) in ops.iter().enumerate() {
            let settled = match honesty {
                Honesty::Honest => op_is_synced(ops, i),
                Honesty::Lying(_) => i < firm,
            };
            let mut survives = || settled || random() % 5 < bias;
            match op {
                Op::Create(slot, len) => {
                    if survives() {
                        out.insert(*slot, vec![0; *len]);
                    }
                }
                Op::Write(slot, from, bytes) => {
                    if let Some(content) = out.get_mut(slot) {
                        for (k, piece) in bytes.chunks(SECTOR).enumerate() {
                            let start = from + k * SECTOR;
                            if survives() && start + piece.len() <= content.len() {
                                content[start..start + piece.len()].copy_from_slice(piece);
                            }
                        }
                    }
                }
                Op::Sync(_) => {}
            }
        }
        out
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, SimMedium> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn act(
        &self,
        op: Op,
        apply: impl FnOnce(&mut BTreeMap<u32, Vec<u8>>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut inner = self.lock();
        let call = inner.calls;
        inner.calls += 1;
        if inner.fail_at == Some(call) {
            return Err(io::Error::other("planned failure"));
        }
        apply(&mut inner.now)?;
        inner.ops.push(op);
        Ok(())
    }
}

/// A creation syncs by itself. A write is durable once its slot was synced after it.
fn op_is_synced(ops: &[Op], i: usize) -> bool {
    match &ops[i] {
        Op::Write(slot, ..) => ops[i + 1..]
            .iter()
            .any(|o| matches!(o, Op::Sync(s) if s == slot)),
        _ => i + 1 < ops.len(),
    }
}

impl Disk for SimDisk {
    fn slots(&mut self) -> io::Result<Vec<u32>> {
        Ok(self.lock().now.keys().copied().collect())
    }
    fn create(&mut self, slot: u32, len: usize) -> io::Result<()> {
        self.act(Op::Create(slot, len), |now| {
            now.insert(slot, vec![0; len]);
            Ok(())
        })
    }
    fn read(&mut self, slot: u32) -> io::Result<Vec<u8>> {
        self.lock()
            .now
            .get(&slot)
            .cloned()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
    fn write(&mut self, slot: u32, at: usize, bytes: &[u8]) -> io::Result<()> {
        self.act(Op::Write(slot, at, bytes.to_vec()), |now| {
            let content = now.get_mut(&slot).ok_or(io::ErrorKind::NotFound)?;
            let space = content
                .get_mut(at..at + bytes.len())
                .ok_or(io::ErrorKind::StorageFull)?;
            space.copy_from_slice(bytes);
            Ok(())
        })
    }
    fn sync(&mut self, slot: u32) -> io::Result<()> {
        self.act(Op::Sync(slot), |_| Ok(()))
    }
    fn set_aside(&mut self, _slot: u32) -> io::Result<()> {
        Ok(())
    }
}

/// A small deterministic generator (xorshift64*), so that a failing case can be run again.
pub struct TestRng(pub u64);
impl TestRng {
    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// How many cases a fault test runs: `usual` times in CI, a thousand in the long lane
/// (`CONGLANG_LONG`).
#[must_use]
pub fn cases(usual: usize) -> usize {
    if std::env::var_os("CONGLANG_LONG").is_some() {
        1_000
    } else {
        usual
    }
}

/// A corrupted copy of a file: the `case`-th of `cases` cases. The damage (512 zero bytes, a
/// truncation or a flipped bit) lies somewhere in the written part of the file.
#[must_use]
pub fn corrupt(whole: &[u8], case: usize, cases: usize) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    let used = whole.iter().rposition(|b| *b != 0).unwrap_or(0);
    let at = case * used / cases.max(1);
    match case % 4 {
        0 => bytes[at..(at + 512).min(whole.len())].fill(0),
        1 => bytes.truncate(at),
        _ => bytes[at] ^= 1 << (case % 8),
    }
    bytes
}
