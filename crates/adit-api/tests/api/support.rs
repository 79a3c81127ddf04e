//! An API over a real store and edges that say what they are told to.

mod answer;
mod api;
mod client;
mod contract;
mod edges;
mod log;
mod place;
mod redaction;
mod server;
mod sites;

pub(crate) use answer::Answer;
pub(crate) use api::Api;
pub(crate) use client::{Client, account, request, tunnels};
pub(crate) use contract::Contract;
pub(crate) use edges::{Fault, ScriptedEdges};
pub(crate) use log::ScriptedLog;
pub(crate) use place::Place;
pub(crate) use redaction::redacted;
pub(crate) use server::Server;
pub(crate) use sites::ScriptedSites;

pub(crate) const ACCOUNT: &str = "699d98642c564d2e855e9661899b7252";
pub(crate) const OTHER_ACCOUNT: &str = "023e105f4ecef8ad9ca31a8372d0c353";
pub(crate) const TOKEN: &str = "tokenOfTheAccount_0123456789-abcdefghijk";
pub(crate) const OTHER_TOKEN: &str = "tokenOfAnotherAccount_0123456789-abcdefg";
pub(crate) const EMAIL: &str = "user@example.com";
pub(crate) const KEY: &str = "144c9defac04969c7bfad8efaa8ea194";
/// Base64 of 32 bytes.
pub(crate) const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
pub(crate) const NOBODY: &str = "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415";
