//! The commands of a server and of a mesh node, as far as they are in this build: the feature `server` has them.
//!
//! Both halves offer the same names, so that the command line is one.

#[cfg(not(feature = "server"))]
mod absent;
#[cfg(feature = "server")]
mod present;

#[cfg(not(feature = "server"))]
pub(crate) use absent::*;
#[cfg(feature = "server")]
pub(crate) use present::*;
