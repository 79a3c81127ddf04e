//! Who a node is and what it says of itself when it starts.

use std::time::SystemTime;

use adit_model::Timestamp;
use adit_wire::mesh::HostInfo;

use super::NodeOptions;
use crate::node::{
    duty::HaStatus,
    error::NodeError,
    identity::Identity,
    status::{KeyStatus, NodeStatus, SessionStatus},
};

/// Who this node is: as the state says, if an edge has linked it; else as the token says.
pub(super) fn identity(options: &mut NodeOptions) -> Result<Identity, NodeError> {
    let kept = options.state.identity()?;
    let site = options.token.as_ref().map(|(site, _)| *site);
    let identity = match (kept, site) {
        (Some(kept), site) if kept.enrolled => {
            if site.is_some_and(|site| site != kept.site()) {
                tracing::warn!(
                    tunnel.id = %kept.tunnel, state = %options.state.path().display(),
                    "this host joined another site before; its state wins over the token"
                );
            }
            kept
        }
        (Some(kept), Some(site)) if kept.site() == site => kept,
        (_, Some(site)) => {
            options.state.keep_draining(false)?;
            Identity::generate(site, now()).map_err(|_| NodeError::Keys)?
        }
        (_, None) => return Err(NodeError::NoSite(options.state.path().display().to_string())),
    };
    if options.edges.is_empty() {
        options.edges.clone_from(&identity.edges);
    }
    if options.edges.is_empty() {
        return Err(NodeError::NoEdge);
    }
    let identity = Identity {
        edges: options.edges.clone(),
        key_since: identity.key_since.or_else(|| Some(now())),
        ..identity
    };
    options.state.keep_identity(&identity)?;
    Ok(identity)
}

pub(super) fn status(identity: &Identity, options: &NodeOptions) -> NodeStatus {
    NodeStatus {
        version: options.version.to_owned(),
        pid: std::process::id(),
        started_at: now(),
        account_id: identity.account,
        tunnel_id: identity.tunnel,
        connector_id: identity.connector,
        session: SessionStatus {
            connected: false,
            edges: options.edges.clone(),
            problem: None,
        },
        role: None,
        ha: HaStatus::default(),
        local: Vec::new(),
        key: Some(KeyStatus::of(identity)),
        hub: None,
        host: None,
    }
}

/// By the clock on the wall.
pub(super) fn now() -> Timestamp {
    SystemTime::now().into()
}

pub(super) fn host_info(version: &str, priority: u32) -> HostInfo {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    HostInfo {
        hostname: shortened(name, 255),
        os: std::env::consts::OS.to_owned(),
        arch: arch.to_owned(),
        version: version.to_owned(),
        features: Vec::new(),
        priority,
    }
}

/// A text of at most so many bytes.
pub(super) fn shortened(mut text: String, bytes: usize) -> String {
    let end = (0..=bytes.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or_default());
    text
}
