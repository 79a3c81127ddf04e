//! Makes the checks.

use std::{sync::Arc, time::Duration};

use adit_wire::mesh::LanHealth;
use parking_lot::Mutex;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

use super::{Check, Health, LanOptions, probe, target};
use crate::node::host::Netlink;

/// How often each check is made.
const EVERY: Duration = Duration::from_secs(1);
/// How soon after a failure it is made again.
const SOON: Duration = Duration::from_millis(500);
/// How long an answer may take.
pub(super) const LIMIT: Duration = Duration::from_millis(450);

/// The checks of a network. Dropping it ends them.
#[derive(Debug)]
pub(in crate::node) struct LanWatch {
    told: watch::Receiver<LanHealth>,
    _tasks: JoinSet<()>,
}

impl LanWatch {
    /// Must be called inside a tokio runtime, in the network namespace of the host.
    pub(in crate::node) fn start(options: &LanOptions, netlink: &Arc<Netlink>) -> Self {
        let health = Arc::new(Mutex::new(Health::new(options.checks())));
        let (tell, told) = watch::channel(health.lock().told());
        let tell = Arc::new(tell);
        let mut tasks = JoinSet::new();
        for check in options.checks() {
            let one = One {
                check,
                interface: options.interface.clone(),
                netlink: Arc::clone(netlink),
                health: Arc::clone(&health),
                tell: Arc::clone(&tell),
            };
            tasks.spawn(one.run());
        }
        Self { told, _tasks: tasks }
    }

    /// What the checks add up to, now and from now on.
    pub(in crate::node) fn told(&self) -> watch::Receiver<LanHealth> {
        self.told.clone()
    }
}

/// One check, again and again.
struct One {
    check: Check,
    interface: Option<String>,
    netlink: Arc<Netlink>,
    health: Arc<Mutex<Health>>,
    tell: Arc<watch::Sender<LanHealth>>,
}

impl One {
    async fn run(self) {
        let mut changes = self.netlink.changes();
        loop {
            let begun = Instant::now();
            let has_passed = self.make().await;
            self.note(has_passed);
            let rest = sleep_until(begun + if has_passed { EVERY } else { SOON });
            if matches!(self.check, Check::Carrier(_)) {
                change_or(&mut changes, rest).await;
            } else {
                rest.await;
            }
        }
    }

    async fn make(&self) -> bool {
        match &self.check {
            Check::Carrier(name) => {
                let found = timeout(EVERY, self.netlink.interfaces()).await;
                matches!(found, Ok(Ok(all)) if all.iter().any(|one| one.name == *name && one.has_carrier))
            }
            Check::Target(address) => {
                target::answers(&self.netlink, self.interface.as_deref(), *address).await
            }
            Check::Probe(probe) => probe::passes(*probe).await,
        }
    }

    fn note(&self, has_passed: bool) {
        let mut health = self.health.lock();
        health.handle(&self.check, has_passed);
        let now = health.told();
        self.tell.send_if_modified(|told| {
            let news = *told != now;
            if news {
                if now.well {
                    tracing::info!("the site's network is well");
                } else {
                    tracing::warn!(
                        problems = now.problems.join("; "),
                        "the site's network is not well"
                    );
                }
                *told = now;
            }
            news
        });
    }
}

/// Waits until a link changes, or the rest is over.
async fn change_or(changes: &mut watch::Receiver<u64>, rest: impl Future<Output = ()>) {
    tokio::select! {
        Ok(()) = changes.changed() => {}
        () = rest => {}
    }
}
