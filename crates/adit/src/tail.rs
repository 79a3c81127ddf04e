//! `adit tail`: prints the log lines of a connector, wherever it runs, as `cloudflared tail` does.
//!
//! It gets a management token from the API unless it is given one, opens the stream at the management host, and says
//! which lines it wants ([`filters`]). What comes is printed by [`lines`]. Like the stock client it ends when the stream
//! does and says why; unlike it, it then exits 1, unless it is called by its name.

mod filters;
mod lines;
mod stream;
mod way;

use adit_model::ConnectorId;
use adit_wire::management_token::ManagementResource;
use clap::Args;

use crate::{
    environment::Place,
    failure::Failure,
    management,
    personality::Personality,
    tunnel::access::{Access, AccessOptions},
};
use filters::Filters;
use lines::Format;
use way::Way;

/// The management host of the vendor, which its client takes if nobody names another.
const STOCK_HOST: &str = "management.argotunnel.com";

/// Prints the log lines of a connector as it writes them.
#[derive(Debug, Args)]
pub(crate) struct Tail {
    /// The tunnel's id or name; `token` before it prints the token instead of using it
    #[arg(value_name = "TUNNEL", num_args = 0..)]
    words: Vec<String>,
    /// The connector, if the tunnel has several; any of them if none is named
    #[arg(
        long,
        value_name = "ID",
        env = "TUNNEL_MANAGEMENT_CONNECTOR",
        hide_env_values = true
    )]
    connector_id: Option<String>,
    #[command(flatten)]
    filters: Filters,
    /// A management token for logs, instead of one from the API
    #[arg(
        long,
        value_name = "TOKEN",
        env = "TUNNEL_MANAGEMENT_TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,
    /// The management host, with a port if that is not 443
    #[arg(
        long,
        value_name = "HOST",
        env = "TUNNEL_MANAGEMENT_HOSTNAME",
        hide_env_values = true
    )]
    management_hostname: Option<String>,
    /// How lines are printed: default or json
    #[arg(
        long,
        value_name = "FORMAT",
        env = "TUNNEL_MANAGEMENT_OUTPUT",
        hide_env_values = true
    )]
    output: Option<String>,
    /// Read from its variable only.
    #[arg(long, hide = true, env = "TUNNEL_LOG_OUTPUT", hide_env_values = true)]
    log_output: Option<String>,
    /// An id for the trace of the request
    #[arg(long, hide = true, value_name = "ID")]
    trace: Option<String>,
    /// Taken and not used, as there are no log lines of its own.
    #[arg(
        long,
        hide = true,
        value_name = "LEVEL",
        env = "TUNNEL_LOGLEVEL",
        hide_env_values = true
    )]
    loglevel: Option<String>,
    #[command(flatten)]
    access: AccessOptions,
    #[command(flatten)]
    place: Place,
}

impl Tail {
    /// Runs until a signal, a reader that goes away, or the end of the stream.
    ///
    /// # Errors
    /// Says why there is no stream, or why it ended.
    pub(crate) async fn run(self, personality: Personality) -> Result<(), Failure> {
        let rest = match &self.words[..] {
            [first, rest @ ..] if first == "token" => rest,
            _ => {
                let outcome = self.stream(personality).await;
                return outcome.map_err(|failure| failure.only_told_by_stock(personality));
            }
        };
        let [word, ..] = rest else {
            return Err(Failure::misuse("`tail token` needs a tunnel: its id or its name"));
        };
        let access = Access::from(&self.access, personality)?;
        let tunnel = access.find(word).await?;
        management::print_token(&access, tunnel, ManagementResource::Logs).await
    }

    /// Prints lines until there are no more.
    async fn stream(&self, personality: Personality) -> Result<(), Failure> {
        let output = self.output.as_deref().or(self.log_output.as_deref());
        let format: Format = output.unwrap_or_default().parse()?;
        let start = self.filters.start_message()?;
        let connector = self.connector()?;
        let way = self.way(personality)?;
        let token = self.token(personality).await?;
        let request = stream::Request {
            token: &token,
            connector,
            trace: self.trace.as_deref(),
        };
        stream::print(&way, &request, start, format).await
    }

    fn connector(&self) -> Result<Option<ConnectorId>, Failure> {
        let given = self.connector_id.as_deref().filter(|id| !id.is_empty());
        let parsed = given.map(str::parse).transpose();
        parsed.map_err(|_| Failure::usage("--connector-id is not the id of a connector"))
    }

    fn way(&self, personality: Personality) -> Result<Way, Failure> {
        let given = self
            .management_hostname
            .as_deref()
            .filter(|host| !host.is_empty());
        let running = self.place.run_file();
        let host = match (given, &running, personality) {
            (Some(host), _, _) => host.to_owned(),
            (None, Some(run), _) => format!("management.{}", run.domain),
            (None, None, Personality::Cloudflared) => STOCK_HOST.to_owned(),
            (None, None, Personality::Adit) => {
                return Err(Failure::usage(
                    "no management host: neither --management-hostname nor TUNNEL_MANAGEMENT_HOSTNAME is set",
                )
                .hint("eval \"$(adit env)\""));
            }
        };
        Way::to(&host, running.as_ref(), self.access.cacert.as_ref())
    }

    async fn token(&self, personality: Personality) -> Result<String, Failure> {
        if let Some(token) = self.token.clone().filter(|token| !token.is_empty()) {
            return Ok(token);
        }
        let [word, ..] = &self.words[..] else {
            return Err(Failure::usage("`tail` needs a tunnel: its id or its name").hint("`tunnel list`"));
        };
        let access = Access::from(&self.access, personality)?;
        let tunnel = access.find(word).await?;
        access.management_token(tunnel, ManagementResource::Logs).await
    }
}
