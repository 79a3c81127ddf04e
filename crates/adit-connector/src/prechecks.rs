//! Looks, once at the start and beside it, whether the edges can be reached, and says what is in the way. It decides
//! nothing. [`report`] judges what was seen; the words that scripts look for are the stock client's.

mod look;
mod report;
mod table;

use std::net::IpAddr;
use std::sync::Arc;

use adit_net::tls::{ConnectorTls, KeyExchange, TlsConfigError, TrustAnchors};

use crate::config::IpVersion;
use crate::dial::Dialers;
use crate::slot::Shared;
use crate::{EdgeAddress, ProtocolChoice};

pub use report::PrecheckReport;

/// What the look at the edges is told beside the edges themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prechecks {
    /// What the program is called in its summary.
    pub program: String,
    /// `host:port` of the API, if it matters that it can be reached: one TCP connection.
    pub api: Option<String>,
    /// Whether the edges' names come from DNS, and are shown without a port.
    pub discovered: bool,
}

/// A look at edges without a connector.
#[derive(Clone, Debug)]
pub struct PrecheckPlan {
    /// The edges.
    pub edges: Vec<EdgeAddress>,
    /// Whom to trust as an edge.
    pub trust: TrustAnchors,
    /// Key exchanges offered to the edge.
    pub key_exchange: KeyExchange,
    /// Which addresses to look at.
    pub ip_version: IpVersion,
    /// Local address to dial from; `None` for any.
    pub bind_address: Option<IpAddr>,
    /// The transport that is wanted.
    pub protocol: ProtocolChoice,
    /// The rest.
    pub prechecks: Prechecks,
}

impl PrecheckPlan {
    /// Looks; this takes at most ten seconds.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub async fn run(&self) -> Result<PrecheckReport, TlsConfigError> {
        let tls = ConnectorTls::new(&self.trust, self.key_exchange)?;
        let dialers = Dialers::new(tls, self.bind_address, self.ip_version, None);
        Ok(look::all(&dialers, &self.edges, self.protocol, &self.prechecks).await)
    }
}

/// Looks and logs: a table for people, then a line for each look.
pub(crate) async fn run(shared: Arc<Shared>, prechecks: Prechecks) {
    let config = &shared.config;
    let report = look::all(&shared.dialers, &config.edges, config.protocol, &prechecks).await;
    for line in table::boxed("CONNECTIVITY PRE-CHECKS", &report.lines()) {
        tracing::info!("{line}");
    }
    report.log();
}
