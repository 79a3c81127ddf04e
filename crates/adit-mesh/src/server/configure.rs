//! Tells the hub and the nodes what has changed: the hub first, so that nobody is told of a way that is not there yet.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use adit_core::{
    ha::{HaSetting, HaSettings, Profile, election::Timing},
    mesh::{
        forwarding::{SiteReach, build},
        without_contained,
    },
    networks::Network,
};
use adit_model::TunnelKey;
use adit_wire::mesh::{MAX_PREFIXES, NodeConfig};
use ipnet::IpNet;
use tokio::{select, sync::watch, time::sleep_until};

use super::{
    Trouble,
    desk::Desk,
    seat::Orders,
    state::{Stale, State},
};

/// What happens within this time of a change is told together with what follows it.
const GATHER: Duration = Duration::from_millis(10);
/// The next time is at least this many times as far away as the last one took, so that a thousand nodes that arrive
/// together do not keep a core busy with tables that nobody needs.
const REST: u32 = 4;
/// What the prefixes of one list may take up as text: both lists are less than a message, with room for the rest.
const MOST_PREFIX_BYTES: usize = 24 * 1024;

/// Keeps hub and nodes up to date until it is dropped.
pub(super) async fn keep_up(desk: Arc<Desk>) {
    loop {
        let begun = Instant::now();
        let next = tell(&desk);
        let pause = GATHER.max(begun.elapsed().saturating_mul(REST));
        let expiry = async {
            match next {
                Some(at) => sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        select! {
            () = desk.changed.notified() => tokio::time::sleep(pause).await,
            () = expiry => {}
        }
    }
}

/// A configuration and whom it is for.
struct News {
    orders: watch::Sender<Orders>,
    config: Arc<NodeConfig>,
}

/// Tells what is stale. Returns when something becomes so by itself.
fn tell(desk: &Desk) -> Option<Instant> {
    if desk.is_stopping() {
        return None;
    }
    let (members, carriers, news, leases, over, next, upto) = {
        let mut state = desk.state.lock();
        let carriers = state.carriers(Instant::now());
        let stale = std::mem::take(&mut state.stale);
        let members = stale.table.then(|| Arc::clone(&state.members));
        let news = news(desk, &mut state, &stale);
        let leases = leases(&state, &stale.sites);
        let over = state.take_over();
        (
            members,
            carriers,
            news,
            leases,
            over,
            state.next_expiry(),
            desk.known(),
        )
    };
    // Sessions go on meanwhile.
    if let Some(members) = members {
        let table = build(&members, &carriers);
        desk.forwarding.install(Arc::new(table));
    }
    desk.note_installed(upto);
    for News { orders, config } in news {
        orders.send_modify(|orders| orders.config = Some(config));
    }
    for orders in leases {
        orders.send_modify(|orders| orders.lease = orders.lease.wrapping_add(1));
    }
    for (waits, outcome) in over {
        // Whoever asked may have gone.
        let _ = waits.send(outcome);
    }
    next
}

/// Whom to tell of leases that may have changed.
fn leases(state: &State, sites: &BTreeSet<TunnelKey>) -> Vec<watch::Sender<Orders>> {
    let stale = sites.iter().filter_map(|site| state.sites.get(site));
    let seated = stale.flat_map(|site| site.seated.values());
    seated.map(|seated| seated.orders.clone()).collect()
}

/// What a site's replicas are told of its high availability.
struct Availability {
    ha: bool,
    vips: Vec<IpAddr>,
    vips_previous: Vec<IpAddr>,
    fnr_id: Option<String>,
    profile: Profile,
}

impl Availability {
    fn of(state: &State, site: TunnelKey) -> Self {
        let entry = state.entries.get(&site);
        let setting = entry.map_or(&HaSetting::Disabled, |entry| &entry.setting);
        let (vips, vips_previous, fnr_id) = match setting {
            HaSetting::Local { vips, vips_previous } => {
                (vips.clone(), vips_previous.clone().unwrap_or_default(), None)
            }
            HaSetting::Aws { interface } => (Vec::new(), Vec::new(), Some(interface.clone())),
            HaSetting::None | HaSetting::Disabled => (Vec::new(), Vec::new(), None),
        };
        let settings = entry.map_or(HaSettings::default(), |entry| entry.settings);
        Self {
            ha: setting.mode().is_ha(),
            vips,
            vips_previous,
            fnr_id,
            profile: settings.profile,
        }
    }
}

/// What the replicas of stale sites are told, if it differs from what they were told.
fn news(desk: &Desk, state: &mut State, stale: &Stale) -> Vec<News> {
    let (mut news, mut telling) = (Vec::new(), Vec::new());
    let is_stale = |site: &TunnelKey| stale.accounts.contains(&site.account) || stale.sites.contains(site);
    for (key, site) in state.sites.iter().filter(|(site, _)| is_stale(site)) {
        let prefixes = prefixes(desk, state, *key);
        let availability = Availability::of(state, *key);
        let beat = Timing::of(availability.profile, None).beat;
        for (replica, seated) in &site.seated {
            let Some(linked) = state.members.replica(*key, *replica) else {
                continue;
            };
            let told = seated.orders.borrow().config.clone();
            let config = NodeConfig {
                version: told.as_ref().map_or(1, |told| told.version),
                key: linked.key,
                v4: linked.addresses.v4,
                v6: linked.addresses.v6,
                hub: desk.hub(),
                remote: prefixes.remote.clone(),
                local: prefixes.local.clone(),
                mtu: desk.config.mtu,
                beat_ms: u32::try_from(beat.as_millis()).unwrap_or(u32::MAX),
                ha: availability.ha,
                vips: availability.vips.clone(),
                vips_previous: availability.vips_previous.clone(),
                fnr_id: availability.fnr_id.clone(),
            };
            if told.as_deref() == Some(&config) {
                continue;
            }
            let version = told.map_or(1, |told| told.version.saturating_add(1));
            telling.push((*key, *replica, version, availability.profile));
            news.push(News {
                orders: seated.orders.clone(),
                config: Arc::new(NodeConfig { version, ..config }),
            });
        }
    }
    let now = Instant::now();
    for (site, replica, version, profile) in telling {
        state.elect(site, now, |election, at| {
            election.handle_told(at, replica, version, profile);
        });
    }
    news
}

/// The networks on both sides of a site, as they are told.
struct Prefixes {
    local: Vec<IpNet>,
    remote: Vec<IpNet>,
}

fn prefixes(desk: &Desk, state: &State, site: TunnelKey) -> Prefixes {
    let SiteReach { local, remote } = state.members.reach_of(site);
    let ranges = state.members.ranges(&site.account);
    let ranges = ranges.into_iter().flat_map(|ranges| ranges.networks());
    let remote = ranges.chain(remote).collect();
    let (local, all_local) = fitting(local);
    let (remote, all_remote) = fitting(remote);
    if !(all_local && all_remote) {
        let what = format!(
            "site {} has more prefixes than a node can be told; some are left out",
            site.tunnel
        );
        desk.complain(Trouble::Prefixes, None, &what);
    }
    Prefixes { local, remote }
}

/// As many as a configuration has room for, and whether that is all. If there are too many, those that lie in others are
/// left out first.
fn fitting(networks: Vec<Network>) -> (Vec<IpNet>, bool) {
    let fits = |networks: &[Network]| {
        let bytes: usize = networks.iter().map(|network| network.to_string().len() + 3).sum();
        networks.len() <= MAX_PREFIXES && bytes <= MOST_PREFIX_BYTES
    };
    if fits(&networks) {
        return (networks.into_iter().filter_map(told).collect(), true);
    }
    let mut kept = without_contained(networks);
    let all = fits(&kept);
    while !fits(&kept) {
        kept.truncate(kept.len().min(MAX_PREFIXES + 1) - 1);
    }
    (kept.into_iter().filter_map(told).collect(), all)
}

fn told(network: Network) -> Option<IpNet> {
    IpNet::new(network.first(), network.length()).ok()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn networks(count: u32) -> Vec<Network> {
        let network =
            |number: u32| Network::new(Ipv4Addr::from(0x0a00_0000 + number * 256).into(), 24).unwrap();
        (0..count).map(network).collect()
    }

    #[test]
    fn what_fits_is_told_as_it_is_and_what_does_not_without_what_lies_in_others() {
        let (all, whole) = fitting(networks(MAX_PREFIXES.try_into().unwrap()));
        assert_eq!((all.len(), whole), (MAX_PREFIXES, true));
        let (some, whole) = fitting(networks(1_500));
        assert_eq!((some.len(), whole), (MAX_PREFIXES, false));
        let mut covered = networks(1_500);
        covered.push("10.0.0.0/8".parse().unwrap());
        let (one, whole) = fitting(covered);
        assert_eq!((one, whole), (vec!["10.0.0.0/8".parse().unwrap()], true));
    }
}
