//! What flows between the hosts of two sites while something fails.

use std::{net::IpAddr, time::Instant};

use super::Variant;
use crate::{
    netns::{
        meter::{Arrivals, Pings, Stream},
        pairs::{Pairs, Side},
    },
    wait_for,
};

/// Pings and a TCP connection in each direction: first those from site A.
#[derive(Debug)]
pub struct Meters {
    pings: [Pings; 2],
    streams: [Stream; 2],
}

impl Meters {
    /// Begins, and returns once everything flows.
    ///
    /// # Panics
    /// When it does not.
    pub async fn start(pairs: &Pairs) -> Self {
        Self::start_as(pairs, Variant::default()).await
    }

    /// The same in a mesh of that kind.
    ///
    /// # Panics
    /// When it does not.
    pub async fn start_as(pairs: &Pairs, variant: Variant) -> Self {
        let address = |side: Side| variant.host(side).parse::<IpAddr>().expect("an address");
        let ways = [(Side::A, Side::B), (Side::B, Side::A)];
        let meters = Self {
            pings: ways.map(|(from, to)| Pings::start(pairs.host(from), address(to))),
            streams: ways.map(|(from, to)| Stream::start(pairs.host(from), pairs.host(to), address(to))),
        };
        wait_for("pings and streams both ways", async || {
            meters.pings_are_steady() && meters.streams.iter().all(|stream| stream.chunks().are_steady())
        })
        .await;
        meters
    }

    /// The answers to pings of each direction.
    pub fn answers(&self) -> [&Arrivals; 2] {
        self.pings.each_ref().map(Pings::answers)
    }

    /// The TCP connections of each direction.
    #[must_use]
    pub const fn streams(&self) -> &[Stream; 2] {
        &self.streams
    }

    /// Whether pings are answered both ways now.
    #[must_use]
    pub fn pings_are_steady(&self) -> bool {
        self.answers().iter().all(|answers| answers.are_steady())
    }

    /// Whether each connection goes on, or has broken; and if it goes on, has brought something since that moment.
    #[must_use]
    pub fn streams_are_decided(&self, since: Instant) -> bool {
        self.streams.iter().all(|stream| {
            let goes_on = stream.chunks().are_steady() && stream.chunks().gap_after(since).is_some();
            goes_on || stream.failure().is_some()
        })
    }

    /// Waits until so many more pings of each direction are answered.
    ///
    /// # Panics
    /// After 10 s.
    pub async fn more_answers(&self, more: usize) {
        let counts = self.answers().map(|answers| answers.count() + more);
        wait_for("more answers to pings", async || {
            let pairs = self.answers().into_iter().zip(counts);
            pairs.into_iter().all(|(answers, count)| answers.count() >= count)
        })
        .await;
    }
}
