//! Brings packets to their flows, and begins flows.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    select,
    sync::mpsc::{self, error::TrySendError},
    task::{Id, JoinSet},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    counts::Lost,
    flow::{self, Flow},
    flows::{Arrival, Step, step},
    intake::Handed,
    limits::Queued,
    shared::Shared,
    sort::{FlowKey, Protocol},
};

/// How many packets are looked at before anything else is.
const TAKEN_AT_ONCE: usize = 256;
/// How many packets wait for one flow of TCP: more than its window holds.
const MOST_SEGMENTS: usize = 256;
/// How many datagrams or requests wait for one flow of another kind.
const MOST_DATAGRAMS: usize = 32;

/// How long flows may take to say that they are over when the edge stops.
const FAREWELL: Duration = Duration::from_millis(500);

/// Brings packets to their flows until it is told to stop; then it ends them all.
pub(super) async fn run(
    shared: Arc<Shared>,
    mut packets: mpsc::Receiver<Handed>,
    stopping: CancellationToken,
) {
    let mut dispatcher = Dispatcher {
        shared,
        flows: HashMap::new(),
        tasks: JoinSet::new(),
        keys: HashMap::new(),
    };
    let mut taken = Vec::with_capacity(TAKEN_AT_ONCE);
    loop {
        select! {
            () = stopping.cancelled() => break,
            count = packets.recv_many(&mut taken, TAKEN_AT_ONCE) => {
                if count == 0 {
                    break;
                }
                for handed in taken.drain(..) {
                    dispatcher.take(handed);
                }
            }
            Some(ended) = dispatcher.tasks.join_next_with_id() => {
                let id = match &ended {
                    Ok((id, ())) => *id,
                    // Its panic was told where it happened, and is nobody else's.
                    Err(panicked) => panicked.id(),
                };
                dispatcher.forget(id);
            }
        }
    }
    dispatcher.end().await;
}

struct Dispatcher {
    shared: Arc<Shared>,
    flows: HashMap<FlowKey, Entry>,
    tasks: JoinSet<()>,
    keys: HashMap<Id, FlowKey>,
}

struct Entry {
    packets: mpsc::Sender<Queued<Arrival>>,
    task: Id,
}

impl Dispatcher {
    fn take(&mut self, handed: Handed) {
        let is_running = |key: &FlowKey| self.flows.get(key).is_some_and(|flow| !flow.packets.is_closed());
        match step(handed, is_running) {
            Step::Deliver(key, arrival) => self.deliver(&key, arrival),
            Step::Open(key, arrival) => self.open(key, arrival),
            Step::Reset(handed) => {
                Lost::Stray.count();
                self.shared.reset(&handed);
            }
            Step::Refuse(handed, lost, problem) => {
                lost.count();
                if let Some(problem) = problem {
                    self.shared.complain(&handed, problem);
                }
            }
        }
    }

    fn deliver(&mut self, key: &FlowKey, arrival: Arrival) {
        let Some(flow) = self.flows.get(key) else {
            return;
        };
        let Ok(queued) = self.shared.places.queue(arrival) else {
            return Lost::SlowFlow.count();
        };
        match flow.packets.try_send(queued) {
            Ok(()) => {}
            // One that has ended this moment: its sender sends again what matters.
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => Lost::SlowFlow.count(),
        }
    }

    fn open(&mut self, key: FlowKey, first: Arrival) {
        let Some(place) = self.shared.places.take(first.handed.who) else {
            return Lost::Limit.count();
        };
        let most = match key.protocol {
            Protocol::Tcp => MOST_SEGMENTS,
            Protocol::Udp | Protocol::Echo => MOST_DATAGRAMS,
        };
        let (packets, waiting) = mpsc::channel(most);
        let flow = Flow {
            key,
            first,
            packets: waiting,
            place,
            shared: Arc::clone(&self.shared),
        };
        let task = self.tasks.spawn(flow::carry(flow)).id();
        self.keys.insert(task, key);
        // A former flow that has just ended is forgotten by its task's id.
        self.flows.insert(key, Entry { packets, task });
    }

    /// Ends every flow. Those who hear of no more packets say so to their members.
    async fn end(mut self) {
        self.flows.clear();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        // What takes longer has nobody to tell.
        let _ = timeout(FAREWELL, ended).await;
        self.tasks.shutdown().await;
    }

    fn forget(&mut self, task: Id) {
        if let Some(key) = self.keys.remove(&task)
            && self.flows.get(&key).is_some_and(|flow| flow.task == task)
        {
            self.flows.remove(&key);
        }
    }
}
