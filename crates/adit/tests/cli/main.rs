//! The binary from outside: command lines, configuration, data directory, and a whole Adit on free ports.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

mod access;
mod admin;
mod bad_api;
mod commands;
mod configuration;
mod conformance;
mod connector;
mod diag;
mod ingress;
mod lifecycle;
mod local_http;
mod login;
mod logs;
mod networks;
mod quick;
mod recording_api;
mod rules_file;
mod service;
mod side_by_side;
mod sites;
mod stock_client;
mod support;
mod tail;
mod wrong_usage;
