//! What goes wrong with tunnels of either kind.

use adit_core::{ha::FailoverRefusal, port::FailoverError};
use http::StatusCode;

use super::{Problem, code};
use crate::{
    sites::{CloseSessionsError, FailoverCallError, HaSettingsError, ReplicasError, SiteConfigurationError},
    tunnels::{
        CloseConnectionsError, ConfigurationError, CreateTunnelError, DeleteTunnelError, FindTunnelError,
        UpdateTunnelError,
    },
};

impl From<CreateTunnelError> for Problem {
    fn from(error: CreateTunnelError) -> Self {
        match error {
            CreateTunnelError::BadName(reason) => Self::invalid(reason.to_string()).at("/name".to_owned()),
            CreateTunnelError::BadSecret(reason) => {
                Self::invalid(reason.to_string()).at("/tunnel_secret".to_owned())
            }
            CreateTunnelError::NoRandomness(error) => Self::internal(&error),
            CreateTunnelError::Catalog(error) => error.into(),
        }
    }
}

impl From<UpdateTunnelError> for Problem {
    fn from(error: UpdateTunnelError) -> Self {
        match error {
            UpdateTunnelError::BadName(reason) => Self::invalid(reason.to_string()).at("/name".to_owned()),
            UpdateTunnelError::BadSecret(reason) => {
                Self::invalid(reason.to_string()).at("/tunnel_secret".to_owned())
            }
            UpdateTunnelError::Find(error) => error.into(),
            UpdateTunnelError::Edge(error) => error.into(),
            UpdateTunnelError::Catalog(error) => error.into(),
        }
    }
}

impl From<FindTunnelError> for Problem {
    fn from(error: FindTunnelError) -> Self {
        match error {
            FindTunnelError::NoTunnel => Self::tunnel_not_found(),
            FindTunnelError::NoConnector => {
                Self::new(StatusCode::NOT_FOUND, code::TUNNEL_NOT_FOUND, error.to_string())
            }
            FindTunnelError::Catalog(error) => error.into(),
        }
    }
}

impl From<DeleteTunnelError> for Problem {
    fn from(error: DeleteTunnelError) -> Self {
        match error {
            DeleteTunnelError::StillConnected { .. } => Self::new(
                StatusCode::BAD_REQUEST,
                code::TUNNEL_STILL_CONNECTED,
                error.to_string(),
            ),
            DeleteTunnelError::Edge(error) => error.into(),
            DeleteTunnelError::Catalog(error) => error.into(),
        }
    }
}

impl From<CloseConnectionsError> for Problem {
    fn from(error: CloseConnectionsError) -> Self {
        match error {
            CloseConnectionsError::Find(error) => error.into(),
            CloseConnectionsError::Edge(error) => error.into(),
        }
    }
}

impl From<ConfigurationError> for Problem {
    fn from(error: ConfigurationError) -> Self {
        match error {
            ConfigurationError::Gone => {
                Self::new(StatusCode::NOT_FOUND, code::NO_CONFIGURATION, error.to_string())
            }
            ConfigurationError::Bad(_) => Self::new(
                StatusCode::BAD_REQUEST,
                code::BAD_CONFIGURATION,
                error.to_string(),
            ),
            ConfigurationError::Kept(_) => Self::internal(&error),
            ConfigurationError::Find(error) => error.into(),
            ConfigurationError::Catalog(error) => error.into(),
        }
    }
}

impl From<SiteConfigurationError> for Problem {
    fn from(error: SiteConfigurationError) -> Self {
        match error {
            SiteConfigurationError::Bad(reason) => Self::invalid(reason.to_string()).at("/config".to_owned()),
            SiteConfigurationError::Find(error) => error.into(),
            SiteConfigurationError::Catalog(error) => error.into(),
        }
    }
}

impl From<HaSettingsError> for Problem {
    fn from(error: HaSettingsError) -> Self {
        match error {
            HaSettingsError::PreemptAfter(reason) => {
                Self::invalid(reason.to_string()).at("/preempt_after_s".to_owned())
            }
            HaSettingsError::Find(error) => error.into(),
            HaSettingsError::Catalog(error) => error.into(),
        }
    }
}

impl From<CloseSessionsError> for Problem {
    fn from(error: CloseSessionsError) -> Self {
        match error {
            CloseSessionsError::Find(error) => error.into(),
            CloseSessionsError::Mesh(error) => error.into(),
            CloseSessionsError::Store(error) => error.into(),
        }
    }
}

impl From<ReplicasError> for Problem {
    fn from(error: ReplicasError) -> Self {
        match error {
            ReplicasError::Find(error) => error.into(),
            ReplicasError::Mesh(error) => error.into(),
        }
    }
}

impl From<FailoverCallError> for Problem {
    fn from(error: FailoverCallError) -> Self {
        match error {
            FailoverCallError::Refused(refusal) => refusal.into(),
            FailoverCallError::Failed(error) => error.into(),
            FailoverCallError::Find(error) => error.into(),
            FailoverCallError::Replicas(error) => error.into(),
            FailoverCallError::Catalog(error) => error.into(),
        }
    }
}

impl From<FailoverRefusal> for Problem {
    fn from(refusal: FailoverRefusal) -> Self {
        let (status, code) = match refusal {
            FailoverRefusal::NotLinked => (StatusCode::NOT_FOUND, code::TUNNEL_NOT_FOUND),
            FailoverRefusal::NotHa => (StatusCode::CONFLICT, code::SITE_NOT_HA),
        };
        Self::new(status, code, refusal.to_string())
    }
}

impl From<FailoverError> for Problem {
    fn from(error: FailoverError) -> Self {
        let text = error.to_string();
        match error {
            FailoverError::Offline
            | FailoverError::Outdated
            | FailoverError::Unwell
            | FailoverError::Draining => Self::new(StatusCode::CONFLICT, code::REPLICA_NOT_ELECTABLE, text),
            FailoverError::Busy => {
                Self::new(StatusCode::CONFLICT, code::FAILOVER_RUNNING, text).retry_after(1)
            }
            FailoverError::NotAcknowledged => {
                Self::new(StatusCode::GATEWAY_TIMEOUT, code::FAILOVER_NOT_ACKNOWLEDGED, text)
            }
            FailoverError::NotStored => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, code::EDGE_BUSY, text).retry_after(1)
            }
            FailoverError::Edge(error) => error.into(),
        }
    }
}
