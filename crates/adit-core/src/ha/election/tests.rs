//! Who is active, as one reads it.

mod manual;

use adit_model::HaMode;

use super::{
    simulation::{replica, state},
    *,
};
use crate::{ha::PassiveOnramp, port::FailoverError};

/// An election with a store that answers at once, and replicas that beat.
struct Scene {
    now: Duration,
    election: Election,
    stored: HaState,
    store_is_down: bool,
    beating: BTreeMap<usize, Beating>,
    decisions: Vec<(Option<usize>, HaCause)>,
}

#[derive(Clone, Copy)]
struct Beating {
    lan_well: bool,
    acknowledges: bool,
}

impl Scene {
    fn new(mode: HaMode) -> Self {
        Self::after(state(mode), HaSettings::default())
    }

    fn after(stored: HaState, settings: HaSettings) -> Self {
        let now = Duration::from_secs(1_000);
        let mut election = Election::new(stored, settings);
        election.handle_home(now, Duration::MAX);
        Self {
            now,
            election,
            stored,
            store_is_down: false,
            beating: BTreeMap::new(),
            decisions: Vec::new(),
        }
    }

    fn join(&mut self, number: usize, priority: u32) {
        self.election.handle_joined(self.now, replica(number), priority);
        self.election
            .handle_told(self.now, replica(number), 1, Profile::Normal);
        self.election.handle_took(self.now, replica(number), 1);
        let beating = Beating {
            lan_well: true,
            acknowledges: true,
        };
        self.beating.insert(number, beating);
        self.run(0);
    }

    fn leave(&mut self, number: usize, how: Leave) {
        self.beating.remove(&number);
        self.election.handle_left(self.now, replica(number), how);
        self.run(0);
    }

    /// Its beats stop, and its session is there.
    fn silence(&mut self, number: usize) {
        self.beating.remove(&number);
    }

    fn set(&mut self, number: usize, set: impl Fn(&mut Beating)) {
        set(self.beating.get_mut(&number).unwrap());
        self.beat();
        self.run(0);
    }

    fn drain(&mut self, number: usize, draining: bool) {
        self.election.handle_drain(self.now, replica(number), draining);
        self.run(0);
    }

    /// Time passes, in tenths of a second; everybody beats in each.
    fn run(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        loop {
            self.beat();
            self.election.handle_timeout(self.now);
            while let Some(decision) = self.election.poll_decision() {
                let result = if self.store_is_down {
                    Err(DecideFailure::Failed)
                } else {
                    self.stored = self.stored.follow(decision.seen, decision.active).unwrap();
                    let active = (0..9).find(|number| decision.active == Some(replica(*number)));
                    self.decisions.push((active, decision.cause));
                    Ok(self.stored)
                };
                self.election.handle_decided(self.now, result);
                self.beat();
            }
            if self.now >= end {
                return;
            }
            self.now += Duration::from_millis(100);
        }
    }

    fn beat(&mut self) {
        for (number, beating) in self.beating.clone() {
            let id = replica(number);
            let granted = self.election.lease(self.now, id);
            let by = granted.filter(|granted| granted.active && beating.acknowledges);
            self.election.handle_beat(
                self.now,
                id,
                None,
                beating.lan_well,
                by.map(|granted| granted.epoch),
            );
        }
    }

    fn carrying(&self) -> Option<usize> {
        (0..9).find(|number| self.election.carrying() == Some(replica(*number)))
    }

    fn fail_over(&mut self, number: usize, force: bool) -> Result<Ask, FailoverError> {
        let seen = self.stored.epoch;
        self.election.fail_over(self.now, seen, replica(number), force)
    }

    fn accepted(&self) -> Vec<usize> {
        let accepted = self.election.accepted(self.now);
        (0..9)
            .filter(|number| accepted.contains(&replica(*number)))
            .collect()
    }
}

#[test]
fn the_first_that_is_configured_is_active_and_nobody_pushes_it_aside() {
    let mut scene = Scene::new(HaMode::None);
    scene.election.handle_joined(scene.now, replica(0), 100);
    scene.run(10_000);
    assert_eq!(scene.carrying(), None, "it took no configuration over");
    scene.join(0, 100);
    scene.join(1, 200);
    scene.run(600_000);
    assert_eq!(scene.carrying(), Some(0));
    assert_eq!(scene.decisions, [(Some(0), HaCause::First)]);
}

#[test]
fn of_those_that_are_left_priority_counts_then_the_longest_session_then_the_id() {
    let mut scene = Scene::new(HaMode::None);
    scene.join(0, 100);
    scene.run(1_000);
    scene.join(3, 100);
    scene.join(2, 100);
    scene.run(1_000);
    scene.join(1, 100);
    scene.join(4, 101);
    for (gone, next) in [(0, 4), (4, 2), (2, 3), (3, 1)] {
        scene.leave(gone, Leave::Ended);
        assert_eq!(scene.carrying(), Some(next));
    }
    let mut alike = Scene::new(HaMode::Disabled);
    for number in 0..3 {
        alike.join(number, u32::try_from(number).unwrap());
        alike.run(100);
    }
    alike.leave(0, Leave::Ended);
    assert_eq!(
        alike.carrying(),
        Some(1),
        "without high availability who came first counts"
    );
}

#[test]
fn silence_counts_once_the_last_lease_and_the_guard_are_over() {
    let mut scene = Scene::new(HaMode::None);
    scene.join(0, 100);
    scene.join(1, 100);
    scene.run(1_000);
    scene.silence(0);
    scene.run(1_900);
    assert_eq!(scene.carrying(), Some(0));
    scene.run(100);
    assert_eq!((scene.carrying(), scene.accepted()), (Some(1), vec![0]));
    assert_eq!(scene.decisions.last(), Some(&(Some(1), HaCause::Silent)));
    scene.run(5_000);
    assert_eq!(scene.accepted(), Vec::<usize>::new());

    let mut broken = Scene::new(HaMode::None);
    broken.join(0, 100);
    broken.join(1, 100);
    broken.run(1_000);
    broken.leave(0, Leave::Silent);
    // No lease has answered its last beat, of a tenth of a second before the other.
    broken.run(1_800);
    assert_eq!(
        broken.carrying(),
        None,
        "it may hold its lease, and nothing reaches it"
    );
    broken.run(100);
    assert_eq!(broken.carrying(), Some(1));
}

#[test]
fn a_lease_that_is_sent_to_a_silent_replica_keeps_nobody_waiting() {
    let mut scene = Scene::new(HaMode::None);
    scene.join(0, 100);
    scene.join(1, 100);
    scene.run(1_000);
    scene.silence(0);
    scene.run(1_500);
    scene.election.lease(scene.now, replica(0));
    scene.run(500);
    assert_eq!(scene.carrying(), Some(1));
}

#[test]
fn a_session_that_was_ended_is_followed_at_once() {
    let mut scene = Scene::new(HaMode::None);
    scene.join(0, 100);
    scene.join(1, 100);
    scene.leave(0, Leave::Ended);
    assert_eq!(scene.carrying(), Some(1));
    assert_eq!(scene.decisions.last(), Some(&(Some(1), HaCause::Disconnected)));
}

#[test]
fn after_all_went_the_first_to_come_back_is_active() {
    let mut scene = Scene::new(HaMode::None);
    scene.join(0, 100);
    scene.join(1, 100);
    scene.leave(1, Leave::Ended);
    scene.leave(0, Leave::Ended);
    scene.run(60_000);
    assert_eq!(
        scene.stored.active,
        Some(replica(0)),
        "nothing is decided where nobody is"
    );
    scene.join(1, 100);
    assert_eq!(scene.carrying(), Some(1));
}

#[test]
fn an_edge_that_restarts_waits_for_the_one_that_was_active() {
    let stored = state(HaMode::None).follow(Epoch(0), Some(replica(0))).unwrap();
    let mut scene = Scene::after(stored, HaSettings::default());
    scene.join(1, 100);
    scene.run(2_900);
    assert_eq!(scene.carrying(), None);
    scene.join(0, 100);
    assert_eq!(
        (scene.carrying(), scene.stored.epoch),
        (Some(0), Epoch(1)),
        "by the same decision"
    );

    let mut other = Scene::after(stored, HaSettings::default());
    other.join(1, 100);
    other.run(3_000);
    assert_eq!(other.carrying(), Some(1));
    assert_eq!(other.decisions, [(Some(1), HaCause::Restarted)]);
}

#[test]
fn who_drains_or_has_an_unwell_network_hands_over_if_there_is_another() {
    for mode in [HaMode::Local, HaMode::Disabled] {
        let mut scene = Scene::new(mode);
        scene.join(0, 100);
        scene.set(0, |beating| beating.lan_well = false);
        scene.run(5_000);
        assert_eq!(scene.carrying(), Some(0), "better than nobody");
        scene.join(1, 100);
        let follows = if mode.is_ha() { 1 } else { 0 };
        assert_eq!(scene.carrying(), Some(follows), "{mode}");
        scene.set(0, |beating| beating.lan_well = true);
        scene.drain(follows, true);
        assert_eq!(scene.carrying(), Some(1 - follows));
        assert_eq!(scene.decisions.last().unwrap().1, HaCause::Drain);
        scene.drain(follows, false);
        scene.run(600_000);
        assert_eq!(
            scene.carrying(),
            Some(1 - follows),
            "nothing moves back by itself"
        );
    }
}

#[test]
fn who_drains_is_chosen_if_there_is_nobody_else_and_hands_over_again() {
    let modes = [HaMode::Local, HaMode::Disabled];
    for (mode, how) in modes
        .map(|mode| [(mode, Leave::Ended), (mode, Leave::Stopped)])
        .concat()
    {
        let mut scene = Scene::new(mode);
        scene.join(0, 100);
        scene.join(1, 100);
        scene.drain(1, true);
        scene.run(5_000);
        assert_eq!(scene.carrying(), Some(0), "{mode}");
        if how == Leave::Stopped {
            scene.drain(0, true);
        }
        scene.leave(0, how);
        assert_eq!(scene.carrying(), Some(1), "{mode}: better than nobody");
        scene.join(0, 100);
        assert_eq!(scene.carrying(), Some(0), "{mode}");
        assert_eq!(scene.decisions.last().unwrap().1, HaCause::Drain);
        // Of two that drain, the one that carries goes on.
        let decided = scene.decisions.len();
        scene.drain(0, true);
        scene.run(60_000);
        assert_eq!((scene.carrying(), scene.decisions.len()), (Some(0), decided));
    }
}

#[test]
fn who_beats_and_brings_no_packets_hands_over_to_one_whose_packets_come() {
    for mode in [HaMode::Local, HaMode::Disabled] {
        let mut scene = Scene::new(mode);
        scene.join(0, 100);
        scene.join(1, 100);
        let lose = |scene: &mut Scene, number, well| {
            scene.election.handle_path(scene.now, replica(number), well);
            scene.run(1_000);
        };
        lose(&mut scene, 1, false);
        assert_eq!(scene.carrying(), Some(0), "{mode}");
        lose(&mut scene, 0, false);
        assert_eq!(scene.carrying(), Some(0), "{mode}: the other one is no better");
        lose(&mut scene, 1, true);
        if mode.is_ha() {
            assert_eq!(scene.carrying(), Some(1));
            assert_eq!(scene.decisions.last().unwrap().1, HaCause::DataPathLost);
            assert_eq!(scene.fail_over(0, false), Err(FailoverError::Unwell));
        } else {
            assert_eq!(scene.carrying(), Some(0), "nobody asks");
        }
    }
}

#[test]
fn a_better_one_takes_over_after_its_time_but_not_from_one_that_was_chosen() {
    let minute = 60_000;
    let settings = HaSettings {
        preempt_after: Some(Duration::from_millis(minute)),
        ..HaSettings::default()
    };
    let mut scene = Scene::after(state(HaMode::Local), settings);
    scene.join(0, 100);
    scene.join(1, 200);
    scene.run(minute / 2);
    scene.set(1, |beating| beating.lan_well = false);
    scene.run(1_000);
    scene.set(1, |beating| beating.lan_well = true);
    scene.run(minute - 200);
    assert_eq!(scene.carrying(), Some(0), "its time began anew");
    scene.run(200);
    assert_eq!(scene.carrying(), Some(1));
    assert_eq!(scene.decisions.last(), Some(&(Some(1), HaCause::Preempted)));
    assert_eq!(scene.fail_over(0, false), Ok(Ask::Begun));
    scene.run(10 * minute);
    assert_eq!(scene.carrying(), Some(0));
}

#[test]
fn who_flaps_is_held_down_unless_there_is_nobody_else() {
    let mut scene = Scene::new(HaMode::Local);
    scene.join(0, 100);
    scene.join(1, 100);
    let mut active = 0;
    for _ in 0..3 {
        scene.leave(active, Leave::Ended);
        scene.join(active, 100);
        scene.run(2_000);
        active = 1 - active;
        assert_eq!(scene.carrying(), Some(active));
    }
    // The third change left 0; 2 is worse in every other way.
    scene.join(2, 1);
    scene.leave(1, Leave::Ended);
    assert_eq!(scene.carrying(), Some(2));
    scene.leave(2, Leave::Ended);
    assert_eq!(scene.carrying(), Some(0), "better than nobody");
}

#[test]
fn a_decision_that_is_not_stored_is_not_given_and_is_made_when_the_store_is_back() {
    let mut scene = Scene::new(HaMode::Local);
    scene.join(0, 100);
    scene.join(1, 100);
    scene.store_is_down = true;
    scene.silence(0);
    scene.run(60_000);
    let lease = scene.election.lease(scene.now, replica(1)).unwrap();
    assert!(!lease.active);
    assert_eq!(scene.stored.epoch, Epoch(1));
    scene.store_is_down = false;
    scene.run(2_000);
    assert_eq!((scene.carrying(), scene.stored.epoch), (Some(1), Epoch(2)));
}

#[test]
fn what_another_side_decided_is_taken_over_and_nothing_earlier() {
    let mut scene = Scene::new(HaMode::Local);
    scene.join(0, 100);
    scene.join(1, 100);
    let early = scene.stored;
    scene.stored = scene.stored.follow(Epoch(1), Some(replica(1))).unwrap();
    scene
        .election
        .handle_site(scene.now, scene.stored, HaSettings::default());
    assert_eq!(scene.carrying(), Some(1));
    scene
        .election
        .handle_site(scene.now, early, HaSettings::default());
    assert_eq!(
        (scene.carrying(), scene.election.state().epoch),
        (Some(1), Epoch(2))
    );
    scene.election.handle_home(scene.now, scene.now);
    assert_eq!(scene.carrying(), None);
    assert!(!scene.election.lease(scene.now, replica(1)).unwrap().active);
    assert_eq!(scene.fail_over(0, false), Err(FailoverError::Busy));
}

#[test]
fn packets_of_those_that_were_active_are_taken_as_the_site_wants_it() {
    for (passive_onramp, taken) in [
        (PassiveOnramp::Drain, vec![0]),
        (PassiveOnramp::Drop, vec![]),
        (PassiveOnramp::Accept, vec![0, 2]),
    ] {
        let settings = HaSettings {
            passive_onramp,
            ..HaSettings::default()
        };
        let mut scene = Scene::after(state(HaMode::Local), settings);
        for number in 0..3 {
            scene.join(number, 100);
        }
        assert_eq!(scene.fail_over(1, false), Ok(Ask::Begun));
        scene.run(0);
        assert_eq!(
            (scene.carrying(), scene.accepted()),
            (Some(1), taken),
            "{passive_onramp}"
        );
    }
}
