//! What is told of a replica's duty while it does it.

use std::{collections::BTreeSet, net::IpAddr};

use adit_wire::mesh::{LanHealth, Role};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::{
    boot_time::BootTime,
    node::{
        hooks::HookStatus,
        host::{ChangedSetting, MissedSetting},
        lease::Stance,
        virtual_ip::VirtualIps,
    },
};

/// How a replica stands by, or carries its site's traffic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HaStatus {
    /// Of the newest lease; 0 before the first.
    pub epoch: u64,
    /// How long the role lasts unless the edge renews it, milliseconds; nothing while it is passive, or if nobody could
    /// take over.
    pub lease_left_ms: Option<u64>,
    /// Whether it asks that another replica take over.
    pub draining: bool,
    /// The virtual addresses that it has now.
    pub virtual_ips: BTreeSet<IpAddr>,
    /// Whether its site's network is well.
    pub lan: LanHealth,
    /// The command that ran last for its role.
    pub hook: Option<HookStatus>,
    /// Kernel settings that were changed for the virtual addresses; they stay when the node stops.
    pub settings: Vec<ChangedSetting>,
    /// Kernel settings that could not be changed.
    pub missed: Vec<MissedSetting>,
    /// What else did not work.
    pub problems: Vec<String>,
}

/// Where the replica's duty is told, for the status socket and the session's beats.
#[derive(Debug, Default)]
pub(in crate::node) struct Told(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    stance: Option<Stance>,
    status: HaStatus,
}

impl Told {
    pub(super) fn set_stance(&self, stance: Stance, is_told: bool) {
        self.0.lock().stance = is_told.then_some(stance);
    }

    pub(super) fn set_host(&self, vips: &VirtualIps, hook: Option<HookStatus>, problems: Vec<String>) {
        let status = &mut self.0.lock().status;
        status.virtual_ips.clone_from(vips.held());
        status.settings.clone_from(&vips.settings().changed);
        status.missed.clone_from(&vips.settings().missed);
        status.hook = hook;
        status.problems = problems;
    }

    /// Whether it asks to be replaced.
    pub(in crate::node) fn set_draining(&self, draining: bool) {
        self.0.lock().status.draining = draining;
    }

    /// The newest epoch and the role; passive before the edge has said anything. A lease that is over counts as such even
    /// before anything was done about it.
    pub(in crate::node) fn role(&self) -> (u64, Role) {
        match self.0.lock().stance {
            Some(stance) if stance.role == Role::Active && stance.passes_until > BootTime::now() => {
                (stance.epoch, Role::Active)
            }
            Some(stance) => (stance.epoch, Role::Passive),
            None => (0, Role::Passive),
        }
    }

    /// The role, once the edge has said anything.
    pub(in crate::node) fn role_if_told(&self) -> Option<Role> {
        let is_told = self.0.lock().stance.is_some();
        is_told.then(|| self.role().1)
    }

    pub(in crate::node) fn status(&self, lan: LanHealth) -> HaStatus {
        let (epoch, role) = self.role();
        let inner = self.0.lock();
        let until = inner.stance.map(|stance| stance.passes_until);
        let left = until.filter(|until| role == Role::Active && *until < BootTime::NEVER);
        HaStatus {
            epoch,
            lease_left_ms: left
                .map(|until| u64::try_from(until.since(BootTime::now()).as_millis()).unwrap_or(u64::MAX)),
            lan,
            ..inner.status.clone()
        }
    }
}
