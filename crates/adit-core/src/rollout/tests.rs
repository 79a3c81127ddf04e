use proptest::prelude::*;

use super::*;

const LIMITS: RolloutLimits = RolloutLimits {
    at_once: 3,
    again_at_once: 1,
};
const START: Duration = Duration::ZERO;

fn connector(n: u8) -> ConnectorId {
    ConnectorId::from_slice(&[n; 16]).unwrap()
}

fn connection(n: u8, index: u8, life: u8) -> ConnectionId {
    let mut bytes = [n; 16];
    (bytes[14], bytes[15]) = (index, life);
    ConnectionId::from_slice(&bytes).unwrap()
}

/// The connections 0 to `count - 1` of a connector.
fn slots(n: u8, count: u8) -> impl Iterator<Item = (ConnectorId, ConnectionId, ConnectionIndex)> {
    (0..count).map(move |index| (connector(n), connection(n, index, 0), ConnectionIndex(index)))
}

fn offers(rollout: &mut Rollout, now: Duration) -> Vec<Offer> {
    std::iter::from_fn(|| rollout.poll_offer(now)).collect()
}

fn runs(version: i32) -> Outcome {
    Outcome::Answered {
        running: ConfigVersion(version),
        refusal: None,
    }
}

fn refuses(running: i32, sentence: &str) -> Outcome {
    Outcome::Answered {
        running: ConfigVersion(running),
        refusal: Some(sentence.to_owned()),
    }
}

fn standing(running: Option<i32>, refused: Option<(i32, &str)>) -> Option<Standing> {
    Some(Standing {
        running: running.map(ConfigVersion),
        refused: refused.map(|(version, sentence)| Refused {
            version: ConfigVersion(version),
            sentence: sentence.to_owned(),
        }),
    })
}

#[test]
fn one_connection_of_each_connector_comes_first_and_the_others_once_it_has_answered() {
    let mut rollout = Rollout::new(LIMITS);
    rollout.connected(slots(1, 3).chain(slots(2, 3)), START);
    assert_eq!(offers(&mut rollout, START), []);
    rollout.want(Some(ConfigVersion(1)), START);

    let first = offers(&mut rollout, START);
    let whom: Vec<_> = first.iter().map(|offer| offer.connection).collect();
    assert_eq!(whom, [connection(1, 0, 0), connection(2, 0, 0)]);

    assert_eq!(
        rollout.answered(&first[0], runs(1), START),
        standing(Some(1), None)
    );
    let next = offers(&mut rollout, START);
    let whom: Vec<_> = next.iter().map(|offer| offer.connection).collect();
    assert_eq!(whom, [connection(1, 1, 0), connection(1, 2, 0)], "three at once");
    for offer in next {
        assert_eq!(rollout.answered(&offer, runs(1), START), None, "no news");
    }
    assert!(!rollout.is_at_rest());
    rollout.answered(&first[1], runs(1), START);
    for offer in offers(&mut rollout, START) {
        rollout.answered(&offer, runs(1), START);
    }
    assert!(rollout.is_at_rest());
}

#[test]
fn a_refused_version_is_offered_again_to_a_connector_that_reconnects_only() {
    let mut rollout = Rollout::new(LIMITS);
    rollout.want(Some(ConfigVersion(4)), START);
    rollout.connected(slots(1, 1), START);
    let offer = rollout.poll_offer(START).unwrap();
    let told = rollout.answered(&offer, refuses(-1, "no catch-all"), START);
    assert_eq!(told, standing(None, Some((4, "no catch-all"))));
    assert!(rollout.is_at_rest());

    rollout.connected(slots(1, 3), START);
    assert_eq!(
        offers(&mut rollout, START),
        [],
        "it is starting, not reconnecting"
    );

    let again = (connector(1), connection(1, 1, 9), ConnectionIndex(1));
    rollout.connected([slots(1, 1).next().unwrap(), again], START);
    let offer = rollout.poll_offer(START).unwrap();
    assert_eq!(offer.version, ConfigVersion(4));
    rollout.answered(&offer, refuses(-1, "no catch-all"), START);

    rollout.want(Some(ConfigVersion(5)), START);
    let offer = rollout.poll_offer(START).unwrap();
    assert_eq!(rollout.answered(&offer, runs(5), START), standing(Some(5), None));
}

#[test]
fn a_newer_version_follows_one_that_is_under_way_and_an_old_answer_is_no_news() {
    let mut rollout = Rollout::new(LIMITS);
    rollout.connected(slots(1, 2), START);
    rollout.want(Some(ConfigVersion(1)), START);
    let old = rollout.poll_offer(START).unwrap();
    rollout.want(Some(ConfigVersion(2)), START);
    let new = rollout.poll_offer(START).unwrap();
    assert_eq!(
        (new.version, new.connection),
        (ConfigVersion(2), connection(1, 1, 0))
    );
    rollout.answered(&new, runs(2), START);
    assert_eq!(rollout.answered(&old, runs(1), START), None);
    let last = rollout.poll_offer(START).unwrap();
    assert_eq!(
        (last.version, last.connection),
        (ConfigVersion(2), connection(1, 0, 0))
    );
    rollout.want(Some(ConfigVersion(1)), START);
    rollout.answered(&last, runs(2), START);
    assert_eq!(offers(&mut rollout, START), [], "versions never go backwards");
}

#[test]
fn one_that_does_not_answer_is_tried_over_its_other_connections_and_then_after_growing_pauses() {
    let mut rollout = Rollout::new(LIMITS);
    rollout.connected(slots(1, 2), START);
    rollout.want(Some(ConfigVersion(1)), START);
    let mut now = START;
    let mut pauses = Vec::new();
    for round in 0..8 {
        for _ in 0..2 {
            let offer = rollout.poll_offer(now).unwrap();
            assert_eq!(offer.again, round > 0);
            assert_eq!(rollout.answered(&offer, Outcome::Silent, now), None);
        }
        assert_eq!(rollout.poll_offer(now), None);
        let then = rollout.poll_timeout().unwrap();
        pauses.push((then - now).as_secs());
        now = then;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
}

#[test]
fn those_that_do_not_answer_keep_nobody_waiting() {
    let mut rollout = Rollout::new(LIMITS);
    rollout.connected((1..=2).flat_map(|n| slots(n, 1)), START);
    rollout.want(Some(ConfigVersion(1)), START);
    for offer in offers(&mut rollout, START) {
        rollout.answered(&offer, Outcome::Silent, START);
    }
    let now = rollout.poll_timeout().unwrap();
    rollout.connected((1..=9).flat_map(|n| slots(n, 1)), now);
    let begun = offers(&mut rollout, now);
    assert_eq!(begun.iter().filter(|offer| offer.again).count(), 0);
    for offer in begun {
        rollout.answered(&offer, runs(1), now);
    }
    rollout.connected((1..=2).flat_map(|n| slots(n, 1)), now);
    let again = offers(&mut rollout, now);
    assert_eq!(again.len(), LIMITS.again_at_once);
}

#[test]
fn a_connection_that_goes_while_its_offer_is_under_way_makes_room() {
    let mut rollout = Rollout::new(LIMITS);
    rollout.connected((1..=9).flat_map(|n| slots(n, 1)), START);
    rollout.want(Some(ConfigVersion(1)), START);
    let gone = offers(&mut rollout, START);
    rollout.connected((5..=9).flat_map(|n| slots(n, 1)), START);
    assert_eq!(offers(&mut rollout, START).len(), LIMITS.at_once);
    assert_eq!(rollout.answered(&gone[0], runs(1), START), None);
    assert_eq!(offers(&mut rollout, START), []);
}

#[test]
fn an_answer_that_takes_nothing_and_gives_no_reason_counts_as_a_refusal() {
    let mut rollout = Rollout::new(LIMITS);
    rollout.connected(slots(1, 1), START);
    rollout.want(Some(ConfigVersion(3)), START);
    let offer = rollout.poll_offer(START).unwrap();
    let told = rollout.answered(&offer, runs(2), START).unwrap();
    assert_eq!(told.running, Some(ConfigVersion(2)));
    assert_eq!(told.refused.unwrap().version, ConfigVersion(3));
    assert!(rollout.is_at_rest());
}

/// A step of a random history.
#[derive(Debug, Clone)]
enum Step {
    Want(i32),
    Connect(u8, u8),
    Lose(u8, u8),
    Poll,
    Answer(usize, bool),
    Lapse(u16),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..6).prop_map(Step::Want),
        (0..4_u8, 0..3_u8).prop_map(|(n, index)| Step::Connect(n, index)),
        (0..4_u8, 0..3_u8).prop_map(|(n, index)| Step::Lose(n, index)),
        Just(Step::Poll),
        (any::<usize>(), any::<bool>()).prop_map(|(which, silent)| Step::Answer(which, silent)),
        (0..5000_u16).prop_map(Step::Lapse),
    ]
}

/// Connectors as they behave: each takes what is newer than what it runs, but version 3, which it refuses.
#[derive(Default)]
struct World {
    now: Duration,
    life: u8,
    present: BTreeMap<(u8, u8), ConnectionId>,
    runs: BTreeMap<ConnectorId, ConfigVersion>,
    under_way: Vec<Offer>,
}

impl World {
    fn tell(&self, rollout: &mut Rollout) {
        let present = self.present.iter();
        let present = present.map(|(&(n, index), &id)| (connector(n), id, ConnectionIndex(index)));
        rollout.connected(present, self.now);
    }

    fn take(&mut self, offer: &Offer) -> Outcome {
        let runs = self.runs.entry(offer.connector).or_default();
        if offer.version <= *runs {
            return super::tests::runs(runs.0);
        }
        if offer.version == ConfigVersion(3) {
            return refuses(runs.0, "not three");
        }
        *runs = offer.version;
        super::tests::runs(runs.0)
    }

    fn step(&mut self, rollout: &mut Rollout, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Want(version) => rollout.want(Some(ConfigVersion(version)), self.now),
            Step::Connect(n, index) => {
                self.life = self.life.wrapping_add(1);
                let id = connection(n, index, self.life);
                self.present.insert((n, index), id);
                self.tell(rollout);
            }
            Step::Lose(n, index) => {
                self.present.remove(&(n, index));
                if self.present.keys().all(|&(other, _)| other != n) {
                    self.runs.remove(&connector(n));
                }
                self.tell(rollout);
            }
            Step::Poll => {
                while let Some(offer) = rollout.poll_offer(self.now) {
                    self.check(rollout, &offer)?;
                    self.under_way.push(offer);
                }
            }
            Step::Answer(which, silent) if !self.under_way.is_empty() => {
                let offer = self.under_way.swap_remove(which % self.under_way.len());
                let live = self.present.values().any(|&id| id == offer.connection);
                let outcome = if silent || !live {
                    Outcome::Silent
                } else {
                    self.take(&offer)
                };
                if let Some(standing) = rollout.answered(&offer, outcome, self.now) {
                    prop_assert_eq!(
                        standing.running,
                        self.runs.get(&offer.connector).copied().filter(|v| v.0 >= 0)
                    );
                }
            }
            Step::Answer(..) => {}
            Step::Lapse(millis) => self.now += Duration::from_millis(millis.into()),
        }
        Ok(())
    }

    fn check(&self, rollout: &Rollout, offer: &Offer) -> Result<(), TestCaseError> {
        prop_assert!(
            self.present.values().any(|&id| id == offer.connection),
            "nobody is there"
        );
        let live = |other: &&Offer| self.present.values().any(|&id| id == other.connection);
        let busy: Vec<_> = self.under_way.iter().filter(live).collect();
        prop_assert!(
            busy.iter().all(|other| other.connection != offer.connection),
            "two at once"
        );
        prop_assert!(busy.len() < LIMITS.at_once);
        prop_assert_eq!(Some(offer.version), rollout.wanted);
        let runs = self.runs.get(&offer.connector).copied().unwrap_or_default();
        let same = busy
            .iter()
            .any(|other| other.connector == offer.connector && other.version == offer.version);
        prop_assert!(
            !same || runs >= offer.version,
            "a second connection before the first has answered"
        );
        Ok(())
    }
}

proptest! {
    #[test]
    fn whatever_happens_everybody_ends_with_the_newest_version_or_its_refusal(
        steps in prop::collection::vec(any_step(), 0..120),
    ) {
        let (mut rollout, mut world) = (Rollout::new(LIMITS), World::default());
        let mut newest = None;
        for step in steps {
            if let Step::Want(version) = step {
                newest = newest.max(Some(ConfigVersion(version)));
            }
            world.step(&mut rollout, step)?;
        }
        prop_assert_eq!(rollout.wanted, newest);
        // From here on everybody answers.
        for _ in 0..200 {
            world.step(&mut rollout, Step::Poll)?;
            world.step(&mut rollout, Step::Answer(0, false))?;
            world.step(&mut rollout, Step::Lapse(5000))?;
        }
        prop_assert!(rollout.is_at_rest());
        for &(n, _) in world.present.keys() {
            let runs = world.runs.get(&connector(n)).copied().unwrap_or_default();
            let standing = rollout.connectors[&connector(n)].standing.clone();
            match newest {
                None => prop_assert_eq!(standing, None),
                Some(ConfigVersion(3)) if runs < ConfigVersion(3) => {
                    prop_assert_eq!(standing.unwrap().refused.unwrap().version, ConfigVersion(3));
                }
                Some(newest) => prop_assert!(runs >= newest, "{runs:?} of {newest:?}"),
            }
        }
    }
}
