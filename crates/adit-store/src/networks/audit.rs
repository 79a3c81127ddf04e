//! What the audit log keeps of private networks.

use adit_core::port::{Actor, ConnectivitySettings, HostnameRoute, Route, Subnet, VirtualNetwork};
use adit_model::AccountId;
use serde_json::{Value, json};

use crate::{
    failure::Cause,
    tx::{Audit, Tx},
};

/// Something of an account whose changes are kept.
pub(super) trait Kept {
    /// Its id and, where it helps, a name after a blank.
    fn object(&self) -> String;

    /// What clients see of it, in their words.
    fn state(&self) -> Value;
}

impl Kept for Route {
    fn object(&self) -> String {
        format!(
            "{} {} to {} in {}",
            self.id, self.network, self.tunnel, self.virtual_network
        )
    }

    fn state(&self) -> Value {
        json!({
            "network": self.network.to_string(),
            "tunnel_id": self.tunnel,
            "virtual_network_id": self.virtual_network,
            "comment": self.comment.as_str(),
        })
    }
}

impl Kept for VirtualNetwork {
    fn object(&self) -> String {
        format!("{} {}", self.id, self.name)
    }

    fn state(&self) -> Value {
        json!({
            "name": self.name.as_str(),
            "comment": self.comment.as_str(),
            "is_default_network": self.is_default,
        })
    }
}

impl Kept for HostnameRoute {
    fn object(&self) -> String {
        format!("{} {} to {}", self.id, self.hostname, self.tunnel)
    }

    fn state(&self) -> Value {
        json!({
            "hostname": self.hostname.to_string(),
            "tunnel_id": self.tunnel,
            "comment": self.comment.as_str(),
        })
    }
}

impl Kept for Subnet {
    fn object(&self) -> String {
        format!("{} {}", self.id, self.network)
    }

    fn state(&self) -> Value {
        json!({
            "name": self.name.as_str(),
            "network": self.network.to_string(),
            "comment": self.comment.as_str(),
            "is_default_network": self.is_default,
            "subnet_type": self.kind.as_str(),
        })
    }
}

impl Kept for ConnectivitySettings {
    fn object(&self) -> String {
        format!(
            "icmp_proxy_enabled={} offramp_warp_enabled={}",
            self.icmp_proxy, self.offramp_warp
        )
    }

    fn state(&self) -> Value {
        json!({
            "icmp_proxy_enabled": self.icmp_proxy,
            "offramp_warp_enabled": self.offramp_warp,
        })
    }
}

/// An entry of the audit log about one of them: what it was, unless it is new, and what it is, unless it is gone.
pub(super) async fn audit<T: Kept + Sync>(
    tx: &mut Tx<'_>,
    account: AccountId,
    actor: &Actor,
    action: &'static str,
    before: Option<&T>,
    after: Option<&T>,
) -> Result<(), Cause> {
    let Some(shown) = after.or(before) else {
        return Ok(());
    };
    let entry = Audit {
        account: Some(account),
        actor,
        action,
        object: shown.object(),
    };
    tx.audit(entry.with(before.map(Kept::state), after.map(Kept::state)))
        .await
}

/// An entry about all that led somewhere, which is gone.
pub(super) async fn audit_all(
    tx: &mut Tx<'_>,
    account: AccountId,
    actor: &Actor,
    action: &'static str,
    object: String,
    before: Value,
) -> Result<(), Cause> {
    let entry = Audit {
        account: Some(account),
        actor,
        action,
        object,
    };
    tx.audit(entry.with(Some(before), None)).await
}
