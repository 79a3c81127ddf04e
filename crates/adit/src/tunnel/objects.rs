//! The API's objects, with the fields that the stock client reads and prints.

use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize};

use super::{
    render::{time, without_zeros},
    yaml::{ToYaml, Yaml},
};

/// What stands for "never" in a printed object.
pub(super) const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// A tunnel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Tunnel {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(serialize_with = "time")]
    pub(super) created_at: String,
    #[serde(default, deserialize_with = "or_zero_time", serialize_with = "time")]
    pub(super) deleted_at: String,
    #[serde(default = "Listed::none")]
    pub(super) connections: Listed<Connection>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<String>,
}

/// A connection of a tunnel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Connection {
    #[serde(default)]
    pub(super) colo_name: String,
    pub(super) id: String,
    #[serde(default)]
    pub(super) is_pending_reconnect: bool,
    #[serde(default)]
    pub(super) origin_ip: String,
    #[serde(default, serialize_with = "time")]
    pub(super) opened_at: String,
}

/// A connector of a tunnel, with its connections.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Connector {
    pub(super) id: String,
    #[serde(default = "Listed::none")]
    pub(super) features: Listed<String>,
    #[serde(default)]
    pub(super) version: String,
    #[serde(default)]
    pub(super) arch: String,
    #[serde(default, serialize_with = "time")]
    pub(super) run_at: String,
    #[serde(rename = "conns", default = "Listed::none")]
    pub(super) connections: Listed<Connection>,
}

/// How far a tunnel's configuration has come; of Adit's API only.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ConfigurationStatus {
    pub(super) version: i32,
    pub(super) connectors: Vec<ConnectorStatus>,
}

/// What one connector made of it.
#[derive(Debug, Deserialize)]
pub(super) struct ConnectorStatus {
    pub(super) connector_id: String,
    pub(super) running: Option<Running>,
    pub(super) refused: Option<Refused>,
}

/// What a connector runs.
#[derive(Debug, Deserialize)]
pub(super) struct Running {
    pub(super) version: i32,
    pub(super) since: String,
}

/// What a connector refused.
#[derive(Debug, Deserialize)]
pub(super) struct Refused {
    pub(super) version: i32,
    pub(super) error: String,
    pub(super) at: String,
}

/// A tunnel with its connectors, as `info` prints it.
#[derive(Debug, Serialize)]
pub(super) struct TunnelInfo {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(rename = "createdAt", serialize_with = "time")]
    pub(super) created_at: String,
    #[serde(rename = "conns")]
    pub(super) connectors: Vec<Connector>,
}

impl Tunnel {
    /// Whether it has been deleted.
    pub(super) fn is_deleted(&self) -> bool {
        self.deleted_at != ZERO_TIME
    }
}

pub(super) fn or_zero_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let time = Option::<String>::deserialize(deserializer)?;
    Ok(time.unwrap_or_else(|| ZERO_TIME.to_owned()))
}

/// A list that may be `null`; one that is missing is printed so, too.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Listed<T>(Option<Vec<T>>);

impl<T> Listed<T> {
    const fn none() -> Self {
        Self(None)
    }
}

impl<T> Deref for Listed<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl<T> FromIterator<T> for Listed<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(Some(items.into_iter().collect()))
    }
}

impl Tunnel {
    /// As `create` prints it: the stock client's object holds that of a tunnel.
    pub(super) fn to_yaml_with_token(&self) -> Yaml {
        let token = self.token.as_deref().unwrap_or_default();
        Yaml::Map(vec![("tunnel", self.to_yaml()), ("token", Yaml::text(token))])
    }
}

impl ToYaml for Tunnel {
    fn to_yaml(&self) -> Yaml {
        Yaml::Map(vec![
            ("id", Yaml::text(&self.id)),
            ("name", Yaml::text(&self.name)),
            ("createdat", at(&self.created_at)),
            ("deletedat", at(&self.deleted_at)),
            ("connections", self.connections.to_yaml()),
        ])
    }
}

impl ToYaml for Connection {
    fn to_yaml(&self) -> Yaml {
        Yaml::Map(vec![
            ("coloname", Yaml::text(&self.colo_name)),
            ("id", Yaml::text(&self.id)),
            ("ispendingreconnect", Yaml::Bool(self.is_pending_reconnect)),
            ("originip", Yaml::text(&self.origin_ip)),
            ("openedat", at(&self.opened_at)),
        ])
    }
}

impl ToYaml for Connector {
    fn to_yaml(&self) -> Yaml {
        let features = self.features.iter().map(|feature| Yaml::text(feature));
        Yaml::Map(vec![
            ("id", Yaml::text(&self.id)),
            ("features", Yaml::List(features.collect())),
            ("version", Yaml::text(&self.version)),
            ("arch", Yaml::text(&self.arch)),
            ("runat", at(&self.run_at)),
            ("connections", self.connections.to_yaml()),
        ])
    }
}

impl ToYaml for TunnelInfo {
    fn to_yaml(&self) -> Yaml {
        Yaml::Map(vec![
            ("id", Yaml::text(&self.id)),
            ("name", Yaml::text(&self.name)),
            ("createdat", at(&self.created_at)),
            ("connectors", self.connectors.to_yaml()),
        ])
    }
}

/// A time as YAML has it.
pub(super) fn at(time: &str) -> Yaml {
    Yaml::Time(without_zeros(time))
}
