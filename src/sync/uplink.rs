//! What the uplink works with, what there is to send, and what the pages are told. `link` keeps the
//! connection, `send` sends.

use std::path::PathBuf;

use rumqttc::{AsyncClient, QoS};

use super::engine::{Engine, StreamRange};
use super::receipts::Receipts;
use crate::domain::event::Lane;
use crate::domain::id::VillageId;
use crate::journal::{Journal, codec};
use crate::keys::authority::CertificateFiles;
use crate::live::Live;
use crate::protocol::commune::{MAX_HELLO_STREAMS, Stream, UplinkMessage};
use crate::store::files::PeopleFiles;
use crate::supervisor::clock::Clock;

/// Lanes on the wire, in order of sending.
pub(super) const LANES: [Lane; 3] = [Lane::Alarm, Lane::Log, Lane::State];

/// Name of the cursor that says what the commune has.
pub const RECEIPT_CURSOR: &str = "receipt";

/// What the uplink works with.
#[derive(Clone)]
pub struct Uplink {
    /// Who we are.
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
    /// What is now.
    pub live: Live,
    /// The clock.
    pub clock: Clock,
    /// What the commune acknowledged.
    pub receipts: Receipts,
}

impl Uplink {
    /// Streams with what they still hold, oldest epoch first.
    pub(super) fn stream_ranges(&self) -> Vec<StreamRange> {
        let history = self.journal.history();
        let mut out = Vec::new();
        for span in history.epochs() {
            for lane in LANES {
                let last = span.lanes[lane.index()];
                if last > 0 {
                    // What was trimmed of an epoch is found, and told as a gap, when it is read.
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

    /// What HELLO names: the newest streams, as many as a message has room for. Of older ones the
    /// commune says how far it is when they come; what it has it counts as repeated.
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
                format!("up/{}/say", self.village),
                QoS::AtLeastOnce,
                false,
                serde_json::to_vec(up)?,
            )
            .await?;
        Ok(())
    }

    /// Tells the pages how the link is: received means that no earlier entry waits.
    pub(super) async fn report_status(&self, engine: &Engine) -> anyhow::Result<()> {
        if !engine.is_resumed() {
            return Ok(());
        }
        // The newest entry first: one that comes between the two looks must not count as received.
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
            // History up to here may go when it is old enough.
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
