//! The kernel settings of a router.

use std::{collections::BTreeSet, fmt, fs, io, path::PathBuf};

use serde::{Deserialize, Serialize};

/// A setting that the node changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedSetting {
    /// Such as `net.ipv4.ip_forward`; dots within an interface's name are written as slashes.
    pub name: String,
    /// What it was.
    pub from: String,
    /// What it is now.
    pub to: String,
}

/// A setting that could not be changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissedSetting {
    /// Its name.
    pub name: String,
    /// What it is to be.
    pub wanted: String,
    /// Why it is not.
    pub problem: String,
}

impl fmt::Display for MissedSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot set {} to {}: {}", self.name, self.wanted, self.problem)
    }
}

/// IPv4 forwarding.
const FORWARD_V4: &str = "net.ipv4.ip_forward";
/// IPv6 forwarding.
const FORWARD_V6: &str = "net.ipv6.conf.all.forwarding";

/// What setting the host up as a router has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::node) struct Settings {
    pub(in crate::node) changed: Vec<ChangedSetting>,
    pub(in crate::node) missed: Vec<MissedSetting>,
}

impl Settings {
    /// Lets the host forward packets. A host that forwards IPv6 no longer takes routes from routers' advertisements unless
    /// told so a second time: interfaces that took them go on taking them, but for the tunnel, where there are none.
    pub(super) fn forward(&mut self, tunnel: &str) {
        let mut listening = interfaces("net.ipv6.conf", "accept_ra", "1");
        listening.retain(|interface| interface.replace('/', ".") != tunnel);
        self.set(FORWARD_V4, "1");
        for interface in listening {
            self.set(&format!("net.ipv6.conf.{interface}.accept_ra"), "2");
        }
        self.set(FORWARD_V6, "1");
    }

    /// Lets packets come in by another interface than the one that answers leave by, as they do where a default route
    /// leads into the tunnel: the strict check becomes the loose one.
    pub(super) fn loosen_source_check(&mut self) {
        let strict_everywhere = read("net.ipv4.conf.all.rp_filter").is_ok_and(|value| value == "1");
        let mut strict = interfaces("net.ipv4.conf", "rp_filter", "1");
        if strict_everywhere {
            strict.extend(interfaces("net.ipv4.conf", "rp_filter", "0"));
        }
        for interface in strict {
            self.set(&format!("net.ipv4.conf.{interface}.rp_filter"), "2");
        }
    }

    /// Lets this host answer ARP on an interface for addresses that another one has. The stricter of an interface's own
    /// setting and that of all counts, so the others get what that of all was. 3 differs from 0 only for addresses that
    /// mean nothing on a LAN.
    pub(in crate::node) fn let_arp_answer(&mut self, interface: &str) {
        const ALL: &str = "net.ipv4.conf.all.arp_ignore";
        let answers = |value: &str| matches!(value, "0" | "3");
        let interface = interface.replace('.', "/");
        let of_all = read(ALL).unwrap_or_else(|_| "0".to_owned());
        if !answers(&of_all) {
            for other in interfaces("net.ipv4.conf", "arp_ignore", "0") {
                if other != interface {
                    self.set(&format!("net.ipv4.conf.{other}.arp_ignore"), &of_all);
                }
            }
            self.set(ALL, "0");
        }
        let own = format!("net.ipv4.conf.{interface}.arp_ignore");
        if !read(&own).is_ok_and(|value| answers(&value)) {
            self.set(&own, "0");
        }
    }

    fn set(&mut self, name: &str, to: &str) {
        let missed = |problem: io::Error| MissedSetting {
            name: name.to_owned(),
            wanted: to.to_owned(),
            problem: problem.to_string(),
        };
        match read(name) {
            Ok(from) if from == to => {}
            Ok(from) => match fs::write(path(name), to) {
                Ok(()) => {
                    tracing::info!(setting = name, from, to, "changed a kernel setting");
                    self.changed.push(ChangedSetting {
                        name: name.to_owned(),
                        from,
                        to: to.to_owned(),
                    });
                }
                Err(problem) => self.missed.push(missed(problem)),
            },
            // A kernel without IPv6 has nothing to forward.
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => {}
            Err(problem) => self.missed.push(missed(problem)),
        }
    }
}

/// Whether the host forwards, by family; `None` where the kernel does not know the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forwarding {
    /// IPv4.
    pub v4: Option<bool>,
    /// IPv6.
    pub v6: Option<bool>,
}

impl Forwarding {
    /// As the kernel says now.
    #[must_use]
    pub fn now() -> Self {
        let is_on = |name| read(name).ok().map(|value| value != "0");
        Self {
            v4: is_on(FORWARD_V4),
            v6: is_on(FORWARD_V6),
        }
    }
}

/// The interfaces whose setting has that value; `all` and `default` are none.
fn interfaces(family: &str, setting: &str, value: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(path(family)) else {
        return Vec::new();
    };
    let names: BTreeSet<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !matches!(name.as_str(), "all" | "default" | "lo"))
        .map(|name| name.replace('.', "/"))
        .collect();
    names
        .into_iter()
        .filter(|name| read(&format!("{family}.{name}.{setting}")).is_ok_and(|found| found == value))
        .collect()
}

fn read(name: &str) -> io::Result<String> {
    fs::read_to_string(path(name)).map(|text| text.trim().to_owned())
}

/// Dots part the levels; a slash stands for a dot within a name, as for the program `sysctl`.
fn path(name: &str) -> PathBuf {
    let mut path = PathBuf::from("/proc/sys");
    path.extend(name.split('.').map(|level| level.replace('/', ".")));
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_with_a_dot_in_its_name_has_its_own_settings() {
        assert_eq!(
            path("net.ipv6.conf.eth0/5.accept_ra"),
            PathBuf::from("/proc/sys/net/ipv6/conf/eth0.5/accept_ra")
        );
    }
}
