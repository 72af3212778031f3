//! The guest service while the network helper answers.

mod corrections;
mod requests;
mod saving;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::garden;
use super::name_grounds::NameGrounds;
use super::{GuestService, TICK_INTERVAL, Trouble};
use crate::domain::guest::Wifi;
use crate::domain::guest::admission::{InternetUplink, UplinkUse, uplink_use};
use crate::guests::dns::garden::OpenAddresses;
use crate::guests::helper::{HelperLink, HelperRefusal, LinkError};
use crate::guests::identity::GuestKey;
use crate::guests::table::{GuestTable, Moment, Setting};
use crate::guests::use_of_day::UseOfDay;
use crate::live::guests::GuestsNow;
use crate::ports::guests::GuestRequest;
use crate::protocol::netd::{
    GuestRates, InterfaceName, NetdReply, NetdRequest, NetworkPlan, SlotUsage,
};
use crate::store::session_rows::SessionRow;
use crate::supervisor::Stop;
use crate::supervisor::clock::Trust;
use crate::supervisor::health::HealthPart;
use crate::time::MonoMs;

/// How often the kernel's counts are taken.
const COUNT_INTERVAL: Duration = Duration::from_secs(10);
/// How often what was used is written.
const SAVE_INTERVAL: Duration = Duration::from_secs(60);
/// How long the kernel's knowledge of an address is good for a page, ms.
const PAGE_FRESH_MS: u64 = 5_000;
/// A device that is in and asks for a page is counted anew after this time, ms: the kernel sends
/// it here when it has used up what it may.
const PAGE_COUNT_MS: u64 = 1_000;
/// Name of the file of what was used.
pub const USE_FILE: &str = "use.json";

/// The cause that woke the service.
enum Wake {
    Request(GuestRequest),
    Garden(OpenAddresses),
    Noted(IpAddr),
    Rules,
    Tick,
    Count,
    Save,
    Probed(bool),
    HelperGone,
    Stop,
}

/// The state while the helper answers.
pub(super) struct Running<'a> {
    service: &'a GuestService,
    key: &'a GuestKey,
    link: HelperLink,
    grounds: &'a mut NameGrounds,
    table: GuestTable,
    wifi: Arc<Wifi>,
    rates: GuestRates,
    open_uplinks: Vec<InterfaceName>,
    rows: Vec<SessionRow>,
    saving: Option<JoinHandle<()>>,
    garden_epoch: u64,
    counted_at: MonoMs,
}

impl<'a> Running<'a> {
    /// Serves until the helper fails; Ok = it was asked to stop.
    pub(super) async fn serve(
        service: &'a GuestService,
        key: &'a GuestKey,
        link: HelperLink,
        grounds: &'a mut NameGrounds,
        stop: &Stop,
    ) -> Result<(), Trouble> {
        // A page that asks from now on is answered, if only after the rules are in force.
        let mut inbox = service.port.inbox().await;
        let wifi = service.journal.state().wifi.clone();
        let mut running = Self {
            rates: rates(&wifi),
            table: GuestTable::new(UseOfDay::load(
                &service.session_rows.folder().join(USE_FILE),
            )),
            open_uplinks: Vec::new(),
            rows: Vec::new(),
            saving: None,
            garden_epoch: service.policy.borrow().garden_epoch + 1,
            counted_at: MonoMs::START,
            service,
            key,
            link,
            grounds,
            wifi,
        };
        running.take_over().await?;
        let ended = running.follow(&mut inbox, stop).await;
        // A round that is being written may lack the last seconds.
        running.until_saved().await;
        running.save();
        running.until_saved().await;
        ended
    }

    async fn follow(
        &mut self,
        inbox: &mut mpsc::Receiver<GuestRequest>,
        stop: &Stop,
    ) -> Result<(), Trouble> {
        let service = self.service;
        let mut waiting = service.garden.lock().await;
        let mut noted = service.noted.lock().await;
        let mut village = service.journal.watch();
        let interval = |every: Duration| {
            let mut interval = tokio::time::interval(every);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        };
        let (mut tick, mut count) = (interval(TICK_INTERVAL), interval(COUNT_INTERVAL));
        let mut save = interval(SAVE_INTERVAL);
        loop {
            self.grounds.begin_probe(service);
            let wake = tokio::select! {
                request = inbox.recv() => request.map_or(Wake::Stop, Wake::Request),
                open = waiting.recv() => open.map_or(Wake::Stop, Wake::Garden),
                address = noted.recv() => address.map_or(Wake::Stop, Wake::Noted),
                answered = self.grounds.probed() => Wake::Probed(answered),
                changed = village.changed() => changed.map_or(Wake::Stop, |()| Wake::Rules),
                _ = tick.tick() => Wake::Tick,
                _ = count.tick() => Wake::Count,
                _ = save.tick() => Wake::Save,
                () = self.link.closed() => Wake::HelperGone,
                () = stop.soft.cancelled() => Wake::Stop,
            };
            match wake {
                Wake::Request(request) => self.answer(request).await?,
                Wake::Garden(first) => {
                    let together = garden::together(first, &mut waiting);
                    garden::open(&mut self.link, together).await?;
                }
                Wake::Noted(address) => drop(self.device(address, 0).await?),
                Wake::Rules => self.follow_rules().await?,
                Wake::Tick => self.look_at_routes().await?,
                Wake::Count => {
                    self.count().await?;
                    // A session that ended is soon on disk, and not with the next minute.
                    if !self.rows.is_empty() {
                        self.save();
                    }
                }
                Wake::Save => self.save(),
                Wake::Probed(answered) => {
                    if self.grounds.note_probe(answered, service) {
                        self.uplink_changed().await?;
                    }
                }
                Wake::HelperGone => {
                    let gone = std::io::ErrorKind::UnexpectedEof;
                    return Err(Trouble::Link(LinkError::Socket(gone.into())));
                }
                Wake::Stop => return Ok(()),
            }
        }
    }

    fn now(&self) -> Moment {
        let clock = &self.service.clock;
        Moment {
            mono: clock.mono_ms(),
            wall: clock.wall_ms(),
            is_trusted: clock.trust() != Trust::None,
        }
    }

    /// The grounds of a decision now.
    fn setting(&self) -> Setting<'_> {
        Setting {
            wifi: &self.wifi,
            uplink: self.uplink(),
            now: self.now(),
        }
    }

    /// Asks the helper for a change that must be.
    async fn change(&mut self, request: &NetdRequest) -> Result<(), Trouble> {
        self.link.change(request).await?.map_err(Trouble::Refused)
    }

    /// Tells the forwarder of names which devices are in.
    fn note_who_is_in(&self) {
        let table = &self.table;
        self.service.known.set_in(|mac| table.is_in(mac));
    }

    fn uplink(&self) -> InternetUplink {
        self.grounds.uplink()
    }

    /// The kernel's sessions, and the whole of the rules.
    async fn take_over(&mut self) -> Result<(), Trouble> {
        let service = self.service;
        let rules = &self.wifi.rules;
        self.grounds.follow_block_list(service, rules).await;
        self.grounds.look(service);
        // A helper that finds no rules of ours has no sessions either.
        let slots = self.usage().await?.unwrap_or_default();
        let (now, uplink, wifi) = (self.now(), self.uplink(), self.wifi.clone());
        if now.is_trusted {
            self.table.use_of_day.turn(now.wall);
        }
        let setting = Setting {
            wifi: &wifi,
            uplink,
            now,
        };
        let ended = self.table.restore(&slots, |mac| self.key.id(mac), &setting);
        self.rows.extend(ended);
        self.open_uplinks = self.wanted_uplinks();
        self.load().await?;
        self.note_who_is_in();
        self.report_uplink();
        self.publish_policy();
        self.correct().await?;
        self.publish();
        service.health.set_green(&HealthPart::Guests);
        tracing::info!(devices = self.table.count_in(), "guest network in force");
        Ok(())
    }

    async fn load(&mut self) -> Result<(), Trouble> {
        let request = NetdRequest::Load {
            plan: Box::new(NetworkPlan {
                rates: self.rates,
                ..self.service.plan.clone()
            }),
            sessions: self.table.sessions(self.now()),
            open_uplinks: self.open_uplinks.clone(),
        };
        self.change(&request).await
    }

    /// The kernel's counts; the inner error is the helper's refusal.
    async fn usage(&mut self) -> Result<Result<Vec<SlotUsage>, HelperRefusal>, LinkError> {
        match self.link.ask(&NetdRequest::Usage).await? {
            NetdReply::Usage { slots } => Ok(Ok(slots)),
            NetdReply::Refused { reason, detail } => Ok(Err(HelperRefusal { reason, detail })),
            NetdReply::Done | NetdReply::Neighbors { .. } => Err(LinkError::NotUnderstood),
        }
    }

    async fn count(&mut self) -> Result<(), Trouble> {
        let slots = self.usage().await?.map_err(Trouble::Refused)?;
        let (now, is_metered) = (self.now(), self.uplink() == InternetUplink::Metered);
        self.counted_at = now.mono;
        let rows = self.table.count(&slots, is_metered, now);
        self.rows.extend(rows);
        let blocked = self.grounds.newly_blocked(self.service);
        self.table.use_of_day.add_blocked(blocked);
        // The last bytes of a metered day close the uplink, for names as well.
        if self.set_uplinks().await? {
            self.report_uplink();
            self.publish_policy();
        }
        self.correct().await?;
        self.publish();
        Ok(())
    }

    pub(super) async fn follow_rules(&mut self) -> Result<(), Trouble> {
        let wifi = self.service.journal.state().wifi.clone();
        if Arc::ptr_eq(&wifi, &self.wifi) || *wifi == *self.wifi {
            return Ok(());
        }
        let has_other_garden = wifi.rules.has_other_garden(&self.wifi.rules);
        self.wifi = wifi;
        if has_other_garden {
            self.close_garden().await?;
        }
        let rates = rates(&self.wifi);
        if rates != self.rates {
            self.rates = rates;
            self.load().await?;
        }
        let (service, rules) = (self.service, &self.wifi.rules);
        self.grounds.follow_block_list(service, rules).await;
        self.set_uplinks().await?;
        self.report_uplink();
        self.correct().await?;
        self.publish_policy();
        self.publish();
        Ok(())
    }

    /// Closes the addresses of the garden as it was; the forwarder opens those of its names again.
    async fn close_garden(&mut self) -> Result<(), Trouble> {
        self.garden_epoch += 1;
        self.change(&NetdRequest::CloseGarden).await
    }

    async fn look_at_routes(&mut self) -> Result<(), Trouble> {
        if self.grounds.look(self.service) {
            self.uplink_changed().await?;
        }
        let (service, rules) = (self.service, &self.wifi.rules);
        if self.grounds.follow_block_list(service, rules).await {
            self.publish_policy();
        }
        if self.table.is_any_over(self.now()) {
            self.count().await?;
        }
        if self.correct().await? {
            self.publish();
        }
        Ok(())
    }

    async fn uplink_changed(&mut self) -> Result<(), Trouble> {
        let uplink = self.uplink();
        let interface = self.grounds.current().map(|u| u.interface.to_string());
        tracing::info!(?uplink, interface, "uplink changed");
        self.set_uplinks().await?;
        self.correct().await?;
        self.report_uplink();
        self.publish_policy();
        self.publish();
        Ok(())
    }

    /// The uplinks that guests may use now.
    fn wanted_uplinks(&self) -> Vec<InterfaceName> {
        let metered_used = self.table.use_of_day.metered();
        let is_open = uplink_use(&self.wifi.rules, self.uplink(), metered_used) == UplinkUse::Open;
        let current = self.grounds.current().filter(|_| is_open);
        current.map(|u| u.interface.clone()).into_iter().collect()
    }

    /// Opens to guests what they may use now; true = it was something else before.
    async fn set_uplinks(&mut self) -> Result<bool, Trouble> {
        let uplinks = self.wanted_uplinks();
        if uplinks == self.open_uplinks {
            return Ok(false);
        }
        let request = NetdRequest::OpenUplinks {
            uplinks: uplinks.clone(),
        };
        self.change(&request).await?;
        self.open_uplinks = uplinks;
        Ok(true)
    }

    fn report_uplink(&self) {
        let metered_used = self.table.use_of_day.metered();
        self.grounds
            .report_uplink(self.service, &self.wifi.rules, metered_used);
    }

    fn publish_policy(&self) {
        let is_open = !self.open_uplinks.is_empty();
        let (rules, epoch) = (&self.wifi.rules, self.garden_epoch);
        self.grounds
            .publish_policy(self.service, rules, is_open, epoch);
    }

    fn publish(&self) {
        let use_of_day = &self.table.use_of_day;
        let is_blocking = self.grounds.block_list.is_some();
        self.service.live.replace(GuestsNow {
            is_configured: true,
            is_in_force: true,
            has_block_list: self.service.network.block_list.is_some(),
            is_key_lost: false,
            uplink: self.uplink(),
            devices: self.table.rows(self.now()),
            day: use_of_day.day(),
            used_today: use_of_day.all(),
            metered_today: use_of_day.metered(),
            week: use_of_day.week(),
            blocked_today: is_blocking.then(|| use_of_day.blocked()),
            newcomers_waited: self.table.newcomers.waited(),
        });
    }
}

/// The speeds of the rules.
fn rates(wifi: &Wifi) -> GuestRates {
    GuestRates {
        all_kbit: wifi.rules.house_kbit,
        device_kbit: wifi.rules.device_kbit,
    }
}
