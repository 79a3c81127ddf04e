//! The calls of an edge on one QUIC connection.

use std::sync::Arc;
use std::time::Instant;

use adit_model::{ConfigVersion, SessionId};
use adit_rpc::ConnectorService;
use adit_wire::calls::{ConfigurationAnswer, RegisterUdpSession, UdpSessionAnswer};
use adit_wire::datagram::Version;
use async_trait::async_trait;

use super::{Carrier, sessions};
use crate::Configurations;
use crate::metrics::Procedure;

/// Answers them.
pub(crate) struct EdgeCalls {
    configurations: Configurations,
    carrier: Arc<Carrier>,
}

impl EdgeCalls {
    pub(crate) fn new(configurations: Configurations, carrier: Arc<Carrier>) -> Self {
        Self {
            configurations,
            carrier,
        }
    }

    /// Calls about sessions have a place only beside datagrams of version 2.
    fn expect_v2(&self, call: &'static str, name: &str) -> Result<(), String> {
        match self.carrier.version {
            Version::V2 => Ok(()),
            Version::V3 => {
                let metrics = &self.carrier.private.metrics;
                metrics.unsupported_call(self.carrier.index, call);
                Err(format!("datagram v3 does not support {name} RPC"))
            }
        }
    }
}

#[async_trait]
impl ConnectorService for EdgeCalls {
    async fn update_configuration(&self, version: ConfigVersion, json: Vec<u8>) -> ConfigurationAnswer {
        let began = Instant::now();
        let answer = self.configurations.offer(version, &json);
        let succeeded = answer.refusal.is_none();
        self.configurations
            .metrics()
            .was_called(Procedure::TAKE_CONFIGURATION, began, succeeded);
        answer
    }

    async fn register_udp_session(&self, request: RegisterUdpSession) -> UdpSessionAnswer {
        self.expect_v2("register_udp_session", "RegisterUdpSession")?;
        sessions::register_v2(&self.carrier, &request)?;
        // Nothing is traced.
        Ok(Vec::new())
    }

    async fn unregister_udp_session(&self, session: SessionId, _message: String) -> Result<(), String> {
        self.expect_v2("unregister_udp_session", "UnregisterUdpSession")?;
        sessions::unregister_v2(&self.carrier, session);
        Ok(())
    }
}
