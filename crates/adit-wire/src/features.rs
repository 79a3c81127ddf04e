//! Adit's own extensions, as a connector announces them in the features of its registration. Each is used only where it
//! was announced, so stock peers never meet one.

/// The connector ends the body of an answer with trailers when asked: [`crate::Extras::trailers`].
pub const TRAILERS: &str = "adit_trailers_1";
/// What the names of all extensions begin with.
pub const PREFIX: &str = "adit_";
