//! `tunnel info TUNNEL`

use super::{
    access::Access,
    format::ResultFormat,
    objects::{ConfigurationStatus, Connector, Tunnel, TunnelInfo},
    options::TunnelOptions,
    render,
};
use crate::{failure::Failure, output, personality::Personality};

/// What connectors may be sorted by.
const FIELDS: [&str; 5] = ["id", "startedAt", "createdAt", "numConnections", "version"];

#[derive(Debug, clap::Args)]
pub(super) struct Info {
    /// The tunnel's name or id
    #[arg(value_name = "TUNNEL")]
    words: Vec<String>,
    /// Connections that were just lost, too
    #[arg(long, alias = "rd")]
    show_recently_disconnected: bool,
    /// id, startedAt, numConnections or version
    #[arg(
        long,
        value_name = "FIELD",
        env = "TUNNEL_INFO_SORT_BY",
        hide_env_values = true,
        default_value = "startedAt"
    )]
    sort_by: String,
    /// The other way round
    #[arg(long, env = "TUNNEL_INFO_INVERT_SORT", hide_env_values = true)]
    invert_sort: bool,
}

pub(super) async fn run(
    command: &Info,
    options: &TunnelOptions,
    personality: Personality,
) -> Result<(), Failure> {
    let [word] = &command.words[..] else {
        return Err(Failure::usage(
            "`tunnel info` needs one argument: a tunnel's name or id",
        ));
    };
    let format = ResultFormat::of(options)?;
    let access = Access::open(options, personality)?;
    let id = access.find(word).await?;
    let doing = format!("show tunnel {word:?}");
    let mut connectors: Vec<Connector> = access
        .rest
        .get(access.tunnels(&format!("/{id}/connections")))
        .await
        .map_err(|error| error.while_to(&doing))?;
    let tunnels = access
        .list(&access.tunnels("").with("uuid", &id.to_string()))
        .await
        .map_err(|error| error.while_to(&doing))?;
    let [tunnel]: [Tunnel; 1] = tunnels
        .try_into()
        .map_err(|_| Failure::because(format!("tunnel {id} does not exist in this account")))?;
    sort(&mut connectors, &command.sort_by, command.invert_sort);
    let info = TunnelInfo {
        id: tunnel.id,
        name: tunnel.name,
        created_at: tunnel.created_at,
        connectors,
    };
    if format != ResultFormat::Table {
        return format.print(&info, String::new);
    }
    let mut text = text(&info, command.show_recently_disconnected);
    if personality == Personality::Adit {
        let target = access.of_adit(&format!("/tunnels/{id}/configuration_status"));
        // Another API does not have it, and what it adds is not worth a failure.
        let status = access.rest.get(target).await.unwrap_or_default();
        text.push_str(&configurations(&status));
    }
    output::result(&text)
}

fn sort(connectors: &mut [Connector], field: &str, inverted: bool) {
    if !FIELDS.contains(&field) {
        render::error_line(&format!(
            "{field} is no field to sort by; those are {}. Sorted by createdAt",
            FIELDS.join(", ")
        ));
    }
    connectors.sort_by(|a, b| match field {
        "id" => a.id.cmp(&b.id),
        "numConnections" => a.connections.len().cmp(&b.connections.len()),
        "version" => a.version.cmp(&b.version),
        _ => render::to_the_second(&a.run_at).cmp(&render::to_the_second(&b.run_at)),
    });
    if inverted {
        connectors.reverse();
    }
}

/// Which version each connector runs, and why it refused a newer one; nothing if there is nothing to tell.
fn configurations(status: &ConfigurationStatus) -> String {
    let told: Vec<_> = status
        .connectors
        .iter()
        .filter(|connector| connector.running.is_some() || connector.refused.is_some())
        .collect();
    if told.is_empty() {
        return String::new();
    }
    let head = ["CONNECTOR ID", "CONFIGURATION", "SINCE"].map(str::to_owned);
    let rows = told.iter().map(|connector| {
        let running = connector.running.as_ref();
        [
            connector.connector_id.clone(),
            running.map_or_else(
                || "its own".to_owned(),
                |running| format!("version {}", running.version),
            ),
            running.map_or_else(String::new, |running| render::to_the_second(&running.since)),
        ]
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let mut text = format!(
        "\nNewest configuration: version {}\n{}",
        status.version,
        render::table(&rows)
    );
    for connector in told {
        if let Some(refused) = &connector.refused {
            text.push_str(&format!(
                "{} refused version {} at {}: {}\n",
                connector.connector_id,
                refused.version,
                render::to_the_second(&refused.at),
                refused.error
            ));
        }
    }
    text
}

fn text(info: &TunnelInfo, with_pending: bool) -> String {
    if info.connectors.is_empty() {
        return format!("Tunnel {} has no active connection.\n", info.id);
    }
    let head = [
        "CONNECTOR ID",
        "CREATED",
        "ARCHITECTURE",
        "VERSION",
        "ORIGIN IP",
        "EDGE",
    ]
    .map(str::to_owned);
    let rows = info.connectors.iter().filter_map(|connector| {
        let edge = render::per_location(&connector.connections, with_pending);
        let origin_ip = connector
            .connections
            .first()
            .map(|connection| connection.origin_ip.clone());
        (!edge.is_empty()).then(|| {
            [
                connector.id.clone(),
                render::to_the_second(&connector.run_at),
                connector.arch.clone(),
                connector.version.clone(),
                origin_ip.unwrap_or_default(),
                edge,
            ]
        })
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let connectors = match &rows[..] {
        [_head] => "No connector of this tunnel has a connection.\n".to_owned(),
        rows => render::table(rows),
    };
    format!(
        "NAME:     {}\nID:       {}\nCREATED:  {}\n\n{connectors}",
        render::plain(&info.name),
        info.id,
        render::in_words(&info.created_at),
    )
}
