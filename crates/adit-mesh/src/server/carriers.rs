//! Carriers of nodes whose UDP is blocked: who opened one proves which replica it is before the hub reads a byte of it.
//!
//! | Limit | |
//! |---|---|
//! | carriers of which nobody knows yet whose they are | as many as control connections in that state, counted apart; from one network half of them |
//! | time to prove it | 5 s |
//! | carriers of one replica | one; a newer one takes the older one's place |
//! | proven carriers | as many as sessions |
//!
//! What a carrier then brings is WireGuard's and is judged by the hub as if it had come by UDP. It ends when its replica is no
//! longer linked.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use adit_model::{ConnectorId, IdentityKey, TunnelKey};
use adit_net::mesh::{Carrier, Carriers};
use adit_wire::mesh::{CarrierAnswer, CarrierClaim, Endpoint, Exporter, HubAddress};
use metrics::{counter, describe_counter, describe_gauge, gauge};
use parking_lot::Mutex;
use tokio::{
    select,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::{
    Trouble,
    arrivals::{Arrivals, Strangers, StrangersPlace, place},
    desk::Desk,
};
use crate::carrier::{Board, CarrierKind, End, Open, OpenError, pump};

/// How long a peer may take to prove who it is.
const PROOF: Duration = Duration::from_secs(5);
/// How often it is asked whether a carrier's replica is still linked.
const LOOK: Duration = Duration::from_secs(2);
/// How long a refusal may take to be read.
const GOODBYE: Duration = Duration::from_millis(500);

/// Takes carriers off the edge and joins them to a hub.
pub(super) struct Reception {
    desk: Arc<Desk>,
    arrivals: Arc<Arrivals>,
    board: Arc<Board>,
    strangers: Arc<Mutex<Strangers>>,
    seats: Arc<Seats>,
}

/// Who has a carrier.
#[derive(Default)]
struct Seats(Mutex<BTreeMap<(TunnelKey, ConnectorId), Seat>>);

struct Seat {
    number: u64,
    replaced: CancellationToken,
}

/// A place among the proven; given up when dropped.
struct Seated {
    seats: Arc<Seats>,
    whose: (TunnelKey, ConnectorId),
    number: u64,
    replaced: CancellationToken,
}

impl Seats {
    /// `None` if there are as many as may be.
    fn take(self: &Arc<Self>, whose: (TunnelKey, ConnectorId), most: usize) -> Option<Seated> {
        let mut seats = self.0.lock();
        let number = match seats.get(&whose) {
            Some(older) => older.number + 1,
            None if seats.len() >= most => return None,
            None => 0,
        };
        let replaced = CancellationToken::new();
        let seat = Seat {
            number,
            replaced: replaced.clone(),
        };
        if let Some(older) = seats.insert(whose, seat) {
            older.replaced.cancel();
        }
        drop(seats);
        Some(Seated {
            seats: Arc::clone(self),
            whose,
            number,
            replaced,
        })
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        let mut seats = self.seats.0.lock();
        if seats
            .get(&self.whose)
            .is_some_and(|seat| seat.number == self.number)
        {
            seats.remove(&self.whose);
        }
    }
}

/// Where nodes are told that carriers are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarrierPlaces {
    /// Named by the operator, best first.
    pub endpoints: Vec<Endpoint>,
    /// The port at the hub's addresses, for nodes if there are none of those.
    pub port: u16,
}

impl Desk {
    /// Carriers are taken there; nodes that are linked already are told. Only the first call counts.
    pub(super) fn set_carriers(&self, places: CarrierPlaces) {
        if self.carriers.set(places).is_ok() {
            let mut state = self.state.lock();
            let sites: Vec<TunnelKey> = state.sites.keys().copied().collect();
            state.stale.sites.extend(sites);
            drop(state);
            self.changed.notify_one();
        }
    }

    /// What nodes are told of the hub.
    pub(super) fn hub(&self) -> HubAddress {
        let hub = self.config.hub.clone();
        match self.carriers.get() {
            Some(places) => HubAddress {
                carriers: places.endpoints.clone(),
                carrier_port: Some(places.port),
                ..hub
            },
            None => hub,
        }
    }

    /// The identity of a linked replica.
    fn identity(&self, (site, replica): (TunnelKey, ConnectorId)) -> Option<IdentityKey> {
        let state = self.state.lock();
        state.members.replica(site, replica).map(|linked| linked.identity)
    }

    /// Whose carrier it is.
    fn prove(&self, claim: &CarrierClaim, exporter: &Exporter) -> Result<(), &'static str> {
        if self.known().is_none() {
            return Err("the edge is starting");
        }
        let identity = self
            .identity((claim.site(), claim.connector))
            .ok_or("no such replica is linked")?;
        // Not under the lock: signatures take a while to verify.
        if !claim.signature.proves(&identity, exporter) {
            return Err("the signature is not the replica's");
        }
        Ok(())
    }
}

impl Reception {
    pub(super) fn new(desk: Arc<Desk>, arrivals: Arc<Arrivals>, board: Arc<Board>) -> Self {
        describe_gauge!(
            "adit_mesh_carriers",
            "Nodes whose packets come over QUIC or TLS, since UDP is blocked for them."
        );
        describe_counter!("adit_mesh_carriers_total", "Such carriers that were opened.");
        describe_counter!(
            "adit_mesh_carrier_dropped_total",
            "Datagrams for which a carrier had no room."
        );
        Self {
            desk,
            arrivals,
            board,
            strangers: Arc::default(),
            seats: Arc::default(),
        }
    }
}

impl Carriers for Reception {
    fn accept(&self, carrier: Carrier) {
        let remote = carrier.remote_address();
        if self.desk.is_stopping() {
            return;
        }
        let Some(place) = place(&self.strangers, remote.ip()) else {
            let what = "too many carriers that have not said whose they are";
            return self.desk.complain(Trouble::Crowd, Some(remote), &what);
        };
        let served = Served {
            desk: Arc::clone(&self.desk),
            board: Arc::clone(&self.board),
            seats: Arc::clone(&self.seats),
            remote,
        };
        self.arrivals.serve(served.serve(carrier, place));
    }
}

struct Served {
    desk: Arc<Desk>,
    board: Arc<Board>,
    seats: Arc<Seats>,
    remote: SocketAddr,
}

impl Served {
    async fn serve(self, carrier: Carrier, place: StrangersPlace) {
        let proven = select! {
            proven = timeout(PROOF, self.hear(carrier)) => proven,
            () = self.desk.stopping() => return,
        };
        let (open, claim) = match proven {
            Ok(Ok(proven)) => proven,
            Ok(Err(OpenError::Frame(error))) => {
                return self.desk.complain(Trouble::Misbehaved, Some(self.remote), &error);
            }
            Ok(Err(error)) => {
                debug!(remote = %self.remote, %error, "a mesh carrier broke at once");
                return;
            }
            Err(_elapsed) => {
                let what = "the dialler of a carrier did not say in time who it is";
                return self.desk.complain(Trouble::Idle, Some(self.remote), &what);
            }
        };
        drop(place);
        self.carry(open, &claim).await;
    }

    /// A carrier with a claim that holds, or one that was refused: then the stream has ended.
    async fn hear(&self, carrier: Carrier) -> Result<(Open, CarrierClaim), OpenError> {
        let exporter = carrier.exporter()?;
        let mut open = Open::accepted(carrier).await?;
        let claim: CarrierClaim = open.hear().await?;
        if let Err(why) = self.desk.prove(&claim, &exporter) {
            let what = format!(
                "a carrier for replica {} of site {}: {why}",
                claim.connector, claim.tunnel
            );
            self.desk.complain(Trouble::Refused, Some(self.remote), &what);
            refuse(open, why).await;
            return Err(OpenError::Ended);
        }
        Ok((open, claim))
    }

    async fn carry(&self, mut open: Open, claim: &CarrierClaim) {
        let whose = (claim.site(), claim.connector);
        let seated = self.seats.take(whose, self.desk.config.max_sessions);
        let (Some(seated), Some(mut line)) = (seated, self.board.open(self.remote)) else {
            let what = "there are as many carriers as may be";
            self.desk.complain(Trouble::Crowd, Some(self.remote), &what);
            return refuse(open, what).await;
        };
        open.trust();
        let answer = CarrierAnswer {
            accepted: true,
            message: String::new(),
        };
        if !matches!(timeout(PROOF, open.say(&answer)).await, Ok(Ok(()))) {
            return;
        }
        let carried = Carried::begin(claim, open.kind(), self.remote);
        let end = select! {
            end = pump(&mut open, &mut line) => end.as_str(),
            () = seated.replaced.cancelled() => "replaced",
            () = self.unlinked(whose) => "no longer linked",
            () = self.desk.stopping() => End::Done.as_str(),
        };
        carried.end(end);
    }

    async fn unlinked(&self, whose: (TunnelKey, ConnectorId)) {
        while self.desk.identity(whose).is_some() {
            sleep(LOOK).await;
        }
    }
}

async fn refuse(mut open: Open, why: &str) {
    let answer = CarrierAnswer {
        accepted: false,
        message: why.to_owned(),
    };
    let parting = async {
        if open.say(&answer).await.is_ok() {
            open.part().await;
        }
    };
    let _ = timeout(GOODBYE, parting).await;
}

/// What is told of a carrier, when it begins and when it ends.
struct Carried<'a> {
    claim: &'a CarrierClaim,
    kind: CarrierKind,
    remote: SocketAddr,
    began: Instant,
}

impl<'a> Carried<'a> {
    fn begin(claim: &'a CarrierClaim, kind: CarrierKind, remote: SocketAddr) -> Self {
        gauge!("adit_mesh_carriers", "kind" => kind.as_str()).increment(1);
        counter!("adit_mesh_carriers_total", "kind" => kind.as_str()).increment(1);
        info!(
            tunnel.id = %claim.tunnel, connector.id = %claim.connector, %remote, %kind,
            "UDP is blocked for a mesh node: its packets come by a carrier"
        );
        Self {
            claim,
            kind,
            remote,
            began: Instant::now(),
        }
    }

    fn end(&self, reason: &str) {
        info!(
            tunnel.id = %self.claim.tunnel, connector.id = %self.claim.connector, remote = %self.remote,
            kind = %self.kind, reason, lasted_s = self.began.elapsed().as_secs(), "a mesh carrier has ended"
        );
    }
}

impl Drop for Carried<'_> {
    fn drop(&mut self) {
        gauge!("adit_mesh_carriers", "kind" => self.kind.as_str()).decrement(1);
    }
}
