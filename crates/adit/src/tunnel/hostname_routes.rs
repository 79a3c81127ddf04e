//! `adit route hostname …`: private host names that lead to a tunnel. The stock client has no commands for them.

use adit_model::HostnameRouteId;
use clap::{Args, Subcommand};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    access::{Access, AccessOptions},
    render,
};
use crate::{failure::Failure, output, personality::Personality, rest::Target};

/// What `route` does.
#[derive(Debug, Args)]
pub(crate) struct RouteArgs {
    #[command(subcommand)]
    command: RouteCommand,
    #[command(flatten)]
    access: AccessOptions,
}

#[derive(Debug, Subcommand)]
enum RouteCommand {
    /// Private host names that lead to a tunnel
    #[command(subcommand)]
    Hostname(HostnameCommand),
}

#[derive(Debug, Subcommand)]
enum HostnameCommand {
    /// Lead a private host name to a tunnel
    Add(Add),
    /// List private host names
    List(List),
    /// Lead a private host name nowhere any more
    Delete(Delete),
}

#[derive(Debug, Args)]
struct Add {
    /// The host name
    #[arg(value_name = "HOSTNAME")]
    hostname: String,
    /// The tunnel's name or id
    #[arg(value_name = "TUNNEL")]
    tunnel: String,
    /// What to remember of it
    #[arg(value_name = "COMMENT", default_value = "")]
    comment: String,
}

#[derive(Debug, Args)]
struct List {
    /// As JSON, for programs
    #[arg(long, short, value_name = "FORMAT", value_parser = ["default", "json"])]
    output: Option<String>,
}

#[derive(Debug, Args)]
struct Delete {
    /// The host name, or the route's id
    #[arg(value_name = "ROUTE")]
    route: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct HostnameRoute {
    id: String,
    hostname: String,
    tunnel_id: String,
    #[serde(default)]
    tunnel_name: String,
    #[serde(default)]
    comment: String,
    created_at: String,
}

impl RouteArgs {
    /// Does what the command says.
    ///
    /// # Errors
    /// As the API says.
    pub(crate) async fn run(self, personality: Personality) -> Result<(), Failure> {
        let access = Access::from(&self.access, personality)?;
        let RouteCommand::Hostname(command) = &self.command;
        match command {
            HostnameCommand::Add(command) => add(command, &access).await,
            HostnameCommand::List(command) => list(command, &access).await,
            HostnameCommand::Delete(command) => delete(command, &access).await,
        }
    }
}

fn routes(access: &Access, below: &str) -> Target {
    Target::new(format!(
        "/accounts/{}/zerotrust/routes/hostname{below}",
        access.login.account
    ))
}

async fn all(access: &Access, target: &Target) -> Result<Vec<HostnameRoute>, Failure> {
    let listed = access.rest.list(target, access.page_size()).await;
    listed.map_err(|error| error.while_to("list private host names"))
}

async fn add(command: &Add, access: &Access) -> Result<(), Failure> {
    let (hostname, tunnel) = (&command.hostname, access.find(&command.tunnel).await?);
    let body = json!({"hostname": hostname, "tunnel_id": tunnel, "comment": command.comment});
    let _: Value = access
        .rest
        .send(Method::POST, routes(access, ""), &body)
        .await
        .map_err(|error| error.while_to(&format!("route {hostname} to tunnel {:?}", command.tunnel)))?;
    output::result(&format!(
        "Successfully added route for {hostname} over tunnel {tunnel}\n"
    ))
}

async fn list(command: &List, access: &Access) -> Result<(), Failure> {
    let routes = all(access, &routes(access, "")).await?;
    if command.output.as_deref() == Some("json") {
        return render::json(&routes);
    }
    if routes.is_empty() {
        return output::result(
            "There are no private host names. Add one with `adit route hostname add HOSTNAME TUNNEL`.\n",
        );
    }
    let head = ["ID", "HOSTNAME", "COMMENT", "TUNNEL ID", "TUNNEL NAME", "CREATED"].map(str::to_owned);
    let rows = routes.into_iter().map(|route| {
        [
            route.id,
            route.hostname,
            route.comment,
            route.tunnel_id,
            route.tunnel_name,
            render::to_the_second(&route.created_at),
        ]
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    output::result(&render::table(&rows))
}

async fn delete(command: &Delete, access: &Access) -> Result<(), Failure> {
    let word = &command.route;
    let id: HostnameRouteId = match word.parse() {
        Ok(id) => id,
        Err(_) => {
            // The API finds names that contain this one.
            let found = all(access, &routes(access, "").with("hostname", word)).await?;
            let found = found
                .iter()
                .find(|route| route.hostname.eq_ignore_ascii_case(word));
            found.and_then(|route| route.id.parse().ok()).ok_or_else(|| {
                Failure::because(format!("{word} leads to no tunnel"))
                    .hint("`adit route hostname list` shows all that do")
            })?
        }
    };
    access
        .rest
        .delete(routes(access, &format!("/{id}")))
        .await
        .map_err(|error| error.while_to(&format!("delete the route of {word}")))?;
    output::result(&format!("Successfully deleted route with ID {id}\n"))
}
