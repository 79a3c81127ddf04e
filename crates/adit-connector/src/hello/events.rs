//! Events that a server sends: a number at every tick, for as long as somebody listens.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::{Interval, MissedTickBehavior, interval_at};

/// Between two events, unless the query says otherwise.
const DEFAULT_PAUSE: Duration = Duration::from_secs(10);
/// What is shorter is taken as this: a query is no way to make the connector busy.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
/// What is longer is taken as this.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// The numbers from 0 on, an empty line after each; it never ends.
pub(super) struct Numbers {
    ticks: Interval,
    next: u64,
}

impl Numbers {
    /// As often as `freq` of the query says: `1s`, `500ms`.
    pub(super) fn asked_for(query: Option<&str>) -> Self {
        let pause = query.and_then(pause).unwrap_or(DEFAULT_PAUSE);
        let pause = pause.clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        let mut ticks = interval_at(tokio::time::Instant::now() + pause, pause);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, next: 0 }
    }
}

impl Body for Numbers {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        ready!(self.ticks.poll_tick(context));
        let event = format!("{}\n\n", self.next);
        self.next += 1;
        Poll::Ready(Some(Ok(Frame::data(event.into()))))
    }
}

/// A number with a unit; `None` if it is something else.
fn pause(query: &str) -> Option<Duration> {
    let freq = query.split('&').find_map(|pair| pair.strip_prefix("freq="))?;
    let unit = freq.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = freq.split_at_checked(unit)?;
    let number: f64 = number.parse().ok()?;
    let unit = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * unit).ok()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_query_says_how_often() {
        assert_eq!(pause("freq=1s"), Some(Duration::from_secs(1)));
        assert_eq!(pause("a=b&freq=1.5m"), Some(Duration::from_secs(90)));
        assert_eq!(pause("freq=20ms&c"), Some(Duration::from_millis(20)));
        for wrong in ["", "freq=", "freq=s", "freq=1", "freq=1d", "freq=-1s", "freq=..s"] {
            assert_eq!(pause(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_query_is_a_panic(query in "(freq=)?[0-9.e+-]{0,30}(ms|s|m|h|[a-z]{0,3})") {
            pause(&query);
        }
    }

    #[tokio::test]
    async fn numbers_come_one_by_one() {
        let mut numbers = Numbers::asked_for(Some("freq=1ms"));
        for expected in ["0\n\n", "1\n\n"] {
            let frame = numbers.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), expected);
        }
    }
}
