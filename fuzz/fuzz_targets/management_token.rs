//! A management token as a stranger sends it, as text and with its outer layers put on; and the files of its keys.
#![no_main]

use std::sync::LazyLock;

use adit_fuzz::bounded;
use adit_model::Timestamp;
use adit_wire::management_token::{
    ManagementKey, ManagementKeys, ManagementResource, ManagementVerifier, PresentedClaims,
    RetiredManagementKey,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

static VERIFIER: LazyLock<ManagementVerifier> = LazyLock::new(|| {
    let (key, _) = ManagementKey::generate(1).expect("a key can be made");
    ManagementKeys::new(key, None).verifier()
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let header = BASE64_URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"ES256","kid":"1"}"#);
    let inner = BASE64_URL_SAFE_NO_PAD.encode(bytes);
    refused(&format!("{header}.{inner}.{inner}"));
    refused(&format!("{inner}.{inner}.{inner}"));
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    refused(text);
    let _ = bounded(64 * 1024 + 16 * text.len(), || {
        ManagementKey::parse(text).map(drop)
    });
    let _ = bounded(64 * 1024 + 16 * text.len(), || {
        RetiredManagementKey::parse(text, now()).map(drop)
    });
});

/// Nobody but Adit signs; errors are fixed sentences, which cannot quote a credential. A connector, which verifies nothing,
/// only has to survive it.
fn refused(text: &str) {
    let _ = bounded(64 * 1024 + 16 * text.len(), || PresentedClaims::read(text));
    let answer = bounded(64 * 1024 + 16 * text.len(), || {
        VERIFIER.verify(text, ManagementResource::Logs, now())
    });
    let error = answer.expect_err("no stranger has the key");
    assert!(error.to_string().len() < 100);
}

fn now() -> Timestamp {
    Timestamp::from_unix_micros(1_788_264_000_000_000).expect("a time of this century")
}
