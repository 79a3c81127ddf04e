//! The way into private networks: what a proxy or a packet hub dials with, and whoever holds connections of tunnels
//! implements.

use std::{fmt, net::SocketAddr, time::Duration};

use adit_model::{AccountId, VirtualNetworkId};
use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

/// One virtual network. The same addresses may exist in several, so no address means anything without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PrivateNetwork {
    /// Whose it is.
    pub account: AccountId,
    /// Which of the account's.
    pub network: VirtualNetworkId,
}

/// Why nothing in a private network was reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrivateDialError {
    /// No route of the virtual network holds the address.
    #[error("no route of the virtual network leads to {0}")]
    NoRoute(SocketAddr),
    /// No route of a host name leads to it, or nobody behind its tunnel knows its address.
    #[error("no address of {0} is known")]
    NoSuchHost(String),
    /// Loopback, link-local, metadata or one of the server's own listeners, and not in `private.allow`.
    #[error("{0} may not be reached through a private route: private.allow does not list it")]
    Forbidden(SocketAddr),
    /// The tunnel that the address is routed to has no connection that could carry it.
    #[error("no connector of the tunnel is connected that carries this")]
    NoConnector,
    /// The tunnel's connectors are connected over HTTP/2 alone, which carries neither UDP nor ICMP.
    #[error(
        "the tunnel's connectors are connected over HTTP/2, which carries neither UDP nor ICMP: run them with --protocol quic"
    )]
    OnlyHttp2,
    /// The connector tried and could not reach it; its own words.
    #[error("the connector could not reach it: {0}")]
    Refused(String),
    /// The connector or the account has as many flows as it may.
    #[error("too many flows: {0}")]
    TooMany(&'static str),
    /// No answer in time.
    #[error("the connector did not answer in time")]
    TimedOut,
    /// The connection broke before an answer came.
    #[error("the connection to the connector broke: {0}")]
    Broken(String),
}

/// The byte stream of a TCP flow. Ending the write side tells the far end that no more comes and leaves the other
/// direction open; dropping the stream before both sides have ended resets the flow.
pub trait PrivateStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> PrivateStream for T {}

/// A UDP flow between one user and one address. Dropping it ends the flow.
#[async_trait]
pub trait PrivateDatagrams: Send + Sync + fmt::Debug {
    /// The most bytes that one datagram may carry.
    fn max_bytes(&self) -> usize;

    /// Sends one datagram; false if it was dropped: too large, the queue is full, or the flow has ended.
    fn send(&self, payload: Bytes) -> bool;

    /// The next datagram of the far end; `None` once the flow has ended. Cancel safe; one caller at a time.
    async fn receive(&self) -> Option<Bytes>;
}

/// An ICMP echo request or reply, without its IP header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Echo {
    /// Counts the requests of a flow.
    pub sequence: u16,
    /// What the far end sends back as it is.
    pub payload: Bytes,
}

/// What came back for an echo request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EchoAnswer {
    /// The far end's reply.
    Reply(Echo),
    /// A router on the way, the connector perhaps, dropped the request of this sequence number since its TTL had run out.
    TimeExceeded {
        /// Who says so.
        from: std::net::IpAddr,
        /// Of which request.
        sequence: u16,
    },
}

/// Echo requests of one user to one address. Dropping it ends the flow.
#[async_trait]
pub trait PrivateEchoes: Send + Sync + fmt::Debug {
    /// Sends one request with this TTL or hop limit; false if it was dropped.
    fn send(&self, echo: Echo, ttl: u8) -> bool;

    /// The next answer; `None` once the flow has ended. Cancel safe; one caller at a time.
    async fn receive(&self) -> Option<EchoAnswer>;
}

/// Dials into virtual networks.
#[async_trait]
pub trait PrivateDialer: Send + Sync {
    /// A TCP connection to an address.
    ///
    /// # Errors
    /// [`PrivateDialError`]: the far end accepted nothing.
    async fn tcp(
        &self,
        network: PrivateNetwork,
        to: SocketAddr,
    ) -> Result<Box<dyn PrivateStream>, PrivateDialError>;

    /// A UDP flow that ends by itself after `idle` without a datagram in either direction.
    ///
    /// # Errors
    /// [`PrivateDialError`]: no connector took the flow.
    async fn udp(
        &self,
        network: PrivateNetwork,
        to: SocketAddr,
        idle: Duration,
    ) -> Result<Box<dyn PrivateDatagrams>, PrivateDialError>;

    /// A flow of echo requests; the port of `to` means nothing.
    ///
    /// # Errors
    /// [`PrivateDialError`]: no connector takes it.
    async fn icmp(
        &self,
        network: PrivateNetwork,
        to: SocketAddr,
    ) -> Result<Box<dyn PrivateEchoes>, PrivateDialError>;
}
