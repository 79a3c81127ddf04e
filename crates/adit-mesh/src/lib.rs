//! The mesh: packets between sites and devices.
