//! The edge's side of the mesh: who is there, what they are told, and which table the hub forwards by.
//!
//! [`MeshServer`] follows the directory, serves the control connections that the edge hands over, reports them, and answers
//! what the API asks. It moves no packets: whoever does implements [`Forwarding`].

mod arrivals;
mod carriers;
mod complaints;
mod configure;
mod desk;
mod elect;
mod follow;
mod seat;
mod site_control;
mod state;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use adit_core::{
    mesh::forwarding::Table,
    port::{Directory, MeshLinks, Presence, SiteControl},
};
use adit_model::{Location, PeerKey};
use adit_net::mesh::{Carriers, ControlStreams};
use adit_wire::mesh::HubAddress;

pub use self::carriers::CarrierPlaces;
use self::{arrivals::Arrivals, follow::Followed};
use crate::{
    carrier::Board,
    hub::{Brought, Hub},
};

pub use self::elect::Decisions;
pub(crate) use self::{
    arrivals::StrangersPlace,
    complaints::Trouble,
    desk::{ADMISSION, Arrival, Desk, Proven},
    seat::{Ending, Order, Seat},
};

/// How long sessions may take to say goodbye when the server stops.
const GOODBYE: Duration = Duration::from_secs(2);

/// What forwards packets by tables.
pub trait Forwarding: Send + Sync {
    /// Forwards by this table from now on. A packet sees the whole of one table.
    fn install(&self, table: Arc<Table>);

    /// When a packet was last taken that was encrypted by the holder of this key.
    fn last_heard(&self, key: &PeerKey) -> Option<Instant>;

    /// The holder of this key begins to carry its site's traffic: the next packet that it brings is its first.
    fn begin(&self, key: &PeerKey);

    /// When the holder of this key brought packets of its site.
    fn brought(&self, key: &PeerKey) -> Brought;
}

impl Forwarding for Hub {
    fn install(&self, table: Arc<Table>) {
        Self::install(self, table);
    }

    fn last_heard(&self, key: &PeerKey) -> Option<Instant> {
        Self::last_heard(self, key)
    }

    fn begin(&self, key: &PeerKey) {
        Self::begin(self, key);
    }

    fn brought(&self, key: &PeerKey) -> Brought {
        Self::brought(self, key)
    }
}

/// What a server of a mesh is made of.
#[derive(Debug, Clone)]
pub struct MeshServerConfig {
    /// What nodes are told of the hub.
    pub hub: HubAddress,
    /// Where the edge stands.
    pub location: Location,
    /// The most bytes of a packet inside tunnels.
    pub mtu: u16,
    /// The most sessions at once; further nodes are told to come again.
    pub max_sessions: usize,
}

/// A running server. Dropping it ends everything at once; [`MeshServer::stop`] takes leave.
pub struct MeshServer {
    desk: Arc<Desk>,
    arrivals: Arc<Arrivals>,
}

impl MeshServer {
    /// Begins to follow the directory. Until the first snapshot nodes are told to come again. Must be called inside a
    /// tokio runtime.
    #[must_use]
    pub fn start(
        config: MeshServerConfig,
        directory: Arc<dyn Directory>,
        links: Arc<dyn MeshLinks>,
        decisions: Arc<dyn Decisions>,
        presence: Arc<dyn Presence>,
        forwarding: Arc<dyn Forwarding>,
    ) -> Self {
        let desk = Arc::new(Desk::new(config, links, presence, forwarding));
        let arrivals = Arc::new(Arrivals::new(Arc::clone(&desk)));
        let followed = Followed {
            desk: Arc::clone(&desk),
            directory,
        };
        arrivals.keep(followed.follow());
        arrivals.keep(configure::keep_up(Arc::clone(&desk)));
        arrivals.keep(elect::run(Arc::clone(&desk), decisions));
        Self { desk, arrivals }
    }

    /// What takes control connections off the edge.
    #[must_use]
    pub fn streams(&self) -> Arc<dyn ControlStreams> {
        Arc::clone(&self.arrivals) as _
    }

    /// Nodes whose UDP is blocked are told to dial there. Only the first call counts.
    pub fn set_carriers(&self, places: CarrierPlaces) {
        self.desk.set_carriers(places);
    }

    /// What takes carriers off the edge and joins them to the hub whose board this is ([`Hub::board`]).
    #[must_use]
    pub fn carriers(&self, board: Arc<Board>) -> Arc<dyn Carriers> {
        let (desk, arrivals) = (Arc::clone(&self.desk), Arc::clone(&self.arrivals));
        Arc::new(carriers::Reception::new(desk, arrivals, board))
    }

    /// What the API asks this server through.
    #[must_use]
    pub fn control(&self) -> Arc<dyn SiteControl> {
        Arc::clone(&self.desk) as _
    }

    /// Ends every session: nodes are told to come back, and keep what they were configured with. The table that is
    /// installed stays.
    pub async fn stop(self) {
        self.arrivals.stop(GOODBYE).await;
    }
}

impl Drop for MeshServer {
    fn drop(&mut self) {
        self.arrivals.end();
    }
}
