//! The watchdog's own process.

use std::{io, os::fd::AsFd, time::Duration};

use socket2::Socket;
use tokio::{
    net::UnixDatagram,
    signal::unix::{SignalKind, signal},
    time::sleep,
};

use super::{
    MAX_ORDER,
    order::{Order, StandDown},
};
use crate::{
    boot_time::BootTime,
    node::{
        hooks::{HookCommands, Hooks, LIMIT},
        host::Netlink,
    },
};

/// How often what did not work is tried again.
const AGAIN: Duration = Duration::from_millis(100);
/// How long it sleeps at most: the clock of sleeping stands still while the host does.
const LONGEST_SLEEP: Duration = Duration::from_millis(500);

/// Is the watchdog of the node that started this process with a socket as its standard input. Returns when the node has
/// ended. Must be called inside a tokio runtime.
///
/// # Errors
/// If standard input is no such socket.
pub async fn guard() -> io::Result<()> {
    let socket = Socket::from(io::stdin().as_fd().try_clone_to_owned()?);
    socket.set_nonblocking(true)?;
    // Whole messages, as of datagrams, but with an end.
    let socket = UnixDatagram::from_std(socket.into())?;
    // Whoever stops the node stops this by that.
    let _terminate = signal(SignalKind::terminate())?;
    let _interrupt = signal(SignalKind::interrupt())?;
    let _hangup = signal(SignalKind::hangup())?;
    let netlink = Netlink::connect_for_links()?;
    let mut order = Order::default();
    let mut standing_down = None;
    loop {
        let now = BootTime::now();
        let wait = order
            .due()
            .map_or(LONGEST_SLEEP, |due| due.since(now).min(LONGEST_SLEEP));
        tokio::select! {
            // What was said counts before time does.
            biased;
            received = receive(&socket) => match received? {
                Some(text) => {
                    order = Order::read(&text).unwrap_or(order);
                    // The node is awake, and runs what is to be run.
                    standing_down = None;
                }
                None => {
                    if order.until.is_some() {
                        tracing::warn!(interface = order.device, "the node was killed while it carried its site's traffic");
                        standing_down = stand_down(&order);
                    }
                    if let Some(command) = standing_down {
                        command.stop(LIMIT).await;
                    }
                    return Ok(());
                }
            },
            () = sleep(wait) => {
                if order.due().is_some_and(|due| due <= BootTime::now()) {
                    match carry_out(&netlink, &order).await {
                        Ok(()) => {
                            tracing::warn!(interface = order.device, "the lease is over and the node does nothing: took its device down");
                            order.until = None;
                            standing_down = stand_down(&order);
                        }
                        Err(error) => {
                            tracing::error!(error = &*error, "cannot take the node's device down");
                            sleep(AGAIN).await;
                        }
                    }
                }
            }
        }
    }
}

/// Runs what the node would run.
fn stand_down(order: &Order) -> Option<Hooks> {
    let StandDown { command, change } = order.command.clone()?;
    let commands = HookCommands {
        on_active: None,
        on_passive: Some(command),
    };
    let hooks = Hooks::start(commands, LIMIT);
    hooks.tell(change);
    Some(hooks)
}

/// The next order; nothing when the node is gone.
async fn receive(socket: &UnixDatagram) -> io::Result<Option<Vec<u8>>> {
    let mut buffer = vec![0; MAX_ORDER];
    match socket.recv(&mut buffer).await {
        Ok(0) => Ok(None),
        Ok(len) => {
            buffer.truncate(len);
            Ok(Some(buffer))
        }
        // A node that was killed leaves what it had not read.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(None),
        Err(error) => Err(error),
    }
}

/// The addresses first: the kernel answers for them on other interfaces even while the device is down.
async fn carry_out(netlink: &Netlink, order: &Order) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let Some(device) = netlink.link(&order.device).await? else {
        return Ok(());
    };
    for address in &order.addresses {
        netlink.remove_address(device, *address).await?;
    }
    netlink.take_down(device).await?;
    Ok(())
}
