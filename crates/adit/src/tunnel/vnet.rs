//! `tunnel vnet …`: virtual networks.

use adit_model::VirtualNetworkId;
use http::Method;
use serde_json::{Map, Value, json};

use super::{
    access::Access,
    format::ResultFormat,
    networks::{VirtualNetwork, networks_table},
    options::TunnelOptions,
};
use crate::{failure::Failure, output, personality::Personality};

#[derive(Debug, clap::Args)]
#[command(disable_help_subcommand = true)]
pub(super) struct Vnet {
    #[command(subcommand)]
    command: VnetCommand,
}

#[derive(Debug, clap::Subcommand)]
enum VnetCommand {
    /// Make a virtual network
    Add(Add),
    /// List virtual networks
    List(List),
    /// Delete a virtual network
    Delete(Delete),
    /// Change a virtual network
    Update(Update),
}

#[derive(Debug, clap::Args)]
struct Add {
    /// What to call it, and what to remember of it
    #[arg(value_names = ["NAME", "COMMENT"], num_args = 0..)]
    words: Vec<String>,
    /// What names no virtual network means this one from now on
    #[arg(long, short)]
    default: bool,
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only the one with that id
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Only the one with that name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Only the default one; with =false, only the others
    #[arg(long)]
    is_default: Option<bool>,
    /// Only deleted ones
    #[arg(long)]
    show_deleted: bool,
    /// Ignored, as by the stock client
    #[arg(hide = true)]
    rest: Vec<String>,
}

#[derive(Debug, clap::Args)]
struct Delete {
    /// Its id or name
    #[arg(value_name = "VNET")]
    words: Vec<String>,
    /// Its routes, too
    #[arg(long, short)]
    force: bool,
}

#[derive(Debug, clap::Args)]
struct Update {
    /// Its id or name
    #[arg(value_name = "VNET")]
    words: Vec<String>,
    /// What to call it from now on
    #[arg(long, short, value_name = "NAME")]
    name: Option<String>,
    /// What to remember of it
    #[arg(long, short, value_name = "COMMENT")]
    comment: Option<String>,
    /// What names no virtual network means this one from now on
    #[arg(long, short)]
    default: Option<bool>,
}

pub(super) async fn run(
    vnet: &Vnet,
    options: &TunnelOptions,
    personality: Personality,
) -> Result<(), Failure> {
    let format = ResultFormat::of(options)?;
    let access = Access::open(options, personality)?;
    match &vnet.command {
        VnetCommand::Add(command) => add(command, &access).await,
        VnetCommand::List(command) => list(command, &access, format, personality).await,
        VnetCommand::Delete(command) => delete(command, &access).await,
        VnetCommand::Update(command) => update(command, &access).await,
    }
}

async fn add(command: &Add, access: &Access) -> Result<(), Failure> {
    let [name, rest @ ..] = &command.words[..] else {
        return Err(Failure::misuse("`tunnel vnet add` needs a name"));
    };
    let comment = rest.first().map_or("", String::as_str);
    let body = json!({"name": name, "comment": comment, "is_default_network": command.default});
    let made: VirtualNetwork = access
        .rest
        .send(Method::POST, access.virtual_networks(""), &body)
        .await
        .map_err(|error| error.while_to(&format!("add virtual network {name:?}")))?;
    // Scripts take the id from this line.
    let default = if made.is_default_network {
        " (as the new default for this account) "
    } else {
        ""
    };
    output::result(&format!(
        "Successfully added virtual 'network' {name} with ID: {}{default}\n",
        made.id
    ))?;
    output::note("`tunnel route ip add --vnet NAME …` routes networks in it");
    Ok(())
}

async fn list(
    command: &List,
    access: &Access,
    format: ResultFormat,
    personality: Personality,
) -> Result<(), Failure> {
    let id = command.id.as_deref().filter(|id| !id.is_empty());
    let id = id.map(str::parse::<VirtualNetworkId>).transpose();
    let id = id.map_err(|_| Failure::misuse("--id is not the id of a virtual network"))?;
    let (id, is_default) = (
        id.map(|id| id.to_string()),
        command.is_default.map(|is_default| is_default.to_string()),
    );
    let mut target = access
        .virtual_networks("")
        .with("is_deleted", &command.show_deleted.to_string());
    for (name, value) in [
        ("id", id.as_deref()),
        ("name", command.name.as_deref().filter(|name| !name.is_empty())),
        ("is_default", is_default.as_deref()),
    ] {
        if let Some(value) = value {
            target = target.with(name, value);
        }
    }
    let networks: Vec<VirtualNetwork> = access
        .rest
        .get(target)
        .await
        .map_err(|error| error.while_to("list virtual networks"))?;
    format.print(&networks, || match &networks[..] {
        [] => format!(
            "No virtual network matches. Make one with `{} tunnel vnet add NAME`.\n",
            personality.program()
        ),
        networks => networks_table(networks),
    })
}

async fn delete(command: &Delete, access: &Access) -> Result<(), Failure> {
    let [word, ..] = &command.words[..] else {
        return Err(Failure::misuse(
            "`tunnel vnet delete` needs one argument: a virtual network's id or name",
        ));
    };
    let id = access.find_virtual_network(word).await?;
    let mut target = access.virtual_networks(&format!("/{id}"));
    if command.force {
        target = target.with("force", "true");
    }
    access
        .rest
        .delete(target)
        .await
        .map_err(|error| error.while_to(&format!("delete virtual network {word:?}")))?;
    output::result(&format!("Successfully deleted virtual network '{word}'\n"))
}

async fn update(command: &Update, access: &Access) -> Result<(), Failure> {
    let [word] = &command.words[..] else {
        return Err(Failure::misuse(
            "`tunnel vnet update` needs one argument: a virtual network's id or name",
        ));
    };
    let id = access.find_virtual_network(word).await?;
    let mut changes = Map::new();
    for (name, value) in [
        ("name", command.name.clone().map(Value::from)),
        ("comment", command.comment.clone().map(Value::from)),
        ("is_default_network", command.default.map(Value::from)),
    ] {
        if let Some(value) = value {
            changes.insert(name.to_owned(), value);
        }
    }
    let target = access.virtual_networks(&format!("/{id}"));
    let _: VirtualNetwork = access
        .rest
        .send(Method::PATCH, target, &Value::Object(changes))
        .await
        .map_err(|error| error.while_to(&format!("update virtual network {word:?}")))?;
    output::result(&format!("Successfully updated virtual network '{word}'\n"))
}
