//! The file with a connector's rules, watched while the connector runs: what is saved is served, if it can be.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use adit_connector::{Configurations, Replaced};
use adit_core::ingress::Ingress;

use super::{config_file::ConfigFile, private_flags};
use crate::failure::Failure;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// A file with rules.
#[derive(Debug)]
pub(super) struct RulesFile {
    path: PathBuf,
    seen: Option<Stamp>,
}

/// What tells one content of a file from the next. A file that is replaced, as by editors, has another number.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    number: u64,
}

impl RulesFile {
    /// A file that has just been read.
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            seen: stamp(&path),
            path,
        }
    }

    /// Waits until the file is another than it was. One that is away is waited for. Cancel safe.
    pub(super) async fn changed(&mut self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let now = stamp(&self.path);
            if now.is_some() && now != self.seen {
                self.seen = now;
                return;
            }
        }
    }

    /// Serves what the file holds, or says why not; then what was served before stays.
    pub(super) fn serve(&self, configurations: &Configurations) {
        let path = self.path.display();
        match self.replace(configurations) {
            Ok(Replaced::Served) => tracing::info!(%path, "the rules were read again and are served"),
            Ok(Replaced::EdgeRules(version)) => tracing::info!(
                %path, version = version.0,
                "the rules were read again and are not served: the edge has sent others"
            ),
            Err(failure) => tracing::error!(%path, %failure, "the rules cannot be served; the old ones stay"),
        }
    }

    fn replace(&self, configurations: &Configurations) -> Result<Replaced, Failure> {
        let file = ConfigFile::read_at(self.path.clone())?;
        let ingress = Ingress::from_json(&file.json).map_err(Failure::failed)?;
        let routing = private_flags::routing(&file)?;
        let replaced = configurations.replace_all(ingress, routing);
        replaced.map_err(Failure::failed)
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let data = fs::metadata(path).ok()?;
    Some(Stamp {
        modified: data.modified().ok(),
        length: data.len(),
        number: data.ino(),
    })
}
