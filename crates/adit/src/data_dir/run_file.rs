//! `run.json`: who runs here and where they listen.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use adit_model::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{DataDir, DataDirError, file, io_error};
#[cfg(feature = "server")]
use crate::config::StoreUrl;

/// What the running process says of itself. Written after every listener is open, removed at a clean stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunFile {
    /// The process.
    pub(crate) pid: u32,
    /// Its version.
    pub(crate) version: String,
    /// When it was ready.
    pub(crate) started_at: Timestamp,
    /// The base domain.
    pub(crate) domain: String,
    /// The first account.
    pub(crate) account_id: AccountId,
    /// The open listeners, with the ports they got.
    pub(crate) listeners: Listeners,
    /// Where the demo tunnel answers.
    pub(crate) demo_url: Option<String>,
    /// Where the state is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) store: Option<StorePlace>,
    /// What clients and connectors are told instead of the listeners' addresses.
    #[serde(default, skip_serializing_if = "Advertised::is_empty")]
    pub(crate) advertised: Advertised,
}

/// Where the state is, without what is secret about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StorePlace {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A database of PostgreSQL.
    Postgres,
}

#[cfg(feature = "server")]
impl StorePlace {
    /// As the running process was told.
    pub(crate) fn of(url: &StoreUrl) -> Self {
        match url {
            // Another process may have another working directory.
            StoreUrl::Sqlite(path) => {
                Self::Sqlite(std::path::absolute(path).unwrap_or_else(|_| path.clone()))
            }
            StoreUrl::Postgres(_) => Self::Postgres,
        }
    }
}

/// Where the process listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listeners {
    /// The REST API.
    pub(crate) api: SocketAddr,
    /// Connectors, UDP and TCP.
    pub(crate) edge: SocketAddr,
    /// Public HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) http: Option<SocketAddr>,
    /// Public HTTPS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) https: Option<SocketAddr>,
    /// Metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metrics: Option<SocketAddr>,
    /// Packets of mesh nodes and devices, UDP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mesh: Option<SocketAddr>,
    /// The proxy into private networks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) private_proxy: Option<SocketAddr>,
}

/// The keys `api.public_url` and `edge.advertise` as configured, and what follows from `mesh.advertise`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Advertised {
    /// The API's URL without `/client/v4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) api: Option<String>,
    /// The edge's host and port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) edge: Option<String>,
    /// Where mesh devices dial, and nodes unless they have dialled the edge at an address that will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mesh: Option<String>,
}

impl Advertised {
    const fn is_empty(&self) -> bool {
        self.api.is_none() && self.edge.is_none() && self.mesh.is_none()
    }
}

impl RunFile {
    /// Writes it, whole and private.
    ///
    /// # Errors
    /// [`DataDirError::Io`]
    pub(crate) fn write(&self, dir: &DataDir) -> Result<(), DataDirError> {
        let path = dir.run_file();
        let mut text =
            serde_json::to_vec(self).map_err(|error| io_error("write", &path)(io::Error::other(error)))?;
        text.push(b'\n');
        file::write_private(&path, &text)
    }

    /// Reads it; `None` if there is none.
    ///
    /// # Errors
    /// [`DataDirError`] if it is unreadable or not what this version writes.
    pub(crate) fn read(dir: &DataDir) -> Result<Option<Self>, DataDirError> {
        let path = dir.run_file();
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|_| DataDirError::Damaged {
                    path,
                    problem: "it is not what this version writes",
                }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(io_error("read", &path)(cause)),
        }
    }

    /// Removes it; that it is gone already is fine.
    ///
    /// # Errors
    /// [`DataDirError::Io`]
    pub(crate) fn remove(dir: &DataDir) -> Result<(), DataDirError> {
        remove(&dir.run_file())
    }
}

fn remove(path: &Path) -> Result<(), DataDirError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Role;

    #[test]
    fn the_file_has_the_promised_shape_and_is_read_back() {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::locate(Some(parent.path()), Role::Up, |_| None).unwrap();
        assert_eq!(RunFile::read(&dir).unwrap(), None);
        let address = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let run = RunFile {
            pid: 1,
            version: "0.1.0".to_owned(),
            started_at: Timestamp::parse("2025-02-18T22:41:43.534395Z").unwrap(),
            domain: "adit.localhost".to_owned(),
            account_id: "699d98642c564d2e855e9661899b7252".parse().unwrap(),
            listeners: Listeners {
                api: address(8787),
                edge: address(7844),
                http: Some(address(8080)),
                https: Some(address(8443)),
                metrics: Some(address(9464)),
                mesh: None,
                private_proxy: None,
            },
            demo_url: None,
            store: Some(StorePlace::Sqlite("/d/adit.db".into())),
            advertised: Advertised::default(),
        };
        run.write(&dir).unwrap();
        assert_eq!(
            fs::read_to_string(dir.run_file()).unwrap(),
            concat!(
                r#"{"pid":1,"version":"0.1.0","started_at":"2025-02-18T22:41:43.534395Z","domain":"adit.localhost","#,
                r#""account_id":"699d98642c564d2e855e9661899b7252","listeners":{"api":"127.0.0.1:8787","#,
                r#""edge":"127.0.0.1:7844","http":"127.0.0.1:8080","https":"127.0.0.1:8443","metrics":"127.0.0.1:9464"},"#,
                r#""demo_url":null,"store":{"sqlite":"/d/adit.db"}}"#,
                "\n"
            )
        );
        assert_eq!(RunFile::read(&dir).unwrap(), Some(run));
        RunFile::remove(&dir).unwrap();
        RunFile::remove(&dir).unwrap();
        assert_eq!(RunFile::read(&dir).unwrap(), None);
    }
}
