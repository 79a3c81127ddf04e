//! What every part of a running edge shares.

use std::sync::Arc;

use adit_core::port::{AccessLog, Presence};
use adit_model::Location;
use adit_net::mesh::{Carriers, ControlStreams};
use adit_rpc::RpcLanes;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{management::Management, memory::MemoryBudget, metrics::EdgeMetrics, tunnels::Tunnels};

/// Shared by every listener, control stream and request.
pub(crate) struct Context {
    pub(crate) tunnels: Arc<Tunnels>,
    pub(crate) presence: Arc<dyn Presence>,
    pub(crate) access_log: Arc<dyn AccessLog>,
    pub(crate) mesh: Option<Arc<dyn ControlStreams>>,
    pub(crate) mesh_carriers: Option<Arc<dyn Carriers>>,
    pub(crate) lanes: RpcLanes,
    pub(crate) location: Location,
    pub(crate) metrics: EdgeMetrics,
    pub(crate) management: Management,
    pub(crate) memory: Arc<MemoryBudget>,
    /// Owns every task of the edge but those of public clients.
    pub(crate) tasks: TaskTracker,
    /// Owns the tasks of public clients, which a drain waits for.
    pub(crate) requests: TaskTracker,
    /// No new connections and requests.
    pub(crate) draining: CancellationToken,
    /// Everything ends now.
    pub(crate) stopped: CancellationToken,
}
