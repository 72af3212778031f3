//! The parts that the uplink shares: its settings, the streams that are to be sent, and the status
//! for the pages. `link` holds the connection, `send` sends.

use std::path::PathBuf;

use rumqttc::{AsyncClient, QoS};

use super::engine::{Engine, StreamRange};
use super::receipts::Receipts;
use crate::domain::event::Lane;
use crate::domain::id::VillageId;
use crate::domain::topics;
use crate::journal::{Journal, codec};
use crate::keys::authority::CertificateFiles;
use crate::live::Live;
use crate::protocol::commune::{MAX_HELLO_STREAMS, Stream, UplinkMessage};
use crate::store::files::PeopleFiles;
use crate::supervisor::clock::Clock;
use crate::supervisor::health::Health;

/// Lanes on the wire, in order of sending.
pub(super) const LANES: [Lane; 3] = [Lane::Alarm, Lane::Log, Lane::State];

/// Name of the cursor up to which the commune has every entry.
pub const RECEIPT_CURSOR: &str = "receipt";

/// The settings and handles of the uplink.
#[derive(Clone)]
pub struct Uplink {
    /// This village.
    pub village: VillageId,
    /// `host:port` of the commune.
    pub server: String,
    /// The commune's CA.
    pub ca: PathBuf,
    /// Our certificate as the technician installed it.
    pub identity: CertificateFiles,
    /// Our certificate as the commune renewed it; the one that lasts longer is used.
    pub renewed: CertificateFiles,
    /// The journal.
    pub journal: Journal,
    /// People's files.
    pub files: PeopleFiles,
    /// The live state, to which the status of the link is written.
    pub live: Live,
    /// The clock.
    pub clock: Clock,
    /// The commune's acknowledgements.
    pub receipts: Receipts,
    /// The health of the gateway's parts, as the status of the village shows it.
    pub health: Health,
}

impl Uplink {
    /// All streams with their first and last number, oldest epoch first.
    pub(super) fn stream_ranges(&self) -> Vec<StreamRange> {
        let history = self.journal.history();
        let mut out = Vec::new();
        for span in history.epochs() {
            for lane in LANES {
                let last = span.lanes[lane.index()];
                if last > 0 {
                    // The first number is 1 also where an epoch was trimmed: the trimmed part is
                    // noticed when it is read, and reported as a gap.
                    out.push((
                        Stream {
                            epoch: codec::epoch_text(&span.epoch),
                            lane,
                        },
                        1,
                        last,
                    ));
                }
            }
        }
        out
    }

    /// The streams that HELLO names: the newest ones, as many as a message has room for. For older
    /// ones the commune reports how far they are applied once batches of them arrive; it counts
    /// records that it already has as repeated.
    pub(super) fn newest_stream_ranges(&self) -> Vec<StreamRange> {
        let mut offers = self.stream_ranges();
        let over = offers.len().saturating_sub(MAX_HELLO_STREAMS);
        offers.drain(..over);
        offers
    }

    pub(super) async fn publish(
        &self,
        client: &AsyncClient,
        up: &UplinkMessage,
    ) -> anyhow::Result<()> {
        client
            .publish(
                topics::uplink(&self.village),
                QoS::AtLeastOnce,
                false,
                serde_json::to_vec(up)?,
            )
            .await?;
        Ok(())
    }

    /// Reports the status of the link to the pages. An entry counts as received when no earlier one
    /// waits.
    pub(super) async fn report_status(&self, engine: &Engine) -> anyhow::Result<()> {
        if !engine.is_resumed() {
            return Ok(());
        }
        // The newest entry is read before the streams: an entry that is made in between must not
        // count as received.
        let newest = self
            .journal
            .before(u64::MAX, 1)
            .await
            .first()
            .map(|e| (e.entry.seq, e.entry.wall_ms));
        let offers = self.stream_ranges();
        let complete = engine.is_complete(&offers);
        self.receipts.update(engine, &offers);
        let waiting = self.unacknowledged().await;
        if let (true, Some((seq, _))) = (complete, newest)
            && seq > self.journal.cursor(RECEIPT_CURSOR)
        {
            // History up to here may be deleted when it is old enough.
            self.journal
                .feed(RECEIPT_CURSOR, 0)
                .acknowledge(seq)
                .await?;
        }
        let now = self.clock.wall_ms();
        self.live.uplink.update(|l| {
            if !l.up {
                l.up = true;
                l.since = now;
            }
            l.waiting = waiting;
            if let (true, Some((seq, at))) = (complete, newest) {
                l.received = seq;
                l.received_at = at;
            }
        });
        Ok(())
    }
}
