//! The thread that keeps time: WireGuard's timers, paths, metrics, the log.

use std::{
    os::fd::AsFd,
    time::{Duration, Instant},
};

use super::{path, scene::Slot, shared::Shared};
use crate::{
    noise::TICK,
    udp::{BatchSocket, Endpoint, SendBatch},
    wait::until_readable,
};

/// How often indices are swept and metrics told.
const SECOND: Duration = Duration::from_secs(1);
/// How often the path to each member is looked at again.
const LOOK: Duration = Duration::from_secs(10);
/// Nothing hurries here.
const PATIENCE: Duration = Duration::from_millis(20);

/// Keeps time until the hub stops.
pub(super) fn run(shared: &Shared, socket: &BatchSocket) {
    let mut out = SendBatch::default();
    let (mut second, mut look) = (Instant::now(), Instant::now());
    loop {
        let [is_over] = until_readable([shared.stop.as_fd()], TICK);
        if is_over {
            return;
        }
        let now = Instant::now();
        let looks = now.saturating_duration_since(look) >= LOOK;
        if looks {
            look = now;
        }
        shared.host.tick(now);
        let live = tick(shared, socket, &mut out, now, looks);
        if now.saturating_duration_since(second) >= SECOND {
            second = now;
            shared.demux.write().sweep(&shared.host);
            shared.book.members(live.of, live.live);
            shared.book.publish();
        }
        for report in shared.troubles.due(now) {
            let example = report.example.map(tracing::field::display);
            let count = report.count;
            tracing::warn!(count, peer = example, "mesh: {}", report.trouble.line());
        }
    }
}

/// How many sessions there are, and how many of them are in use.
struct Live {
    of: usize,
    live: usize,
}

fn tick(shared: &Shared, socket: &BatchSocket, out: &mut SendBatch, now: Instant, looks: bool) -> Live {
    let scene = shared.scene.load();
    let mut counted = Live { of: 0, live: 0 };
    for slot in scene.slots() {
        counted.of += 1;
        let is_live = slot.is_live(shared.began, now);
        counted.live += usize::from(is_live);
        let at = {
            let mut peer = slot.peer.lock();
            peer.tick(out);
            if let Some(index) = peer.take_index() {
                shared.demux.write().learn(index, slot.key);
            }
            peer.endpoint()
        };
        if let Some(at) = at
            && (slot.take_moved() || looks && is_live)
        {
            look_at_path(shared, slot, at);
        }
    }
    shared.flush(socket, out, PATIENCE);
    counted
}

fn look_at_path(shared: &Shared, slot: &Slot, at: Endpoint) {
    // What is too large for a datagram of a carrier goes over its stream; the member says what it would rather have.
    let path = path::mtu_to(at.remote).filter(|_| at.carrier.is_none());
    let most = path.map_or(shared.mtu, |path| path::inner_mtu(at.remote, path));
    let mtu = most.min(shared.mtu);
    if slot.mtu() != mtu {
        tracing::debug!(peer = %slot.key, mtu, "mesh: the path to a member carries packets of another length");
        slot.set_mtu(mtu);
    }
}
