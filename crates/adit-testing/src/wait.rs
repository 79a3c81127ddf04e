//! Waiting for a condition instead of for a time.

use std::time::Duration;

use tokio::time::{sleep, timeout};

const LIMIT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// Asks every 10 ms whether the condition holds, for at most 10 s.
///
/// The condition should be a level ("at least two connections"), not an edge ("something changed"): an edge can
/// pass between two questions.
///
/// # Panics
/// After 10 s, naming `what` never came.
pub async fn wait_for(what: &str, condition: impl AsyncFnMut() -> bool) {
    wait_within(LIMIT, what, condition).await;
}

/// As [`wait_for`], with a limit of its own.
///
/// # Panics
/// After `limit`, naming `what` never came.
pub async fn wait_within(limit: Duration, what: &str, mut condition: impl AsyncFnMut() -> bool) {
    some_within(limit, what, async || condition().await.then_some(())).await;
}

/// As [`wait_for`], for a condition that has something to hand over.
///
/// # Panics
/// After 10 s, naming `what` never came.
pub async fn wait_for_some<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    some_within(LIMIT, what, ask).await
}

/// Waits for a future that must complete.
///
/// # Panics
/// After 10 s, naming `what` never came.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match timeout(LIMIT, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited {LIMIT:?} in vain for: {what}"),
    }
}

async fn some_within<T>(limit: Duration, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            sleep(PAUSE).await;
        }
    };
    // The limit covers the question too: an answer that never comes is what never came.
    match timeout(limit, asking).await {
        Ok(answer) => answer,
        Err(_) => panic!("waited {limit:?} in vain for: {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_ends_as_soon_as_the_condition_holds() {
        let mut asked = 0;
        wait_for("the third question", async || {
            asked += 1;
            asked == 3
        })
        .await;
        assert_eq!(asked, 3);
        assert_eq!(wait_for_some("an answer", async || Some(7)).await, 7);
    }

    #[tokio::test]
    #[should_panic(expected = "waited 20ms in vain for: the messiah")]
    async fn what_never_comes_is_named() {
        wait_within(Duration::from_millis(20), "the messiah", async || false).await;
    }

    #[tokio::test]
    #[should_panic(expected = "in vain for: an answer")]
    async fn a_question_that_hangs_is_given_up_too() {
        wait_within(Duration::from_millis(20), "an answer", async || {
            std::future::pending().await
        })
        .await;
    }
}
