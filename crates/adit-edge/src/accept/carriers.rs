//! Carriers of the mesh's packets, on the HTTPS port: over UDP they are all that is served there, over TCP they come
//! beside public clients, who never offer their protocol. Whose they are is for whoever takes them to find out.

use std::sync::Arc;

use adit_net::{
    mesh::Carrier,
    quic::{QuicIncoming, QuicListener},
    tls::TlsStream,
};
use tracing::{debug, info};

use crate::context::Context;

/// Accepts carriers over QUIC until the edge drains. Those that are open stay.
pub(crate) async fn accept(context: Arc<Context>, listener: QuicListener) {
    loop {
        tokio::select! {
            incoming = listener.accept() => match incoming {
                Some(incoming) if !context.memory.has_room() => drop(incoming),
                Some(incoming) => { context.tasks.spawn(shake(Arc::clone(&context), incoming)); }
                None => return,
            },
            () = context.draining.cancelled() => return,
        }
    }
}

async fn shake(context: Arc<Context>, incoming: QuicIncoming) {
    let remote = incoming.remote_address();
    match incoming.finish().await {
        Ok(connection) => hand_over(&context, Carrier::Quic(connection)),
        Err(error) => {
            context.metrics.handshake_failed();
            info!(%remote, %error, cause = ?std::error::Error::source(&error), "QUIC dial-in of a mesh node failed");
        }
    }
}

/// A public client turned out to be a carrier.
pub(crate) fn take(context: &Context, stream: TlsStream) {
    let remote = stream.remote_address();
    match Carrier::accepted(stream) {
        Ok(carrier) => hand_over(context, carrier),
        Err(error) => debug!(%remote, %error, "a mesh node went away at once"),
    }
}

fn hand_over(context: &Context, carrier: Carrier) {
    if let Some(carriers) = &context.mesh_carriers {
        carriers.accept(carrier);
    }
}
