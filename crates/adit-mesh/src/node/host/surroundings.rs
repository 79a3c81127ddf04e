//! The host as it is, for whoever only looks.

use std::net::IpAddr;

use super::{HostError, netlink::Netlink};

/// A view of the host's addresses and routes. Changes nothing, and needs no privilege.
#[derive(Debug)]
pub struct Surroundings(Netlink);

impl Surroundings {
    /// Connects to the kernel. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`HostError::Netlink`]
    pub fn look() -> Result<Self, HostError> {
        Netlink::connect().map(Self).map_err(HostError::Netlink)
    }

    /// By which interface the host would send a packet there now; `None` if by none.
    ///
    /// # Errors
    /// [`HostError::Refused`]
    pub async fn interface_to(&self, to: IpAddr) -> Result<Option<String>, HostError> {
        let Some(link) = self.0.lookup(to).await? else {
            return Ok(None);
        };
        Ok(self.0.links().await?.remove(&link))
    }

    /// The host's own addresses.
    ///
    /// # Errors
    /// [`HostError::Refused`]
    pub async fn addresses(&self) -> Result<Vec<IpAddr>, HostError> {
        Ok(self.0.addresses().await?)
    }
}
