//! A peer that says what it is told to say.

use adit_model::{ConnectorId, PeerKey, SecretDigest};
use adit_net::mesh::ControlStream;
use adit_testing::within;
use adit_wire::mesh::{
    Challenge, ConfigAck, Decoder, Enrol, EnrolProof, Hello, HostInfo, IdentityPair, Lease, Role, ToEdge,
    ToNode, encode,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    store::SECRET,
    world::{Host, World},
};

pub(crate) struct Peer {
    stream: ControlStream,
    decoder: Decoder<ToNode>,
    unread: Vec<u8>,
    pub(crate) challenge: Challenge,
    /// Who it says it is, once it said so.
    pub(crate) replica: ConnectorId,
}

impl Peer {
    /// Dials and hears the challenge.
    pub(crate) async fn dial(world: &World) -> Self {
        let stream = world.dialer.dial(&world.addr.to_string()).await.unwrap();
        let mut peer = Self {
            stream,
            decoder: Decoder::default(),
            unread: Vec::new(),
            challenge: Challenge::from_bytes([0; 32]),
            replica: ConnectorId::random(),
        };
        let Some(ToNode::Nonce(nonce)) = peer.hear().await else {
            panic!("the edge speaks first");
        };
        peer.challenge = nonce.nonce;
        peer
    }

    /// One that is let in.
    pub(crate) async fn admitted(world: &World, host: &Host, secret: &[u8]) -> Self {
        let mut peer = Self::dial(world).await;
        peer.replica = host.replica;
        peer.say(&peer.enrol(host, secret).into()).await;
        assert!(matches!(peer.hear().await, Some(ToNode::NodeConfig(_))));
        peer
    }

    /// One that is let in, takes its configuration over, and carries its site's traffic.
    pub(crate) async fn active(world: &World, host: &Host) -> Self {
        let mut peer = Self::admitted(world, host, SECRET).await;
        let ack = ConfigAck {
            version: 1,
            applied: true,
            errors: Vec::new(),
        };
        peer.say(&ack.into()).await;
        while peer.hear_lease().await.role != Role::Active {}
        peer
    }

    pub(crate) async fn hear_lease(&mut self) -> Lease {
        loop {
            if let ToNode::Lease(lease) = self.hear().await.unwrap() {
                return lease;
            }
        }
    }

    pub(crate) fn enrol(&self, host: &Host, secret: &[u8]) -> Enrol {
        let identity = IdentityPair::from_seed(&host.seed).unwrap();
        let exporter = self.stream.exporter();
        Enrol {
            account: host.site.account,
            tunnel: host.site.tunnel,
            connector: host.replica,
            identity: identity.public(),
            key: host.key,
            proof: EnrolProof::new(&SecretDigest::of(secret), &self.challenge, &exporter),
            signature: identity.sign(&exporter),
            host: HostInfo::default(),
        }
    }

    pub(crate) fn hello(&self, host: &Host, replica: ConnectorId, key: PeerKey) -> Hello {
        Hello {
            account: host.site.account,
            tunnel: host.site.tunnel,
            connector: replica,
            key,
            signature: IdentityPair::from_seed(&host.seed)
                .unwrap()
                .sign(&self.stream.exporter()),
            host: HostInfo::default(),
        }
    }

    pub(crate) async fn say(&mut self, message: &ToEdge) {
        self.write(&encode(message).unwrap()).await;
    }

    /// The far end may have closed already.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.flush().await;
    }

    /// The next message; `None` once the connection has ended.
    pub(crate) async fn hear(&mut self) -> Option<ToNode> {
        within("a message or the end", async {
            loop {
                let mut unread = self.unread.as_slice();
                let message = self.decoder.take(&mut unread).unwrap();
                let left = unread.len();
                self.unread.drain(..self.unread.len() - left);
                if message.is_some() {
                    return message;
                }
                let mut buffer = [0; 1024];
                match self.stream.read(&mut buffer).await {
                    Ok(0) | Err(_) => return None,
                    Ok(read) => self.unread.extend_from_slice(&buffer[..read]),
                }
            }
        })
        .await
    }

    /// What is heard until the end, without answers to beats and leases.
    pub(crate) async fn hear_out(&mut self) -> Vec<ToNode> {
        let mut heard = Vec::new();
        while let Some(message) = self.hear().await {
            if !matches!(message, ToNode::BeatAck(_) | ToNode::Lease(_)) {
                heard.push(message);
            }
        }
        heard
    }

    /// Ends the connection in the middle of whatever it was saying.
    pub(crate) async fn end(mut self) {
        let _ = self.stream.shutdown().await;
    }
}
