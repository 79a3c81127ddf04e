//! `tunnel route dns TUNNEL HOSTNAME`

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::super::{access::Access, options::TunnelOptions, render};
use crate::{failure::Failure, personality::Personality, rest::Target};

#[derive(Debug, clap::Args)]
pub(super) struct Dns {
    /// The tunnel's name or id, and the host name, whole or relative to the zone
    #[arg(value_names = ["TUNNEL", "HOSTNAME"], num_args = 0..)]
    words: Vec<String>,
    /// Replace a record that is already there
    #[arg(
        long,
        short = 'f',
        env = "TUNNEL_FORCE_PROVISIONING_DNS",
        hide_env_values = true
    )]
    overwrite_dns: bool,
}

impl Dns {
    pub(super) fn new(tunnel: &str, hostname: &str, overwrite_dns: bool) -> Self {
        Self {
            words: vec![tunnel.to_owned(), hostname.to_owned()],
            overwrite_dns,
        }
    }
}

#[derive(Deserialize)]
struct Outcome {
    cname: String,
    name: String,
}

pub(super) async fn run(
    command: &Dns,
    options: &TunnelOptions,
    personality: Personality,
) -> Result<(), Failure> {
    let [tunnel, hostname] = &command.words[..] else {
        return Err(Failure::usage(
            "`tunnel route dns` needs two arguments: a tunnel and a host name",
        ));
    };
    let access = Access::open(options, personality)?;
    let id = access.find(tunnel).await?;
    if !is_record_name(hostname) {
        return Err(Failure::because(format!("{hostname} is not a host name")));
    }
    let doing = format!("route {hostname} to tunnel {tunnel:?}");
    let target = Target::new(format!("/zones/{}/tunnels/{id}/routes", access.login.zone));
    let body = json!({"type": "dns", "user_hostname": hostname, "overwrite_existing": command.overwrite_dns});
    let outcome: Outcome = access
        .rest
        .send(Method::PUT, target, &body)
        .await
        .map_err(|error| error.while_to(&doing))?;
    let name = &outcome.name;
    let message = match outcome.cname.as_str() {
        "new" => format!("CNAME {name} added; it routes to this tunnel"),
        "updated" => format!("CNAME {name} changed; it routes to this tunnel now"),
        "unchanged" => format!("CNAME {name} routes to this tunnel already"),
        other => {
            return Err(Failure::because(format!(
                "the API answered {other:?}, which no route can be"
            )));
        }
    };
    render::log_line(&message, Some(&id.to_string()));
    Ok(())
}

/// What the stock client lets through: letters (of any script that IDNA has), digits, `-`, `_`, `.` and `*`, not
/// beginning with a dash or a dot, and no longer than a name of DNS.
pub(in crate::tunnel) fn is_record_name(name: &str) -> bool {
    let Ok(name) = idna::domain_to_ascii(name) else {
        return false;
    };
    is_plain_name(&name) && name.len() <= 253 && name.split('.').all(|label| (1..=63).contains(&label.len()))
}

fn is_plain_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let first = |byte: u8| byte.is_ascii_alphanumeric() || b"*_".contains(&byte);
    let mut bytes = name.bytes();
    bytes.next().is_some_and(first) && bytes.all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_name_may_be_relative_or_a_wildcard() {
        for good in [
            "shop",
            "shop.adit.localhost",
            "*.adit.localhost",
            "_acme",
            "a-b",
            "ümlaut.example",
        ] {
            assert!(is_record_name(good), "{good}");
        }
        for bad in ["", "bad host", "-a", ".a", "a/b", "a*", "a..b", "no host"] {
            assert!(!is_record_name(bad), "{bad}");
        }
    }
}
