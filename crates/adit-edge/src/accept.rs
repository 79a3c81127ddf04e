//! Where connectors dial in.

pub(crate) mod carriers;
pub(crate) mod http2;
pub(crate) mod quic;

use std::{sync::Arc, time::Duration};

use adit_core::port::CloseReason;
use adit_rpc::{Registrar, serve_registration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};
use tracing::debug;

use crate::{
    context::Context,
    registrar::{ControlStream, Progress},
};

/// A dialler that has not registered by then is let go.
const REGISTRATION_DEADLINE: Duration = Duration::from_secs(10);
/// How long a refused connector may take to read its refusal.
const REFUSAL_GRACE: Duration = Duration::from_secs(1);

/// Serves a control stream until it is of no more use. Returns why the connection should end now, or `None` if the
/// connector has said goodbye and ends it by itself.
async fn serve_control<R, W>(
    context: &Arc<Context>,
    control: &Arc<ControlStream>,
    reader: R,
    writer: W,
) -> Option<CloseReason>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let progress = control.progress();
    let registrar: Arc<dyn Registrar> = Arc::clone(control) as _;
    let calls = serve_registration(&context.lanes, reader, writer, registrar);
    tokio::pin!(calls);
    tokio::select! {
        ended = &mut calls => return after_calls(ended, *progress.borrow()),
        () = no_registration(progress.clone()) => return Some(CloseReason::Misbehaved),
        () = refused(progress.clone()) => {}
    }
    // The refusal may still be on its way: give the connector a moment to read it and to end the stream.
    let _ = tokio::time::timeout(REFUSAL_GRACE, calls).await;
    Some(CloseReason::Misbehaved)
}

fn after_calls(ended: Result<(), adit_rpc::RpcError>, progress: Progress) -> Option<CloseReason> {
    match ended {
        Ok(()) if progress == Progress::Unregistered => None,
        Ok(()) => Some(CloseReason::Lost),
        Err(error) => {
            debug!(%error, "control stream broke");
            Some(CloseReason::Misbehaved)
        }
    }
}

/// Completes if nothing was registered or refused in time; otherwise never.
async fn no_registration(mut progress: watch::Receiver<Progress>) {
    let answered = progress.wait_for(|progress| *progress != Progress::Waiting);
    if tokio::time::timeout(REGISTRATION_DEADLINE, answered)
        .await
        .is_ok()
    {
        std::future::pending::<()>().await;
    }
}

async fn refused(mut progress: watch::Receiver<Progress>) {
    if progress
        .wait_for(|progress| *progress == Progress::Refused)
        .await
        .is_err()
    {
        std::future::pending::<()>().await;
    }
}
