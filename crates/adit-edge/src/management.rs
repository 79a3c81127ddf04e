//! The management host: who may pass to a connector's management service, and over which connection.
//!
//! The connector believes whoever names its management host, so every check is made here: the token's signature and
//! times, its tunnel, what it opens, and that the connector takes the name for its own. How requests come and answers go
//! is in `public::management`.

mod known;
mod passage;

pub(crate) use known::Known;
pub(crate) use passage::{Passage, Way};

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Instant, SystemTime},
};

use adit_core::{failure_limit::FailureLimit, reserved_hosts::ReservedHosts};
use adit_model::{Hostname, Timestamp};
use adit_wire::{
    management::{ManagementPath, ManagementQuery, ManagementRefusal},
    management_token::ManagementVerifier,
};
use parking_lot::Mutex;
use tracing::info;

use crate::tunnels::{Table, Tunnel};

/// What the management host needs to know.
#[derive(Debug, Clone)]
pub struct ManagementConfig {
    /// Verifies management tokens.
    pub verifier: ManagementVerifier,
    /// Origins of web pages that may ask, such as `http://127.0.0.1:8787`, beside those of `https://api.<domain>`.
    pub origins: Vec<String>,
}

/// The management host of an edge.
#[derive(Debug)]
pub(crate) struct Management {
    host: Hostname,
    verifier: ManagementVerifier,
    origins: Vec<String>,
    failures: Mutex<FailureLimit>,
}

impl Management {
    /// `https_port` is that of the public listener, which pages of `api.<domain>` may come from.
    pub(crate) fn new(config: ManagementConfig, reserved: &ReservedHosts, https_port: Option<u16>) -> Self {
        let api = reserved.api();
        let mut origins = config.origins;
        origins.push(format!("https://{api}"));
        origins.extend(https_port.map(|port| format!("https://{api}:{port}")));
        Self {
            host: reserved.management().clone(),
            verifier: config.verifier,
            origins,
            failures: Mutex::default(),
        }
    }

    /// Its name, as connectors know it: without a port.
    pub(crate) const fn host(&self) -> &Hostname {
        &self.host
    }

    /// Whether web pages of that origin may ask.
    pub(crate) fn lets_in(&self, origin: &[u8]) -> bool {
        self.origins.iter().any(|known| known.as_bytes() == origin)
    }

    /// The tunnel that a request may pass to, if its client has a token for it.
    pub(crate) fn admit(
        &self,
        table: &Table,
        client: IpAddr,
        path: ManagementPath,
        query: Option<&str>,
    ) -> Result<Passage, ManagementRefusal> {
        let now = Instant::now();
        let checked = self.failures.lock().check(client, now);
        checked.map_err(ManagementRefusal::TooManyFailures)?;
        let admitted = self.judge(table, path, query);
        if admitted.as_ref().is_err_and(|refusal| refusal.is_a_bad_token()) {
            self.failures.lock().failed(client, now);
        }
        admitted
    }

    fn judge(
        &self,
        table: &Table,
        path: ManagementPath,
        query: Option<&str>,
    ) -> Result<Passage, ManagementRefusal> {
        let query = ManagementQuery::parse(query)?;
        let claims = self
            .verifier
            .read(query.token, Timestamp::from(SystemTime::now()))
            .inspect_err(|error| info!(%error, "management token refused"))?;
        if !path.is_opened_by(&claims) {
            return Err(ManagementRefusal::WrongResource);
        }
        if !table.ready {
            return Err(ManagementRefusal::NotReady);
        }
        let tunnel = table.tunnel(&claims.tunnel).filter(|tunnel| tunnel.exists());
        let tunnel: &Arc<Tunnel> = tunnel.ok_or(ManagementRefusal::NoTunnel)?;
        Ok(Passage {
            tunnel: Arc::clone(tunnel),
            connector: query.connector,
            actor: claims.actor.id,
        })
    }
}
