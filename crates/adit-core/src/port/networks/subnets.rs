//! Subnets.

use adit_model::{SubnetId, Timestamp};

use super::Remark;
use crate::networks::{Family, Name, Network, SubnetKind};

/// A range that an account's own addresses come from. No two live ones of an account overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: SubnetId,
    /// What its addresses are for.
    pub kind: SubnetKind,
    /// Its name, unique among the live ones of the account.
    pub name: Name,
    /// Its addresses.
    pub network: Network,
    /// The operator's remark.
    pub comment: Remark,
    /// Whether new devices take their addresses from it. Of those for devices, one of each family is.
    pub is_default: bool,
    /// How many of its addresses members of the account's mesh have.
    pub used: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

/// What a subnet for devices is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSubnet {
    /// Its name.
    pub name: Name,
    /// Its addresses.
    pub network: Network,
    /// The operator's remark.
    pub comment: Remark,
    /// Whether it displaces the default one of its family.
    pub is_default: bool,
}

/// What to change of a subnet; what is missing stays. Its family stays in any case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubnetChange {
    /// Another name.
    pub name: Option<Name>,
    /// Other addresses of the same family.
    pub network: Option<Network>,
    /// Another remark.
    pub comment: Option<Remark>,
    /// Whether it is the default. The default cannot be given up, only displaced. Counts for subnets of devices only.
    pub is_default: Option<bool>,
}

/// Which live subnet is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubnetSelector {
    /// The one for devices with this id.
    Warp(SubnetId),
    /// The only one of a kind and family: every kind but the one for devices has just one.
    Only(SubnetKind, Family),
}

/// Which subnets to list; every condition given must hold.
#[derive(Debug, Clone, Default)]
pub struct SubnetFilter {
    /// Exactly this name.
    pub name: Option<String>,
    /// Exactly this remark.
    pub comment: Option<String>,
    /// Exactly these addresses.
    pub network: Option<Network>,
    /// Existed at that moment: made at or before it, not deleted before it.
    pub existed_at: Option<Timestamp>,
    /// Of this family.
    pub family: Option<Family>,
    /// Only default ones, or only others.
    pub is_default: Option<bool>,
    /// Only deleted, only live, or both.
    pub deleted: Option<bool>,
    /// For one of these; for any if `None`.
    pub kinds: Option<Vec<SubnetKind>>,
    /// Oldest first.
    pub oldest_first: bool,
}
