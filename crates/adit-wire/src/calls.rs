//! The values of the calls that edge and connector make on streams opened for one call each, apart from their encoding.
//! Source: cloudflare/cloudflared: tunnelrpc/pogs/{configuration_manager,session_manager}.go.

use std::{net::SocketAddr, time::Duration};

use adit_model::{ConfigVersion, SessionId};

/// What a connector says to updateConfiguration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationAnswer {
    /// What it runs now: -1 if it has never had a remote configuration.
    pub running: ConfigVersion,
    /// Why it did not take the one that was offered, in its own words; `None` if it took it or has the same or a newer
    /// one already.
    pub refusal: Option<String>,
}

/// The arguments of registerUdpSession: open a socket for a flow whose datagrams come beside the streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterUdpSession {
    /// What the flow's datagrams are marked with.
    pub session: SessionId,
    /// Where the connector sends them.
    pub destination: SocketAddr,
    /// The connector ends a flow that was silent for so long; zero leaves it to the connector (210 s in stock ones).
    pub close_after_idle: Duration,
    /// Of a traced flow; otherwise empty.
    pub trace_context: String,
}

/// What a connector says to registerUdpSession: spans of a traced flow, or in its own words why there is no session.
pub type UdpSessionAnswer = Result<Vec<u8>, String>;
