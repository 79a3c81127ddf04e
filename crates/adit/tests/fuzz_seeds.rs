//! Every fuzz target with its seeds, on the stable compiler and without libFuzzer.
//!
//! The targets' sources are taken as they are: what they expect of libFuzzer and of their own library stands here under
//! the same names. Fuzzing itself is `cargo xtask fuzz`.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

extern crate self as adit_fuzz;
extern crate self as libfuzzer_sys;

use std::{
    collections::BTreeSet,
    fs,
    panic::catch_unwind,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

#[path = "../../../fuzz/src/memory.rs"]
mod memory;
#[path = "../../../fuzz/src/refusing.rs"]
#[allow(dead_code, unreachable_pub, reason = "the seeds' writer uses the rest")]
mod refusing;

pub use memory::bounded;
pub use refusing::Refusing;

/// Stands for libFuzzer's macro: a function that runs the target once.
#[macro_export]
macro_rules! fuzz_target {
    (|$bytes:ident: &[u8]| $body:block) => {
        pub(crate) fn run($bytes: &[u8]) {
            $body
        }
    };
    (|$text:ident: &str| $body:block) => {
        pub(crate) fn run(bytes: &[u8]) {
            if let Ok($text) = std::str::from_utf8(bytes) {
                $body
            }
        }
    };
}

/// The targets as modules, a test each, and their names.
macro_rules! targets {
    ($($target:ident at $path:literal,)*) => {
        $(
            #[path = $path]
            #[allow(
                unused_attributes,
                clippy::expect_used,
                clippy::panic,
                clippy::wildcard_enum_match_arm,
                reason = "written for libFuzzer, which takes a panic for a finding"
            )]
            mod $target;
        )*

        const TARGETS: &[&str] = &[$(stringify!($target)),*];

        mod every_seed_holds {
            $(
                #[test]
                fn $target() {
                    super::replay(stringify!($target), super::$target::run);
                }
            )*
        }
    };
}

targets! {
    client_address at "../../../fuzz/fuzz_targets/client_address.rs",
    connect_answer at "../../../fuzz/fuzz_targets/connect_answer.rs",
    control_stream at "../../../fuzz/fuzz_targets/control_stream.rs",
    credentials at "../../../fuzz/fuzz_targets/credentials.rs",
    datagram_v2 at "../../../fuzz/fuzz_targets/datagram_v2.rs",
    datagram_v3 at "../../../fuzz/fuzz_targets/datagram_v3.rs",
    dns at "../../../fuzz/fuzz_targets/dns.rs",
    framed_body at "../../../fuzz/fuzz_targets/framed_body.rs",
    hostname at "../../../fuzz/fuzz_targets/hostname.rs",
    http_connect at "../../../fuzz/fuzz_targets/http_connect.rs",
    http_head at "../../../fuzz/fuzz_targets/http_head.rs",
    icmp at "../../../fuzz/fuzz_targets/icmp.rs",
    ingress at "../../../fuzz/fuzz_targets/ingress.rs",
    management_token at "../../../fuzz/fuzz_targets/management_token.rs",
    mesh_carrier at "../../../fuzz/fuzz_targets/mesh_carrier.rs",
    mesh_control at "../../../fuzz/fuzz_targets/mesh_control.rs",
    mesh_onramp at "../../../fuzz/fuzz_targets/mesh_onramp.rs",
    mesh_packet at "../../../fuzz/fuzz_targets/mesh_packet.rs",
    preamble at "../../../fuzz/fuzz_targets/preamble.rs",
    proxy_protocol at "../../../fuzz/fuzz_targets/proxy_protocol.rs",
    request_head at "../../../fuzz/fuzz_targets/request_head.rs",
    response_headers at "../../../fuzz/fuzz_targets/response_headers.rs",
    socks at "../../../fuzz/fuzz_targets/socks.rs",
    websocket at "../../../fuzz/fuzz_targets/websocket.rs",
}

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz")
        .join(name)
}

static ALONE: Mutex<()> = Mutex::new(());

/// Runs the target with each seed, whole and cut in its middle.
fn replay(target: &str, run: fn(&[u8])) {
    let seeds: Vec<_> = fs::read_dir(folder("seeds").join(target))
        .unwrap()
        .map(|seed| seed.unwrap().path())
        .collect();
    assert!(!seeds.is_empty(), "{target} has no seeds");
    // The targets bound what the whole process takes: one at a time, after what is made once has been made.
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = catch_unwind(|| run(b""));
    run(b"");
    for seed in seeds {
        let bytes = fs::read(&seed).unwrap();
        run(&bytes);
        run(&bytes[..bytes.len() / 2]);
    }
}

#[test]
fn no_target_is_left_out() {
    let sources = fs::read_dir(folder("fuzz_targets")).unwrap();
    let there: BTreeSet<String> = sources
        .map(|source| {
            source
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    assert_eq!(there, TARGETS.iter().map(|target| (*target).to_owned()).collect());
}
