//! The edge's side of a control stream, which takes no one.

use std::time::Duration;

use adit_model::{ConnectionIndex, ConnectorId, TunnelId};
use adit_rpc::Registrar;
use adit_wire::registration::{
    ClientInfo, PresentedSecret, RegisterConnection, RegistrationAnswer, RegistrationRefusal,
};

/// Refuses every registration and every configuration: what a stranger meets.
#[derive(Debug)]
pub struct Refusing;

#[async_trait::async_trait]
impl Registrar for Refusing {
    async fn register(&self, request: RegisterConnection) -> RegistrationAnswer {
        // What a peer says of itself is bounded before anyone sees it.
        assert!(request.client.features.len() <= 32);
        assert!(request.client.version.len() <= 256 && request.client.arch.len() <= 256);
        assert!(request.secret.0.len() <= 4096);
        Err(RegistrationRefusal {
            cause: "Unauthorized: Invalid tunnel secret".to_owned(),
            retry_after: Duration::from_secs(3),
            should_retry: false,
        })
    }

    async fn unregister(&self) {}

    async fn update_local_configuration(&self, json: Vec<u8>) -> Result<(), String> {
        Err(format!("{} bytes of no interest", json.len()))
    }
}

/// A registration as a connector sends it.
#[must_use]
pub fn register_connection() -> RegisterConnection {
    let id = |byte: u8| [byte; 16];
    RegisterConnection {
        account_tag: "699d98642c564d2e855e9661899b7252".to_owned(),
        secret: PresentedSecret(vec![7; 32]),
        tunnel: TunnelId::from_slice(&id(1)).unwrap_or_else(TunnelId::random),
        index: ConnectionIndex(0),
        client: ClientInfo {
            id: ConnectorId::from_slice(&id(2)).unwrap_or_else(ConnectorId::random),
            features: vec!["support_datagram_v2".to_owned(), "support_quic_eof".to_owned()],
            version: "2026.8.2".to_owned(),
            arch: "linux_amd64".to_owned(),
        },
        origin_local_ip: Some([192, 0, 2, 7].into()),
        previous_attempts: 0,
    }
}
