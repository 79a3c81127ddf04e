//! The virtual DNS service: an address under which edges reach the resolver of the connector's machine.
//! Source: cloudflare/cloudflared: ingress/origins/dns.go.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use adit_model::Hostname;
use parking_lot::Mutex;
use rand::seq::{IndexedRandom, SliceRandom};
use tokio::sync::Notify;
use tokio::time::Instant;

mod look;

use crate::resolvers;

/// Where edges find it, over TCP and UDP.
pub(super) const ADDRESS: SocketAddr = SocketAddr::V6(SocketAddrV6::new(
    Ipv6Addr::new(0x2606, 0x4700, 0x0cf1, 0x2000, 0, 0, 0, 1),
    53,
    0,
    0,
));
/// How long what the system says of its resolvers is believed. Laptops change theirs with the network.
const BELIEVED_FOR: Duration = Duration::from_secs(5);
/// While nobody has questions, it is seen so often which resolver answers; as often as by stock connectors.
const LOOK_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// Where the questions go.
pub(super) enum VirtualDns {
    /// To one of these, at random.
    Named(Vec<SocketAddr>),
    /// To the first of the system's that answers.
    System(SystemResolvers),
}

impl VirtualDns {
    /// Whether a resolver of the system answers is seen by asking it for this name; without one all of them do.
    pub(super) fn new(named: &[SocketAddr], name: Option<Hostname>) -> Self {
        match named {
            [] => Self::System(SystemResolvers::new(Box::new(resolvers::system), name)),
            named => Self::Named(named.to_vec()),
        }
    }

    /// The resolver that the next question goes to.
    pub(super) fn resolver(&self) -> SocketAddr {
        match self {
            Self::Named(named) => named.choose(&mut rand::rng()).copied().unwrap_or(ADDRESS),
            Self::System(system) => system.resolver(),
        }
    }

    /// The resolvers that are left where one takes no connection.
    pub(super) fn besides(&self, failed: SocketAddr) -> Vec<SocketAddr> {
        let mut others = match self {
            Self::Named(named) => {
                let mut named = named.clone();
                named.shuffle(&mut rand::rng());
                named
            }
            Self::System(system) => system.all(),
        };
        others.retain(|resolver| *resolver != failed);
        others
    }

    /// Sees to it that the resolver of the moment is one that answers, until it is dropped.
    pub(super) async fn keep_up(&self) {
        match self {
            Self::Named(_) => {}
            Self::System(system) => system.keep_up().await,
        }
    }
}

/// The resolvers of the system, and which of them answers.
pub(super) struct SystemResolvers {
    read: Box<dyn Fn() -> Vec<SocketAddr> + Send + Sync>,
    name: Option<Hostname>,
    known: Mutex<Known>,
    /// Somebody has a question.
    asked: Notify,
}

struct Known {
    read_at: Option<Instant>,
    /// In the system's order.
    all: Vec<SocketAddr>,
    answering: Option<SocketAddr>,
}

impl SystemResolvers {
    fn new(read: Box<dyn Fn() -> Vec<SocketAddr> + Send + Sync>, name: Option<Hostname>) -> Self {
        Self {
            read,
            name,
            known: Mutex::new(Known {
                read_at: None,
                all: Vec::new(),
                answering: None,
            }),
            asked: Notify::new(),
        }
    }

    fn resolver(&self) -> SocketAddr {
        self.asked.notify_one();
        let all = self.all();
        let answering = self.known.lock().answering;
        answering.or(all.first().copied()).unwrap_or(ADDRESS)
    }

    fn all(&self) -> Vec<SocketAddr> {
        let mut known = self.known.lock();
        if known.read_at.is_none_or(|at| at.elapsed() >= BELIEVED_FOR) {
            let all = (self.read)();
            if all != known.all {
                known.answering = None;
                known.all = all;
            }
            known.read_at = Some(Instant::now());
        }
        known.all.clone()
    }

    async fn keep_up(&self) {
        loop {
            self.look().await;
            tokio::time::sleep(BELIEVED_FOR).await;
            // Whatever went wrong meanwhile is noticed with the next question, or in time.
            drop(tokio::time::timeout(LOOK_INTERVAL, self.asked.notified()).await);
        }
    }

    /// Asks one after the other. One alone needs no choice.
    async fn look(&self) {
        let all = self.all();
        let answering = match (all.as_slice(), &self.name) {
            ([] | [_], _) | (_, None) => None,
            (all, Some(name)) => look::first_that_answers(all, name).await,
        };
        let mut known = self.known.lock();
        if known.all == all && known.answering != answering {
            tracing::debug!(resolver = ?answering, "Updating DNS local resolver");
            known.answering = answering;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use adit_testing::dns::{DnsServer, Zone};
    use adit_testing::wait_for;
    use tokio::task::JoinSet;

    use super::*;

    fn name() -> Option<Hostname> {
        "edge.example.com".parse().ok()
    }

    fn server() -> DnsServer {
        DnsServer::start("127.0.0.1:0".parse().unwrap(), Zone::new())
    }

    /// The system's, watched for as long as the set is not dropped.
    fn watched(servers: &[&DnsServer]) -> (Arc<SystemResolvers>, JoinSet<()>) {
        let all: Vec<SocketAddr> = servers.iter().map(|server| server.addr()).collect();
        let system = Arc::new(SystemResolvers::new(Box::new(move || all.clone()), name()));
        let mut watching = JoinSet::new();
        let watched = Arc::clone(&system);
        watching.spawn(async move { watched.keep_up().await });
        (system, watching)
    }

    #[test]
    fn it_stands_at_the_vendors_address() {
        assert_eq!(ADDRESS.to_string(), "[2606:4700:cf1:2000::1]:53");
    }

    #[test]
    fn each_resolver_that_is_named_is_asked_sooner_or_later() {
        let named: Vec<SocketAddr> = ["10.0.0.1:53", "10.0.0.2:5353", "[fd00::1]:53"]
            .map(|text| text.parse().unwrap())
            .to_vec();
        let dns = VirtualDns::new(&named, name());
        let asked: std::collections::BTreeSet<_> = (0..200).map(|_| dns.resolver()).collect();
        assert_eq!(asked, named.iter().copied().collect());
        let others: std::collections::BTreeSet<_> = dns.besides(named[0]).into_iter().collect();
        assert_eq!(others, named[1..].iter().copied().collect());
    }

    #[test]
    fn without_a_name_the_systems_is_asked() {
        let dns = VirtualDns::new(&[], name());
        assert_eq!(dns.resolver().port(), 53);
        assert_ne!(dns.resolver(), ADDRESS);
    }

    #[tokio::test]
    async fn the_first_resolver_that_answers_is_taken_as_long_as_it_does() {
        let (first, second) = (server(), server());
        first.set_silent(true);
        let (system, _watching) = watched(&[&first, &second]);
        assert_eq!(system.resolver(), first.addr());
        wait_for("the second", async || system.resolver() == second.addr()).await;
        first.set_silent(false);
        second.set_silent(true);
        wait_for("the first", async || system.resolver() == first.addr()).await;
    }

    #[tokio::test]
    async fn a_resolver_that_is_alone_is_not_asked_whether_it_answers() {
        let alone = server();
        let (system, _watching) = watched(&[&alone]);
        system.look().await;
        assert_eq!(system.resolver(), alone.addr());
        assert_eq!(alone.asked(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn where_none_answers_the_systems_first_is_asked() {
        let (first, second) = (server(), server());
        first.set_silent(true);
        second.set_silent(true);
        let (system, _watching) = watched(&[&first, &second]);
        system.look().await;
        assert_eq!(system.resolver(), first.addr());
    }
}
