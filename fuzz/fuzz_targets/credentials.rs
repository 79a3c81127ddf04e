//! Tunnel token, credentials file and origin certificate, each as text and with its outer layers put on.
#![no_main]

use std::fmt::{Debug, Display};

use adit_fuzz::bounded;
use adit_wire::{CredentialsFile, OriginCertificate, TunnelToken};
use base64::{Engine, prelude::BASE64_STANDARD};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let inner = BASE64_STANDARD.encode(bytes);
    let pem = format!("-----BEGIN ARGO TUNNEL TOKEN-----\n{inner}\n-----END ARGO TUNNEL TOKEN-----\n");
    token(&inner);
    certificate(&pem);
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    token(text);
    certificate(text);
    credentials_file(text);
});

/// Parses within memory; errors are fixed sentences, which cannot quote a credential.
fn parse<T, E: Display>(text: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
    match bounded(64 * 1024 + 16 * text.len(), || parse(text)) {
        Ok(parsed) => Some(parsed),
        Err(error) => {
            assert!(error.to_string().len() < 100);
            None
        }
    }
}

fn assert_hidden(shown: &impl Debug, secret: &[u8]) {
    let shown = format!("{shown:?}");
    assert!(!shown.contains(&BASE64_STANDARD.encode(secret)));
}

fn token(text: &str) {
    let Some(token) = parse(text, TunnelToken::parse) else {
        return;
    };
    assert!((32..=4096).contains(&token.secret.expose().len()));
    assert_hidden(&token, token.secret.expose());
    let back = TunnelToken::parse(&token.encode()).expect("what was written reads back");
    assert_eq!(back.tunnel, token.tunnel);
    assert_eq!(back.secret.expose(), token.secret.expose());
}

fn credentials_file(text: &str) {
    let Some(file) = parse(text, CredentialsFile::parse) else {
        return;
    };
    let nameless = CredentialsFile {
        name: None,
        ..file.clone()
    };
    assert_hidden(&nameless, file.secret.expose());
    let back = CredentialsFile::parse(&file.encode()).expect("what was written reads back");
    assert_eq!((back.tunnel, back.name), (file.tunnel, file.name));
    assert_eq!(back.secret.expose(), file.secret.expose());
}

fn certificate(text: &str) {
    let Some(certificate) = parse(text, OriginCertificate::parse) else {
        return;
    };
    assert!(!certificate.api_token.is_empty());
    let written = certificate.encode();
    assert!(written.lines().all(|line| line.len() <= 64));
    assert_eq!(OriginCertificate::parse(&written).as_ref(), Ok(&certificate));
}
