//! `tunnel route ip …`: private networks that a tunnel leads to.

use std::{net::IpAddr, str::FromStr};

use adit_model::{RouteId, TunnelId, VirtualNetworkId};
use http::Method;
use ipnet::IpNet;
use serde_json::{Value, json};

use super::super::{
    access::Access,
    format::ResultFormat,
    networks::{NetworkRoute, routes_table},
    options::TunnelOptions,
};
use crate::{failure::Failure, output, personality::Personality, rest::Target};

/// The tunnel of a route that the API answers with when none matches.
const NO_TUNNEL: &str = "00000000-0000-0000-0000-000000000000";

#[derive(Debug, clap::Args)]
#[command(disable_help_subcommand = true)]
pub(super) struct Ip {
    #[command(subcommand)]
    command: IpCommand,
}

#[derive(Debug, clap::Subcommand)]
enum IpCommand {
    /// Lead a network to a tunnel
    Add(Add),
    /// List routes
    #[command(visible_alias = "list")]
    Show(Show),
    /// Delete a route
    Delete(Delete),
    /// Show which route an address takes
    Get(Get),
}

#[derive(Debug, clap::Args)]
struct InNetwork {
    /// The id or name of the virtual network; the default one if none is named
    #[arg(long, alias = "vn", value_name = "VNET")]
    vnet: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Add {
    #[command(flatten)]
    within: InNetwork,
    /// The network, such as 10.0.0.0/8, the tunnel's name or id, and what to remember of it
    #[arg(value_names = ["CIDR", "TUNNEL", "COMMENT"], num_args = 0..)]
    words: Vec<String>,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// Only deleted ones
    #[arg(long)]
    filter_is_deleted: bool,
    /// Only those to this tunnel
    #[arg(long, value_name = "ID")]
    filter_tunnel_id: Option<String>,
    /// Only those that lie within this network
    #[arg(long, alias = "nsub", value_name = "CIDR")]
    filter_network_is_subset_of: Option<String>,
    /// Only those that this network lies within
    #[arg(long, alias = "nsup", value_name = "CIDR")]
    filter_network_is_superset_of: Option<String>,
    /// Only those with this comment
    #[arg(long, value_name = "COMMENT")]
    filter_comment_is: Option<String>,
    /// Only those in this virtual network
    #[arg(long, value_name = "ID")]
    filter_vnet_id: Option<String>,
    /// Ignored, as by the stock client
    #[arg(hide = true)]
    rest: Vec<String>,
}

#[derive(Debug, clap::Args)]
struct Delete {
    #[command(flatten)]
    within: InNetwork,
    /// The route's id or network
    #[arg(value_name = "ROUTE")]
    words: Vec<String>,
}

#[derive(Debug, clap::Args)]
struct Get {
    #[command(flatten)]
    within: InNetwork,
    /// The address
    #[arg(value_name = "IP")]
    words: Vec<String>,
}

impl InNetwork {
    async fn find(&self, access: &Access) -> Result<Option<String>, Failure> {
        match &self.vnet {
            Some(word) => Ok(Some(access.find_virtual_network(word).await?.to_string())),
            None => Ok(None),
        }
    }
}

pub(super) async fn run(ip: &Ip, options: &TunnelOptions, personality: Personality) -> Result<(), Failure> {
    let format = ResultFormat::of(options)?;
    let access = Access::open(options, personality)?;
    match &ip.command {
        IpCommand::Add(command) => add(command, &access).await,
        IpCommand::Show(command) => show(command, &access, format, personality).await,
        IpCommand::Delete(command) => delete(command, &access).await,
        IpCommand::Get(command) => get(command, &access).await,
    }
}

async fn add(command: &Add, access: &Access) -> Result<(), Failure> {
    let [network, word, rest @ ..] = &command.words[..] else {
        return Err(Failure::misuse(
            "`tunnel route ip add` needs a network, such as 10.0.0.0/8, and a tunnel",
        ));
    };
    let network = network_of(network)?;
    let tunnel = access.find(word).await?;
    let comment = rest.first().map_or("", String::as_str);
    let mut body = json!({"network": network, "tunnel_id": tunnel, "comment": comment});
    if let Some(vnet) = command.within.find(access).await?
        && let Some(body) = body.as_object_mut()
    {
        body.insert("virtual_network_id".to_owned(), Value::from(vnet));
    }
    let _: Value = access
        .rest
        .send(Method::POST, access.network_routes(""), &body)
        .await
        .map_err(|error| error.while_to(&format!("route {network} to tunnel {word:?}")))?;
    output::result(&format!(
        "Successfully added route for {network} over tunnel {tunnel}\n"
    ))
}

async fn show(
    command: &Show,
    access: &Access,
    format: ResultFormat,
    personality: Personality,
) -> Result<(), Failure> {
    let network = |text: Option<&String>| -> Result<Option<String>, Failure> {
        let network = text.map(|text| network_of(text)).transpose()?;
        Ok(network.map(|network| network.to_string()))
    };
    let mut target = live(access, command.filter_is_deleted);
    for (name, value) in [
        (
            "tunnel_id",
            id::<TunnelId>(command.filter_tunnel_id.as_ref(), "--filter-tunnel-id")?,
        ),
        (
            "network_subset",
            network(command.filter_network_is_subset_of.as_ref())?,
        ),
        (
            "network_superset",
            network(command.filter_network_is_superset_of.as_ref())?,
        ),
        (
            "comment",
            command.filter_comment_is.clone().filter(|text| !text.is_empty()),
        ),
        (
            "virtual_network_id",
            id::<VirtualNetworkId>(command.filter_vnet_id.as_ref(), "--filter-vnet-id")?,
        ),
    ] {
        if let Some(value) = value {
            target = target.with(name, &value);
        }
    }
    let routes: Vec<NetworkRoute> = access
        .rest
        .list(&target, access.page_size())
        .await
        .map_err(|error| error.while_to("list routes"))?;
    format.print_list(&routes, || match &routes[..] {
        [] => format!(
            "No route matches. Make one with `{} tunnel route ip add CIDR TUNNEL`.\n",
            personality.program()
        ),
        routes => routes_table(routes),
    })
}

/// A network in the form in which routes have it: without the bits of a host.
fn network_of(text: &str) -> Result<IpNet, Failure> {
    let network: Result<IpNet, _> = text.parse();
    network.map(|network| network.trunc()).map_err(|_| {
        Failure::misuse(format!("{text:?} is no network")).hint("such as 10.0.0.0/8 or 10.0.0.1/32")
    })
}

/// What a flag with an id says, if it says anything.
fn id<T: FromStr + ToString>(given: Option<&String>, flag: &str) -> Result<Option<String>, Failure> {
    let id = given.filter(|id| !id.is_empty()).map(|id| id.parse::<T>());
    let id = id
        .transpose()
        .map_err(|_| Failure::misuse(format!("{flag} is not an id")))?;
    Ok(id.map(|id| id.to_string()))
}

/// The routes of tunnels, either those that are or those that were.
fn live(access: &Access, deleted: bool) -> Target {
    access
        .network_routes("")
        .with("is_deleted", &deleted.to_string())
        .with("tun_types", "cfd_tunnel")
}

async fn delete(command: &Delete, access: &Access) -> Result<(), Failure> {
    let [word] = &command.words[..] else {
        return Err(Failure::misuse(
            "`tunnel route ip delete` needs one argument: a route's id or network",
        ));
    };
    let id: RouteId = match word.parse() {
        Ok(id) => id,
        Err(_) => find(network_of(word)?, &command.within, access).await?,
    };
    access
        .rest
        .delete(access.network_routes(&format!("/{id}")))
        .await
        .map_err(|error| error.while_to(&format!("delete route {word}")))?;
    output::result(&format!("Successfully deleted route with ID {id}\n"))
}

/// The one route of just this network: it lies within it, and it within the route's.
async fn find(network: IpNet, within: &InNetwork, access: &Access) -> Result<RouteId, Failure> {
    let mut target = live(access, false)
        .with("network_subset", &network.to_string())
        .with("network_superset", &network.to_string());
    if let Some(vnet) = within.find(access).await? {
        target = target.with("virtual_network_id", &vnet);
    }
    let found: Vec<NetworkRoute> = access
        .rest
        .list(&target, access.page_size())
        .await
        .map_err(|error| error.while_to(&format!("look up the route of {network}")))?;
    match &found[..] {
        [one] => one
            .id
            .parse()
            .map_err(|_| Failure::because("the route's id is none")),
        [] => Err(Failure::because(format!("no route leads {network} anywhere"))
            .hint("`tunnel route ip show` shows them all")),
        _ => Err(
            Failure::because(format!("{network} is routed in several virtual networks"))
                .hint("say in which with --vnet"),
        ),
    }
}

async fn get(command: &Get, access: &Access) -> Result<(), Failure> {
    let [word] = &command.words[..] else {
        return Err(Failure::misuse(
            "`tunnel route ip get` needs one argument: an address",
        ));
    };
    let address: IpAddr = word
        .parse()
        .map_err(|_| Failure::misuse(format!("{word:?} is no address")))?;
    let mut target = access.network_routes(&format!("/ip/{address}"));
    if let Some(vnet) = command.within.find(access).await? {
        target = target.with("virtual_network_id", &vnet);
    }
    let route: Value = access
        .rest
        .get(target)
        .await
        .map_err(|error| error.while_to(&format!("look up the route of {address}")))?;
    let found = serde_json::from_value::<NetworkRoute>(route)
        .ok()
        .filter(|route| route.tunnel_id != NO_TUNNEL);
    match found {
        Some(route) => output::result(&routes_table(&[route])),
        None => output::result(&format!("No route matches the IP {address}\n")),
    }
}
