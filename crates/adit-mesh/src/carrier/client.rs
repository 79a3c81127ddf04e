//! A node's end of carriers: dials them and says who it is.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use adit_model::{ConnectorId, TunnelKey};
use adit_net::mesh::{CarrierDialer, MeshDialError};
use adit_wire::mesh::{CarrierAnswer, CarrierClaim, IdentityPair};
use tokio::time::timeout;

use super::{CarrierKind, Open, OpenError};

/// How long one address may take to shake hands over QUIC.
const QUIC_HANDSHAKE: Duration = Duration::from_secs(3);
/// How long the edge may take to say whether it takes the carrier.
const ANSWER: Duration = Duration::from_secs(5);

/// Why there is no carrier.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CarrierError {
    /// No connection.
    #[error(transparent)]
    Dial(#[from] MeshDialError),
    /// The connection cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The edge says nothing.
    #[error("the edge did not answer in time")]
    Silent,
    /// The edge does not take it.
    #[error("the edge does not take the carrier: {0}")]
    Refused(String),
    /// Nobody said where to dial.
    #[error("no address is known")]
    NoAddress,
}

/// Opens carriers of one node.
pub(crate) struct CarrierClient {
    pub(crate) dialer: CarrierDialer,
    pub(crate) site: TunnelKey,
    pub(crate) replica: ConnectorId,
    pub(crate) identity: Arc<IdentityPair>,
}

impl CarrierClient {
    /// Opens a carrier to the first of these addresses that takes one.
    ///
    /// # Errors
    /// [`CarrierError`] of the last address.
    pub(crate) async fn open(
        &self,
        kind: CarrierKind,
        addresses: &[SocketAddr],
    ) -> Result<Open, CarrierError> {
        let mut last = CarrierError::NoAddress;
        for address in addresses {
            match self.open_at(kind, *address).await {
                Ok(open) => return Ok(open),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn open_at(&self, kind: CarrierKind, address: SocketAddr) -> Result<Open, CarrierError> {
        let carrier = match kind {
            CarrierKind::Quic => self.dialer.quic(address, QUIC_HANDSHAKE).await?,
            CarrierKind::Tls => self.dialer.tls(address).await?,
        };
        let exporter = carrier.exporter().map_err(OpenError::Broken)?;
        let claim = CarrierClaim {
            account: self.site.account,
            tunnel: self.site.tunnel,
            connector: self.replica,
            signature: self.identity.sign(&exporter),
        };
        let agreeing = async {
            let mut open = Open::dialled(carrier).await?;
            open.say(&claim).await?;
            let answer: CarrierAnswer = open.hear().await?;
            Ok::<_, OpenError>((open, answer))
        };
        let (open, answer) = timeout(ANSWER, agreeing)
            .await
            .map_err(|_elapsed| CarrierError::Silent)??;
        if !answer.accepted {
            return Err(CarrierError::Refused(answer.message));
        }
        Ok(open)
    }
}
