//! What a replica does as the one that carries its site's traffic, and when it ceases to be.
//!
//! A task of its own, so that nothing else that the node does, looking up a name or setting up a packet filter, keeps a role
//! that is over: it follows the leases, opens and shuts the gate of the data path, takes and gives up the virtual
//! addresses, tells the watchdog, and has the user's commands run. [`super::lease`] decides.

mod told;

use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use adit_wire::mesh::{LanHealth, Role, RoleAck};
use ipnet::IpNet;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

pub use told::HaStatus;
pub(super) use told::Told;

use super::{
    hooks::{AT_THE_END, Change, HookCommands, HookStatus, Hooks, LIMIT},
    host::{ChangedSetting, Netlink},
    lan::{LanOptions, LanWatch},
    lease::{Granted, Taken, Tenure},
    virtual_ip::VirtualIps,
    watchdog::{Order, StandDown, Watchdog, WatchdogCommand},
};
use crate::{
    boot_time::BootTime,
    control::client::{Acks, Client, ClientPhase, ClientState, HeldLease},
    link::Gate,
};

/// How often it looks whether everything is as it left it.
const LOOK: Duration = Duration::from_secs(1);
/// The clock of sleeping stands still while the host does.
const LONGEST_SLEEP: Duration = Duration::from_millis(500);
/// How much is told of what did not work: so many entries of so many bytes.
const MAX_ERRORS: usize = 16;
const MAX_ERROR: usize = 512;

/// How a replica stands by, and takes over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StandbyOptions {
    /// Of replicas that can all carry their site's traffic, the one with the highest is chosen; usually 100.
    pub priority: u32,
    /// What it looks at to know whether its site's network is well.
    pub lan: LanOptions,
    /// What runs when the role changes.
    pub hooks: HookCommands,
    /// What takes the virtual addresses away when this process cannot.
    pub watchdog: Option<WatchdogCommand>,
}

/// What the edge and the host say of the site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Site {
    /// Whether another replica may take over.
    pub(super) is_ha: bool,
    pub(super) vips: BTreeSet<IpAddr>,
    pub(super) vips_previous: BTreeSet<IpAddr>,
    pub(super) fnr_id: Option<String>,
    /// What lies behind the replica.
    pub(super) prefixes: Vec<IpNet>,
    /// What lies behind the hub.
    pub(super) remote: Vec<IpNet>,
    /// Whether the tunnel's device is there and set up.
    pub(super) is_ready: bool,
}

/// Who the replica is.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) interface: String,
    pub(super) tunnel: String,
    pub(super) connector: String,
}

/// A replica that does its duty. Dropping it ends it where it stands; [`Duty::stop`] gives everything up.
#[derive(Debug)]
pub(super) struct Duty {
    site: watch::Sender<Site>,
    stop: CancellationToken,
    task: JoinSet<Vec<ChangedSetting>>,
}

impl Duty {
    /// Must be called inside a tokio runtime, in the network namespace of the host.
    pub(super) fn start(
        options: &StandbyOptions,
        identity: Identity,
        netlink: Arc<Netlink>,
        gate: Arc<Gate>,
        lan: &LanWatch,
        client: &Client,
        told: Arc<Told>,
    ) -> Self {
        let (site, follows) = watch::channel(Site::default());
        let stop = CancellationToken::new();
        let hooks = Hooks::start(options.hooks.clone(), LIMIT);
        let on_duty = OnDuty {
            vips: VirtualIps::new(
                identity.interface.clone(),
                options.lan.interface.clone(),
                Arc::clone(&gate),
            ),
            identity,
            netlink,
            gate,
            tenure: Tenure::default(),
            watchdog: Watchdog::new(options.watchdog.clone()),
            lan: lan.told(),
            on_passive: options.hooks.on_passive.clone(),
            hook: hooks.status(),
            hooks,
            state: client.state(),
            lease: client.lease(),
            acks: client.acks(),
            site: follows,
            stop: stop.clone(),
            told,
            done: None,
            named: None,
            acknowledged: None,
            hooked: None,
        };
        let mut task = JoinSet::new();
        task.spawn(on_duty.run());
        Self { site, stop, task }
    }

    /// What the site is from now on.
    pub(super) fn set_site(&self, site: Site) {
        self.site.send_if_modified(|now| {
            let news = *now != site;
            *now = site;
            news
        });
    }

    /// Gives up the role and everything that comes with it. Returns the kernel settings that stay changed.
    pub(super) async fn stop(mut self) -> Vec<ChangedSetting> {
        self.stop.cancel();
        match self.task.join_next().await {
            Some(Ok(settings)) => settings,
            Some(Err(_)) | None => Vec::new(),
        }
    }
}

/// What a change of role is told by: its epoch, the role, and the session that it is told in.
type Acknowledged = (u64, Role, Option<Instant>);

struct OnDuty {
    identity: Identity,
    netlink: Arc<Netlink>,
    gate: Arc<Gate>,
    tenure: Tenure,
    vips: VirtualIps,
    watchdog: Watchdog,
    on_passive: Option<String>,
    hooks: Hooks,
    hook: watch::Receiver<Option<HookStatus>>,
    lan: watch::Receiver<LanHealth>,
    state: watch::Receiver<ClientState>,
    lease: watch::Receiver<Option<HeldLease>>,
    acks: Acks,
    site: watch::Receiver<Site>,
    stop: CancellationToken,
    told: Arc<Told>,
    /// For which role and site the host was set up last.
    done: Option<(Role, Site)>,
    /// The role that the log knows.
    named: Option<Role>,
    acknowledged: Option<Acknowledged>,
    /// For what the user's command was run last.
    hooked: Option<(u64, Role, Site)>,
}

impl OnDuty {
    async fn run(mut self) -> Vec<ChangedSetting> {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = self.stop.clone();
        loop {
            let lease_ends = self.tenure.poll_timeout();
            let announcement = self.vips.next_announcement();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Ok(()) = self.lease.changed() => self.take_lease(),
                Ok(()) = self.state.changed() => self.follow_session(),
                () = ends(lease_ends) => {}
                () = at(announcement) => self.vips.announce(),
                Ok(()) = self.site.changed() => {}
                Ok(()) = self.hook.changed() => self.acknowledged = None,
                Ok(()) = self.lan.changed() => self.acks.faring(),
                _ = look.tick() => self.look_after(),
            }
            self.settle().await;
        }
        self.give_up().await
    }

    fn take_lease(&mut self) {
        let Some(lease) = *self.lease.borrow_and_update() else {
            return;
        };
        // Until a configuration says that nobody could take over, somebody could.
        let is_ha = self.state.borrow().config.as_ref().is_none_or(|config| config.ha);
        self.tenure.set_fenced(is_ha);
        let taken = self.tenure.handle_lease(
            BootTime::now(),
            Granted {
                epoch: lease.epoch,
                role: lease.role,
                until: BootTime::after_start(lease.until),
            },
        );
        if taken == Taken::OldEpoch {
            let known = self.tenure.stance().epoch;
            tracing::warn!(epoch = lease.epoch, known, "a lease of an older epoch is ignored");
        }
    }

    fn follow_session(&mut self) {
        let is_linked = matches!(self.state.borrow_and_update().phase, ClientPhase::Linked(_));
        if !is_linked {
            self.tenure.handle_lost(BootTime::now());
        }
    }

    /// Brings everything to where the replica stands now.
    async fn settle(&mut self) {
        self.tenure.handle_timeout(BootTime::now());
        let stance = self.tenure.stance();
        // Before anything that may take its time.
        self.gate.set_until(stance.passes_until);
        let site = self.site.borrow_and_update().clone();
        self.told.set_stance(stance, self.tenure.is_told());
        let wanted = (stance.role, site);
        self.guard(stance.role, &wanted.1);
        if self.done.as_ref() != Some(&wanted) {
            let (role, site) = &wanted;
            if self.named.replace(*role) != Some(*role) {
                tracing::info!(role = role.as_str(), epoch = stance.epoch, "the role has changed");
            }
            match role {
                Role::Active if site.is_ready => self.vips.hold(&self.netlink, &site.vips).await,
                Role::Active => {}
                Role::Passive => {
                    let previous = site.vips.union(&site.vips_previous).copied().collect();
                    self.vips.withdraw(&self.netlink, &previous).await;
                    // What it was to take away is gone.
                    self.guard(*role, site);
                }
            }
            self.done = Some(wanted.clone());
        }
        let site = wanted.1;
        if self.tenure.is_told() && (site.is_ready || stance.role == Role::Passive) {
            self.run_hook(stance.epoch, stance.role, &site);
            self.acknowledge(stance.epoch, stance.role);
        }
        let problems = self.problems();
        self.told
            .set_host(&self.vips, self.hook.borrow().clone(), problems);
    }

    /// What the watchdog is to do if nothing is heard of this process.
    fn guard(&mut self, role: Role, site: &Site) {
        let held = self.vips.held();
        let is_guarded = site.is_ha && site.is_ready && (role == Role::Active || !held.is_empty());
        let until = self.tenure.stance().passes_until;
        self.watchdog.tell(Order {
            device: self.identity.interface.clone(),
            addresses: held.union(&site.vips).copied().collect(),
            until: is_guarded.then_some(until),
            command: self
                .on_passive
                .clone()
                .filter(|_| is_guarded)
                .map(|command| StandDown {
                    command,
                    change: self.change(self.tenure.stance().epoch, Role::Passive, site),
                }),
        });
        if is_guarded {
            // Before the addresses are taken: a process can be stopped at any time after that.
            self.watchdog.look_after();
        }
    }

    fn run_hook(&mut self, epoch: u64, role: Role, site: &Site) {
        let is_news = match &self.hooked {
            Some((_, Role::Passive, _)) if role == Role::Passive => false,
            Some(before) => *before != (epoch, role, site.clone()),
            None => true,
        };
        if !is_news {
            return;
        }
        self.hooked = Some((epoch, role, site.clone()));
        self.hooks.tell(self.change(epoch, role, site));
    }

    fn change(&self, epoch: u64, role: Role, site: &Site) -> Change {
        Change {
            epoch,
            role,
            vips: site.vips.iter().copied().collect(),
            prefixes: site.prefixes.clone(),
            remote: site.remote.clone(),
            fnr_id: site.fnr_id.clone(),
            interface: self.identity.interface.clone(),
            tunnel: self.identity.tunnel.clone(),
            connector: self.identity.connector.clone(),
        }
    }

    /// Tells the edge, once in each session and again when a command has failed.
    fn acknowledge(&mut self, epoch: u64, role: Role) {
        let session = match self.state.borrow().phase {
            ClientPhase::Linked(since) => Some(since),
            ClientPhase::Dialling | ClientPhase::Refused(_) | ClientPhase::Stopped => None,
        };
        let acknowledged = (epoch, role, session);
        if session.is_none() || self.acknowledged == Some(acknowledged) {
            return;
        }
        self.acknowledged = Some(acknowledged);
        let problems = self.problems().into_iter().take(MAX_ERRORS);
        let errors = problems
            .map(|mut text| {
                text.truncate(text.floor_char_boundary(MAX_ERROR));
                text
            })
            .collect();
        self.acks.role(RoleAck { epoch, role, errors });
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = self.vips.problems();
        problems.extend(self.hook.borrow().as_ref().and_then(HookStatus::problem));
        problems.extend(self.watchdog.problem().map(str::to_owned));
        problems
    }

    fn look_after(&mut self) {
        if self.site.borrow().is_ha {
            self.watchdog.look_after();
        }
        if self.tenure.stance().role == Role::Active {
            // Somebody may have taken an address away.
            self.done = None;
        }
    }

    async fn give_up(mut self) -> Vec<ChangedSetting> {
        self.gate.close();
        let site = self.site.borrow().clone();
        let epoch = self.tenure.stance().epoch;
        self.vips.withdraw(&self.netlink, &site.vips).await;
        // Its command would be the same one.
        self.watchdog.tell(Order::default());
        if self.tenure.is_told() {
            self.run_hook(epoch, Role::Passive, &site);
        }
        let settings = self.vips.settings().changed.clone();
        self.hooks.stop(AT_THE_END).await;
        settings
    }
}

/// Completes when a lease ends.
async fn ends(lease: Option<BootTime>) {
    match lease {
        Some(until) => sleep(until.since(BootTime::now()).min(LONGEST_SLEEP)).await,
        None => std::future::pending().await,
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}
