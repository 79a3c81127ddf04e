//! The hub as a process of its own, with members whose keys both sides can make.

use std::{
    env,
    io::{BufRead, stdin},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    process::Stdio,
    sync::Arc,
};

use adit_core::{
    mesh::{
        MeshAddresses,
        forwarding::{Carriers, Members, Table, build},
    },
    port::{Change, LinkedReplica, MeshChange, PrivateChange, PrivateRoute, TunnelEntry},
};
use adit_mesh::{
    hub::{Hub, HubConfig},
    noise::PrivateKey,
};
use adit_model::{
    AccountId, ConfigSource, ConfigVersion, ConnectorId, IdentityKey, PeerKey, RouteId, SecretDigest,
    Timestamp, TunnelId, TunnelKey, TunnelKind, VirtualNetworkId,
};
use adit_testing::process::Usage;
use anyhow::Context;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use super::{node::key as side_key, space::INNER};
use crate::print;

/// What lets in, instead of many members, the two sides of a way, each with its own address.
pub(crate) const PAIR: &str = "pair";

/// The key of a member, by its number. Good for nothing but this.
pub(crate) fn member_key(number: u16) -> PrivateKey {
    let mut bytes = [0x5a; 32];
    let [high, low] = number.to_be_bytes();
    // Of the first and the last byte not every bit counts.
    [bytes[1], bytes[2]] = [high, low];
    PrivateKey::from_bytes(bytes)
}

/// The addresses of a member, by its number: 100.96.0.2 and up, and the like.
pub(crate) fn member_addresses(number: u16) -> MeshAddresses {
    MeshAddresses {
        v4: Ipv4Addr::from_bits(0x6460_0002 + u32::from(number)),
        v6: Ipv6Addr::new(0xfdad, 0, 0, 0, 0, 0, 1, number),
    }
}

/// Sites of one account, each with one replica: as many as a number says, without networks, or a pair.
fn table(of: &str) -> anyhow::Result<Table> {
    let (account, virtual_network) = (AccountId::random(), VirtualNetworkId::random());
    let (mut known, mut carriers) = (Members::default(), Carriers::default());
    let members: u16 = if of == PAIR { 2 } else { of.parse()? };
    for number in 0..members {
        let tunnel = TunnelKey {
            account,
            tunnel: TunnelId::random(),
        };
        let entry = TunnelEntry {
            kind: TunnelKind::WarpConnector,
            deleted: false,
            config_source: ConfigSource::Cloudflare,
            config_version: ConfigVersion::default(),
            secret: SecretDigest::of(b"none"),
        };
        known.apply(&Change::Tunnel(tunnel, Some(entry)));
        let replica = LinkedReplica {
            identity: IdentityKey::from_bytes([0; 32]),
            key: if of == PAIR {
                side_key(number.into()).public()
            } else {
                member_key(number).public()
            },
            addresses: member_addresses(number),
            linked_at: Timestamp::from_unix_micros(0).context("a time")?,
        };
        let id = ConnectorId::random();
        known.apply(&Change::Mesh(MeshChange::Replica(tunnel, id, Some(replica))));
        carriers.active.insert(tunnel, id);
        if let (PAIR, Some(address)) = (of, INNER.get(usize::from(number))) {
            let route = PrivateRoute {
                network: address.parse()?,
                virtual_network,
                tunnel: tunnel.tunnel,
            };
            let change = PrivateChange::Route(account, RouteId::random(), Some(route));
            known.apply(&Change::Private(change));
        }
    }
    Ok(build(&known, &carriers))
}

/// Is the process: a hub that listens at an address. Each line that it reads says who its members are from then on.
pub(crate) fn serve(listen: &str) -> anyhow::Result<()> {
    let listen: SocketAddr = listen.parse().context("no address to listen at")?;
    let key = PrivateKey::generate().ok().context("no randomness")?;
    let hub = Hub::start(HubConfig::new(listen, key))?;
    print(&format!("{}\n{}", hub.address(), hub.public_key()));
    for line in stdin().lock().lines() {
        let members = line?;
        hub.install(Arc::new(table(&members)?));
        print(&members);
    }
    hub.shut_down();
    Ok(())
}

/// The process as its parent sees it. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct HubProcess {
    id: u32,
    pub(crate) address: SocketAddr,
    pub(crate) key: PeerKey,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl HubProcess {
    /// Starts it by a command that takes this program's arguments, for example one that enters a network namespace.
    pub(crate) async fn start(mut command: Command, listen: SocketAddr) -> anyhow::Result<Self> {
        let mut child = command
            .args(["mesh-hub", &listen.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let id = child.id().context("the hub has ended")?;
        let commands = child.stdin.take().context("no input")?;
        let mut answers = BufReader::new(child.stdout.take().context("no output")?).lines();
        let mut next = async || answers.next_line().await?.context("the hub has ended");
        let (address, key) = (next().await?.parse()?, next().await?.parse()?);
        Ok(Self {
            id,
            address,
            key,
            commands,
            answers,
            _child: child,
        })
    }

    /// Starts it on loopback.
    pub(crate) async fn on_loopback() -> anyhow::Result<Self> {
        let command = Command::new(env::current_exe()?);
        Self::start(command, (Ipv4Addr::LOCALHOST, 0).into()).await
    }

    /// Lets these members in: so many, or a [`PAIR`].
    pub(crate) async fn admit(&mut self, members: &str) -> anyhow::Result<()> {
        let line = format!("{members}\n");
        self.commands.write_all(line.as_bytes()).await?;
        self.answers.next_line().await?.context("the hub has ended")?;
        Ok(())
    }

    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(self.id).context("the hub has ended")
    }
}
