//! What the threads of a hub share.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use adit_model::PeerKey;
use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};

use super::{counts::Book, scene::Scene, trouble::Troubles};
use crate::{
    carrier::{Board, Inbox},
    noise::{Demux, Host},
    onramp::Intake,
    wait::Stop,
};

/// What the threads of a hub share. Locks are taken in this order: a peer's, then the indices'.
pub(super) struct Shared {
    pub(super) host: Host,
    pub(super) demux: RwLock<Demux<PeerKey>>,
    pub(super) scene: ArcSwap<Scene>,
    /// Held while a scene is made, so that none is made from one that was replaced meanwhile.
    pub(super) installing: Mutex<()>,
    /// Members that come by carriers.
    pub(super) board: Arc<Board>,
    pub(super) inbox: Inbox,
    /// Takes what connectors carry on, once there is something that does.
    pub(super) intake: OnceLock<Intake>,
    pub(super) book: Book,
    pub(super) troubles: Troubles,
    pub(super) began: Instant,
    pub(super) mtu: u16,
    pub(super) stop: Stop,
}
