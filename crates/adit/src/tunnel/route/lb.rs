//! `tunnel route lb TUNNEL HOSTNAME POOL`

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::{
    super::{access::Access, options::TunnelOptions, render},
    dns::is_record_name,
};
use crate::{failure::Failure, personality::Personality, rest::Target};

#[derive(Debug, clap::Args)]
pub(super) struct Lb {
    /// The tunnel's name or id
    #[arg(value_name = "TUNNEL")]
    tunnel: String,
    /// The load balancer's host name
    #[arg(value_name = "HOSTNAME")]
    hostname: String,
    /// The pool's name
    #[arg(value_name = "POOL")]
    pool: String,
}

#[derive(Deserialize)]
struct Outcome {
    load_balancer: Change,
    pool: Change,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Change {
    New,
    Updated,
    Unchanged,
}

impl Change {
    const fn done(self) -> &'static str {
        match self {
            Self::New => "made",
            Self::Updated => "changed",
            Self::Unchanged => "left as it was",
        }
    }
}

pub(super) async fn run(
    command: &Lb,
    options: &TunnelOptions,
    personality: Personality,
) -> Result<(), Failure> {
    let (hostname, pool) = (&command.hostname, &command.pool);
    if !is_record_name(hostname) {
        return Err(Failure::because(format!("{hostname} is not a host name")));
    }
    if !is_record_name(pool) || pool.starts_with('*') {
        return Err(Failure::because(format!("{pool} is not the name of a pool")));
    }
    let access = Access::open(options, personality)?;
    let id = access.find(&command.tunnel).await?;
    let doing = format!("route {hostname} to tunnel {:?}", command.tunnel);
    let target = Target::new(format!("/zones/{}/tunnels/{id}/routes", access.login.zone));
    let body = json!({"type": "lb", "lb_name": hostname, "lb_pool": pool});
    let outcome: Outcome = access
        .rest
        .send(Method::PUT, target, &body)
        .await
        .map_err(|error| error.while_to(&doing))?;
    let message = format!(
        "load balancer {hostname} {}, pool {pool} {}; they route to this tunnel",
        outcome.load_balancer.done(),
        outcome.pool.done()
    );
    render::log_line(&message, Some(&id.to_string()));
    Ok(())
}
