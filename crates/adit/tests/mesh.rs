//! The mesh as its users have it: the whole binary, in namespaces that stand for sites.

#[path = "mesh/scene.rs"]
mod scene;
#[path = "mesh/sites.rs"]
mod sites;
