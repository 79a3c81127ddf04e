//! What Adit decides, without I/O and without a clock, and the ports to those who act.
//!
//! [`port`] holds the traits that the binary passes between API, edge and store, and the plain values that
//! cross them. The other modules are decisions: may this connector register ([`registration`]), where does this
//! host name go ([`routes`]), which connection carries the next request ([`choice`]) and does it still answer
//! ([`liveness`]), what does leading a name to a pool change ([`balancing`]), may this tunnel go ([`lifecycle`]), in which
//! order does a stopping edge part with its connections ([`drain`]), how does a tunnel fare ([`status`]), what does a typed host name mean in a zone ([`zone_names`]), which host names does
//! Adit keep for itself ([`reserved_hosts`]), what may a credential do ([`permission`]), what is an API token made of
//! ([`token_value`]), which origin serves a request ([`ingress`]), what may a tunnel be configured with
//! ([`remote_config`]), which connection is offered it next ([`rollout`]), which replica carries a site's traffic ([`ha`]), what may a stranger have ([`quick_tunnel`]),
//! what may a host name be asked for ([`host_limits`]), what are private networks made of ([`networks`]), who is a client behind proxies ([`client_address`]),
//! what are the members of a mesh ([`mesh`]), where is a UDP session carried and when does it end ([`sessions`]), how often may one show a bad credential
//! ([`failure_limit`]), how does a connector reach into private networks ([`warp_routing`]).

pub mod balancing;
pub mod choice;
pub mod client_address;
pub mod drain;
pub mod failure_limit;
pub mod ha;
pub mod host_limits;
pub mod ingress;
pub mod lifecycle;
pub mod liveness;
pub mod mesh;
pub mod networks;
pub mod object;
pub mod permission;
pub mod port;
pub mod quick_tunnel;
pub mod registration;
pub mod remote_config;
pub mod reserved_hosts;
pub mod rollout;
pub mod routes;
pub mod sessions;
pub mod status;
pub mod token_value;
pub mod warp_routing;
pub mod zone_names;
