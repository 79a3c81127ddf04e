//! A stranger's bytes on a control stream: it ends when the peer does, and costs little until then.
#![no_main]

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use adit_fuzz::{Refusing, bounded};
use adit_rpc::{RpcLanes, serve_registration};
use tokio::{
    io::{AsyncWriteExt, copy, duplex, sink, split},
    runtime::{Builder, Runtime},
    time::timeout,
};

/// Long past what any input takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made")
});
static LANES: LazyLock<RpcLanes> = LazyLock::new(|| RpcLanes::start(1).expect("a thread can be made"));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (lanes, runtime) = (&*LANES, &*RUNTIME);
    bounded(16 << 20, || runtime.block_on(control_stream(lanes, bytes)));
});

async fn control_stream(lanes: &RpcLanes, bytes: &[u8]) {
    let (near, far) = duplex(16 * 1024);
    let (reader, writer) = split(far);
    let served = async {
        // An error is as good an end as any: garbage breaks the protocol.
        let _ = serve_registration(lanes, reader, writer, Arc::new(Refusing)).await;
    };
    let (mut answers, mut peer) = split(near);
    let spoken = async {
        let _ = peer.write_all(bytes).await;
        let _ = peer.shutdown().await;
        let _ = copy(&mut answers, &mut sink()).await;
    };
    let ended = timeout(PATIENCE, async { tokio::join!(served, spoken) }).await;
    assert!(ended.is_ok(), "the control stream outlives its peer");
}
