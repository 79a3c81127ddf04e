//! Quick tunnels: made for whoever asks, gone when nobody uses them.

use adit_model::{Hostname, TunnelKey, TunnelSecret};
use async_trait::async_trait;

use super::{Actor, ChangeNumber, StoreError};

/// What a quick tunnel is made of.
#[derive(Debug, Clone)]
pub struct NewQuickTunnel {
    /// The name that requests come in by.
    pub host: Hostname,
    /// What its connector proves itself with.
    pub secret: TunnelSecret,
}

/// Why no quick tunnel was made.
#[derive(Debug, thiserror::Error)]
pub enum QuickTunnelError {
    /// Another quick tunnel, or a record, has the host name.
    #[error("the host name is taken")]
    HostTaken,
    /// As many live as may.
    #[error("too many quick tunnels are in use")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The store as the quick-tunnel service sees it.
///
/// Quick tunnels belong to an account of their own, which is made with the first one: they share nothing with
/// anybody's tunnels, and nobody's lists show them. Their host names are routes without DNS records.
#[async_trait]
pub trait QuickTunnels: Send + Sync {
    /// Makes a tunnel and the route to it. At most `most_live` live at once.
    async fn create_quick_tunnel(
        &self,
        new: NewQuickTunnel,
        most_live: u64,
        actor: &Actor,
    ) -> Result<(TunnelKey, ChangeNumber), QuickTunnelError>;
}
