//! What edges follow of private networks, through the directory's port.

use adit_core::{
    permission::{Choice, Effect, PermissionGroup, Policy, Resource},
    port::{
        Change, ChangeNumber, Changes, NamedNetwork, NewHostnameRoute, NewRoute, NewVirtualNetwork,
        PrivateChange, PrivateHostname, PrivateRoute, Route, TokenOwner, TokenTerms, VirtualNetworkChange,
        VirtualNetworkFilter,
    },
};
use adit_model::{AccountId, PolicyId, SecretDigest, TunnelId, VirtualNetworkId};

use crate::support::{Home, actor, home};

impl Home {
    /// What changed of private networks.
    async fn private_since(&self, after: ChangeNumber) -> Vec<PrivateChange> {
        match self.directory().changes(after).await.unwrap() {
            Changes::Since { changes, .. } => changes.into_iter().filter_map(private).collect(),
            Changes::TooOld => panic!("{after} is too old"),
        }
    }

    async fn private_snapshot(&self) -> Vec<PrivateChange> {
        self.directory().snapshot().await.unwrap().0.private
    }

    pub(crate) async fn lead(
        &self,
        network: &str,
        tunnel: TunnelId,
        into: Option<VirtualNetworkId>,
    ) -> Route {
        let new = NewRoute {
            network: network.parse().unwrap(),
            tunnel,
            virtual_network: into,
            comment: "".parse().unwrap(),
        };
        let made = self.catalog().create_route(self.account, new, &actor()).await;
        made.unwrap()
    }

    pub(crate) async fn default_network(&self) -> VirtualNetworkId {
        let filter = VirtualNetworkFilter::default();
        let found = self.catalog().virtual_networks(self.account, &filter).await;
        found.unwrap().iter().find(|one| one.is_default).unwrap().id
    }

    pub(crate) async fn network(&self, name: &str) -> VirtualNetworkId {
        let new = NewVirtualNetwork {
            name: name.parse().unwrap(),
            comment: "".parse().unwrap(),
            is_default: false,
        };
        let made = self
            .catalog()
            .create_virtual_network(self.account, new, &actor())
            .await;
        made.unwrap().id
    }
}

fn private(change: Change) -> Option<PrivateChange> {
    match change {
        Change::Private(change) => Some(change),
        Change::Tunnel(..) | Change::Host(..) | Change::Limits(..) | Change::Mesh(_) | Change::Site(..) => {
            None
        }
    }
}

fn told(account: AccountId, route: &Route) -> PrivateChange {
    let told = PrivateRoute {
        network: route.network,
        virtual_network: route.virtual_network,
        tunnel: route.tunnel,
    };
    PrivateChange::Route(account, route.id, Some(told))
}

fn named(name: &str, is_default: bool) -> Option<NamedNetwork> {
    let name = name.parse().unwrap();
    Some(NamedNetwork { name, is_default })
}

#[tokio::test]
async fn routes_and_virtual_networks_are_in_the_snapshot_and_told_as_they_change() {
    let home = home!();
    let tunnel = home.tunnel("blog").await.key.tunnel;
    let before = home.now().await;
    let side = home.network("side").await;
    let four = home.lead("10.0.0.0/8", tunnel, None).await;
    let six = home.lead("fd00::/8", tunnel, Some(side)).await;
    let account = home.account;
    let made = [
        PrivateChange::VirtualNetwork(account, side, named("side", false)),
        told(account, &four),
        told(account, &six),
    ];
    assert_eq!(home.private_since(before).await, made);
    let snapshot = home.private_snapshot().await;
    assert!(made.iter().all(|one| snapshot.contains(one)), "{snapshot:?}");
    let default = home.default_network().await;
    assert!(snapshot.contains(&PrivateChange::VirtualNetwork(
        account,
        default,
        named("default", true)
    )));

    let before = home.now().await;
    let change = VirtualNetworkChange {
        is_default: Some(true),
        ..VirtualNetworkChange::default()
    };
    home.catalog()
        .update_virtual_network(account, side, change, &actor())
        .await
        .unwrap();
    let expected = [
        PrivateChange::VirtualNetwork(account, default, named("default", false)),
        PrivateChange::VirtualNetwork(account, side, named("side", true)),
    ];
    assert_eq!(home.private_since(before).await, expected);
}

#[tokio::test]
async fn what_goes_with_a_virtual_network_or_a_tunnel_is_told() {
    let home = home!();
    let tunnel = home.tunnel("blog").await;
    let side = home.network("side").await;
    let inside = home.lead("10.0.0.0/8", tunnel.key.tunnel, Some(side)).await;
    let outside = home.lead("10.0.0.0/8", tunnel.key.tunnel, None).await;
    let account = home.account;
    let new = NewHostnameRoute {
        hostname: "*.corp.internal".parse().unwrap(),
        tunnel: tunnel.key.tunnel,
        comment: "".parse().unwrap(),
    };
    let before = home.now().await;
    let host = home
        .catalog()
        .create_hostname_route(account, new.clone(), &actor())
        .await;
    let host = host.unwrap();
    let told_host = PrivateHostname {
        pattern: new.hostname,
        tunnel: new.tunnel,
    };
    let told_host = PrivateChange::Hostname(account, host.id, Some(told_host));
    assert_eq!(home.private_since(before).await, [told_host]);

    let before = home.now().await;
    home.catalog()
        .delete_virtual_network(account, side, false, &actor())
        .await
        .unwrap_err();
    assert_eq!(home.now().await, before, "a refused deletion changes nothing");
    home.catalog()
        .delete_virtual_network(account, side, true, &actor())
        .await
        .unwrap();
    let gone = [
        PrivateChange::Route(account, inside.id, None),
        PrivateChange::VirtualNetwork(account, side, None),
    ];
    assert_eq!(home.private_since(before).await, gone);

    let before = home.now().await;
    home.delete(tunnel.key).await;
    let gone = [
        PrivateChange::Route(account, outside.id, None),
        PrivateChange::Hostname(account, host.id, None),
    ];
    assert_eq!(home.private_since(before).await, gone);
    let left = home.private_snapshot().await;
    let is_network = |one: &PrivateChange| {
        matches!(
            one,
            PrivateChange::VirtualNetwork(_, _, Some(_)) | PrivateChange::Token(..)
        )
    };
    assert!(left.iter().all(is_network), "{left:?}");
}

fn terms(account: AccountId, group: PermissionGroup) -> TokenTerms {
    let policy = Policy {
        id: PolicyId::random(),
        effect: Effect::Allow,
        groups: vec![group],
        resources: vec![Resource::Account(Choice::Only(account))],
    };
    TokenTerms {
        name: "vpn".to_owned(),
        disabled: false,
        policies: vec![policy],
        addresses: Default::default(),
        not_before: None,
        expires_at: None,
    }
}

#[tokio::test]
async fn tokens_with_the_networks_group_are_told_with_the_hash_of_their_value() {
    let home = home!();
    let account = home.account;
    let owner = TokenOwner::Account(account);
    let create = async |group| {
        let made = home
            .catalog()
            .create_token(owner.clone(), terms(account, group), &actor())
            .await;
        made.unwrap()
    };
    let before = home.now().await;
    let (other, _) = create(PermissionGroup::AccountSettingsRead).await;
    let (token, value) = create(PermissionGroup::NetworksRead).await;
    let changes = home.private_since(before).await;
    let [
        PrivateChange::Token(first, None),
        PrivateChange::Token(second, Some(known)),
    ] = &changes[..]
    else {
        panic!("{changes:?}")
    };
    assert_eq!((*first, *second), (other.id, token.id));
    assert_eq!(known.account, account);
    assert_eq!(known.value, SecretDigest::of(value.expose().as_bytes()));
    assert_eq!(known.token, token);
    assert!(home.private_snapshot().await.contains(&changes[1]));

    let before = home.now().await;
    let rolled = home.catalog().roll_token(&token, &actor()).await.unwrap();
    let changes = home.private_since(before).await;
    let [PrivateChange::Token(_, Some(known))] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert_eq!(known.value, SecretDigest::of(rolled.expose().as_bytes()));

    let before = home.now().await;
    let mut disabled = terms(account, PermissionGroup::NetworksRead);
    disabled.disabled = true;
    let token = home
        .catalog()
        .update_token(&known.token, disabled, &actor())
        .await
        .unwrap();
    let changes = home.private_since(before).await;
    assert!(
        matches!(&changes[..], [PrivateChange::Token(_, Some(known))] if known.token.disabled),
        "{changes:?}"
    );

    let before = home.now().await;
    home.catalog().delete_token(&token, &actor()).await.unwrap();
    assert_eq!(
        home.private_since(before).await,
        [PrivateChange::Token(token.id, None)]
    );
}

#[tokio::test]
async fn an_account_takes_its_networks_and_tokens_with_it() {
    let home = home!();
    let account = AccountId::random();
    home.store
        .create_account(account, "Other".to_owned())
        .await
        .unwrap();
    let owner = TokenOwner::Account(account);
    let terms = terms(account, PermissionGroup::NetworksWrite);
    let (token, _) = home.catalog().create_token(owner, terms, &actor()).await.unwrap();
    let filter = VirtualNetworkFilter::default();
    let networks = home.catalog().virtual_networks(account, &filter).await.unwrap();
    let before = home.now().await;
    home.catalog().remove_account(account, &actor()).await.unwrap();
    let gone = [
        PrivateChange::VirtualNetwork(account, networks[0].id, None),
        PrivateChange::Token(token.id, None),
    ];
    assert_eq!(home.private_since(before).await, gone);
}
