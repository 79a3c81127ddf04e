//! Subnets as clients send and see them.

use adit_core::{
    networks::capacity,
    port::{NewSubnet, Subnet, SubnetChange},
};
use adit_model::{SubnetId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::field::{FieldError, optional, parsed, required};

/// A subnet, whole or in part.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct SubnetRequest {
    name: Option<String>,
    network: Option<String>,
    comment: Option<String>,
    is_default_network: Option<bool>,
}

impl SubnetRequest {
    /// The subnet that is meant.
    pub(super) fn whole(&self) -> Result<NewSubnet, FieldError> {
        Ok(NewSubnet {
            name: parsed("name", required("name", self.name.as_ref())?)?,
            network: parsed("network", required("network", self.network.as_ref())?)?,
            comment: optional("comment", self.comment.as_ref())?.unwrap_or_default(),
            is_default: self.is_default_network.unwrap_or(false),
        })
    }

    /// The change that is meant.
    pub(super) fn part(&self) -> Result<SubnetChange, FieldError> {
        Ok(SubnetChange {
            name: optional("name", self.name.as_ref())?,
            network: optional("network", self.network.as_ref())?,
            comment: optional("comment", self.comment.as_ref())?,
            is_default: self.is_default_network,
        })
    }
}

/// A subnet.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Subnet")]
pub(crate) struct SubnetView {
    id: SubnetId,
    name: String,
    network: String,
    comment: String,
    is_default_network: bool,
    subnet_type: &'static str,
    capacity: Capacity,
    created_at: Timestamp,
    deleted_at: Option<Timestamp>,
}

/// How many addresses a subnet has; `total` is never above 2^53 - 1.
#[derive(Debug, Serialize, JsonSchema)]
struct Capacity {
    total: u64,
    used: u64,
}

impl SubnetView {
    /// What clients see of a subnet.
    pub(super) fn of(subnet: &Subnet) -> Self {
        Self {
            id: subnet.id,
            name: subnet.name.to_string(),
            network: subnet.network.to_string(),
            comment: subnet.comment.as_str().to_owned(),
            is_default_network: subnet.is_default,
            subnet_type: subnet.kind.as_str(),
            capacity: Capacity {
                total: capacity(subnet.network),
                used: subnet.used,
            },
            created_at: subnet.created_at,
            deleted_at: subnet.deleted_at,
        }
    }
}
