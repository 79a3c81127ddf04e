use proptest::{collection::vec, option, prelude::*};

use super::*;

const SESSION: [u8; 16] = [0x11; 16];

fn session() -> SessionId {
    SessionId::from_slice(&SESSION).unwrap()
}

fn any_payload(least: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), least..=1280).prop_map(Bytes::from)
}

prop_compose! {
    fn any_registration()(
        id: [u8; 16], to: SocketAddr, idle_seconds: u16, traced: bool, payload in option::of(any_payload(0)),
    ) -> Registration {
        let session = SessionId::from_slice(&id).unwrap();
        // Neither a scope nor a flow label travels.
        let to = SocketAddr::new(to.ip(), to.port());
        Registration { session, to, idle_seconds, traced, payload }
    }
}

proptest! {
    #[test]
    fn what_an_edge_sends_is_read_back(
        registration in any_registration(), payload in any_payload(0), packet in any_payload(1),
    ) {
        let session = registration.session;
        for sent in [
            ToConnector::Register(registration),
            ToConnector::Payload { session, payload },
            ToConnector::Icmp(packet),
        ] {
            prop_assert_eq!(ToConnector::decode(sent.encode()), Ok(sent));
        }
    }

    #[test]
    fn what_a_connector_sends_is_read_back(
        code: u8, error in "\\PC{0,80}", payload in any_payload(0), packet in any_payload(1),
    ) {
        let session = session();
        let answer = RegistrationAnswer { session, answer: Answer::of_code(code), error };
        for sent in [ToEdge::Answer(answer), ToEdge::Payload { session, payload }, ToEdge::Icmp(packet)] {
            prop_assert_eq!(ToEdge::decode(sent.encode()), Ok(sent));
        }
    }

    #[test]
    fn no_input_panics(bytes: Vec<u8>) {
        let _ = ToConnector::decode(Bytes::from(bytes.clone()));
        let _ = ToEdge::decode(Bytes::from(bytes));
    }

    #[test]
    fn a_registration_cut_anywhere_is_refused(registration in any_registration(), cut in 0_usize..26) {
        let whole = Registration { payload: None, ..registration };
        let bytes = ToConnector::Register(whole).encode();
        prop_assert_eq!(ToConnector::decode(bytes.slice(..cut)), Err(DatagramError::Short));
    }
}

#[test]
fn a_registration_is_as_stock_connectors_read_it() {
    let registration = Registration {
        session: session(),
        to: "127.0.0.1:9102".parse().unwrap(),
        idle_seconds: 2,
        traced: false,
        payload: None,
    };
    let bytes = ToConnector::Register(registration.clone()).encode();
    let wanted = [&[0, 0, 0x23, 0x8E, 0, 2][..], &SESSION, &[127, 0, 0, 1]].concat();
    assert_eq!(bytes, wanted);
    let to = "[2001:db8::1]:53".parse().unwrap();
    let bytes = ToConnector::Register(Registration { to, ..registration }).encode();
    assert_eq!((bytes.len(), bytes[1]), (38, 1), "the header of IPv6");
}

#[test]
fn an_answer_is_as_stock_connectors_send_it() {
    let bytes = [&[3, 0][..], &SESSION, &[0, 0]].concat();
    let ready = RegistrationAnswer {
        session: session(),
        answer: Answer::Ready,
        error: String::new(),
    };
    assert_eq!(ToEdge::decode(Bytes::from(bytes)), Ok(ToEdge::Answer(ready)));
}

#[test]
fn what_does_not_fit_is_refused() {
    let answer = |length: u16, text: &[u8]| {
        let bytes = [&[3, 0xFF][..], &SESSION, &length.to_be_bytes(), text].concat();
        ToEdge::decode(Bytes::from(bytes)).err()
    };
    assert_eq!(answer(2, b"no"), None);
    assert_eq!(answer(3, b"no"), Some(DatagramError::Short));
    assert_eq!(answer(1, b"no"), Some(DatagramError::Long));
    assert_eq!(answer(1, b"\xFF"), Some(DatagramError::Text));

    let registration = |flags: u8, rest: &[u8]| {
        let bytes = [&[0, flags, 0, 53, 0, 0][..], &SESSION, rest].concat();
        ToConnector::decode(Bytes::from(bytes)).err()
    };
    assert_eq!(registration(0, &[127, 0, 0, 1]), None);
    assert_eq!(registration(0, &[127, 0, 0, 1, 9]), Some(DatagramError::Long));
    assert_eq!(registration(BUNDLED, &[127, 0, 0, 1, 9]), None);
    assert_eq!(registration(IPV6, &[127, 0, 0, 1]), Some(DatagramError::Short));
}

#[test]
fn nothing_goes_the_wrong_way() {
    for (bytes, kind) in [(&[0_u8; 26][..], 0), (&[9; 40], 9)] {
        let decoded = ToEdge::decode(Bytes::copy_from_slice(bytes));
        assert_eq!(decoded, Err(DatagramError::Kind(kind)));
    }
    let decoded = ToConnector::decode(Bytes::from_static(&[3; 40]));
    assert_eq!(decoded, Err(DatagramError::Kind(3)));
    assert_eq!(ToEdge::decode(Bytes::new()), Err(DatagramError::Short));
    let long = [&[PAYLOAD][..], &SESSION, &[0; 1281]].concat();
    assert_eq!(ToEdge::decode(Bytes::from(long)), Err(DatagramError::Long));
}
