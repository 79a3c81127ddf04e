use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use adit_model::{AccountId, ConnectorId, IdentityKey, PeerKey, TunnelId};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::{collection::vec, option, prelude::*};
use uuid::Uuid;

use super::*;

fn peer_key() -> impl Strategy<Value = PeerKey> {
    any::<[u8; 32]>().prop_map(PeerKey::from_bytes)
}

fn host() -> impl Strategy<Value = HostInfo> {
    let short = || ".{0,16}";
    let texts = (short(), short(), short(), short());
    (texts, vec(short(), 0..=32), any::<u32>()).prop_map(
        |((hostname, os, arch, version), features, priority)| HostInfo {
            hostname,
            os,
            arch,
            version,
            features,
            priority,
        },
    )
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Active), Just(Role::Passive)]
}

fn lan() -> impl Strategy<Value = LanHealth> {
    (any::<bool>(), vec(".{0,40}", 0..=8)).prop_map(|(well, problems)| LanHealth { well, problems })
}

fn signature() -> impl Strategy<Value = IdentitySignature> {
    any::<([u8; 32], [u8; 32])>().prop_map(|(first, second)| {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&first);
        bytes[32..].copy_from_slice(&second);
        IdentitySignature::from_bytes(bytes)
    })
}

fn ids() -> impl Strategy<Value = (AccountId, TunnelId, ConnectorId)> {
    any::<([u8; 16], u128, u128)>().prop_map(|(account, tunnel, connector)| {
        (
            AccountId::from_bytes(account),
            TunnelId::from_uuid(Uuid::from_u128(tunnel)),
            ConnectorId::from_uuid(Uuid::from_u128(connector)),
        )
    })
}

fn to_edge() -> impl Strategy<Value = ToEdge> {
    let enrol = (
        ids(),
        any::<[u8; 32]>(),
        peer_key(),
        any::<[u8; 32]>(),
        signature(),
        host(),
    )
        .prop_map(
            |((account, tunnel, connector), identity, key, proof, signature, host)| {
                ToEdge::from(Enrol {
                    account,
                    tunnel,
                    connector,
                    identity: IdentityKey::from_bytes(identity),
                    key,
                    proof: EnrolProof::from_bytes(proof),
                    signature,
                    host,
                })
            },
        );
    let hello = (ids(), peer_key(), signature(), host()).prop_map(
        |((account, tunnel, connector), key, signature, host)| {
            ToEdge::from(Hello {
                account,
                tunnel,
                connector,
                key,
                signature,
                host,
            })
        },
    );
    let ack = (any::<u64>(), any::<bool>(), vec(".{0,40}", 0..=16)).prop_map(|(version, applied, errors)| {
        ToEdge::from(ConfigAck {
            version,
            applied,
            errors,
        })
    });
    let beat = (
        any::<u64>(),
        option::of(any::<u32>()),
        option::of(any::<u64>()),
        any::<(u64, u64, u64)>(),
        (role(), lan()),
    )
        .prop_map(|(seq, rtt_ms, handshake_age_ms, numbers, (role, lan))| {
            let (received_bytes, sent_bytes, epoch) = numbers;
            let report = Report {
                rtt_ms,
                handshake_age_ms,
                mtu: rtt_ms.and_then(|number| u16::try_from(number % 65_536).ok()),
                received_bytes,
                sent_bytes,
            };
            ToEdge::from(Beat {
                seq,
                report,
                epoch,
                role,
                lan,
            })
        });
    let key = peer_key().prop_map(|key| ToEdge::from(KeyUpdate { key }));
    let drain = ".{0,60}".prop_map(|reason| ToEdge::from(Drain { reason }));
    let resume = Just(ToEdge::from(Resume {}));
    let role_ack = (any::<u64>(), role(), vec(".{0,40}", 0..=16))
        .prop_map(|(epoch, role, errors)| ToEdge::from(RoleAck { epoch, role, errors }));
    prop_oneof![enrol, hello, ack, beat, key, drain, resume, role_ack]
}

fn network() -> impl Strategy<Value = IpNet> {
    prop_oneof![
        (any::<[u8; 4]>(), 0..=32_u8).prop_map(|(address, length)| {
            IpNet::V4(Ipv4Net::new(Ipv4Addr::from(address), length).unwrap()).trunc()
        }),
        (any::<[u8; 16]>(), 0..=128_u8).prop_map(|(address, length)| {
            IpNet::V6(Ipv6Net::new(Ipv6Addr::from(address), length).unwrap()).trunc()
        }),
    ]
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    let host = prop_oneof![
        "[a-z]{1,12}(\\.[a-z]{2,6})?".boxed(),
        any::<[u8; 16]>()
            .prop_map(|address| format!("[{}]", Ipv6Addr::from(address)))
            .boxed(),
    ];
    (host, 1..=u16::MAX).prop_map(|(host, port)| format!("{host}:{port}").parse().unwrap())
}

fn config() -> impl Strategy<Value = NodeConfig> {
    let prefixes = || vec(network(), 0..40);
    let endpoints = || vec(endpoint(), 0..=16);
    let hub = (
        peer_key(),
        endpoints(),
        any::<u16>(),
        endpoints(),
        option::of(any::<u16>()),
    )
        .prop_map(|(key, endpoints, port, carriers, carrier_port)| HubAddress {
            key,
            endpoints,
            port,
            carriers,
            carrier_port,
        });
    let vips = || vec(any::<IpAddr>(), 0..=16);
    let ha = (any::<bool>(), vips(), vips(), option::of(".{0,40}"));
    let numbers = any::<(u64, [u8; 4], [u8; 16], u16, u32)>();
    (numbers, ha, peer_key(), hub, prefixes(), prefixes()).prop_map(
        |((version, v4, v6, mtu, beat_ms), ha, key, hub, remote, local)| NodeConfig {
            version,
            key,
            v4: v4.into(),
            v6: v6.into(),
            hub,
            remote,
            local,
            mtu,
            beat_ms,
            ha: ha.0,
            vips: ha.1,
            vips_previous: ha.2,
            fnr_id: ha.3,
        },
    )
}

fn to_node() -> impl Strategy<Value = ToNode> {
    let code = prop_oneof![
        Just(RefusalCode::BadSecret),
        Just(RefusalCode::NotLinked),
        Just(RefusalCode::Unavailable)
    ];
    let reason = prop_oneof![Just(ClosingReason::Stopping), Just(ClosingReason::Replaced)];
    prop_oneof![
        any::<[u8; 32]>().prop_map(|nonce| {
            ToNode::from(Nonce {
                nonce: Challenge::from_bytes(nonce),
            })
        }),
        (code, ".{0,60}").prop_map(|(code, message)| ToNode::from(Refused { code, message })),
        config().prop_map(ToNode::from),
        (any::<(u64, u32, u64)>(), role()).prop_map(|((epoch, ttl_ms, seq), role)| {
            ToNode::from(Lease {
                epoch,
                role,
                ttl_ms,
                seq,
            })
        }),
        any::<u64>().prop_map(|seq| ToNode::from(BeatAck { seq })),
        ".{0,60}".prop_map(|reason| ToNode::from(Revoke { reason })),
        (reason, any::<u32>()).prop_map(|(reason, back_in_ms)| ToNode::from(Closing { reason, back_in_ms })),
    ]
}

/// A message from its JSON.
fn framed(json: &str) -> Vec<u8> {
    let length = u32::try_from(json.len()).unwrap();
    [&length.to_be_bytes(), json.as_bytes()].concat()
}

fn first<M: Message>(mut bytes: &[u8]) -> Result<Option<M>, MeshError> {
    Decoder::default().take(&mut bytes)
}

/// Everything that comes out when `bytes` come in pieces that end at `cuts`, and how it ended.
fn in_pieces<M: Message>(bytes: &[u8], cuts: &[usize]) -> (Vec<M>, Result<(), MeshError>) {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    ends.push(bytes.len());
    ends.sort_unstable();
    let (mut decoder, mut read, mut start) = (Decoder::default(), Vec::new(), 0);
    for end in ends {
        let mut piece = &bytes[start..end];
        start = end;
        loop {
            match decoder.take(&mut piece) {
                Ok(Some(message)) => read.push(message),
                Ok(None) => break,
                Err(error) => return (read, Err(error)),
            }
        }
        assert!(piece.is_empty(), "what is not used is kept");
    }
    (read, Ok(()))
}

proptest! {
    #[test]
    fn decoding_undoes_encoding_wherever_the_bytes_are_cut(
        said in vec(to_edge(), 0..4), answered in vec(to_node(), 0..4), cuts: [usize; 6],
    ) {
        let bytes: Vec<u8> = said.iter().flat_map(|message| encode(message).unwrap()).collect();
        prop_assert_eq!(in_pieces(&bytes, &cuts), (said, Ok(())));
        let bytes: Vec<u8> = answered.iter().flat_map(|message| encode(message).unwrap()).collect();
        prop_assert_eq!(in_pieces(&bytes, &cuts), (answered, Ok(())));
    }

    #[test]
    fn no_bytes_panic_and_no_cut_changes_what_they_mean(bytes in vec(any::<u8>(), 0..200), cuts: [usize; 4]) {
        prop_assert_eq!(in_pieces::<ToEdge>(&bytes, &cuts), in_pieces(&bytes, &[]));
        prop_assert_eq!(in_pieces::<ToNode>(&bytes, &cuts), in_pieces(&bytes, &[]));
    }

    #[test]
    fn no_damaged_message_panics(message in to_node(), at: usize, byte: u8) {
        let mut bytes = encode(&message).unwrap();
        let at = 4 + at % (bytes.len() - 4);
        bytes[at] = byte;
        if let Ok(Some(read)) = first::<ToNode>(&bytes) {
            prop_assert_eq!(first(&encode(&read).unwrap()), Ok(Some(read)));
        }
    }

    #[test]
    fn what_a_side_does_not_know_is_passed_over(message in to_edge(), name in "[a-z]{1,8}_new", value in any::<u32>()) {
        let mut bytes = encode(&message).unwrap();
        bytes.pop();
        let json = String::from_utf8(bytes.split_off(4)).unwrap() + &format!(r#","{name}":[{{"a":{value}}}]}}"#);
        let unknown = format!(r#"{{"type":"{name}","value":{value}}}"#);
        let bytes = [framed(&unknown), framed(&json)].concat();
        prop_assert_eq!(in_pieces(&bytes, &[]), (vec![message], Ok(())));
    }
}

#[test]
fn an_unknown_critical_message_is_an_error() {
    let read = first::<ToNode>(&framed(r#"{"type":"leash","critical":true}"#));
    assert_eq!(read, Err(MeshError::UnknownCritical));
    assert_eq!(
        first::<ToNode>(&framed(r#"{"type":"leash","critical":false}"#)),
        Ok(None)
    );
}

#[test]
fn a_length_that_is_too_great_is_an_error_before_anything_is_kept() {
    for length in [65_537_u32, u32::MAX] {
        let read = first::<ToEdge>(&length.to_be_bytes());
        assert_eq!(read, Err(MeshError::TooLong(length.try_into().unwrap())));
    }
    let greatest = [&65_536_u32.to_be_bytes()[..], b"{"].concat();
    assert_eq!(first::<ToEdge>(&greatest), Ok(None));
}

#[test]
fn what_is_no_object_with_a_type_is_an_error() {
    for json in [
        "",
        " ",
        "{}",
        "[]",
        r#"["beat"]"#,
        r#"{"type":1}"#,
        r#"{"type":"a","type":"b"}"#,
        "\u{0}",
    ] {
        assert_eq!(
            first::<ToEdge>(&framed(json)),
            Err(MeshError::NotObject),
            "{json}"
        );
    }
    assert_eq!(
        first::<ToEdge>(&framed(r#"{"type":"beat"}"#)),
        Err(MeshError::Malformed("beat"))
    );
}

#[test]
fn deep_nesting_and_long_lists_are_bounded() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let skipped = format!(r#"{{"type":"beat_ack","seq":1,"deep":{}}}"#, deep(30_000));
    assert_eq!(
        first::<ToNode>(&framed(&skipped)),
        Ok(Some(BeatAck { seq: 1 }.into()))
    );
    let meant = format!(r#"{{"type":"drain","reason":{}}}"#, deep(30_000));
    assert_eq!(
        first::<ToEdge>(&framed(&meant)),
        Err(MeshError::Malformed("drain"))
    );
    let list = "1,".repeat(30_000);
    let ack = format!(r#"{{"type":"config_ack","version":1,"applied":true,"errors":[{list}1]}}"#);
    assert_eq!(
        first::<ToEdge>(&framed(&ack)),
        Err(MeshError::Malformed("config_ack"))
    );
    let seventeen = vec![r#""""#; 17].join(",");
    let ack = format!(r#"{{"type":"config_ack","version":1,"applied":true,"errors":[{seventeen}]}}"#);
    assert_eq!(
        first::<ToEdge>(&framed(&ack)),
        Err(MeshError::Malformed("config_ack"))
    );
}

#[test]
fn texts_and_prefixes_keep_their_limits_and_forms() {
    let drain = |bytes: usize| framed(&format!(r#"{{"type":"drain","reason":"{}"}}"#, "a".repeat(bytes)));
    assert!(first::<ToEdge>(&drain(256)).unwrap().is_some());
    assert_eq!(first::<ToEdge>(&drain(257)), Err(MeshError::Malformed("drain")));

    let config = NodeConfig {
        version: 1,
        key: PeerKey::from_bytes([1; 32]),
        v4: Ipv4Addr::new(100, 96, 0, 2),
        v6: Ipv6Addr::LOCALHOST,
        hub: HubAddress {
            key: PeerKey::from_bytes([2; 32]),
            endpoints: Vec::new(),
            port: 51820,
            carriers: Vec::new(),
            carrier_port: None,
        },
        remote: vec!["10.0.0.0/8".parse().unwrap()],
        local: Vec::new(),
        mtu: 1420,
        beat_ms: 500,
        ha: true,
        vips: vec!["10.10.0.1".parse().unwrap()],
        vips_previous: Vec::new(),
        fnr_id: None,
    };
    let json = serde_json::to_string(&ToNode::from(config.clone())).unwrap();
    assert_eq!(first(&framed(&json)), Ok(Some(ToNode::from(config.clone()))));
    let host_bits = json.replace("10.0.0.0/8", "10.0.0.1/8");
    assert_eq!(
        first::<ToNode>(&framed(&host_bits)),
        Err(MeshError::Malformed("config"))
    );
    for (prefixes, fits) in [(MAX_PREFIXES, true), (MAX_PREFIXES + 1, false)] {
        let long = NodeConfig {
            remote: vec!["fd69:9d98:642c:ffff:ffff:ffff:ffff:fffe/127".parse().unwrap(); prefixes],
            ..config.clone()
        };
        let bytes = encode(&ToNode::from(long)).unwrap();
        assert_eq!(first::<ToNode>(&bytes).is_ok(), fits, "{prefixes}");
    }
}

#[test]
fn reasons_of_a_later_version_are_taken_as_unknown() {
    let refused = framed(r#"{"type":"refused","code":"sundays","message":"closed"}"#);
    let Ok(Some(ToNode::Refused(refused))) = first(&refused) else {
        panic!("not read");
    };
    assert_eq!(refused.code, RefusalCode::Unknown);
    assert!(refused.code.should_retry());
}

#[test]
fn a_message_that_grew_too_long_is_not_sent() {
    let drain = ToEdge::from(Drain {
        reason: "a".repeat(MAX_MESSAGE_BYTES),
    });
    assert!(matches!(encode(&drain), Err(MeshError::TooLong(_))));
}

#[test]
fn a_hub_that_says_nothing_of_carriers_takes_none() {
    let key = PeerKey::from_bytes([2; 32]);
    let json = format!(r#"{{"key":"{key}","endpoints":[],"port":51820}}"#);
    let hub: HubAddress = serde_json::from_str(&json).unwrap();
    assert_eq!((hub.carriers, hub.carrier_port), (Vec::new(), None));
}

#[test]
fn what_a_peer_of_an_earlier_version_leaves_out_is_as_it_was_there() {
    let beat = framed(r#"{"type":"beat","seq":7,"report":{}}"#);
    let Ok(Some(ToEdge::Beat(beat))) = first(&beat) else {
        panic!("not read");
    };
    assert_eq!(
        (beat.epoch, beat.role, beat.lan),
        (0, Role::Passive, LanHealth::default())
    );
    let host: HostInfo =
        serde_json::from_str(r#"{"hostname":"a","os":"linux","arch":"amd64","version":"1"}"#).unwrap();
    assert_eq!(host.priority, USUAL_PRIORITY);
}

#[test]
fn problems_and_virtual_addresses_keep_their_limits() {
    let beat = |problems: usize| {
        let problems = vec![r#""no carrier""#; problems].join(",");
        framed(&format!(
            r#"{{"type":"beat","seq":7,"report":{{}},"lan":{{"well":false,"problems":[{problems}]}}}}"#
        ))
    };
    assert!(first::<ToEdge>(&beat(8)).unwrap().is_some());
    assert_eq!(first::<ToEdge>(&beat(9)), Err(MeshError::Malformed("beat")));
    let ack = framed(r#"{"type":"role_ack","epoch":3,"role":"king"}"#);
    assert_eq!(first::<ToEdge>(&ack), Err(MeshError::Malformed("role_ack")));
    let lease = framed(r#"{"type":"lease","epoch":-1,"role":"active","ttl_ms":1500,"seq":1}"#);
    assert_eq!(first::<ToNode>(&lease), Err(MeshError::Malformed("lease")));
}
