//! `tunnel` without a command: `--name` makes, routes and runs a tunnel in one go; `--url` alone runs a quick one.

use clap::Args;

use super::{
    access::Access, connect, create, options::TunnelOptions, plan::Prepared, quick, route,
    route::dns::is_record_name, run::of_tunnel,
};
use crate::{failure::Failure, open_files, personality::Personality};

/// Flags of `tunnel` itself, which no command of it has.
#[derive(Debug, Args)]
pub(super) struct AdHocFlags {
    /// Without a command: make, route and run the tunnel of that name
    #[arg(
        long,
        short,
        hide = true,
        value_name = "NAME",
        env = "TUNNEL_NAME",
        hide_env_values = true
    )]
    name: Option<String>,
    /// With --name: the host name to route to it
    #[arg(
        long,
        hide = true,
        value_name = "HOSTNAME",
        env = "TUNNEL_HOSTNAME",
        hide_env_values = true,
        id = "ad hoc hostname"
    )]
    hostname: Option<String>,
    /// With --hostname: the pool of a load balancer to add the tunnel to
    #[arg(
        long,
        hide = true,
        value_name = "POOL",
        env = "TUNNEL_LB_POOL",
        hide_env_values = true
    )]
    lb_pool: Option<String>,
    /// With --hostname: replace a record that is already there
    #[arg(
        long,
        short = 'f',
        hide = true,
        env = "TUNNEL_FORCE_PROVISIONING_DNS",
        hide_env_values = true,
        id = "ad hoc overwrite"
    )]
    overwrite_dns: bool,
    /// Of an older stock client; it says nothing.
    #[arg(
        long = "id",
        hide = true,
        env = "TUNNEL_ID",
        hide_env_values = true,
        id = "ad hoc id"
    )]
    _id: Option<String>,
    /// The service that gives out quick tunnels
    #[arg(
        long,
        hide = true,
        value_name = "URL",
        env = "ADIT_QUICK_SERVICE",
        hide_env_values = true
    )]
    quick_service: Option<String>,
}

/// What is to be done without a command.
enum Wish<'a> {
    Named(&'a str),
    Quick(&'a str),
}

impl AdHocFlags {
    /// Whether this goes on until it is stopped.
    pub(super) fn serves(&self, options: &TunnelOptions) -> bool {
        self.name().is_some() || options.origin.wants_a_quick_tunnel()
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref().filter(|name| !name.is_empty())
    }

    fn hostname(&self) -> Option<&str> {
        self.hostname.as_deref().filter(|name| !name.is_empty())
    }

    /// Says if a host name is given to a tunnel that is run by its name.
    pub(super) fn note_ignored_hostname(&self) {
        if self.hostname().is_some() {
            tracing::warn!(
                "`hostname` says nothing to `tunnel run`: `tunnel route dns` leads host names to a tunnel, and its rules \
                 say where they go"
            );
        }
    }

    fn wish(&self, options: &TunnelOptions, personality: Personality) -> Result<Wish<'_>, Failure> {
        if let Some(name) = self.name() {
            return Ok(Wish::Named(name));
        }
        let service = match (self.quick_service.as_deref(), personality) {
            (None, Personality::Cloudflared) => Some(quick::VENDORS_SERVICE),
            (given, _) => given.filter(|url| !url.is_empty()),
        };
        match service {
            Some(service) if options.origin.wants_a_quick_tunnel() => Ok(Wish::Quick(service)),
            None if options.origin.wants_a_quick_tunnel() => Err(Failure::misuse(
                "nobody gives out quick tunnels: --quick-service is not set",
            )
            .hint("eval \"$(adit env)\", or make a tunnel with `tunnel create` and `tunnel run --url …`")),
            Some(_) | None => Err(self.no_wish(options)),
        }
    }

    fn no_wish(&self, options: &TunnelOptions) -> Failure {
        if let Some(tunnel) = options.tunnel_of_file() {
            return Failure::misuse(format!(
                "the configuration file names tunnel {tunnel}, which `tunnel run` runs"
            ));
        }
        if self.hostname().is_some() {
            return Failure::misuse("`tunnel --hostname` alone, a classic tunnel, is no more").hint(
                "--name NAME --hostname HOSTNAME, or `tunnel create`, `tunnel route dns` and `tunnel run`",
            );
        }
        Failure::misuse("`tunnel` needs a command, or --url for a quick tunnel")
            .hint("`tunnel --help` lists the commands")
    }
}

/// Runs what the flags ask for.
pub(super) async fn run(
    flags: &AdHocFlags,
    options: &TunnelOptions,
    personality: Personality,
) -> Result<(), Failure> {
    let wish = flags.wish(options, personality)?;
    options.log.start(options.log_format(), personality);
    open_files::raise_limit();
    match wish {
        Wish::Named(name) => named(name, flags, options, personality).await,
        Wish::Quick(service) => quick::run(service, options, personality).await,
    }
}

async fn named(
    name: &str,
    flags: &AdHocFlags,
    options: &TunnelOptions,
    personality: Personality,
) -> Result<(), Failure> {
    if let Some(hostname) = flags.hostname().filter(|hostname| !is_record_name(hostname)) {
        return Err(Failure::misuse(format!("{hostname} is not a host name")));
    }
    let prepared = Prepared::read(options, personality)?;
    let access = Access::open(options, personality)?;
    if access.is_tunnel(name).await? {
        tracing::info!(name, "the tunnel of this name is used");
    } else {
        create::named(name, options, personality).await?;
    }
    if let Some(hostname) = flags.hostname() {
        let pool = flags.lb_pool.as_deref().filter(|pool| !pool.is_empty());
        let routed = route::to_hostname((name, hostname, pool), flags.overwrite_dns, options, personality);
        // As it may be routed by hand, the tunnel runs all the same.
        if let Err(failure) = routed.await {
            tracing::error!(
                hostname,
                "the host name is not routed to the tunnel; --overwrite-dns replaces a record that is there: {failure}"
            );
        }
    }
    let token = of_tunnel(name, options, personality).await?;
    connect::serve(prepared.plan(token).await?).await
}
