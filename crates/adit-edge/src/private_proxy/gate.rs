//! Who is let in.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Instant, SystemTime},
};

use adit_core::{failure_limit::FailureLimit, port::Unusable};
use adit_model::Timestamp;
use adit_net::private::PrivateNetwork;
use adit_wire::ProxyLogin;
use parking_lot::Mutex;
use tracing::{info, warn};

use crate::{complaint::Complaint, tunnels::Tunnels};

/// The failures within a minute from which on an address is refused.
const MOST_FAILURES: u32 = 10;

/// Judges logins, and counts those that fail.
pub(super) struct Gate {
    tunnels: Arc<Tunnels>,
    failures: Mutex<FailureLimit>,
    locked_out: Mutex<Complaint>,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// Its address has failed too often.
    #[error("too many failed logins from this address")]
    TooOften,
    /// No such token, none for networks, or none that is good now and from there.
    #[error("wrong API token")]
    Token,
    /// The account has no such virtual network.
    #[error("unknown virtual network")]
    Network,
}

impl Gate {
    pub(super) fn new(tunnels: Arc<Tunnels>) -> Self {
        Self {
            tunnels,
            failures: Mutex::new(FailureLimit::new(MOST_FAILURES)),
            locked_out: Mutex::default(),
        }
    }

    /// The virtual network that a login opens.
    pub(super) async fn admit(&self, client: IpAddr, login: &ProxyLogin) -> Result<PrivateNetwork, Refused> {
        // Nobody can be told right from wrong before it.
        self.tunnels.until_ready().await;
        let now = Instant::now();
        if self.failures.lock().check(client, now).is_err() {
            if self.locked_out.lock().is_due(now) {
                warn!(%client, "too many failed logins to the private proxy; the address is refused for a while");
            }
            return Err(Refused::TooOften);
        }
        let judged = self.judge(client, login);
        if let Err(refused) = judged {
            info!(%client, %refused, "login to the private proxy refused");
            self.failures.lock().failed(client, now);
        }
        judged
    }

    fn judge(&self, client: IpAddr, login: &ProxyLogin) -> Result<PrivateNetwork, Refused> {
        let table = self.tunnels.load();
        let known = table.private.token(&login.password).ok_or(Refused::Token)?;
        let now = Timestamp::from(SystemTime::now());
        let good: Result<(), Unusable> = known.token.check(now, Some(client));
        good.map_err(|_| Refused::Token)?;
        let network = table.private.network_named(known.account, &login.user);
        Ok(PrivateNetwork {
            account: known.account,
            network: network.ok_or(Refused::Network)?,
        })
    }
}
