//! What private networks are made of and may become: IP networks and which of them is meant, names and remarks, the
//! one default of a kind, the subnets of an account, whose networks a credential reaches, where an
//! address in them leads ([`PrivateTable`]) and which ones nothing leads to ([`Reachable`]).

mod access;
mod allowed;
mod default_one;
mod longest_prefix;
mod network;
mod subnets;
mod table;
mod text;

pub use access::account_reached;
pub use allowed::Reachable;
pub use default_one::{DefaultError, next_default};
pub use longest_prefix::NetworkMap;
pub use network::{Family, FamilyError, Network, NetworkParseError};
pub use subnets::{
    InitialSubnet, SubnetError, SubnetKind, SubnetKindError, capacity, check_subnet, initial_subnets,
};
pub use table::PrivateTable;
pub use text::{Comment, Name, TextError};

/// The most live virtual networks of an account: they are listed without pages.
pub const MOST_VIRTUAL_NETWORKS: u32 = 1000;

/// The name of the virtual network that an account starts with.
pub const DEFAULT_VIRTUAL_NETWORK: &str = "default";

/// The remark on it.
pub const DEFAULT_VIRTUAL_NETWORK_COMMENT: &str = "made by Adit, because the account had no virtual network";
