//! Replicas, edges, a store and the ways between them.

use std::{collections::BTreeMap, time::Duration};

use adit_model::{AccountId, ConnectorId, HaMode, TunnelId, TunnelKey};

use super::super::*;
use crate::mesh::session::Leases;

const STEP: Duration = Duration::from_millis(50);
const BEAT: Duration = Duration::from_millis(500);
/// How long either end of a silent session waits.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a replica keeps its role after its session broke.
const LET_GO: Duration = Duration::from_millis(300);
/// How long an edge holds a site in the store.
const HOLD: Duration = Duration::from_secs(2);
/// So much earlier it counts its hold as over than others do.
const HOLD_GUARD: Duration = Duration::from_millis(500);

pub(in super::super) fn replica(number: usize) -> ConnectorId {
    ConnectorId::from_slice(&[u8::try_from(number).unwrap() + 1; 16]).unwrap()
}

pub(in super::super) fn state(mode: HaMode) -> HaState {
    let tunnel = TunnelKey {
        account: AccountId::from_bytes([1; 16]),
        tunnel: TunnelId::from_slice(&[2; 16]).unwrap(),
    };
    HaState::new(tunnel, mode)
}

#[derive(Debug, Clone)]
enum Said {
    // Of a replica.
    Beat(u64, Option<Epoch>, bool),
    Took(u64),
    Role(Epoch),
    Drain(bool),
    // Of an edge.
    Heard,
    Config(u64),
    Lease(Granted, u64),
    // Of either.
    End,
}

/// A connection; what is said waits while its way is cut.
#[derive(Debug)]
struct Session {
    edge: usize,
    to_edge: Vec<(Duration, Said)>,
    to_node: Vec<(Duration, Said)>,
    edge_heard: Duration,
    node_heard: Duration,
    edge_open: bool,
    node_open: bool,
    /// The newest beat that the edge heard.
    seq: u64,
}

#[derive(Debug)]
struct Node {
    up: bool,
    cut: bool,
    lan_well: bool,
    draining: bool,
    delay: Duration,
    session: Option<usize>,
    leases: Leases,
    lease: Option<(Epoch, bool, Duration)>,
    let_go: Option<Duration>,
    seq: u64,
    next_beat: Duration,
    next_dial: Duration,
}

#[derive(Debug)]
struct Edge {
    store_cut: bool,
    election: Election,
    /// Which session each replica has here.
    sessions: BTreeMap<usize, usize>,
    storing: Option<(Duration, Decision)>,
    /// What the store answered, and when that arrives.
    answer: Option<(Duration, Result<HaState, DecideFailure>)>,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) now: Duration,
    edges: Vec<Edge>,
    nodes: Vec<Node>,
    sessions: Vec<Session>,
    stored: HaState,
    hold: Option<(usize, Duration)>,
    /// Who was given an active lease by each decision.
    given: BTreeMap<Epoch, ConnectorId>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    Cut(usize, bool),
    Slow(usize, u64),
    CutStore(usize, bool),
    RestartEdge(usize),
    Crash(usize),
    Start(usize),
    Lan(usize, bool),
    Drain(usize, bool),
    FailOver(usize, bool),
}

impl World {
    pub(super) fn new(edges: usize, nodes: usize) -> Self {
        let edge = || Edge {
            store_cut: false,
            election: Election::new(state(HaMode::Local), HaSettings::default()),
            sessions: BTreeMap::new(),
            storing: None,
            answer: None,
        };
        let node = || Node {
            up: true,
            cut: false,
            lan_well: true,
            draining: false,
            delay: Duration::ZERO,
            session: None,
            leases: Leases::default(),
            lease: None,
            let_go: None,
            seq: 0,
            next_beat: Duration::ZERO,
            next_dial: Duration::ZERO,
        };
        Self {
            now: Duration::from_secs(1),
            edges: (0..edges).map(|_| edge()).collect(),
            nodes: (0..nodes).map(|_| node()).collect(),
            sessions: Vec::new(),
            stored: state(HaMode::Local),
            hold: None,
            given: BTreeMap::new(),
        }
    }

    pub(super) fn happen(&mut self, event: Event) {
        let (now, edges, nodes) = (self.now, self.edges.len(), self.nodes.len());
        match event {
            Event::Cut(node, cut) => self.nodes[node % nodes].cut = cut,
            Event::Slow(node, millis) => self.nodes[node % nodes].delay = Duration::from_millis(millis),
            Event::CutStore(edge, cut) => self.edges[edge % edges].store_cut = cut,
            Event::RestartEdge(edge) => {
                let edge = edge % edges;
                let gone = std::mem::take(&mut self.edges[edge].sessions);
                for session in gone.into_values() {
                    let session = &mut self.sessions[session];
                    session.edge_open = false;
                    session.to_node.push((now, Said::End));
                }
                let fresh = &mut self.edges[edge];
                (fresh.storing, fresh.answer) = (None, None);
                fresh.election = Election::new(self.stored, HaSettings::default());
            }
            Event::Crash(node) => {
                let node = node % nodes;
                self.hang_up(node);
                let node = &mut self.nodes[node];
                (node.up, node.lease) = (false, None);
            }
            Event::Start(node) => self.nodes[node % nodes].up = true,
            Event::Lan(node, well) => self.nodes[node % nodes].lan_well = well,
            Event::Drain(node, draining) => {
                let node = node % nodes;
                self.nodes[node].draining = draining;
                self.say(node, Said::Drain(draining));
            }
            Event::FailOver(node, force) => {
                for edge in &mut self.edges {
                    let seen = edge.election.state().epoch;
                    let _ = edge.election.fail_over(now, seen, replica(node % nodes), force);
                }
            }
        }
    }

    fn say(&mut self, node: usize, said: Said) {
        let at = self.now + self.nodes[node].delay;
        if let Some(session) = self.nodes[node].session {
            self.sessions[session].to_edge.push((at, said));
        }
    }

    fn tell(&mut self, node: usize, session: usize, said: Said) {
        let at = self.now + self.nodes[node].delay;
        self.sessions[session].to_node.push((at, said));
    }

    /// The node's end of its session is closed, and its host says so.
    fn hang_up(&mut self, node: usize) {
        self.say(node, Said::End);
        if let Some(session) = self.nodes[node].session.take() {
            self.sessions[session].node_open = false;
            self.nodes[node].let_go = Some(self.now + LET_GO);
        }
    }

    pub(super) fn step(&mut self) {
        self.now += STEP;
        self.hold_site();
        for node in 0..self.nodes.len() {
            self.deliver(node);
            self.run_node(node);
        }
        for edge in 0..self.edges.len() {
            self.run_edge(edge);
        }
    }

    /// Edges renew their hold of the site in the store, or take it when nobody has it.
    fn hold_site(&mut self) {
        let now = self.now;
        for (number, edge) in self.edges.iter_mut().enumerate() {
            if edge.store_cut {
                continue;
            }
            if self
                .hold
                .is_none_or(|(holder, until)| holder == number || now >= until)
            {
                self.hold = Some((number, now + HOLD));
                edge.election.handle_home(now, now + HOLD - HOLD_GUARD);
            }
            edge.election.handle_site(now, self.stored, HaSettings::default());
        }
    }

    fn deliver(&mut self, node: usize) {
        if self.nodes[node].cut {
            return;
        }
        for session in 0..self.sessions.len() {
            let belongs = self.nodes[node].session == Some(session)
                || self
                    .edges
                    .iter()
                    .any(|edge| edge.sessions.get(&node) == Some(&session));
            if !belongs {
                continue;
            }
            let now = self.now;
            let due = |said: &mut Vec<(Duration, Said)>| {
                let ready = said.iter().take_while(|(at, _)| *at <= now).count();
                said.drain(..ready).map(|(_, said)| said).collect::<Vec<_>>()
            };
            for said in due(&mut self.sessions[session].to_edge) {
                self.edge_hears(node, session, said);
            }
            for said in due(&mut self.sessions[session].to_node) {
                self.node_hears(node, session, said);
            }
        }
    }

    fn edge_hears(&mut self, node: usize, session: usize, said: Said) {
        let (now, id) = (self.now, replica(node));
        let open = &mut self.sessions[session];
        if !open.edge_open {
            return;
        }
        open.edge_heard = now;
        let number = open.edge;
        if let Said::Beat(seq, ..) = said {
            open.seq = seq;
        }
        let election = &mut self.edges[number].election;
        match said {
            Said::Beat(_, by, well) => {
                election.handle_beat(now, id, None, well, by);
                self.tell(node, session, Said::Heard);
                self.lease(node, session);
            }
            Said::Took(version) => election.handle_took(now, id, version),
            Said::Role(epoch) => election.handle_role_ack(now, id, epoch, true),
            Said::Drain(draining) => election.handle_drain(now, id, draining),
            Said::End => {
                open.edge_open = false;
                self.edges[number].sessions.remove(&node);
                self.edges[number].election.handle_left(now, id, Leave::Ended);
            }
            Said::Heard | Said::Config(_) | Said::Lease(..) => unreachable!(),
        }
    }

    fn lease(&mut self, node: usize, session: usize) {
        let (now, id, number) = (self.now, replica(node), self.sessions[session].edge);
        if let Some(granted) = self.edges[number].election.lease(now, id) {
            if granted.active {
                let first = *self.given.entry(granted.epoch).or_insert(id);
                assert_eq!(first, id, "two are active by {}", granted.epoch);
                // Beside the newest decision only the one before it, while it is not known that the target failed.
                let (given, stored) = (granted.epoch.0, self.stored.epoch.0);
                assert!(
                    (given..=given + 2).contains(&stored),
                    "{given} while {stored} is stored"
                );
            }
            let seq = self.sessions[session].seq;
            self.tell(node, session, Said::Lease(granted, seq));
        }
    }

    fn node_hears(&mut self, node: usize, session: usize, said: Said) {
        let now = self.now;
        if self.nodes[node].session != Some(session) {
            return;
        }
        self.sessions[session].node_heard = now;
        match said {
            Said::Config(version) => self.say(node, Said::Took(version)),
            Said::Lease(granted, seq) => {
                let known = &mut self.nodes[node];
                let Some(until) = known.leases.take(granted.epoch.0, granted.ttl, seq) else {
                    return;
                };
                let before = known.lease.replace((granted.epoch, granted.active, until));
                known.let_go = None;
                let is_news =
                    before.map(|(epoch, active, _)| (epoch, active)) != Some((granted.epoch, granted.active));
                if granted.active && is_news {
                    self.say(node, Said::Role(granted.epoch));
                }
            }
            Said::End => {
                self.sessions[session].node_open = false;
                let known = &mut self.nodes[node];
                (known.session, known.let_go) = (None, Some(now + LET_GO));
            }
            Said::Heard | Said::Beat(..) | Said::Took(_) | Said::Role(_) | Said::Drain(_) => {}
        }
    }

    fn run_node(&mut self, node: usize) {
        let now = self.now;
        if self.nodes[node].let_go.is_some_and(|at| now >= at) {
            self.nodes[node].lease = None;
        }
        if !self.nodes[node].up {
            return;
        }
        match self.nodes[node].session {
            Some(session) if now >= self.sessions[session].node_heard + PATIENCE => self.hang_up(node),
            Some(_) if now >= self.nodes[node].next_beat => {
                let known = &mut self.nodes[node];
                known.next_beat = now + BEAT;
                known.seq += 1;
                known.leases.beat(known.seq, now);
                let by = known.lease.filter(|(_, active, until)| *active && now < *until);
                let beat = Said::Beat(known.seq, by.map(|(epoch, ..)| epoch), known.lan_well);
                self.say(node, beat);
            }
            Some(_) => {}
            None => self.dial(node),
        }
    }

    fn dial(&mut self, node: usize) {
        let (now, known) = (self.now, &mut self.nodes[node]);
        if known.cut || now < known.next_dial {
            return;
        }
        known.next_dial = now + Duration::from_millis(200);
        // It looks for the edge that holds the site.
        let Some((edge, _)) = self.hold else { return };
        let session = self.sessions.len();
        known.session = Some(session);
        (known.seq, known.next_beat) = (0, now);
        known.leases.claimed(now);
        self.sessions.push(Session {
            edge,
            to_edge: Vec::new(),
            to_node: Vec::new(),
            edge_heard: now,
            node_heard: now,
            edge_open: true,
            node_open: true,
            seq: 0,
        });
        if let Some(older) = self.edges[edge].sessions.insert(node, session) {
            self.sessions[older].edge_open = false;
        }
        let election = &mut self.edges[edge].election;
        election.handle_joined(now, replica(node), 100);
        election.handle_told(now, replica(node), 1, Profile::Normal);
        self.tell(node, session, Said::Config(1));
        if self.nodes[node].draining {
            self.say(node, Said::Drain(true));
        }
    }

    fn run_edge(&mut self, number: usize) {
        let now = self.now;
        let sessions: Vec<_> = self.edges[number]
            .sessions
            .iter()
            .map(|(node, session)| (*node, *session))
            .collect();
        // Replicas of a site that another edge holds are sent there.
        let is_elsewhere =
            !self.edges[number].store_cut && self.hold.is_some_and(|(holder, _)| holder != number);
        for (node, session) in &sessions {
            if is_elsewhere || now >= self.sessions[*session].edge_heard + PATIENCE {
                self.sessions[*session].edge_open = false;
                self.tell(*node, *session, Said::End);
                let edge = &mut self.edges[number];
                edge.sessions.remove(node);
                edge.election.handle_left(now, replica(*node), Leave::Silent);
            }
        }
        let edge = &mut self.edges[number];
        edge.election.handle_timeout(now);
        if let Some(decision) = edge.election.poll_decision() {
            edge.storing = Some((now + STEP, decision));
        }
        if let Some((_, decision)) = edge.storing.take_if(|(at, _)| now >= *at) {
            let (result, at) = if edge.store_cut {
                (Err(DecideFailure::Failed), now + Duration::from_millis(300))
            } else {
                let followed = self.stored.follow(decision.seen, decision.active);
                let followed = followed.map_err(|stale| DecideFailure::Stale(stale.now));
                if let Ok(next) = followed {
                    self.stored = next;
                }
                (followed, now + STEP)
            };
            edge.answer = Some((at, result));
        }
        if let Some((_, result)) = edge.answer.take_if(|(at, _)| now >= *at) {
            // The way back may be cut, too: then nobody knows.
            let result = if edge.store_cut {
                Err(DecideFailure::Failed)
            } else {
                result
            };
            edge.election.handle_decided(now, result);
        }
        if edge.election.poll_news() {
            for (node, session) in sessions {
                if self.sessions[session].edge_open {
                    self.lease(node, session);
                }
            }
        }
        let _ = self.edges[number].election.poll_ends();
    }

    /// Who forwards the site's packets now.
    pub(super) fn forwarding(&self) -> Vec<usize> {
        let holds = |node: &Node| {
            let lease = node
                .lease
                .filter(|(_, active, until)| *active && self.now < *until);
            node.up && lease.is_some()
        };
        (0..self.nodes.len())
            .filter(|node| holds(&self.nodes[*node]))
            .collect()
    }

    /// Everything is mended.
    fn heal(&mut self) {
        for node in &mut self.nodes {
            (node.cut, node.delay) = (false, Duration::ZERO);
        }
        for edge in &mut self.edges {
            edge.store_cut = false;
        }
    }

    /// Somebody who could be chosen is active, and nobody else.
    pub(super) fn settle(&mut self) {
        self.heal();
        for _ in 0..400 {
            self.step();
        }
        let fit = |node: &Node| node.up && node.lan_well;
        let forwarding = self.forwarding();
        assert!(forwarding.len() <= 1, "{forwarding:?} are active: {self:#?}");
        if self.nodes.iter().any(fit) {
            let [active] = forwarding[..] else {
                panic!("nobody is active though somebody could be: {self:#?}");
            };
            let (holder, _) = self.hold.unwrap();
            let election = &self.edges[holder].election;
            assert_eq!(election.carrying(), Some(replica(active)));
            assert_eq!(election.state().epoch, self.stored.epoch);
        }
    }
}
