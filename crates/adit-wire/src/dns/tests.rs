use proptest::prelude::*;

use super::*;

fn host(name: &str) -> Hostname {
    name.parse().unwrap()
}

/// An answer as a resolver writes it: the question, then records whose owner is a name or a pointer to the question's.
struct Written(Vec<u8>);

impl Written {
    fn new(id: u16, name: &Hostname, kind: AddressKind, code: u16, answers: u16) -> Self {
        let mut bytes = encode_question(id, name, kind);
        bytes[2..4].copy_from_slice(&(0x8180 | code).to_be_bytes());
        bytes[6..8].copy_from_slice(&answers.to_be_bytes());
        Self(bytes)
    }

    fn record(mut self, owner: Option<&Hostname>, kind: u16, ttl: u32, data: &[u8]) -> Self {
        match owner {
            Some(owner) => write_name(owner, &mut self.0),
            None => self.0.extend([0xc0, 12]),
        }
        self.0.extend(kind.to_be_bytes());
        self.0.extend(CLASS_INTERNET.to_be_bytes());
        self.0.extend(ttl.to_be_bytes());
        self.0.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        self.0.extend(data);
        self
    }
}

fn name_bytes(name: &Hostname) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_name(name, &mut bytes);
    bytes
}

proptest! {
    #[test]
    fn addresses_are_read_as_they_were_written(
        id: u16,
        name in "[a-z]{1,20}(\\.[a-z]{1,20}){0,3}",
        addresses in proptest::collection::vec((any::<[u8; 16]>(), any::<u32>()), 1..20),
        is_v4: bool,
    ) {
        let (name, kind) = (host(&name), if is_v4 { AddressKind::V4 } else { AddressKind::V6 });
        let count = u16::try_from(addresses.len()).unwrap();
        let mut written = Written::new(id, &name, kind, 0, count);
        let mut expected = Vec::new();
        for (address, ttl) in &addresses {
            let (ip, data) = match kind {
                AddressKind::V4 => {
                    let four: [u8; 4] = *address.first_chunk().unwrap();
                    (IpAddr::from(four), four.to_vec())
                }
                AddressKind::V6 => (IpAddr::from(*address), address.to_vec()),
            };
            written = written.record(None, kind.code(), *ttl, &data);
            expected.push(ip);
        }
        let least = addresses.iter().map(|(_, ttl)| *ttl).min().unwrap();
        let answer = decode_answer(&written.0, id, &name, kind).unwrap();
        prop_assert_eq!(answer, Addresses { addresses: expected, ttl_s: least });
        for cut in 0..written.0.len() {
            prop_assert!(decode_answer(&written.0[..cut], id, &name, kind).is_err(), "cut at {}", cut);
        }
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let name = host("a.b");
        let _ = decode_answer(&bytes, 0, &name, AddressKind::V4);
        let begun = [Written::new(0, &name, AddressKind::V4, 0, 7).0, bytes].concat();
        let _ = decode_answer(&begun, 0, &name, AddressKind::V4);
    }
}

#[test]
fn aliases_are_followed_in_any_order_and_the_shortest_time_counts() {
    let [asked, middle, last, other] = ["a.corp", "b.corp", "c.corp", "x.corp"].map(host);
    let kind = AddressKind::V4;
    let answer = Written::new(7, &asked, kind, 0, 4)
        .record(Some(&last), 1, 300, &[10, 0, 0, 1])
        .record(Some(&middle), CNAME, 20, &name_bytes(&last))
        .record(None, CNAME, 60, &name_bytes(&middle))
        .record(Some(&other), 1, 5, &[10, 0, 0, 2]);
    let expected = Addresses {
        addresses: vec!["10.0.0.1".parse().unwrap()],
        ttl_s: 20,
    };
    assert_eq!(decode_answer(&answer.0, 7, &asked, kind), Ok(expected));
}

#[test]
fn aliases_in_a_circle_lead_nowhere() {
    let [asked, other] = ["a.corp", "b.corp"].map(host);
    let kind = AddressKind::V6;
    let answer = Written::new(7, &asked, kind, 0, 2)
        .record(None, CNAME, 60, &name_bytes(&other))
        .record(Some(&other), CNAME, 60, &name_bytes(&asked));
    assert!(
        decode_answer(&answer.0, 7, &asked, kind)
            .unwrap()
            .addresses
            .is_empty()
    );
}

#[test]
fn what_is_no_answer_to_the_question_is_refused() {
    let name = host("a.corp");
    let kind = AddressKind::V4;
    let answer = Written::new(7, &name, kind, 0, 0).0;
    assert!(
        decode_answer(&answer, 7, &name, kind)
            .unwrap()
            .addresses
            .is_empty()
    );
    let other = Err(DnsError::AnotherQuestion);
    assert_eq!(decode_answer(&answer, 8, &name, kind), other);
    assert_eq!(decode_answer(&answer, 7, &host("b.corp"), kind), other);
    assert_eq!(decode_answer(&answer, 7, &name, AddressKind::V6), other);
    assert_eq!(
        decode_answer(&encode_question(7, &name, kind), 7, &name, kind),
        other
    );

    let gone = Written::new(7, &name, kind, 3, 0).0;
    assert!(decode_answer(&gone, 7, &name, kind).unwrap().addresses.is_empty());
    let failed = Written::new(7, &name, kind, 2, 0).0;
    assert_eq!(decode_answer(&failed, 7, &name, kind), Err(DnsError::Failed(2)));
}

#[test]
fn a_name_that_points_at_itself_or_forward_is_refused() {
    let name = host("a.corp");
    let kind = AddressKind::V4;
    let start = Written::new(7, &name, kind, 0, 1).0;
    let here = u16::try_from(start.len()).unwrap();
    for target in [here, here + 2] {
        let pointer = (0xc000 | target).to_be_bytes();
        let answer = [&start[..], &pointer, &[0; 20]].concat();
        assert_eq!(decode_answer(&answer, 7, &name, kind), Err(DnsError::Malformed));
    }
}
