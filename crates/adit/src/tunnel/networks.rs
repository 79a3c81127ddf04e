//! Virtual networks and private routes, with the fields that the stock client reads and prints.

use adit_model::VirtualNetworkId;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{
    access::Access,
    objects::{ZERO_TIME, at, or_zero_time},
    render,
    yaml::{ToYaml, Yaml},
};
use crate::{failure::Failure, rest::Target};

/// A virtual network.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct VirtualNetwork {
    pub(super) id: String,
    #[serde(default)]
    pub(super) comment: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) is_default_network: bool,
    #[serde(serialize_with = "render::time")]
    pub(super) created_at: String,
    #[serde(
        default = "zero_time",
        deserialize_with = "or_zero_time",
        serialize_with = "render::time"
    )]
    pub(super) deleted_at: String,
}

/// A route of an IP network to a tunnel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct NetworkRoute {
    pub(super) id: String,
    pub(super) network: String,
    pub(super) tunnel_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) virtual_network_id: Option<String>,
    #[serde(default)]
    pub(super) comment: String,
    #[serde(serialize_with = "render::time")]
    pub(super) created_at: String,
    #[serde(
        default = "zero_time",
        deserialize_with = "or_zero_time",
        serialize_with = "render::time"
    )]
    pub(super) deleted_at: String,
    #[serde(default)]
    pub(super) tunnel_name: String,
}

impl ToYaml for VirtualNetwork {
    fn to_yaml(&self) -> Yaml {
        Yaml::Map(vec![
            ("id", Yaml::text(&self.id)),
            ("comment", Yaml::text(&self.comment)),
            ("name", Yaml::text(&self.name)),
            ("isdefault", Yaml::Bool(self.is_default_network)),
            ("createdat", at(&self.created_at)),
            ("deletedat", at(&self.deleted_at)),
        ])
    }
}

impl ToYaml for NetworkRoute {
    fn to_yaml(&self) -> Yaml {
        let vnet = self.virtual_network_id.as_deref();
        Yaml::Map(vec![
            ("id", Yaml::text(&self.id)),
            ("network", network_in_bytes(&self.network)),
            ("tunnelid", Yaml::text(&self.tunnel_id)),
            ("vnetid", vnet.map_or(Yaml::Null, Yaml::text)),
            ("comment", Yaml::text(&self.comment)),
            ("createdat", at(&self.created_at)),
            ("deletedat", at(&self.deleted_at)),
            ("tunnelname", Yaml::text(&self.tunnel_name)),
        ])
    }
}

/// A network as the stock client's library writes it: its address, and its mask byte by byte.
fn network_in_bytes(network: &str) -> Yaml {
    let Ok(network) = network.parse::<IpNet>() else {
        return Yaml::text(network);
    };
    let mask = match network {
        IpNet::V4(network) => network.netmask().octets().to_vec(),
        IpNet::V6(network) => network.netmask().octets().to_vec(),
    };
    let mask = mask.into_iter().map(|byte| Yaml::Number(u64::from(byte)));
    Yaml::Map(vec![
        ("ip", Yaml::text(&network.addr().to_string())),
        ("mask", Yaml::List(mask.collect())),
    ])
}

fn zero_time() -> String {
    ZERO_TIME.to_owned()
}

/// When something was deleted, as tables show it.
fn deleted(time: &str) -> String {
    if time == ZERO_TIME {
        "-".to_owned()
    } else {
        render::to_the_second(time)
    }
}

/// A table of virtual networks.
pub(super) fn networks_table(networks: &[VirtualNetwork]) -> String {
    let head = ["ID", "NAME", "IS DEFAULT", "COMMENT", "CREATED", "DELETED"].map(str::to_owned);
    let rows = networks.iter().map(|network| {
        [
            network.id.clone(),
            network.name.clone(),
            network.is_default_network.to_string(),
            network.comment.clone(),
            render::to_the_second(&network.created_at),
            deleted(&network.deleted_at),
        ]
    });
    render::table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

/// A table of routes.
pub(super) fn routes_table(routes: &[NetworkRoute]) -> String {
    let head = [
        "ID",
        "NETWORK",
        "VIRTUAL NET ID",
        "COMMENT",
        "TUNNEL ID",
        "TUNNEL NAME",
        "CREATED",
        "DELETED",
    ];
    let rows = routes.iter().map(|route| {
        [
            route.id.clone(),
            route.network.clone(),
            route
                .virtual_network_id
                .clone()
                .unwrap_or_else(|| "default".to_owned()),
            route.comment.clone(),
            route.tunnel_id.clone(),
            route.tunnel_name.clone(),
            render::to_the_second(&route.created_at),
            deleted(&route.deleted_at),
        ]
    });
    let rows = std::iter::once(head.map(str::to_owned)).chain(rows);
    render::table(&rows.collect::<Vec<_>>())
}

impl Access {
    /// The virtual networks of the account, or one of them.
    pub(super) fn virtual_networks(&self, below: &str) -> Target {
        let account = self.login.account;
        Target::new(format!("/accounts/{account}/teamnet/virtual_networks{below}"))
    }

    /// The private routes of the account, or one of them.
    pub(super) fn network_routes(&self, below: &str) -> Target {
        Target::new(format!("/accounts/{}/teamnet/routes{below}", self.login.account))
    }

    /// The virtual network that a word means: an id or a name.
    ///
    /// # Errors
    /// If none has that name.
    pub(super) async fn find_virtual_network(&self, word: &str) -> Result<VirtualNetworkId, Failure> {
        if let Ok(id) = word.parse() {
            return Ok(id);
        }
        let target = self
            .virtual_networks("")
            .with("is_deleted", "false")
            .with("name", word);
        let found: Vec<VirtualNetwork> = self
            .rest
            .get(target)
            .await
            .map_err(|error| error.while_to(&format!("look up virtual network {word:?}")))?;
        let id = match &found[..] {
            [one] => one.id.parse().ok(),
            _ => None,
        };
        id.ok_or_else(|| {
            Failure::because(format!(
                "{word} is neither the id nor the name of a virtual network"
            ))
            .hint("`tunnel vnet list` shows them all")
        })
    }
}
