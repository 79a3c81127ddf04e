use proptest::prelude::*;

use super::*;

fn any_destination() -> impl Strategy<Value = Destination> {
    prop_oneof![
        (any::<[u8; 4]>(), any::<u16>()).prop_map(|(ip, port)| Destination::address(ip.into(), port)),
        (any::<[u8; 16]>(), any::<u16>()).prop_map(|(ip, port)| Destination::address(ip.into(), port)),
        ("[a-z]{1,20}(\\.[a-z]{1,20}){0,3}", any::<u16>())
            .prop_map(|(name, port)| Destination::Host(name.parse().unwrap(), port)),
    ]
}

/// As a client writes it.
fn encode_destination(destination: &Destination, bytes: &mut Vec<u8>) {
    match destination {
        Destination::Address(address) => encode_address(*address, bytes),
        Destination::Host(name, port) => {
            bytes.extend([NAME, u8::try_from(name.as_str().len()).unwrap()]);
            bytes.extend(name.as_str().as_bytes());
            bytes.extend(port.to_be_bytes());
        }
    }
}

/// What is cut short is waited for, and what follows is left alone.
fn reads_whole<T: PartialEq + std::fmt::Debug>(
    decode: impl Fn(&[u8]) -> Read<T>,
    bytes: &[u8],
    expected: T,
) -> Result<(), TestCaseError> {
    for cut in 0..bytes.len() {
        prop_assert_eq!(decode(&bytes[..cut]), Ok(None), "cut at {}", cut);
    }
    let followed = [bytes, b"more"].concat();
    prop_assert_eq!(decode(&followed), Ok(Some((expected, bytes.len()))));
    Ok(())
}

proptest! {
    #[test]
    fn a_greeting_is_read_as_it_was_written(methods in proptest::collection::vec(any::<u8>(), 0..=255)) {
        let bytes = [&[VERSION, u8::try_from(methods.len()).unwrap()], &methods[..]].concat();
        reads_whole(decode_greeting, &bytes, methods.contains(&USER_PASSWORD))?;
    }

    #[test]
    fn a_login_is_read_as_it_was_written(user in "\\PC{0,60}", password in "[ -~]{0,255}") {
        let mut bytes = vec![LOGIN_VERSION];
        for text in [&user, &password] {
            bytes.push(u8::try_from(text.len()).unwrap());
            bytes.extend(text.as_bytes());
        }
        prop_assert!(bytes.len() <= MAX_MESSAGE_BYTES);
        reads_whole(decode_login, &bytes, ProxyLogin { user, password })?;
    }

    #[test]
    fn a_request_is_read_as_it_was_written(command: u8, destination in any_destination()) {
        let mut bytes = vec![VERSION, command, 0];
        encode_destination(&destination, &mut bytes);
        let command = match command {
            1 => Command::Connect,
            2 => Command::Bind,
            3 => Command::UdpAssociate,
            other => Command::Unknown(other),
        };
        reads_whole(decode_request, &bytes, Request { command, destination })?;
    }

    #[test]
    fn a_datagram_is_read_as_it_was_written(
        fragment: u8,
        destination in any_destination(),
        payload in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut bytes = vec![0, 0, fragment];
        encode_destination(&destination, &mut bytes);
        bytes.extend(&payload);
        let read = Datagram { fragment, destination, payload: &payload };
        prop_assert_eq!(decode_datagram(&bytes), Ok(read));
    }

    #[test]
    fn a_datagram_to_a_client_reads_back(ip: [u8; 4], port: u16, payload: Vec<u8>) {
        let from = SocketAddr::from((ip, port));
        let bytes = encode_datagram(from, &payload);
        let expected = Datagram { fragment: 0, destination: Destination::Address(from), payload: &payload };
        prop_assert_eq!(decode_datagram(&bytes), Ok(expected));
    }

    #[test]
    fn no_bytes_panic_or_take_more_than_there_are(bytes: Vec<u8>) {
        for taken in [
            decode_greeting(&bytes).map(|read| read.map(|(_, taken)| taken)),
            decode_login(&bytes).map(|read| read.map(|(_, taken)| taken)),
            decode_request(&bytes).map(|read| read.map(|(_, taken)| taken)),
        ] {
            prop_assert!(!matches!(taken, Ok(Some(taken)) if taken > bytes.len()));
        }
        let _ = decode_datagram(&bytes);
    }
}

#[test]
fn a_mapped_address_is_its_ipv4_one_and_a_literal_name_an_address() {
    let mut bytes = vec![VERSION, 1, 0, IPV6];
    bytes.extend("::ffff:127.0.0.1".parse::<Ipv6Addr>().unwrap().octets());
    bytes.extend([0, 80]);
    let to = |bytes: &[u8]| decode_request(bytes).unwrap().unwrap().0.destination;
    assert_eq!(to(&bytes), Destination::Address("127.0.0.1:80".parse().unwrap()));
    let named = [&[VERSION, 1, 0, NAME, 9][..], b"127.0.0.1", &[0, 80]].concat();
    assert_eq!(to(&named), Destination::Address("127.0.0.1:80".parse().unwrap()));
}

#[test]
fn what_is_no_request_is_told_apart() {
    assert_eq!(decode_greeting(b"GET / HTTP/1.1"), Err(SocksError::Version));
    assert_eq!(decode_greeting(&[4, 1]), Err(SocksError::Version));
    assert_eq!(decode_request(&[5, 1, 0, 2, 0]), Err(SocksError::AddressType));
    assert_eq!(decode_request(&[5, 1, 1, 1]), Err(SocksError::Malformed));
    assert_eq!(
        decode_request(&[5, 1, 0, 3, 2, b'.', b'.', 0, 80]),
        Err(SocksError::Name)
    );
    assert_eq!(decode_request(&[5, 1, 0, 3, 0, 0, 80]), Err(SocksError::Name));
}

#[test]
fn a_reply_names_where_the_servers_end_is() {
    let bound = "192.0.2.1:1080".parse().unwrap();
    assert_eq!(
        encode_reply(Reply::NotAllowed, bound),
        [5, 2, 0, 1, 192, 0, 2, 1, 4, 56]
    );
}
