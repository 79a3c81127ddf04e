//! From one queue of the TUN device to the peers.

use std::{io, os::fd::AsFd, time::Duration};

use super::{BATCH, drops::Dropped, shared::Shared};
use crate::{
    packet::{self, VnetHeader},
    tun::{Queue, READ_BYTES},
    udp::SendBatch,
    wait,
};

/// How long a thread sleeps without a packet; only to look whether it was told to stop.
const IDLE: Duration = Duration::from_secs(60);
/// How long it rests when the device is down or gone.
const REST: Duration = Duration::from_millis(100);

pub(super) fn run(shared: &Shared, queue: usize) {
    let Some(queue) = shared.tun.queues().get(queue) else {
        return;
    };
    let mut buffer = Box::new([0; READ_BYTES]);
    let mut out = SendBatch::default();
    loop {
        let [is_stopped, _] = wait::until_readable([shared.stop.as_fd(), queue.as_fd()], IDLE);
        if is_stopped {
            return;
        }
        if let Err(error) = drain(shared, queue, &mut buffer, &mut out) {
            tracing::debug!(%error, "cannot read from the TUN device");
            let [is_stopped] = wait::until_readable([shared.stop.as_fd()], REST);
            if is_stopped {
                return;
            }
        }
    }
}

/// Sends what the queue holds now.
fn drain(
    shared: &Shared,
    queue: &Queue,
    buffer: &mut [u8; READ_BYTES],
    out: &mut SendBatch,
) -> io::Result<()> {
    let mut outcome = Ok(());
    let mut of_site = false;
    // A queue that never empties must not keep the thread from being told to stop.
    for _ in 0..BATCH {
        match queue.read(buffer) {
            Ok((header, packet)) => of_site |= pass(shared, &header, packet, out),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                break;
            }
            Err(error) => {
                outcome = Err(error);
                break;
            }
        }
        if out.len() >= BATCH {
            flush(shared, std::mem::take(&mut of_site), out);
        }
    }
    flush(shared, of_site, out);
    outcome
}

fn flush(shared: &Shared, of_site: bool, out: &mut SendBatch) {
    if of_site {
        shared.flush_open(out);
    } else {
        shared.flush(out);
    }
}

/// Cuts one packet and encrypts the pieces. True if the gate was open.
fn pass(shared: &Shared, header: &VnetHeader, packet: &[u8], out: &mut SendBatch) -> bool {
    let is_open = shared.is_open();
    if !is_open && !shared.gate.is_own(packet::source(packet)) {
        shared.drops.add(Dropped::NotForwarding, 1);
        return false;
    }
    let peer = packet::destination(packet).and_then(|to| shared.routes.find(to));
    let Some((at, peer)) = peer.and_then(|at| Some((at, shared.peers.get(at)?))) else {
        shared.drops.add(Dropped::NoRoute, 1);
        return false;
    };
    let mut peer = peer.lock();
    let done = packet::split(header, packet, |wire| {
        if let Err(unsent) = peer.send(wire, out) {
            shared.drops.add(unsent.into(), 1);
        }
        shared.learn(at, &mut peer);
    });
    if done.is_err() {
        shared.drops.add(Dropped::BadOffload, 1);
    }
    is_open
}
