use adit_model::{AccountId, TunnelId, TunnelKey};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::management_token::{ManagementActor, ManagementKey, ManagementKeys, RetiredManagementKey};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn noon() -> Timestamp {
    at("2026-09-01T12:00:00.5Z")
}

fn keys() -> ManagementKeys {
    ManagementKeys::new(ManagementKey::generate(1).unwrap().0, None)
}

fn claims(resource: ManagementResource) -> ManagementClaims {
    let tunnel = TunnelKey {
        account: "699d98642c564d2e855e9661899b7252".parse::<AccountId>().unwrap(),
        tunnel: "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415"
            .parse::<TunnelId>()
            .unwrap(),
    };
    let actor = ManagementActor {
        id: "user:ada@example.com".to_owned(),
        support: false,
    };
    ManagementClaims::new(tunnel, actor, vec![resource], noon())
}

fn part(token: &str, index: usize) -> Value {
    let text = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

#[test]
fn a_token_says_what_connectors_read() {
    let token = keys().sign(&claims(ManagementResource::Logs)).unwrap();
    assert_eq!(
        part(&token, 0).to_string(),
        json!({"typ": "JWT", "alg": "ES256", "kid": "1"}).to_string()
    );
    let wanted = json!({
        "tun": {
            "id": "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415",
            "account_tag": "699d98642c564d2e855e9661899b7252",
        },
        "actor": {"id": "user:ada@example.com", "support": false},
        "res": ["logs", "ping"],
        "iat": 1_788_264_000,
        "exp": 1_788_267_600,
        "iss": "tunnelstore",
    });
    assert_eq!(part(&token, 1).to_string(), wanted.to_string());
}

#[test]
fn a_token_opens_what_it_names_and_an_admins_opens_all() {
    let keys = keys();
    let verifier = keys.verifier();
    for granted in ManagementResource::ALL {
        let claims = claims(granted);
        let token = keys.sign(&claims).unwrap();
        for wanted in ManagementResource::ALL {
            let expected = if granted == wanted || granted == ManagementResource::Admin {
                Ok(claims.clone())
            } else {
                Err(ManagementTokenError::WrongResource)
            };
            assert_eq!(
                verifier.verify(&token, wanted, noon()),
                expected,
                "{granted} {wanted}"
            );
        }
    }
}

#[test]
fn a_token_holds_for_its_hour_only() {
    let keys = keys();
    let token = keys.sign(&claims(ManagementResource::Logs)).unwrap();
    let check = |now: &str| {
        let claims = keys.verifier().verify(&token, ManagementResource::Logs, at(now));
        claims.map(drop)
    };
    assert_eq!(check("2026-09-01T12:59:59.9Z"), Ok(()));
    assert_eq!(check("2026-09-01T13:00:00Z"), Err(ManagementTokenError::Expired));
    assert_eq!(check("2026-09-01T11:59:00Z"), Ok(()), "clocks differ a little");
    assert_eq!(check("2026-09-01T11:58:59Z"), Err(ManagementTokenError::BadTimes));

    let mut long = claims(ManagementResource::Logs);
    long.expires_at = at("2026-09-01T13:00:01Z");
    let token = keys.sign(&long).unwrap();
    assert_eq!(
        keys.verifier().verify(&token, ManagementResource::Logs, noon()),
        Err(ManagementTokenError::BadTimes)
    );
}

#[test]
fn a_rotated_keys_tokens_hold_until_it_is_forgotten() {
    let (old, _) = ManagementKey::generate(1).unwrap();
    let (new, _) = ManagementKey::generate(2).unwrap();
    let token = ManagementKeys::new(old.clone(), None)
        .sign(&claims(ManagementResource::Logs))
        .unwrap();
    let check = |keys: &ManagementKeys, now| {
        keys.verifier()
            .verify(&token, ManagementResource::Logs, now)
            .map(drop)
    };
    let retired = RetiredManagementKey::parse(&old.retire(), at("2026-09-01T12:30:00Z")).unwrap();
    let rotated = ManagementKeys::new(new.clone(), Some(retired));
    assert_eq!(check(&rotated, noon()), Ok(()));
    assert_eq!(
        check(&rotated, at("2026-09-01T12:30:00Z")),
        Err(ManagementTokenError::UnknownKey)
    );
    assert_eq!(
        check(&ManagementKeys::new(new.clone(), None), noon()),
        Err(ManagementTokenError::UnknownKey)
    );
    let fresh = rotated.sign(&claims(ManagementResource::Logs)).unwrap();
    assert_eq!(part(&fresh, 0)["kid"], "2");
}

#[test]
fn a_token_of_another_key_issuer_or_algorithm_is_refused() {
    let (keys, other) = (keys(), keys());
    let verifier = keys.verifier();
    let check = |token: &str| verifier.verify(token, ManagementResource::Logs, noon());
    let foreign = other.sign(&claims(ManagementResource::Logs)).unwrap();
    assert_eq!(check(&foreign), Err(ManagementTokenError::BadSignature));

    let token = keys.sign(&claims(ManagementResource::Logs)).unwrap();
    let [header, _, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("a token has three parts");
    };
    let admin = keys.sign(&claims(ManagementResource::Admin)).unwrap();
    let payload = admin.split('.').nth(1).unwrap();
    assert_eq!(
        check(&format!("{header}.{payload}.{signature}")),
        Err(ManagementTokenError::BadSignature),
        "claims of one token under the signature of another"
    );
    for algorithm in ["none", "HS256", "ES384"] {
        let header = json!({"typ": "JWT", "alg": algorithm, "kid": "1"}).to_string();
        let header = BASE64_URL_SAFE_NO_PAD.encode(header);
        for signature in [signature, ""] {
            assert_eq!(
                check(&format!("{header}.{payload}.{signature}")),
                Err(ManagementTokenError::Malformed),
                "{algorithm}"
            );
        }
    }
    assert_eq!(check(&"a".repeat(5000)), Err(ManagementTokenError::Malformed));
}

fn signed(keys: &ManagementKeys, change: impl FnOnce(&mut Value)) -> String {
    let token = keys.sign(&claims(ManagementResource::Logs)).unwrap();
    let mut claims = part(&token, 1);
    change(&mut claims);
    keys.sign_json(&claims)
}

#[test]
fn every_claim_is_needed_and_checked() {
    let keys = keys();
    let verifier = keys.verifier();
    let check = |token: &str| verifier.verify(token, ManagementResource::Logs, noon()).map(drop);
    assert_eq!(check(&signed(&keys, |_| {})), Ok(()));
    for name in ["tun", "actor", "res", "iat", "exp", "iss"] {
        let token = signed(&keys, |claims| {
            claims.as_object_mut().unwrap().remove(name);
        });
        assert_eq!(check(&token), Err(ManagementTokenError::Malformed), "{name}");
    }
    let fed = signed(&keys, |claims| claims["iss"] = "fed-tunnelstore".into());
    assert_eq!(check(&fed), Err(ManagementTokenError::ForeignIssuer));
    let nobody = signed(&keys, |claims| claims["actor"]["id"] = "".into());
    assert_eq!(check(&nobody), Err(ManagementTokenError::Malformed));
    let tunnel = signed(&keys, |claims| claims["tun"]["id"] = "x".into());
    assert_eq!(check(&tunnel), Err(ManagementTokenError::Malformed));
    let later = signed(&keys, |claims| claims["res"] = json!(["later"]));
    assert_eq!(check(&later), Err(ManagementTokenError::WrongResource));
    for (from, wanted) in [
        (1_788_264_060_u64, Ok(())),
        (1_788_264_061, Err(ManagementTokenError::BadTimes)),
    ] {
        let begins = signed(&keys, |claims| claims["nbf"] = from.into());
        assert_eq!(check(&begins), wanted, "{from}");
    }
    let backwards = signed(&keys, |claims| claims["exp"] = 1.into());
    assert_eq!(check(&backwards), Err(ManagementTokenError::BadTimes));
}

proptest! {
    #[test]
    fn no_text_is_a_token(text: String, header: String, payload: String, signature: Vec<u8>) {
        let verifier = keys().verifier();
        let open = |text: &str| verifier.verify(text, ManagementResource::Logs, noon());
        prop_assert!(open(&text).is_err());
        let real = BASE64_URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"ES256","kid":"1"}"#);
        let [header, payload] = [header, payload].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
        for header in [header, real] {
            let token = [header, payload.clone(), signature.clone()].join(".");
            prop_assert!(open(&token).is_err());
        }
    }

    #[test]
    fn verifying_undoes_signing(id in "[ -~]{1,40}", support: bool, account: u128, tunnel: u128, seconds in 1u32..) {
        let keys = keys();
        let key = TunnelKey {
            account: format!("{account:032x}").parse().unwrap(),
            tunnel: TunnelId::from_uuid(uuid::Uuid::from_u128(tunnel)),
        };
        let now = Timestamp::from_unix_micros(i64::from(seconds) * 1_000_000 + 17).unwrap();
        let resources = vec![ManagementResource::HostDetails, ManagementResource::Logs];
        let claims = ManagementClaims::new(key, ManagementActor { id, support }, resources, now);
        let token = keys.sign(&claims).unwrap();
        prop_assert_eq!(keys.verifier().verify(&token, ManagementResource::Logs, now), Ok(claims));
    }

    #[test]
    fn every_flipped_bit_is_noticed(position: prop::sample::Index, bit in 0u8..7) {
        let keys = keys();
        let mut token = keys.sign(&claims(ManagementResource::Logs)).unwrap().into_bytes();
        let length = token.len();
        token[position.index(length)] ^= 1 << bit;
        let token = String::from_utf8(token).unwrap();
        prop_assert!(keys.verifier().verify(&token, ManagementResource::Logs, noon()).is_err());
    }
}
