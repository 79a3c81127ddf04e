//! Virtual networks.

use adit_model::{Timestamp, VirtualNetworkId};

use super::Remark;
use crate::networks::Name;

/// A virtual network: an address space of its own. Exactly one of an account's is the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualNetwork {
    /// Its id.
    pub id: VirtualNetworkId,
    /// Its name, unique among the live ones of the account.
    pub name: Name,
    /// The operator's remark.
    pub comment: Remark,
    /// Whether routes that name no virtual network are in it.
    pub is_default: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

/// What a virtual network is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVirtualNetwork {
    /// Its name.
    pub name: Name,
    /// The operator's remark.
    pub comment: Remark,
    /// Whether it displaces the default one.
    pub is_default: bool,
}

/// What to change of a virtual network; what is missing stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VirtualNetworkChange {
    /// Another name.
    pub name: Option<Name>,
    /// Another remark.
    pub comment: Option<Remark>,
    /// Whether it is the default. The default cannot be given up, only displaced.
    pub is_default: Option<bool>,
}

/// Which virtual networks to list; every condition given must hold.
#[derive(Debug, Clone, Default)]
pub struct VirtualNetworkFilter {
    /// Exactly this one.
    pub id: Option<VirtualNetworkId>,
    /// Exactly this name.
    pub name: Option<String>,
    /// Only the default one, or only others.
    pub is_default: Option<bool>,
    /// Only deleted, only live, or both.
    pub deleted: Option<bool>,
}
