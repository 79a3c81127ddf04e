//! What the edge calls on a connector: configurations and UDP sessions.

use std::sync::{Arc, LazyLock};

use adit_model::{ConfigVersion, SessionId};
use adit_net::quic::{RecvStream, SendStream};
use adit_rpc::{ConnectorService, RpcLanes, serve_connector_calls};
use adit_wire::calls::{ConfigurationAnswer, RegisterUdpSession, UdpSessionAnswer};
use async_trait::async_trait;
use bytes::Bytes;
use h2::{RecvStream as H2Body, server::SendResponse};
use http::Response;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};

/// The threads that RPC of all scripted connectors runs on.
pub(super) static LANES: LazyLock<RpcLanes> = LazyLock::new(|| RpcLanes::start(2).expect("two threads"));

/// A call of the edge. Dropping it leaves it unanswered.
#[derive(Debug)]
pub enum Called {
    /// updateConfiguration, on either transport.
    Configuration(Offer),
    /// registerUdpSession.
    NewSession(RegisterUdpSession, Waiting<UdpSessionAnswer>),
    /// unregisterUdpSession, with why.
    SessionEnded(SessionId, String, Waiting<Result<(), String>>),
}

impl Called {
    /// What must be a configuration.
    ///
    /// # Panics
    /// When it is another call.
    #[must_use]
    pub fn configuration(self) -> Offer {
        match self {
            Self::Configuration(offer) => offer,
            other @ (Self::NewSession(..) | Self::SessionEnded(..)) => panic!("called {other:?}"),
        }
    }
}

/// Takes the answer to a call.
#[derive(Debug)]
pub struct Waiting<T>(oneshot::Sender<T>);

impl<T> Waiting<T> {
    /// Answers. An edge that waits no longer hears nothing.
    pub fn answer(self, answer: T) {
        drop(self.0.send(answer));
    }
}

/// A configuration that waits to be taken or refused.
#[derive(Debug)]
pub struct Offer {
    /// Its version.
    pub version: ConfigVersion,
    /// What came, as JSON.
    pub json: String,
    /// Where the answer goes.
    pub answer: Waiting<ConfigurationAnswer>,
}

impl Offer {
    /// Runs it from now on.
    pub fn accept(self) {
        let running = self.version;
        self.answer.answer(ConfigurationAnswer {
            running,
            refusal: None,
        });
    }

    /// Goes on with what runs.
    pub fn refuse(self, running: ConfigVersion, sentence: &str) {
        self.answer.answer(ConfigurationAnswer {
            running,
            refusal: Some(sentence.to_owned()),
        });
    }
}

/// Hands calls to the test.
pub(super) type Calls = mpsc::Sender<Called>;

/// Answers on a QUIC stream whose preamble has been read.
pub(super) async fn serve(calls: Calls, send: SendStream, recv: RecvStream) {
    // How it ended is for the edge to say.
    drop(serve_connector_calls(&LANES, recv, send, Arc::new(Service(calls))).await);
}

struct Service(Calls);

impl Service {
    /// Waits for the test's answer; without one, for ever.
    async fn hand<T>(&self, call: impl FnOnce(Waiting<T>) -> Called) -> T {
        let (answer, answered) = oneshot::channel();
        // A test that listens no more answers nothing.
        let _ = self.0.try_send(call(Waiting(answer)));
        match answered.await {
            Ok(answer) => answer,
            Err(_) => std::future::pending().await,
        }
    }
}

#[async_trait]
impl ConnectorService for Service {
    async fn update_configuration(&self, version: ConfigVersion, json: Vec<u8>) -> ConfigurationAnswer {
        let json = String::from_utf8(json).expect("a text");
        self.hand(|answer| {
            Called::Configuration(Offer {
                version,
                json,
                answer,
            })
        })
        .await
    }

    async fn register_udp_session(&self, request: RegisterUdpSession) -> UdpSessionAnswer {
        self.hand(|answer| Called::NewSession(request, answer)).await
    }

    async fn unregister_udp_session(&self, session: SessionId, message: String) -> Result<(), String> {
        self.hand(|answer| Called::SessionEnded(session, message, answer))
            .await
    }
}

/// Answers a configuration that came as an HTTP/2 request. As from a stock connector, the refusal's text is lost.
pub(super) async fn configure(calls: Calls, mut body: H2Body, mut respond: SendResponse<Bytes>) {
    #[derive(serde::Deserialize)]
    struct Push {
        version: i32,
        config: Box<RawValue>,
    }
    let mut whole = Vec::new();
    while let Some(Ok(bytes)) = body.data().await {
        let _ = body.flow_control().release_capacity(bytes.len());
        whole.extend_from_slice(&bytes);
    }
    let push: Push = serde_json::from_slice(&whole).expect("a configuration");
    let answer = Service(calls)
        .update_configuration(ConfigVersion(push.version), push.config.get().into())
        .await;
    let error = if answer.refusal.is_some() { "{}" } else { "null" };
    let text = format!(r#"{{"lastAppliedVersion":{},"err":{error}}}"#, answer.running.0);
    // The edge may have gone.
    if let Ok(mut stream) = respond.send_response(Response::new(()), false) {
        drop(stream.send_data(Bytes::from(text), true));
    }
}
