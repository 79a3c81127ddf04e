//! Requests that nobody would think of, made from the OpenAPI document: right in form, nearly right, and hostile, each
//! with ids that earlier answers gave. Whatever is asked, the answer is in the document and is nobody's fault but the
//! client's.

mod choices;
mod requests;

use std::time::{Duration, Instant};

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner},
};

use self::{choices::Choices, requests::Known};
use crate::support::{Api, Contract};

/// The rounds of every run, each from a seed of its own that is the same each time: what one run finds, all find.
const ROUNDS: u64 = 24;
/// How long a long run goes on after them, from seeds that nobody has tried.
const LONG: Duration = Duration::from_secs(180);

#[test]
fn no_request_gets_an_answer_that_the_document_does_not_tell_of() {
    let long = std::env::var_os("ADIT_LONG").map(|_| Instant::now() + LONG);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let api = runtime.block_on(Api::new());
    let known = std::cell::RefCell::new(Known::of(&api));
    let mut counts = std::collections::BTreeMap::<u16, usize>::new();
    for round in 0.. {
        if round >= ROUNDS && long.is_none_or(|end| Instant::now() >= end) {
            break;
        }
        let config = Config {
            cases: 8,
            failure_persistence: None,
            max_shrink_time: 20_000,
            ..Config::default()
        };
        let sequences = vec(vec(any::<u16>(), 64), 1..24);
        let counts = std::cell::RefCell::new(&mut counts);
        let mut seed = [0; 32];
        if round < ROUNDS {
            seed[..8].copy_from_slice(&round.to_le_bytes());
        } else {
            seed = rand::random();
        }
        let seeded = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let outcome = TestRunner::new_with_rng(config, seeded).run(&sequences, |sequence| {
            for choices in sequence {
                let request = requests::any(Contract::get(), &mut known.borrow_mut(), Choices::new(&choices));
                let shown = request.to_string();
                let answer = runtime.block_on(api.send(request.into_http()));
                prop_assert!(!answer.status.is_server_error(), "{shown}\n{answer:?}");
                known.borrow_mut().learn(&answer.body["result"]);
                *counts.borrow_mut().entry(answer.status.as_u16()).or_default() += 1;
            }
            Ok(())
        });
        match outcome {
            Ok(()) => {}
            Err(TestError::Fail(reason, _)) => panic!("{reason}"),
            Err(TestError::Abort(reason)) => panic!("given up: {reason}"),
        }
    }
    // If next to nothing succeeds, the requests are too wild to reach anything.
    let (all, good) = (
        counts.values().sum::<usize>(),
        counts.get(&200).copied().unwrap_or(0),
    );
    assert!(good * 10 > all, "{counts:?}");
}
