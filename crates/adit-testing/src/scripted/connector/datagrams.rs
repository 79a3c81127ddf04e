//! A connector's half of datagrams, in both versions.

use std::{net::SocketAddr, time::Duration};

use adit_model::SessionId;
use adit_wire::{
    calls::RegisterUdpSession,
    datagram::{V3_FEATURE, v2, v3},
    registration::RegisterConnection,
};
use bytes::Bytes;

use super::{Called, ScriptedConnector, Waiting};
use crate::within;

/// A session that the edge asks for.
#[derive(Debug)]
pub struct AskedSession {
    /// Its id.
    pub session: SessionId,
    /// Where its datagrams go.
    pub to: SocketAddr,
    /// After so long without a datagram the connector is to end it.
    pub idle: Duration,
    answer: AnswerTo,
}

#[derive(Debug)]
enum AnswerTo {
    Call(Waiting<Result<Vec<u8>, String>>),
    Datagram,
}

/// What a connector registers with that speaks version 3.
#[must_use]
pub fn speaking_v3(mut registration: RegisterConnection) -> RegisterConnection {
    registration.client.features.push(V3_FEATURE.to_owned());
    registration
}

impl ScriptedConnector {
    /// Sends these bytes as a datagram.
    ///
    /// # Panics
    /// Over HTTP/2, and when the edge has gone.
    pub fn send_datagram(&self, datagram: Bytes) {
        let quic = self.quic.as_ref().expect("a QUIC connection");
        quic.offer_datagram(datagram).expect("the edge takes a datagram");
    }

    /// The edge's next datagram as it is.
    ///
    /// # Panics
    /// Over HTTP/2, and when none comes.
    pub async fn next_datagram(&self) -> Bytes {
        let quic = self.quic.as_ref().expect("a QUIC connection");
        let datagram = within("a datagram", quic.receive_datagram()).await;
        datagram.expect("the connection is open")
    }

    /// The edge's next datagram, of version 2.
    ///
    /// # Panics
    /// When none comes, or it is of another version.
    pub async fn next_v2(&self) -> v2::ToConnector {
        v2::ToConnector::decode(self.next_datagram().await).expect("version 2")
    }

    /// The edge's next datagram, of version 3.
    ///
    /// # Panics
    /// When none comes, or it is of another version.
    pub async fn next_v3(&self) -> v3::ToConnector {
        v3::ToConnector::decode(self.next_datagram().await).expect("version 3")
    }

    /// The next session that the edge asks for by call.
    ///
    /// # Panics
    /// When something else comes.
    pub async fn session_v2(&mut self) -> AskedSession {
        match self.next_call().await {
            Called::NewSession(request, waiting) => {
                let RegisterUdpSession {
                    session,
                    destination,
                    close_after_idle,
                    ..
                } = request;
                AskedSession {
                    session,
                    to: destination,
                    idle: close_after_idle,
                    answer: AnswerTo::Call(waiting),
                }
            }
            other @ (Called::Configuration(_) | Called::SessionEnded(..)) => panic!("called {other:?}"),
        }
    }

    /// The next session that the edge asks for by datagram.
    ///
    /// # Panics
    /// When something else comes.
    pub async fn session_v3(&self) -> AskedSession {
        match self.next_v3().await {
            v3::ToConnector::Register(registration) => AskedSession {
                session: registration.session,
                to: registration.to,
                idle: Duration::from_secs(registration.idle_seconds.into()),
                answer: AnswerTo::Datagram,
            },
            other @ (v3::ToConnector::Payload { .. } | v3::ToConnector::Icmp(_)) => panic!("{other:?}"),
        }
    }

    /// Says yes to a session.
    pub fn take(&self, asked: AskedSession) -> SessionId {
        let session = asked.session;
        match asked.answer {
            AnswerTo::Call(waiting) => waiting.answer(Ok(Vec::new())),
            AnswerTo::Datagram => self.answer_v3(session, v3::Answer::Ready),
        }
        session
    }

    /// Says that it has as many flows as it may, as a stock connector does.
    pub fn refuse_as_full(&self, asked: AskedSession) {
        match asked.answer {
            AnswerTo::Call(waiting) => waiting.answer(Err(
                "failed to start udp session due to rate limiting: too many active flows".to_owned(),
            )),
            AnswerTo::Datagram => self.answer_v3(asked.session, v3::Answer::TooMany),
        }
    }

    /// Says that it cannot reach the address, as a stock connector does.
    pub fn refuse(&self, asked: AskedSession) {
        match asked.answer {
            AnswerTo::Call(waiting) => waiting.answer(Err("dial udp: network is unreachable".to_owned())),
            AnswerTo::Datagram => self.answer_v3(asked.session, v3::Answer::CannotBind),
        }
    }

    /// Answers a registration by datagram.
    pub fn answer_v3(&self, session: SessionId, answer: v3::Answer) {
        let answer = v3::RegistrationAnswer {
            session,
            answer,
            error: String::new(),
        };
        self.send_datagram(v3::ToEdge::Answer(answer).encode());
    }
}
