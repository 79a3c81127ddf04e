//! Many answers that go on and on, a little at a time.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use futures_util::future::try_join_all;
use http_body_util::{BodyExt, Empty};
use tokio::{select, sync::watch, task::JoinSet};

use crate::{
    load::Target,
    origin::{DRIP, DRIP_BYTES},
};

/// How many are opened at a time.
const AT_A_TIME: usize = 50;
/// What of the due bytes has to have come, at least: the rest is on its way.
const LEAST_SHARE: f64 = 0.8;

/// Has so many open for so long, and then asks `look` while they are.
///
/// # Errors
/// When one cannot be opened, ends, or brings less than it should.
pub(super) async fn while_open<T>(
    target: &Target,
    count: usize,
    open_for: Duration,
    look: impl FnOnce() -> T,
) -> anyhow::Result<T> {
    let mut readers = JoinSet::new();
    let (enough, until) = watch::channel(());
    while readers.len() < count {
        let more = (count - readers.len()).min(AT_A_TIME);
        for opened in try_join_all((0..more).map(|_| open(target))).await? {
            readers.spawn(read(opened, until.clone()));
        }
    }
    tokio::time::sleep(open_for).await;
    if let Some(ended) = readers.try_join_next() {
        ended??;
        bail!("a stream ended before its time");
    }
    let seen = look();
    drop(enough);
    let mut bytes = 0;
    while let Some(read) = readers.join_next().await {
        bytes += read??;
    }
    let due = open_for.as_secs_f64() * (DRIP_BYTES * count) as f64;
    ensure!(
        bytes as f64 > due * LEAST_SHARE,
        "{count} streams brought {bytes} bytes in {open_for:?}"
    );
    Ok(seen)
}

type Opened = (hyper::body::Incoming, JoinSet<()>);

async fn open(target: &Target) -> anyhow::Result<Opened> {
    let (mut sender, driver) = target.connect().await?;
    let response = sender
        .send_request(target.request(DRIP, Empty::<Bytes>::new())?)
        .await?;
    ensure!(response.status() == 200, "the answer was {}", response.status());
    Ok((response.into_body(), driver))
}

async fn read((mut body, driver): Opened, mut until: watch::Receiver<()>) -> anyhow::Result<usize> {
    let mut bytes = 0;
    loop {
        let frame = select! {
            frame = body.frame() => frame.context("a stream ended")??,
            _ = until.changed() => break,
        };
        bytes += frame.data_ref().map_or(0, Bytes::len);
    }
    drop(driver);
    Ok(bytes)
}
