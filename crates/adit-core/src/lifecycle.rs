//! May this tunnel go, and what do the edges know of it?

use adit_model::NodeId;

use crate::port::{Answer, AskError, Tunnel};

/// What a request to delete a tunnel leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// It is deleted already: nothing is written, and its connections, if any are left, are closed.
    Again,
    /// Its connections go with it.
    Cascade,
    /// Only if no edge holds a connection of it. What the store says of connections does not count, because it
    /// learns of them late and never of those that a crash ended.
    IfIdle,
}

/// Decides what a request to delete a tunnel leads to. `cascade` is the caller's leave to close connections.
#[must_use]
pub const fn plan_deletion(tunnel: &Tunnel, cascade: bool) -> Deletion {
    match (tunnel.deleted_at, cascade) {
        (Some(_), _) => Deletion::Again,
        (None, true) => Deletion::Cascade,
        (None, false) => Deletion::IfIdle,
    }
}

/// Why a tunnel does not go: what leads to it would lead nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("routes lead to it (of networks: {networks}, of host names: {hostnames})")]
pub struct StillRouted {
    /// Live routes of IP networks.
    pub networks: u64,
    /// Live routes of host names.
    pub hostnames: u64,
}

/// Whether a tunnel may go although this leads to it. `cascade` is the caller's leave to remove the routes with it.
///
/// # Errors
/// [`StillRouted`] if not.
pub const fn check_routes(leading: StillRouted, cascade: bool) -> Result<(), StillRouted> {
    if cascade || (leading.networks == 0 && leading.hostnames == 0) {
        Ok(())
    } else {
        Err(leading)
    }
}

/// Adds up how many connections the edges reported, live or closed by them.
///
/// An edge that has stopped holds none.
///
/// # Errors
/// [`AskError::Silent`] if any edge kept silent, since it may hold some; else [`AskError::QueueFull`] if any
/// could not be asked.
pub fn connections_of_all(answers: &[(NodeId, Result<Answer, AskError>)]) -> Result<usize, AskError> {
    let mut total = 0_usize;
    let mut full = false;
    for (_, answer) in answers {
        match answer {
            Ok(Answer::Closed(count)) => total = total.saturating_add(*count),
            Ok(Answer::Connections(connections)) => total = total.saturating_add(connections.len()),
            Err(AskError::Stopped) => {}
            Err(AskError::Silent) => return Err(AskError::Silent),
            Err(AskError::QueueFull) => full = true,
        }
    }
    if full { Err(AskError::QueueFull) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use adit_model::{AccountId, ConfigSource, Timestamp, TunnelId, TunnelKey, TunnelKind, TunnelStatus};

    use super::*;

    fn tunnel(deleted: bool) -> Tunnel {
        let now = Timestamp::parse("2026-01-02T03:04:05Z").unwrap();
        Tunnel {
            key: TunnelKey {
                account: AccountId::random(),
                tunnel: TunnelId::random(),
            },
            kind: TunnelKind::CfdTunnel,
            name: "blog".parse().unwrap(),
            config_source: ConfigSource::Local,
            created_at: now,
            deleted_at: deleted.then_some(now),
            status: TunnelStatus::Healthy,
            active_since: Some(now),
            inactive_since: None,
            connectors: Vec::new(),
        }
    }

    fn answers(of: &[Result<Answer, AskError>]) -> Vec<(NodeId, Result<Answer, AskError>)> {
        of.iter()
            .map(|answer| (NodeId::random(), answer.clone()))
            .collect()
    }

    #[test]
    fn a_live_tunnel_goes_with_its_connections_or_only_when_idle() {
        assert_eq!(plan_deletion(&tunnel(false), true), Deletion::Cascade);
        assert_eq!(plan_deletion(&tunnel(false), false), Deletion::IfIdle);
    }

    #[test]
    fn a_deleted_tunnel_is_deleted_again_without_a_change() {
        assert_eq!(plan_deletion(&tunnel(true), true), Deletion::Again);
        assert_eq!(plan_deletion(&tunnel(true), false), Deletion::Again);
    }

    #[test]
    fn routes_keep_their_tunnel_unless_they_go_with_it() {
        let leading = |networks, hostnames| StillRouted { networks, hostnames };
        assert_eq!(check_routes(leading(0, 0), false), Ok(()));
        for some in [leading(1, 0), leading(0, 1)] {
            assert_eq!(check_routes(some, false), Err(some));
            assert_eq!(check_routes(some, true), Ok(()));
        }
    }

    #[test]
    fn a_stopped_edge_holds_no_connection() {
        let answers = answers(&[
            Ok(Answer::Closed(3)),
            Err(AskError::Stopped),
            Ok(Answer::Connections(vec![])),
        ]);
        assert_eq!(connections_of_all(&answers), Ok(3));
        assert_eq!(connections_of_all(&[]), Ok(0));
    }

    #[test]
    fn a_silent_edge_counts_for_more_than_a_busy_one() {
        let busy = answers(&[Err(AskError::QueueFull), Ok(Answer::Closed(1))]);
        assert_eq!(connections_of_all(&busy), Err(AskError::QueueFull));
        let silent = answers(&[Err(AskError::QueueFull), Err(AskError::Silent)]);
        assert_eq!(connections_of_all(&silent), Err(AskError::Silent));
    }
}
