//! The host's side of the tunnel: addresses, routes, rules, kernel settings and packet filter.
//!
//! [`Host`] brings the host to what [`Wanted`] says and takes everything back at the end, or at the next start if the
//! process was killed: routes and rules carry a mark of their own, the filter is a table of its own, and addresses go with
//! the device. Which routes there are is decided in [`RoutePlan`]. What another program may rely on by then, the settings of
//! a router, stays and is named.

mod administrator;
mod netlink;
mod nft;
mod plan;
mod report;
mod surroundings;
mod sysctl;

use std::{collections::BTreeSet, io, net::IpAddr};

use adit_core::mesh::MeshAddresses;
use ipnet::IpNet;
use rtnetlink::IpVersion;
use tokio::sync::watch;

pub use netlink::NetlinkError;
pub(in crate::node) use netlink::{Interface, Netlink};
pub use plan::{HostRoute, Refusal, RoutePlan, Way};
pub use report::{HostRecord, HostReport};
pub use surroundings::Surroundings;
pub(in crate::node) use sysctl::Settings as RouterSettings;
pub use sysctl::{ChangedSetting, Forwarding, MissedSetting};

use netlink::Rule;
use nft::Filter;

/// How the node does its part on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostOptions {
    /// The device's name.
    pub interface: String,
    /// The routing table that is the node's own. Not one of the kernel's: 0 and 253 to 255.
    pub table: u32,
    /// The mark of packets that the table is not for: those of the tunnel itself.
    pub mark: u32,
    /// Where the rule that leads to the table stands; before that of the main table, 32766.
    pub priority: u32,
    /// Whether packets from the mesh to local networks get the host's own address as their source.
    pub snat: bool,
}

impl HostOptions {
    /// The device's usual name.
    pub const INTERFACE: &str = "adit0";
    /// The usual table and mark.
    pub const TABLE: u32 = 0xad17;
    /// The usual place of the rule.
    pub const PRIORITY: u32 = 5210;
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            interface: Self::INTERFACE.to_owned(),
            table: Self::TABLE,
            mark: Self::TABLE,
            priority: Self::PRIORITY,
            snat: false,
        }
    }
}

/// What the host is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The node's own addresses.
    pub addresses: MeshAddresses,
    /// The prefixes that lead into the tunnel.
    pub told: BTreeSet<IpNet>,
    /// Where the tunnel itself goes: never into the tunnel.
    pub edges: BTreeSet<IpAddr>,
    /// The largest packet that fits into the tunnel, in bytes.
    pub mtu: u32,
    /// Whether the host forwards between the mesh and local networks.
    pub forwards: bool,
}

/// What stands in the way altogether.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// No connection to the kernel's routing.
    #[error("cannot talk to the kernel about routes")]
    Netlink(#[source] io::Error),
    /// Somebody else's device has the name.
    #[error("the interface {0} exists already and is not this node's")]
    TakenInterface(String),
    /// The device is gone.
    #[error("the interface {0} is not there")]
    NoInterface(String),
    /// The kernel refused.
    #[error(transparent)]
    Refused(#[from] NetlinkError),
}

/// The host, as far as the node changes it.
#[derive(Debug)]
pub struct Host {
    options: HostOptions,
    netlink: Netlink,
    administrators: BTreeSet<IpAddr>,
    addresses: Option<MeshAddresses>,
    report: HostReport,
}

impl Host {
    /// Removes what a killed process left behind, as its `record` says, and makes sure that the device's name is free.
    /// `ssh_connection` is the variable of that name, if there is one. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`HostError`]
    pub async fn prepare(
        options: HostOptions,
        record: Option<&HostRecord>,
        ssh_connection: Option<&str>,
    ) -> Result<Self, HostError> {
        let netlink = Netlink::connect().map_err(HostError::Netlink)?;
        let mut before = administrator::peers(ssh_connection);
        if let Some(record) = record {
            // Who was not kept then, and is in a prefix that was carried, came through the mesh.
            before.retain(|peer| !record.reached_by_mesh(*peer));
            remove_entries(&netlink, record.table).await?;
            warn_if_failed(
                nft::remove(&record.interface).await,
                "remove the old packet filter",
            );
        }
        remove_entries(&netlink, options.table).await?;
        warn_if_failed(
            nft::remove(&options.interface).await,
            "remove the old packet filter",
        );
        if netlink.link(&options.interface).await?.is_some() {
            return Err(HostError::TakenInterface(options.interface));
        }
        let report = HostReport::new(&options);
        Ok(Self {
            options,
            netlink,
            administrators: before,
            addresses: None,
            report,
        })
    }

    /// What a later start must know to tidy up after this one, if it brings the host to what is wanted.
    ///
    /// # Errors
    /// [`HostError`]
    pub async fn record(&self, wanted: &Wanted) -> Result<HostRecord, HostError> {
        let link = self.netlink.link(&self.options.interface).await?;
        let plan = self.plan(link.unwrap_or_default(), wanted).await?;
        Ok(HostRecord {
            interface: self.options.interface.clone(),
            table: self.options.table,
            carried: plan.carried().collect(),
            kept: self.kept(wanted),
        })
    }

    /// Brings the host to what is wanted; the device must be there. What could not be done, but leaves a part of the mesh
    /// usable, is in the report.
    ///
    /// # Errors
    /// [`HostError`]
    pub async fn apply(&mut self, wanted: &Wanted) -> Result<&HostReport, HostError> {
        let name = self.options.interface.clone();
        let link = self
            .netlink
            .link(&name)
            .await?
            .ok_or(HostError::NoInterface(name))?;
        self.report.problems.clear();
        self.netlink.bring_up(link, wanted.mtu).await?;
        self.set_addresses(link, wanted.addresses).await?;
        self.set_filter(wanted).await;
        self.set_settings(wanted);
        let plan = self.plan(link, wanted).await?;
        self.set_entries(link, &plan).await?;
        for version in [IpVersion::V4, IpVersion::V6] {
            self.set_rule(version).await?;
        }
        self.report.tell(wanted, &plan);
        Ok(&self.report)
    }

    /// What the host is now.
    #[must_use]
    pub const fn report(&self) -> &HostReport {
        &self.report
    }

    /// Counts changes of the host's addresses and routes: after one, [`Host::apply`] may decide anew.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.netlink.changes()
    }

    /// Takes everything back, but for the settings that are returned.
    ///
    /// # Errors
    /// [`HostError`]; what could be removed is.
    pub async fn clear(self) -> Result<Vec<ChangedSetting>, HostError> {
        let removed = remove_entries(&self.netlink, self.options.table).await;
        warn_if_failed(
            nft::remove(&self.options.interface).await,
            "remove the packet filter",
        );
        removed?;
        Ok(self.report.settings)
    }

    async fn plan(&self, link: u32, wanted: &Wanted) -> Result<RoutePlan, HostError> {
        let host = self.netlink.host_routes(link).await?;
        Ok(RoutePlan::make(&wanted.told, &host, &self.kept(wanted)))
    }

    fn kept(&self, wanted: &Wanted) -> BTreeSet<IpAddr> {
        wanted.edges.union(&self.administrators).copied().collect()
    }

    async fn set_addresses(&mut self, link: u32, wanted: MeshAddresses) -> Result<(), HostError> {
        if let Some(old) = self.addresses.filter(|old| *old != wanted) {
            for address in old
                .all()
                .filter(|address| wanted.all().all(|kept| kept != *address))
            {
                self.netlink.remove_address(link, address).await?;
            }
        }
        // The kernel tells of an address that is added anew, and whoever hears of that would add it once more.
        let there = self.netlink.interfaces().await?;
        let there = there.into_iter().find(|found| found.index == link);
        let there = there.map_or_else(Vec::new, |found| found.addresses);
        let is_missing = |address: IpAddr| there.iter().all(|net| net.addr() != address);
        if is_missing(wanted.v4.into()) {
            self.netlink.add_address(link, wanted.v4.into()).await?;
        }
        // A host may have IPv6 turned off.
        if is_missing(wanted.v6.into())
            && let Err(error) = self.netlink.add_address(link, wanted.v6.into()).await
        {
            self.report.problem(&error);
        }
        self.addresses = Some(wanted);
        Ok(())
    }

    async fn set_filter(&mut self, wanted: &Wanted) {
        let filter = Filter {
            interface: self.options.interface.clone(),
            mtu: wanted.mtu,
            snat: self.options.snat,
            mark_answers: carries_everything(wanted).then_some(self.options.mark),
        };
        if let Err(error) = filter.install().await {
            self.report.problem(&error);
        }
    }

    fn set_settings(&mut self, wanted: &Wanted) {
        let mut settings = sysctl::Settings::default();
        if wanted.forwards {
            settings.forward(&self.options.interface);
        }
        if carries_everything(wanted) {
            settings.loosen_source_check();
        }
        self.report.settings.extend(settings.changed);
        self.report.missed = settings.missed;
    }

    async fn set_entries(&mut self, link: u32, plan: &RoutePlan) -> Result<(), HostError> {
        let table = self.options.table;
        let there = self.netlink.own_entries(table).await?;
        let stale = |net: &IpNet, way: Way, by: Option<u32>| {
            plan.entries.get(net) != Some(&way) || (way == Way::Mesh && by != Some(link))
        };
        // What must not go into the tunnel is said before what must, and taken back after it.
        for ways in [Way::Mesh, Way::Host] {
            for (net, (way, by)) in there
                .iter()
                .filter(|(net, (way, by))| *way == ways && stale(net, *way, *by))
            {
                self.netlink
                    .remove_entry(table, by.unwrap_or(link), *net, *way)
                    .await?;
            }
        }
        for ways in [Way::Host, Way::Mesh] {
            for (net, way) in plan.entries.iter().filter(|(_, way)| **way == ways) {
                let there = there.get(net).is_some_and(|(there, by)| !stale(net, *there, *by));
                if !there && let Err(error) = self.netlink.add_entry(table, link, *net, *way).await {
                    self.report.problem(&error);
                }
            }
        }
        Ok(())
    }

    async fn set_rule(&mut self, version: IpVersion) -> Result<(), HostError> {
        let rule = Rule {
            table: self.options.table,
            mark: self.options.mark,
            priority: self.options.priority,
        };
        if self
            .netlink
            .own_rules(rule.table, version.clone())
            .await?
            .is_empty()
            && let Err(error) = self.netlink.add_rule(rule, version).await
        {
            self.report.problem(&error);
        }
        Ok(())
    }
}

fn carries_everything(wanted: &Wanted) -> bool {
    wanted.told.iter().any(|net| net.prefix_len() == 0)
}

/// Removes the node's own rules, then its own entries: no packet meets half a table.
async fn remove_entries(netlink: &Netlink, table: u32) -> Result<(), HostError> {
    for version in [IpVersion::V4, IpVersion::V6] {
        for rule in netlink.own_rules(table, version).await? {
            netlink.remove_rule(rule).await?;
        }
    }
    for (net, (way, link)) in netlink.own_entries(table).await? {
        netlink
            .remove_entry(table, link.unwrap_or_default(), net, way)
            .await?;
    }
    Ok(())
}

fn warn_if_failed(outcome: Result<(), nft::NftError>, doing: &str) {
    if let Err(error) = outcome {
        tracing::warn!(error = &error as &dyn std::error::Error, "cannot {doing}");
    }
}
