//! A TCP flow. The far end is dialled first; what it answers is the answer to the SYN.

use std::{
    future::poll_fn,
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use adit_net::private::PrivateStream;
use smoltcp::wire::TcpControl;
use tokio::{
    select,
    sync::mpsc,
    time::{Sleep, sleep_until},
};

use super::{
    super::{
        counts::Lost,
        flows::Arrival,
        intake::Handed,
        limits::{Memory, Queued},
        record::{End, Record},
        sort::Protocol,
        tcp::TcpEnd,
        write::segment,
    },
    Flow, MOST_TOGETHER,
    bridge::Bridge,
};

/// How many packets are taken at once.
const TAKEN_AT_ONCE: usize = 64;
/// What waits for time waits at least so long.
const TICK: Duration = Duration::from_millis(1);
/// How long nothing is waited for at most.
const LONG: Duration = Duration::from_secs(3600);

/// Carries a flow from its SYN to its end.
pub(super) async fn carry(mut flow: Flow) {
    let mut record = Record::new(flow.key, &flow.first.handed);
    let Some(memory) = flow.shared.places.memory() else {
        Lost::Limit.count();
        return record.ended(End::Edge, Some("no memory for its buffers".to_owned()));
    };
    let dialer = std::sync::Arc::clone(&flow.shared.dialer);
    let dialled = select! {
        end = given_up(&flow.first.handed, &mut flow.packets) => {
            return record.ended(end, None);
        }
        dialled = dialer.tcp(flow.key.private(), flow.key.destination) => dialled,
    };
    match dialled {
        Ok(stream) => accept(flow, stream, &memory, &mut record).await,
        Err(error) => {
            flow.shared.refuse(&flow.first.handed, Protocol::Tcp, &error);
            record.refused(&error);
        }
    }
}

/// Completes when the member takes its SYN back, or the edge stops. The member may send it again meanwhile, and nothing else.
async fn given_up(syn: &Handed, packets: &mut mpsc::Receiver<Queued<Arrival>>) -> End {
    let first = segment(syn).map(|syn| syn.seq_number);
    while let Some(queued) = packets.recv().await {
        let said = segment(&queued.packet.handed);
        let takes_back = said.is_some_and(|said| {
            said.control == TcpControl::Rst && Some(said.seq_number) == first.map(|first| first + 1)
        });
        if takes_back {
            return End::Member;
        }
    }
    End::Edge
}

async fn accept(flow: Flow, stream: Box<dyn PrivateStream>, memory: &Memory, record: &mut Record) {
    let first = &flow.first.handed;
    let (destination, window) = (flow.key.destination, memory.window());
    let syn = first.packet.clone();
    let end = TcpEnd::accept(
        syn,
        destination,
        window,
        first.mtu,
        rand::random(),
        Instant::now(),
    );
    let Some(end) = end else {
        Lost::Malformed.count();
        return record.ended(End::Member, Some("its SYN is malformed".to_owned()));
    };
    let carrying = Carrying {
        flow,
        end,
        bridge: Bridge::new(stream),
        record,
    };
    Box::pin(carrying.run()).await;
}

/// A flow that the far end has accepted.
struct Carrying<'a> {
    flow: Flow,
    end: TcpEnd,
    bridge: Bridge,
    record: &'a mut Record,
}

impl Carrying<'_> {
    /// Each time something happens, everything that can be done is done once: packets in, bytes on, packets out.
    async fn run(mut self) {
        let mut taken = Vec::with_capacity(TAKEN_AT_ONCE);
        let mut sleep = pin!(sleep_until(Instant::now().into()));
        loop {
            let is_more = match self.turn().await {
                Some(is_more) => is_more,
                None => return,
            };
            if self.bridge.is_over(&mut self.end) {
                let (end, failure) = self.bridge.end();
                return self.record.ended(end, failure);
            }
            if is_more {
                continue;
            }
            self.set_alarm(sleep.as_mut());
            let Self {
                flow,
                end,
                bridge,
                record,
            } = &mut self;
            let is_open = end.is_open();
            let is_stopping = select! {
                count = flow.packets.recv_many(&mut taken, TAKEN_AT_ONCE) => {
                    for Queued { packet: Arrival { handed, .. }, .. } in taken.drain(..) {
                        end.set_mtu(handed.mtu);
                        end.take(handed.packet);
                    }
                    count == 0
                }
                () = poll_fn(|context| bridge.poll(context, end, record, Instant::now())), if is_open => false,
                () = sleep.as_mut() => false,
            };
            if is_stopping {
                return self.break_off().await;
            }
        }
    }

    /// The edge stops: nobody would tell the member later.
    async fn break_off(mut self) {
        self.end.reset();
        let packets = self.end.egress(Instant::now(), 1);
        self.flow.shared.answer(&self.flow.first.handed, packets).await;
        self.record.ended(End::Edge, None);
    }

    /// Does everything once. Whether there may be more to send; nothing if there is nobody to send it.
    async fn turn(&mut self) -> Option<bool> {
        let Self {
            flow,
            end,
            bridge,
            record,
        } = self;
        let now = Instant::now();
        end.ingress(now);
        if end.is_open() {
            flow.place.open();
            poll_fn(|context| {
                // If there is nothing to pass on, whoever waits is woken later.
                let _ = bridge.poll(context, end, record, now);
                Poll::Ready(())
            })
            .await;
        }
        bridge.give_up(end, now);
        let packets = end.egress(now, MOST_TOGETHER);
        let is_more = packets.len() >= MOST_TOGETHER;
        let is_sent = flow.shared.answer(&flow.first.handed, packets).await;
        is_sent.then_some(is_more)
    }

    fn set_alarm(&mut self, sleep: std::pin::Pin<&mut Sleep>) {
        let now = Instant::now();
        let next = self.end.next(now).into_iter().chain(self.bridge.deadline()).min();
        let at = next.unwrap_or(now + LONG).max(now + TICK);
        sleep.reset(at.into());
    }
}
