//! Network namespaces: hosts, routers and networks of a test's own, on this machine and invisible to it.
//!
//! They take root and the program `ip`: [`absent`] says what is missing, for [`skip`](crate::skip()). [`Namespace`] is a
//! host, [`Switch`] the wires between hosts, [`sites::Sites`] two sites with a node each, [`pairs::Pairs`] with two.

pub mod meter;
pub mod pairs;
mod resolv_conf;
pub mod sites;
mod switch;

use std::{
    fmt,
    fs::File,
    net::SocketAddr,
    path::Path,
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

pub use resolv_conf::ResolvConf;
pub use switch::Switch;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use tokio::net::{TcpSocket, TcpStream};

use crate::process;

/// Why there can be no namespaces here; `None` if there can.
#[must_use]
pub fn absent() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("network namespaces take root");
    }
    let ip = Command::new("ip")
        .arg("-V")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !ip.is_ok_and(|status| status.success()) {
        return Some("there is no `ip` (Debian package iproute2)");
    }
    if !Path::new("/dev/net/tun").exists() {
        return Some("there is no /dev/net/tun");
    }
    let name = unique("try");
    if !quietly(&["netns", "add", &name]) {
        return Some("this machine lets nobody make network namespaces");
    }
    quietly(&["netns", "delete", &name]);
    None
}

/// Why a program cannot be used; `None` if it is on `PATH`.
#[must_use]
pub fn absent_program(program: &'static str) -> Option<String> {
    let here = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()));
    (!here).then(|| format!("there is no `{program}`"))
}

fn quietly(args: &[&str]) -> bool {
    let status = Command::new("ip")
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// A name that no other test, of this or another process, gives.
fn unique(label: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("adit-{}-{count}-{label}", std::process::id())
}

/// A network namespace with its loopback up. Dropping it removes it with everything in it.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Namespace {
    /// Makes one.
    ///
    /// # Panics
    /// When it cannot be made: see [`absent`].
    #[must_use]
    pub fn new(label: &str) -> Self {
        let name = unique(label);
        ip(&["netns", "add", &name]);
        let namespace = Self { name };
        namespace.ip("link set lo up");
        namespace
    }

    /// A command that will run in it, without what the person who runs the tests has set for Adit.
    #[must_use]
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> tokio::process::Command {
        let mut command = process::clean("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Runs `ip` with these words in it.
    ///
    /// # Panics
    /// When it fails.
    pub fn ip(&self, words: &str) -> String {
        let mut args = vec!["-n", &self.name];
        args.extend(words.split(' '));
        ip(&args)
    }

    /// Runs a command in it and returns what it writes to stdout.
    ///
    /// # Panics
    /// When it fails, showing what it wrote.
    pub fn run(&self, words: &[&str]) -> String {
        match self.try_run(words) {
            Ok(text) => text,
            Err(text) => panic!("{} in {self} fails: {text}", words.join(" ")),
        }
    }

    /// As [`Namespace::run`], for a command that may fail.
    ///
    /// # Errors
    /// What it wrote.
    ///
    /// # Panics
    /// When it cannot be run at all.
    pub fn try_run(&self, words: &[&str]) -> Result<String, String> {
        let output = Command::new("ip")
            .args(["netns", "exec", &self.name])
            .args(words)
            .stdin(Stdio::null())
            .output()
            .expect("`ip` can be run");
        let all = |output: &Output| {
            format!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
        };
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(all(&output))
        }
    }

    /// Does something on a thread inside it: what it opens there stays there.
    ///
    /// # Panics
    /// When what is done panics.
    pub fn inside<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let file =
                    File::open(Path::new("/run/netns").join(&self.name)).expect("the namespace is there");
                move_into_link_name_space(std::os::fd::AsFd::as_fd(&file), Some(LinkNameSpaceType::Network))
                    .expect("root may enter it");
                act()
            });
            match thread.join() {
                Ok(outcome) => outcome,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Connects to a listener from inside it.
    ///
    /// # Errors
    /// When nobody answers there.
    ///
    /// # Panics
    /// Outside a runtime.
    pub async fn connect(&self, listener: SocketAddr) -> std::io::Result<TcpStream> {
        let socket = self.inside(|| match listener {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        });
        socket?.connect(listener).await
    }

    /// Whether a ping is answered within a second.
    ///
    /// # Panics
    /// When there is no `ping`.
    #[must_use]
    pub fn reaches(&self, address: &str) -> bool {
        self.try_run(&["ping", "-n", "-c", "1", "-W", "1", address])
            .is_ok()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        quietly(&["netns", "delete", &self.name]);
    }
}

/// Runs `ip`.
fn ip(args: &[&str]) -> String {
    let output = Command::new("ip")
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("`ip` can be run");
    assert!(
        output.status.success(),
        "ip {} fails: {}",
        args.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
