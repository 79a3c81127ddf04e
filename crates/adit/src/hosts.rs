//! `adit hosts`: lines for /etc/hosts, for programs that do not map `*.localhost` by themselves.

use serde::Deserialize;

use crate::{
    environment::{Place, reachable_here},
    failure::Failure,
    output,
    rest::{Rest, Target},
};

#[derive(Deserialize)]
struct Record {
    name: String,
}

/// Prints one line per name: Adit's own and every route of its zone.
pub(crate) async fn print(place: &Place) -> Result<(), Failure> {
    let running = place.running()?;
    let ca = running.dir.ca_certificate();
    // The listener's own address, whatever the API's public URL is.
    let base = format!("http://{}/client/v4", reachable_here(running.run.listeners.api));
    let doing = "list the routes";
    let rest = Rest::new(
        &base,
        &running.login.api_token,
        Some(ca.as_path()).filter(|path| path.exists()),
    )
    .map_err(|error| error.while_to(doing))?;
    let target = Target::new(format!("/zones/{}/dns_records", running.login.zone)).with("proxied", "true");
    let records: Vec<Record> = rest
        .list(&target, Some(1_000))
        .await
        .map_err(|error| error.while_to(doing))?;

    let listener = running.run.listeners.https.or(running.run.listeners.http);
    let address = reachable_here(listener.unwrap_or(running.run.listeners.api))
        .ip()
        .to_string();
    let own = ["api", "management"].map(|label| format!("{label}.{}", running.run.domain));
    output::result(&lines(
        &address,
        own.into_iter()
            .chain(records.into_iter().map(|record| record.name)),
    ))
}

fn lines(address: &str, names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<_> = names.collect();
    names.sort();
    names.dedup();
    names
        .iter()
        .map(|name| match name.strip_prefix("*.") {
            Some(base) => format!("# every name below {base}: a hosts file cannot say so\n"),
            None => format!("{address} {name}\n"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_a_line_and_a_wildcard_a_remark() {
        let names = [
            "b.adit.localhost",
            "*.adit.localhost",
            "a.adit.localhost",
            "b.adit.localhost",
        ];
        assert_eq!(
            lines("127.0.0.1", names.into_iter().map(str::to_owned)),
            "# every name below adit.localhost: a hosts file cannot say so\n\
             127.0.0.1 a.adit.localhost\n127.0.0.1 b.adit.localhost\n"
        );
    }
}
