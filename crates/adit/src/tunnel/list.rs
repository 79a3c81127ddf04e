//! `tunnel list`

use adit_model::{Timestamp, TunnelId};

use super::{access::Access, format::ResultFormat, objects::Tunnel, options::TunnelOptions, render};
use crate::{failure::Failure, personality::Personality};

/// What the list may be sorted by.
const FIELDS: [&str; 5] = ["name", "id", "createdAt", "deletedAt", "numConnections"];

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Deleted tunnels, too
    #[arg(long, short = 'd')]
    show_deleted: bool,
    /// Only the tunnel with that name
    #[arg(long, short, value_name = "NAME")]
    name: Option<String>,
    /// Only tunnels whose name starts so
    #[arg(long, alias = "np", value_name = "NAME")]
    name_prefix: Option<String>,
    /// Only tunnels whose name does not start so
    #[arg(long, alias = "enp", value_name = "NAME")]
    exclude_name_prefix: Option<String>,
    /// Only tunnels that existed then, RFC 3339
    #[arg(long, short, value_name = "TIME", value_parser = time)]
    when: Option<String>,
    /// Only the tunnel with that id
    #[arg(long, short, value_name = "ID")]
    id: Option<String>,
    /// Connections that were just lost, too
    #[arg(long, alias = "rd")]
    show_recently_disconnected: bool,
    /// name, id, createdAt, deletedAt or numConnections
    #[arg(
        long,
        value_name = "FIELD",
        env = "TUNNEL_LIST_SORT_BY",
        hide_env_values = true,
        default_value = "name"
    )]
    sort_by: String,
    /// The other way round
    #[arg(long, env = "TUNNEL_LIST_INVERT_SORT", hide_env_values = true)]
    invert_sort: bool,
    /// Ignored, as by the stock client
    #[arg(hide = true)]
    rest: Vec<String>,
}

fn time(text: &str) -> Result<String, &'static str> {
    Timestamp::parse(text)
        .map(|time| time.to_string())
        .ok_or("not an RFC 3339 time")
}

pub(super) async fn run(
    command: &List,
    options: &TunnelOptions,
    personality: Personality,
) -> Result<(), Failure> {
    let format = ResultFormat::of(options)?;
    let id = given(command.id.as_ref()).map(str::parse::<TunnelId>).transpose();
    let id = id.map_err(|_| Failure::misuse("--id is not the id of a tunnel"))?;
    let id = id.map(|id| id.to_string());
    let access = Access::open(options, personality)?;
    let mut target = access.tunnels("");
    for (name, value) in [
        ("is_deleted", (!command.show_deleted).then_some("false")),
        ("name", given(command.name.as_ref())),
        ("name_prefix", given(command.name_prefix.as_ref())),
        ("exclude_prefix", given(command.exclude_name_prefix.as_ref())),
        ("existed_at", command.when.as_deref()),
        ("uuid", id.as_deref()),
    ] {
        if let Some(value) = value {
            target = target.with(name, value);
        }
    }
    let mut tunnels = access
        .list(&target)
        .await
        .map_err(|error| error.while_to("list tunnels"))?;
    sort(&mut tunnels, &command.sort_by, command.invert_sort);
    format.print_list(&tunnels, || {
        text(
            &tunnels,
            command.show_recently_disconnected,
            personality.program(),
        )
    })
}

/// What a flag says, if it says anything.
fn given(value: Option<&String>) -> Option<&str> {
    value.map(String::as_str).filter(|text| !text.is_empty())
}

fn sort(tunnels: &mut [Tunnel], field: &str, inverted: bool) {
    if !FIELDS.contains(&field) {
        render::error_line(&format!(
            "{field} is no field to sort by; those are {}. Sorted by name",
            FIELDS.join(", ")
        ));
    }
    tunnels.sort_by(|a, b| match field {
        "id" => a.id.cmp(&b.id),
        "createdAt" => render::to_the_second(&a.created_at).cmp(&render::to_the_second(&b.created_at)),
        "deletedAt" => render::to_the_second(&a.deleted_at).cmp(&render::to_the_second(&b.deleted_at)),
        "numConnections" => a.connections.len().cmp(&b.connections.len()),
        _ => a.name.cmp(&b.name),
    });
    if inverted {
        tunnels.reverse();
    }
}

fn text(tunnels: &[Tunnel], with_pending: bool, program: &str) -> String {
    if tunnels.is_empty() {
        return format!("No tunnel matches. Make one with `{program} tunnel create NAME`.\n");
    }
    let head = ["ID", "NAME", "CREATED", "CONNECTIONS"].map(str::to_owned);
    let rows = tunnels.iter().map(|tunnel| {
        let connections = render::per_location(&tunnel.connections, with_pending);
        [
            tunnel.id.clone(),
            tunnel.name.clone(),
            render::to_the_second(&tunnel.created_at),
            connections,
        ]
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    format!(
        "`{program} tunnel info NAME` shows the connectors of a tunnel.\n{}",
        render::table(&rows)
    )
}
