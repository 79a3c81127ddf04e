//! Connectors whose registration is not in order, on both transports.

use adit_model::{AccountId, ConnectionIndex, TunnelId, TunnelKey};
use adit_rpc::RpcError;
use adit_wire::registration::{PresentedSecret, RegisterConnection, RegistrationAnswer};
use futures_util::future::join_all;

use super::{Misbehaviour, Peer, Seen, Sight, Target};
use crate::{
    cloudflared::Protocol,
    scripted::{ScriptedConnector, registration},
};

const BOTH: [Protocol; 2] = [Protocol::Quic, Protocol::Http2];

const REFUSED: &[Seen] = &[Seen::Refused { retry: false }];

pub(super) const ALL: &[Misbehaviour] = &[
    Misbehaviour {
        name: "register-foreign-tunnel",
        peer: Peer::Connector,
        does: "claims another tunnel's id, in its own account and with its own secret",
        outcome: REFUSED,
        bound: "the secret decides, in constant time",
        run: |target| Box::pin(foreign_tunnel(target)),
    },
    Misbehaviour {
        name: "register-foreign-account",
        peer: Peer::Connector,
        does: "claims its tunnel for another account, and for an account tag that is none",
        outcome: REFUSED,
        bound: "a tunnel is found by account and id together",
        run: |target| Box::pin(foreign_account(target)),
    },
    Misbehaviour {
        name: "register-wrong-secret",
        peer: Peer::Connector,
        does: "presents no secret, a short one, a long one, one that differs in its last bit, and 8 KiB",
        outcome: &[Seen::Refused { retry: false }, Seen::CallFailed],
        bound: "constant time; 4 KiB of credentials",
        run: |target| Box::pin(wrong_secret(target)),
    },
    Misbehaviour {
        name: "register-odd-index",
        peer: Peer::Connector,
        does: "registers with the connection indices 4, 99 and 255",
        outcome: &[Seen::Registered],
        bound: "an index is a number of the connector's own; it says nothing to others",
        run: |target| Box::pin(odd_index(target)),
    },
    Misbehaviour {
        name: "register-giant-texts",
        peer: Peer::Connector,
        does: "describes itself with texts of 30 kB, control characters and 2,000 features",
        outcome: &[Seen::Registered],
        bound: "64 bytes a text and 32 features are kept, without control characters",
        run: |target| Box::pin(giant_texts(target)),
    },
    Misbehaviour {
        name: "register-giant-message",
        peer: Peer::Connector,
        does: "sends a registration of 300 kB",
        outcome: &[Seen::Closed],
        bound: "64 KiB until it has registered",
        run: |target| Box::pin(giant_message(target)),
    },
    Misbehaviour {
        name: "register-twice",
        peer: Peer::Connector,
        does: "registers again on the same connection, as the same and as another tunnel",
        outcome: &[
            Seen::Registered,
            Seen::Refused { retry: false },
            Seen::Refused { retry: true },
        ],
        bound: "one registration a connection",
        run: |target| Box::pin(twice(target)),
    },
    Misbehaviour {
        name: "register-in-another-ones-place",
        peer: Peer::Connector,
        does: "registers 30 times as the same connector with the same index, without leaving",
        outcome: &[Seen::Registered],
        bound: "each takes the place of the one before, which ends after its requests",
        run: |target| Box::pin(same_place(target)),
    },
    Misbehaviour {
        name: "register-flood",
        peer: Peer::Connector,
        does: "dials 100 times at once on each transport and registers with a wrong secret",
        outcome: &[Seen::Refused { retry: false }, Seen::CallFailed],
        bound: "refused from memory, without the store; the connection ends after a second",
        run: |target| Box::pin(flood(target)),
    },
    Misbehaviour {
        name: "calls-out-of-turn",
        peer: Peer::Connector,
        does: "says goodbye and sends a configuration before it has registered",
        outcome: &[Seen::CallFailed, Seen::Silence],
        bound: "an exception; 10 s to register",
        run: |target| Box::pin(out_of_turn(target)),
    },
    Misbehaviour {
        name: "wrong-local-configurations",
        peer: Peer::Connector,
        does: "registers and sends configurations that are no JSON, deeply nested, or too large, then too many",
        outcome: &[Seen::CallFailed],
        bound: "512 KiB a message; 4 MiB in all",
        run: |target| Box::pin(configurations(target)),
    },
];

/// What the peer registers its own tunnel with.
pub(super) fn own(target: &Target) -> RegisterConnection {
    registration(&target.own.tunnel, &target.own.secret)
}

fn judge(answer: &Result<RegistrationAnswer, RpcError>) -> Seen {
    match answer {
        Ok(Ok(_)) => Seen::Registered,
        Ok(Err(refusal)) => Seen::Refused {
            retry: refusal.should_retry,
        },
        Err(RpcError::Peer(_)) => Seen::CallFailed,
        Err(RpcError::Ended) => Seen::Closed,
    }
}

/// Tries each on a connection of its own, on both transports.
async fn all(target: &Target, requests: Vec<RegisterConnection>) -> Sight {
    let mut sight = Sight::new();
    for protocol in BOTH {
        for request in &requests {
            let connector = ScriptedConnector::dial(target.edge, &target.anchors, protocol).await;
            sight.insert(judge(&connector.register(request.clone()).await));
        }
    }
    sight
}

async fn foreign_tunnel(target: &Target) -> Sight {
    let unknown = TunnelKey {
        tunnel: TunnelId::random(),
        ..target.foreign
    };
    let requests = [target.foreign, unknown].map(|key| registration(&key, &target.own.secret));
    all(target, requests.into()).await
}

async fn foreign_account(target: &Target) -> Sight {
    let other: AccountId = "00000000000000000000000000000001".parse().expect("an account");
    let tags = [
        other.to_string(),
        String::new(),
        "../../etc/passwd".to_owned(),
        "A".repeat(4000),
        target.own.tunnel.account.to_string().to_uppercase() + " ",
    ];
    let requests = tags.map(|account_tag| RegisterConnection {
        account_tag,
        ..own(target)
    });
    all(target, requests.into()).await
}

async fn wrong_secret(target: &Target) -> Sight {
    let right = target.own.secret.expose();
    let mut flipped = right.to_vec();
    if let Some(last) = flipped.last_mut() {
        *last ^= 1;
    }
    let secrets = [
        vec![],
        right[..1].to_vec(),
        [right, b"\0"].concat(),
        flipped,
        vec![0; 4096],
        vec![7; 8192],
    ];
    let requests = secrets.map(|secret| RegisterConnection {
        secret: PresentedSecret(secret),
        ..own(target)
    });
    all(target, requests.into()).await
}

async fn odd_index(target: &Target) -> Sight {
    let requests = [4, 99, 255].map(|index| RegisterConnection {
        index: ConnectionIndex(index),
        ..own(target)
    });
    all(target, requests.into()).await
}

async fn giant_texts(target: &Target) -> Sight {
    let mut long = own(target);
    long.client.version = "9".repeat(30_000);
    long.client.arch = "\u{1b}[2J\r\n\0".repeat(1000);
    let mut many = own(target);
    many.client.features = vec!["f".to_owned(); 2000];
    all(target, vec![long, many]).await
}

async fn giant_message(target: &Target) -> Sight {
    let mut request = own(target);
    request.client.version = "9".repeat(300_000);
    let mut sight = all(target, vec![request]).await;
    // Whether the call fails first or the stream ends first is a race on the peer's own side.
    if sight.remove(&Seen::CallFailed) {
        sight.insert(Seen::Closed);
    }
    sight
}

async fn twice(target: &Target) -> Sight {
    let mut sight = Sight::new();
    for protocol in BOTH {
        let connector = ScriptedConnector::dial(target.edge, &target.anchors, protocol).await;
        let foreign = registration(&target.foreign, &target.own.secret);
        for request in [own(target), own(target), foreign] {
            sight.insert(judge(&connector.register(request).await));
        }
    }
    sight
}

async fn same_place(target: &Target) -> Sight {
    let (request, mut sight) = (own(target), Sight::new());
    let mut kept = Vec::new();
    for at in 0..30 * target.scale {
        let protocol = BOTH[at % 2];
        let connector = ScriptedConnector::dial(target.edge, &target.anchors, protocol).await;
        sight.insert(judge(&connector.register(request.clone()).await));
        kept.push(connector);
    }
    sight
}

async fn flood(target: &Target) -> Sight {
    let request = RegisterConnection {
        secret: PresentedSecret(vec![7; 32]),
        ..own(target)
    };
    let mut sight = Sight::new();
    for protocol in BOTH {
        for _ in 0..5 * target.scale {
            let all = (0..20).map(|_| async {
                let connector = ScriptedConnector::dial(target.edge, &target.anchors, protocol).await;
                judge(&connector.register(request.clone()).await)
            });
            sight.extend(join_all(all).await);
        }
    }
    sight
}

async fn out_of_turn(target: &Target) -> Sight {
    let mut sight = Sight::new();
    for protocol in BOTH {
        let connector = ScriptedConnector::dial(target.edge, &target.anchors, protocol).await;
        sight.insert(called(&connector.unregister().await));
        sight.insert(called(
            &connector.update_local_configuration(b"{}".to_vec()).await,
        ));
    }
    sight
}

fn called(answer: &Result<(), RpcError>) -> Seen {
    match answer {
        Ok(()) => Seen::Silence,
        Err(RpcError::Peer(_)) => Seen::CallFailed,
        Err(RpcError::Ended) => Seen::Closed,
    }
}

async fn configurations(target: &Target) -> Sight {
    let mut sight = Sight::new();
    for protocol in BOTH {
        for json in [
            b"no json".to_vec(),
            "[".repeat(300_000).into_bytes(),
            vec![0xff; 400_000],
            vec![b' '; 600_000],
        ] {
            let connector = ScriptedConnector::dial(target.edge, &target.anchors, protocol).await;
            let _ = connector.register(own(target)).await;
            sight.insert(called(&connector.update_local_configuration(json).await));
        }
        let connector = ScriptedConnector::dial(target.edge, &target.anchors, protocol).await;
        let _ = connector.register(own(target)).await;
        let large = format!("\"{}\"", "x".repeat(300_000)).into_bytes();
        let mut told = Ok(());
        for _ in 0..20 {
            told = told.and(connector.update_local_configuration(large.clone()).await);
        }
        sight.insert(called(&told));
    }
    // Whether the call fails first or the stream ends first is a race on the peer's own side.
    if sight.remove(&Seen::Closed) {
        sight.insert(Seen::CallFailed);
    }
    sight
}
