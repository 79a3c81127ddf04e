//! What the suites expect before each test: the ids and names that are written in them.
//!
//! Everything is made through the ports that the API uses. A suite is named by the path of its test file, with the
//! test behind `::` where one file expects both that something exists and that it does not.

use std::time::{Duration, SystemTime};

use adit_core::{
    ha::{Epoch, HaCause, HaSetting},
    networks::{Family, SubnetKind},
    permission::{AddressRule, Choice, Effect, PermissionGroup, Policy, Resource},
    port::{
        Actor, ApiCredential, ApiTokens, Catalog, ConnectionOpened, ConnectorInfo, DnsRecordKind, Login,
        LoginCredential, Networks, NewDnsRecord, NewHostnameRoute, NewRoute, NewSubnet, NewTunnel,
        NewVirtualNetwork, Presence, PresenceEvent, RecordSettings, Sites, SubnetChange, SubnetSelector,
        TokenOwner, TokenTerms,
    },
};
use adit_model::{
    AccountId, ConfigSource, ConnectionId, ConnectionIndex, ConnectorId, Hostname, Location, PolicyId,
    RecordId, Timestamp, TransportProtocol, TunnelId, TunnelKey, TunnelKind, TunnelSecret, VirtualNetworkId,
    ZoneId,
};
use adit_store::{ApiTokenValue, Bootstrap, Ids, Store, UserKey};
use anyhow::Context;
use uuid::Uuid;

/// The suites' user.
const EMAIL: &str = "user@example.com";
const KEY: &str = "144c9defac04969c7bfad8efaa8ea194";
/// The account of most suites.
const ACCOUNT: &str = "699d98642c564d2e855e9661899b7252";
/// The account of the others, and the id of their zone and record.
const OTHER: &str = "023e105f4ecef8ad9ca31a8372d0c353";
/// The id of tunnel, route, virtual network, subnet and route of a host name.
const OBJECT: &str = "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415";
/// The id of the API token.
const TOKEN: &str = "ed17574386854bf78a67040be0a770b0";
/// The connector that suites ask for, and to which a site fails over.
const CONNECTOR: &str = "1bedc50d-42b3-473c-b108-ff3d10c0d925";
/// The connector that is active until then.
const ACTIVE: &str = "aaaaaaaa-42b3-473c-b108-ff3d10c0d925";

/// Reports of connectors are written a moment later.
const PATIENCE: Duration = Duration::from_secs(5);

struct Seed<'a> {
    store: &'a Store,
    ids: &'a Ids,
    suite: &'a str,
    actor: Actor,
    account: AccountId,
    other: AccountId,
    object: Uuid,
}

/// Fills an empty store with what the suite expects.
///
/// # Errors
/// The store refused something.
pub(super) async fn fill(store: &Store, ids: &Ids, domain: &Hostname, suite: &str) -> anyhow::Result<()> {
    let seed = Seed {
        store,
        ids,
        suite,
        actor: Actor::system(),
        account: ACCOUNT.parse()?,
        other: OTHER.parse()?,
        object: OBJECT.parse()?,
    };
    let bootstrap = Bootstrap {
        account: seed.account,
        account_name: "Suite".to_owned(),
        domain: domain.clone(),
        api_token: ApiTokenValue::generate(),
        user: Some(UserKey::new(EMAIL, KEY.to_owned())),
    };
    store.bootstrap(bootstrap).await?;
    store.create_account(seed.other, "Other suite".to_owned()).await?;
    // An account is removed only when nothing is in it.
    if !suite.contains("test_accounts") {
        seed.zone_and_record().await?;
        seed.tunnels().await?;
    }
    if suite.contains("networks/") {
        seed.networks().await?;
    }
    if suite.contains("token") {
        seed.token().await?;
    }
    Ok(())
}

impl Seed<'_> {
    fn about(&self, part: &str) -> bool {
        self.suite.contains(part)
    }

    async fn zone_and_record(&self) -> anyhow::Result<()> {
        let zone: ZoneId = OTHER.parse()?;
        // The suite of zones makes this one itself.
        let name = if self.about("test_zones") {
            "suite.example.com"
        } else {
            "example.com"
        };
        self.ids.announce(Uuid::from_bytes(*zone.as_bytes()));
        let made = self.store.create_zone(self.other, name.parse()?, &self.actor);
        let zone = made.await?.id;

        let record: RecordId = OTHER.parse()?;
        self.ids.announce(Uuid::from_bytes(*record.as_bytes()));
        let new = NewDnsRecord {
            kind: DnsRecordKind::A,
            name: format!("seeded.{name}").parse()?,
            content: "192.0.2.1".to_owned(),
            proxied: false,
            ttl: 1,
            comment: String::new(),
            tags: Vec::new(),
            settings: RecordSettings::default(),
        };
        self.store.create_dns_record(zone, new, &self.actor).await?;
        Ok(())
    }

    /// A token of the user or of the account, whichever the suite speaks of.
    async fn token(&self) -> anyhow::Result<()> {
        let owner = if self.suite.starts_with("user/") {
            let key = ApiCredential::Key {
                email: EMAIL,
                key: KEY,
            };
            match self.store.authenticate(key).await? {
                Some(LoginCredential::User(user)) => TokenOwner::User(user),
                Some(LoginCredential::Token(_)) | None => anyhow::bail!("the user was not made"),
            }
        } else {
            TokenOwner::Account(self.other)
        };
        let policy = Policy {
            id: PolicyId::random(),
            effect: Effect::Allow,
            groups: vec![PermissionGroup::TunnelRead],
            resources: vec![Resource::Account(Choice::Only(self.other))],
        };
        let terms = TokenTerms {
            name: "seeded".to_owned(),
            disabled: false,
            policies: vec![policy],
            addresses: AddressRule::default(),
            not_before: None,
            expires_at: None,
        };
        self.ids.announce(TOKEN.parse()?);
        self.store.create_token(owner, terms, &self.actor).await?;
        Ok(())
    }

    /// The same id in both accounts, of the kind that the suite speaks of.
    async fn tunnels(&self) -> anyhow::Result<()> {
        let (kind, config_source) = if self.about("warp_connector") {
            (TunnelKind::WarpConnector, ConfigSource::Cloudflare)
        } else if self.about("configurations") {
            (TunnelKind::CfdTunnel, ConfigSource::Cloudflare)
        } else {
            (TunnelKind::CfdTunnel, ConfigSource::Local)
        };
        for account in [self.account, self.other] {
            let new = NewTunnel {
                account,
                kind,
                name: "seeded".parse()?,
                config_source,
                secret: TunnelSecret::new(rand::random::<[u8; 32]>().to_vec()).context("a secret")?,
            };
            let id = TunnelId::from_uuid(self.object);
            self.store.adopt_tunnel(id, new, &self.actor).await?;
        }
        if self.about("connect") || self.about("failover") {
            self.connectors().await?;
        }
        if self.about("warp_connector") {
            self.site().await?;
        }
        Ok(())
    }

    /// Standbys take over, and one connector is active.
    async fn site(&self) -> anyhow::Result<()> {
        let tunnel = TunnelKey {
            account: self.account,
            tunnel: TunnelId::from_uuid(self.object),
        };
        self.store
            .configure_site(tunnel, HaSetting::None, &self.actor)
            .await?;
        let active = Some(ACTIVE.parse()?);
        self.store
            .decide(tunnel, Epoch(0), active, HaCause::First)
            .await?;
        Ok(())
    }

    /// Two connectors of one connection each, reported as an edge does.
    async fn connectors(&self) -> anyhow::Result<()> {
        let tunnel = TunnelKey {
            account: self.account,
            tunnel: TunnelId::from_uuid(self.object),
        };
        for id in [ACTIVE, CONNECTOR] {
            let id: ConnectorId = id.parse()?;
            let opened = ConnectionOpened {
                tunnel,
                connection: ConnectionId::random(),
                connector: ConnectorInfo {
                    id,
                    version: "2026.8.2".to_owned(),
                    arch: "linux_amd64".to_owned(),
                    features: vec!["ha-origin".to_owned()],
                    hostname: None,
                },
                index: ConnectionIndex(0),
                protocol: TransportProtocol::Quic,
                origin_ip: [192, 0, 2, 1].into(),
                location: Location::default(),
                opened_at: Timestamp::from(SystemTime::now()),
            };
            self.store.report(PresenceEvent::Opened(Box::new(opened)));
        }
        let written = async {
            loop {
                let found = self.store.tunnel(tunnel).await?;
                if found.is_some_and(|tunnel| tunnel.connectors.len() == 2) {
                    return anyhow::Ok(());
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, written)
            .await
            .context("the connectors were not written")?
    }

    async fn networks(&self) -> anyhow::Result<()> {
        let (account, actor) = (self.account, &self.actor);
        self.ids.announce(self.object);
        let new = NewVirtualNetwork {
            name: "seeded".parse()?,
            comment: "".parse()?,
            is_default: false,
        };
        self.store.create_virtual_network(account, new, actor).await?;
        if self.about("test_virtual_networks") {
            // One that has routes is not removed.
            return Ok(());
        }
        self.routes().await?;

        self.ids.announce(self.object);
        let new = NewHostnameRoute {
            hostname: "seeded.local".parse()?,
            tunnel: TunnelId::from_uuid(self.object),
            comment: "".parse()?,
        };
        self.store.create_hostname_route(account, new, actor).await?;
        if self.about("subnets/") {
            self.subnets().await?;
        }
        Ok(())
    }

    async fn routes(&self) -> anyhow::Result<()> {
        let tunnel = TunnelId::from_uuid(self.object);
        let seeded = VirtualNetworkId::from_uuid(self.object);
        self.ids.announce(self.object);
        self.route("10.1.0.0/16", tunnel, None).await?;
        self.route("10.1.0.0/16", tunnel, Some(seeded)).await?;
        // The file of routes by their network both makes this one and expects it, in whichever virtual network.
        if self.about("routes/test_networks") && !self.about("_create") {
            self.route("172.16.0.0/16", tunnel, None).await?;
            self.route("172.16.0.0/16", tunnel, Some(seeded)).await?;
        }
        Ok(())
    }

    async fn route(
        &self,
        network: &str,
        tunnel: TunnelId,
        virtual_network: Option<VirtualNetworkId>,
    ) -> anyhow::Result<()> {
        let new = NewRoute {
            network: network.parse()?,
            tunnel,
            virtual_network,
            comment: "".parse()?,
        };
        self.store.create_route(self.account, new, &self.actor).await?;
        Ok(())
    }

    async fn subnets(&self) -> anyhow::Result<()> {
        // The suites' range is where source addresses come from at first.
        let elsewhere = SubnetChange {
            network: Some("10.64.0.0/12".parse()?),
            ..SubnetChange::default()
        };
        let source = SubnetSelector::Only(SubnetKind::CloudflareSource, Family::V4);
        self.store
            .update_subnet(self.account, source, elsewhere, &self.actor)
            .await?;
        self.ids.announce(self.object);
        let new = NewSubnet {
            name: "seeded".parse()?,
            network: "10.128.0.0/12".parse()?,
            comment: "".parse()?,
            is_default: false,
        };
        self.store.create_subnet(self.account, new, &self.actor).await?;
        Ok(())
    }
}
