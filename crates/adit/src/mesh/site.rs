//! Sites and their replicas over the REST API, from beside the server: who there is, who is active, and since when.

use adit_model::AccountId;
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::{
    admin::Admin,
    environment::Place,
    failure::Failure,
    rest::{RestError, Target},
};

/// Which site a command is about.
#[derive(Debug, Args)]
pub(super) struct SiteArgs {
    #[command(flatten)]
    place: Place,
    /// Whose, by id or name [default: the first account's]
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// The site's tunnel, by name or id
    #[arg(value_name = "TUNNEL")]
    tunnel: String,
}

/// A site that exists, with the API to ask.
pub(super) struct Site {
    pub(super) admin: Admin,
    account: AccountId,
    /// The tunnel's id.
    pub(super) id: String,
    /// As the user named it.
    pub(super) word: String,
}

/// A replica, as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Replica {
    pub(super) id: String,
    pub(super) ha_status: String,
    pub(super) version: String,
    pub(super) arch: String,
    #[serde(default)]
    pub(super) features: Vec<String>,
    pub(super) run_at: String,
    #[serde(default)]
    pub(super) hostname: Option<String>,
    #[serde(default)]
    pub(super) conns: Vec<ReplicaConnection>,
}

/// A session of a replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReplicaConnection {
    pub(super) id: String,
    pub(super) client_id: String,
    pub(super) client_version: String,
    pub(super) colo_name: String,
    pub(super) opened_at: String,
    pub(super) origin_ip: String,
}

#[derive(Deserialize)]
struct Found {
    id: String,
    name: String,
}

impl SiteArgs {
    /// Finds the site.
    ///
    /// # Errors
    /// Says which sites there are.
    pub(super) async fn open(&self) -> Result<Site, Failure> {
        let admin = Admin::open(&self.place)?;
        let account = admin.account(self.account.as_deref()).await?;
        let id = if uuid::Uuid::try_parse(&self.tunnel).is_ok() {
            self.tunnel.clone()
        } else {
            find(&admin, account, &self.tunnel).await?
        };
        Ok(Site {
            admin,
            account,
            id,
            word: self.tunnel.clone(),
        })
    }
}

async fn find(admin: &Admin, account: AccountId, name: &str) -> Result<String, Failure> {
    let all = Target::new(format!("/accounts/{account}/warp_connector")).with("is_deleted", "false");
    let doing = |error: RestError| error.while_to(&format!("look up the site {name:?}"));
    let named: Vec<Found> = admin
        .rest
        .list(&all.clone().with("name", name), Some(50))
        .await
        .map_err(doing)?;
    if let Some(site) = named.into_iter().next() {
        return Ok(site.id);
    }
    let others: Vec<Found> = admin.rest.list(&all, Some(1000)).await.map_err(doing)?;
    let names: Vec<&str> = others.iter().map(|site| site.name.as_str()).collect();
    Err(no_site(name, &names))
}

/// How many names a hint has at most.
const NAMED: usize = 10;

fn no_site(name: &str, others: &[&str]) -> Failure {
    let failure = Failure::because(format!(
        "there is no site {name:?} (a tunnel of type warp_connector)"
    ));
    match others {
        [] => failure.hint("make one with POST /accounts/ACCOUNT/warp_connector; docs/mesh.md shows how"),
        some if some.len() <= NAMED => failure.hint(format!("one of these: {}", some.join(", "))),
        many => failure.hint(format!(
            "one of these: {}, and {} more",
            many.iter().take(NAMED).copied().collect::<Vec<_>>().join(", "),
            many.len() - NAMED
        )),
    }
}

impl Site {
    /// One of the vendor's calls on the site.
    pub(super) fn call(&self, rest: &str) -> Target {
        Target::new(format!(
            "/accounts/{}/warp_connector/{}{rest}",
            self.account, self.id
        ))
    }

    /// One of Adit's own calls on the site.
    pub(super) fn own_call(&self, rest: &str) -> Target {
        Target::new(format!(
            "/accounts/{}/adit/warp_connector/{}{rest}",
            self.account, self.id
        ))
    }

    /// Everyone who is linked, or was here lately: the active one first, offline ones last.
    pub(super) async fn replicas(&self) -> Result<Vec<Replica>, Failure> {
        let found = self.admin.rest.get(self.call("/connections")).await;
        let mut found: Vec<Replica> =
            found.map_err(|error| error.while_to(&format!("list the replicas of {:?}", self.word)))?;
        let place = |replica: &Replica| match replica.ha_status.as_str() {
            "active" => 0,
            "passive" => 1,
            _ => 2,
        };
        found.sort_by_key(place);
        Ok(found)
    }

    /// The replica that a word means: its id, how that begins, or the name of its host.
    ///
    /// # Errors
    /// Says what to type instead.
    pub(super) async fn replica(&self, word: &str) -> Result<String, Failure> {
        if uuid::Uuid::try_parse(word).is_ok() {
            return Ok(word.to_owned());
        }
        let replicas = self.replicas().await?;
        let known: Vec<(&str, Option<&str>)> = replicas
            .iter()
            .map(|replica| (replica.id.as_str(), replica.hostname.as_deref()))
            .collect();
        meant(word, &known, &self.word)
    }
}

/// The one of these replicas, by id and host, whose host is named so, or else whose id begins so.
fn meant(word: &str, replicas: &[(&str, Option<&str>)], site: &str) -> Result<String, Failure> {
    let named = |(_, host): &&(&str, Option<&str>)| host.is_some_and(|host| host.eq_ignore_ascii_case(word));
    let beginning = word.to_ascii_lowercase();
    let begins = |(id, _): &&(&str, Option<&str>)| id.starts_with(&beginning);
    let mut some: Vec<&str> = replicas.iter().filter(named).map(|(id, _)| *id).collect();
    if some.is_empty() {
        some = replicas.iter().filter(begins).map(|(id, _)| *id).collect();
    }
    match some[..] {
        [one] if !word.is_empty() => Ok(one.to_owned()),
        [] if replicas.is_empty() => {
            let failure = Failure::because(format!("no replica has joined the site {site:?} yet"));
            Err(failure.hint("`adit mesh up` on a host of the site"))
        }
        [] => {
            let failure = Failure::because(format!(
                "no replica of {site:?} runs on a host {word:?} or has an id that begins so"
            ));
            Err(failure.hint(format!("`adit mesh replicas {site}` shows them all")))
        }
        _ => {
            let failure = Failure::because(format!(
                "{word:?} means several replicas of {site:?}: {}",
                some.join(", ")
            ));
            Err(failure.hint("type more of the id"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_is_meant_by_its_host_or_how_its_id_begins_if_only_one_is() {
        let [first, second, third] = [
            "1bedc50d-42b3-473c-b108-ff3d10c0d925",
            "1bee0000-42b3-473c-b108-ff3d10c0d925",
            "20000000-42b3-473c-b108-ff3d10c0d925",
        ];
        let known = [(first, Some("gate-1")), (second, Some("1bed")), (third, None)];
        for (word, id) in [
            ("1BEDC", first),
            ("Gate-1", first),
            ("1bed", second),
            ("2", third),
        ] {
            assert_eq!(meant(word, &known, "office").unwrap(), id, "{word}");
        }
        let told = |word: &str, known: &[(&str, Option<&str>)]| {
            meant(word, known, "office").unwrap_err().to_string()
        };
        assert_eq!(
            told("3", &known),
            "error: no replica of \"office\" runs on a host \"3\" or has an id that begins so\n  try: `adit mesh replicas office` shows them all"
        );
        let several = told("1be", &known);
        assert!(several.contains(&format!("{first}, {second}")), "{several}");
        assert!(several.ends_with("try: type more of the id"), "{several}");
        let twins = [(first, Some("gate")), (second, Some("gate"))];
        assert!(told("gate", &twins).contains("means several replicas"));
        assert!(told("", &known[..1]).contains("type more of the id"));
        assert!(told("1", &[]).contains("no replica has joined the site \"office\" yet"));
    }

    #[test]
    fn who_names_no_site_is_told_which_there_are() {
        let told = |others: &[&str]| no_site("offic", others).to_string();
        assert!(told(&["office", "lab"]).ends_with("try: one of these: office, lab"));
        assert!(told(&[]).contains("docs/mesh.md"));
        let names: Vec<String> = (0..12).map(|number| format!("site{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(
            told(&names).ends_with("site8, site9, and 2 more"),
            "{}",
            told(&names)
        );
    }
}
