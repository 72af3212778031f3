//! Requests of the pages: how a device stands, letting it in, ending its session.

use std::net::IpAddr;

use super::{PAGE_COUNT_MS, PAGE_FRESH_MS, Running};
use crate::domain::guest::Standing;
use crate::domain::guest::admission::NotNow;
use crate::domain::id::GuestId;
use crate::guests::service::Trouble;
use crate::guests::table::Moment;
use crate::ports::guests::{GuestRequest, GuestVisitor};
use crate::protocol::netd::{GuestSession, MacAddress, Neighbor, NetdReply, NetdRequest};

impl Running<'_> {
    pub(super) async fn answer(&mut self, request: GuestRequest) -> Result<(), Trouble> {
        // A tap is judged by the rules as they are, not as they were when they were last looked at.
        self.follow_rules().await?;
        match request {
            GuestRequest::Look(address, reply) => {
                let visitor = self.look(address).await?;
                let _ = reply.send(visitor);
            }
            GuestRequest::Enter(address, reply) => {
                let visitor = self.enter(address).await?;
                let _ = reply.send(visitor);
            }
            GuestRequest::Cut(id, reply) => {
                let device = self.table.device(&id);
                if let Some(mac) = device {
                    self.cut(mac).await?;
                }
                let _ = reply.send(device.is_some());
            }
        }
        Ok(())
    }

    /// The device at an address of the guest segment, and its id. A device that is always in is let
    /// in when it is seen.
    pub(super) async fn device(
        &mut self,
        address: IpAddr,
        fresh_ms: u64,
    ) -> Result<Option<(MacAddress, GuestId)>, Trouble> {
        let (service, address) = (self.service, address.to_canonical());
        let guest = service.network.guest.as_ref();
        if !guest.is_some_and(|guest| guest.is_home_of(address)) {
            return Ok(None);
        }
        let mac = match service.known.learned(address, fresh_ms) {
            Some(mac) => mac,
            None => self.learn_neighbors(address).await?,
        };
        let Some((mac, id)) = mac.and_then(|mac| Some((mac, self.key.id(mac)?))) else {
            return Ok(None);
        };
        let standing = self.wifi.decided.get(&id).map(|d| d.standing);
        if standing == Some(Standing::AlwaysIn) && !self.table.is_in(mac) {
            self.let_in(mac, &id).await?;
        }
        Ok(Some((mac, id)))
    }

    /// Learns who has which address, and tells who has this one. Everybody is learned at once: when
    /// the wifi comes back, all phones ask within seconds.
    async fn learn_neighbors(&mut self, address: IpAddr) -> Result<Option<MacAddress>, Trouble> {
        let known = &self.service.known;
        let neighbors = match self.link.ask(&NetdRequest::Neighbors).await? {
            NetdReply::Neighbors { known } => known,
            _ => Vec::new(),
        };
        let mut found = None;
        for Neighbor { address: of, mac } in neighbors {
            known.learn(of, Some(mac), self.table.is_in(mac));
            if of == address {
                found = Some(mac);
            }
        }
        if found.is_none() {
            known.learn(address, None, false);
        }
        Ok(found)
    }

    async fn look(&mut self, address: IpAddr) -> Result<GuestVisitor, Trouble> {
        let Some((mac, id)) = self.device(address, PAGE_FRESH_MS).await? else {
            return Ok(GuestVisitor::NotAGuest);
        };
        self.count_for_page(mac).await?;
        Ok(self.visitor(mac, &id))
    }

    /// Counts anew for a device that is in and asks for a page: its session may be over.
    async fn count_for_page(&mut self, mac: MacAddress) -> Result<(), Trouble> {
        let since_count = self.service.clock.mono_ms().since(self.counted_at);
        let is_due = since_count >= PAGE_COUNT_MS || self.table.is_over(mac, self.now());
        if self.table.is_in(mac) && is_due {
            self.count().await?;
        }
        Ok(())
    }

    fn visitor(&self, mac: MacAddress, id: &GuestId) -> GuestVisitor {
        self.table.visitor(mac, id, &self.setting())
    }

    async fn enter(&mut self, address: IpAddr) -> Result<GuestVisitor, Trouble> {
        // The one who taps is asked for anew: an address may have passed to another device.
        let Some((mac, id)) = self.device(address, 0).await? else {
            return Ok(GuestVisitor::NotAGuest);
        };
        self.count_for_page(mac).await?;
        let now = self.now();
        if self.table.is_over(mac, now) {
            self.end(mac, now).await?;
        }
        // A tap of a device that is in changes nothing: what is left stays what is left.
        if self.table.is_in(mac) || self.let_in(mac, &id).await? {
            Ok(self.visitor(mac, &id))
        } else {
            Ok(GuestVisitor::OutOfOrder)
        }
    }

    /// Lets a device in as far as the rules do; false = the kernel did not take it.
    async fn let_in(&mut self, mac: MacAddress, id: &GuestId) -> Result<bool, Trouble> {
        let now = self.now();
        let mut entry = self.table.entry(mac, id, &self.setting());
        if entry == Err(NotNow::Full)
            && let Some(sleeper) = self.table.sleeper(&self.wifi, now)
        {
            self.table.note_gave_way(sleeper, now);
            self.cut(sleeper).await?;
            entry = self.table.entry(mac, id, &self.setting());
        }
        if matches!(entry, Err(NotNow::TurnIn { .. })) {
            self.table.newcomers.note_waited();
            self.publish();
        }
        let Ok(session) = entry else {
            return Ok(true);
        };
        let takes_turn = self.table.takes_turn(mac, id, &self.wifi);
        let is_taken = self.admit(&session, id, now).await?;
        if is_taken && takes_turn {
            let places = self.wifi.rules.most_devices;
            self.table.newcomers.take(places, now.mono);
        }
        self.publish();
        Ok(is_taken)
    }

    /// Gives the kernel a session; false = it did not take it. The whole of the rules is then
    /// loaded again: somebody may have emptied the kernel's tables.
    pub(super) async fn admit(
        &mut self,
        session: &GuestSession,
        id: &GuestId,
        now: Moment,
    ) -> Result<bool, Trouble> {
        let request = NetdRequest::Admit { session: *session };
        if let Err(refusal) = self.link.change(&request).await? {
            tracing::warn!(
                reason = ?refusal.reason,
                detail = refusal.detail,
                "session refused; loading all rules again"
            );
            self.load().await?;
            return Ok(false);
        }
        self.table.entered(session, id, now);
        self.note_who_is_in();
        Ok(true)
    }

    /// Ends a session; the bytes that went through until now count.
    async fn cut(&mut self, mac: MacAddress) -> Result<(), Trouble> {
        self.count().await?;
        self.end(mac, self.now()).await?;
        self.publish();
        Ok(())
    }
}
