//! The mesh as its users have it: the whole binary, in namespaces that stand for sites.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "mesh/behind_cloudflared.rs"]
mod behind_cloudflared;
#[path = "mesh/devices.rs"]
mod devices;
#[path = "mesh/fallback.rs"]
mod fallback;
#[path = "mesh/keys.rs"]
mod keys;
#[path = "mesh/life.rs"]
mod life;
#[path = "mesh/path_size.rs"]
mod path_size;
#[path = "mesh/scene.rs"]
mod scene;
#[path = "mesh/sites.rs"]
mod sites;
