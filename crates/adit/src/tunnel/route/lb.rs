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
    /// The tunnel's name or id, the load balancer's host name, and its pool's name
    #[arg(value_names = ["TUNNEL", "HOSTNAME", "POOL"], num_args = 0..)]
    words: Vec<String>,
}

impl Lb {
    pub(super) fn new(tunnel: &str, hostname: &str, pool: &str) -> Self {
        Self {
            words: vec![tunnel.to_owned(), hostname.to_owned(), pool.to_owned()],
        }
    }
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
    let [tunnel, hostname, pool] = &command.words[..] else {
        return Err(Failure::usage(
            "`tunnel route lb` needs three arguments: a tunnel, a host name and a pool",
        ));
    };
    let access = Access::open(options, personality)?;
    let id = access.find(tunnel).await?;
    if !is_record_name(hostname) {
        return Err(Failure::because(format!("{hostname} is not a host name")));
    }
    if !is_record_name(pool) || pool.starts_with('*') {
        return Err(Failure::because(format!("{pool} is not the name of a pool")));
    }
    let doing = format!("route {hostname} to tunnel {tunnel:?}");
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
