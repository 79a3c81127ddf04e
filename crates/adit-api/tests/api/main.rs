//! The API from outside: requests in, envelopes out.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers outside of test functions fail a test by panicking, too"
)]

mod accounts;
mod bad_requests;
mod changes;
mod configurations;
mod devices;
mod fuzz;
mod hosts;
mod identity;
mod lives;
mod load_balancers;
mod log_level;
mod logs;
mod management;
mod matrix;
mod networks;
mod openapi;
mod quick_tunnels;
mod records;
mod routes;
mod serving;
mod sites;
mod stock_cli;
mod support;
mod tunnels;
