//! `adit account`, `adit zone` and `adit token`: what an operator sets up, over the REST API.

pub(crate) mod account;
pub(crate) mod token;
pub(crate) mod zone;

use adit_model::AccountId;
use serde::Deserialize;

use crate::{
    environment::{Place, Running, reachable_here},
    failure::Failure,
    output,
    rest::{Rest, Target},
};

/// The API of a running Adit, with the operator's token.
pub(crate) struct Admin {
    pub(crate) rest: Rest,
    running: Running,
}

/// Something with an id and a name.
#[derive(Deserialize)]
pub(crate) struct Named {
    pub(crate) id: String,
    name: String,
}

impl Admin {
    pub(crate) fn open(place: &Place) -> Result<Self, Failure> {
        let running = place.running()?;
        let ca = running.dir.ca_certificate();
        // The listener's own address, whatever the API's public URL is.
        let base = format!("http://{}/client/v4", reachable_here(running.run.listeners.api));
        let ca = Some(ca.as_path()).filter(|path| path.exists());
        let rest =
            Rest::new(&base, &running.login.api_token, ca).map_err(|error| error.while_to("use the API"))?;
        Ok(Self { rest, running })
    }

    /// What the running process says of itself.
    #[cfg(feature = "server")]
    pub(crate) const fn run_file(&self) -> &crate::data_dir::run_file::RunFile {
        &self.running.run
    }

    /// The account that a word means: an id or a name; the operator's own if there is none.
    pub(crate) async fn account(&self, word: Option<&str>) -> Result<AccountId, Failure> {
        let Some(word) = word else {
            return Ok(self.running.login.account);
        };
        if let Ok(id) = word.parse() {
            return Ok(id);
        }
        let target = Target::new("/accounts").with("name", word);
        let found = self.list(&target, "look up the account").await?;
        let missing = || {
            Failure::because(format!("{word:?} is neither the id nor the name of an account"))
                .hint("`adit account list` shows them all")
        };
        match &found[..] {
            [one] => one.id.parse().map_err(|_| missing()),
            [] => Err(missing()),
            _ => {
                Err(Failure::because(format!("several accounts are named {word:?}"))
                    .hint("say which by its id"))
            }
        }
    }

    /// The id of the zone of this domain.
    async fn zone(&self, domain: &str) -> Result<String, Failure> {
        let target = Target::new("/zones").with("name", &format!("equal:{domain}"));
        let found = self.list(&target, "look up the zone").await?;
        found.into_iter().next().map(|zone| zone.id).ok_or_else(|| {
            Failure::because(format!("there is no zone {domain}")).hint(format!("`adit zone add {domain}`"))
        })
    }

    async fn list(&self, target: &Target, doing: &str) -> Result<Vec<Named>, Failure> {
        let listed = self.rest.list(target, Some(50)).await;
        listed.map_err(|error| error.while_to(doing))
    }

    /// Prints ids and names, a line each.
    async fn print(&self, target: &Target, doing: &str) -> Result<(), Failure> {
        let lines: String = self
            .list(target, doing)
            .await?
            .iter()
            .map(|one| format!("{} {}\n", one.id, one.name))
            .collect();
        output::result(&lines)
    }
}
