//! Replicas that somebody chooses.

use super::*;

#[test]
fn a_manual_choice_is_made_before_the_old_one_is_unmade_and_told_when_it_is() {
    let mut scene = Scene::new(HaMode::Local);
    scene.join(0, 100);
    scene.join(1, 100);
    scene.set(1, |beating| beating.acknowledges = false);
    assert_eq!(scene.fail_over(1, false), Ok(Ask::Begun));
    scene.run(500);
    assert_eq!((scene.carrying(), scene.accepted()), (Some(0), vec![1]));
    let [old, new] = [0, 1].map(|number| scene.election.lease(scene.now, replica(number)).unwrap());
    assert_eq!((old.active, old.epoch), (true, Epoch(1)));
    assert_eq!((new.active, new.epoch), (true, Epoch(2)));
    assert_eq!(scene.fail_over(0, false), Err(FailoverError::Busy));
    assert_eq!(scene.election.poll_ends(), []);
    scene.set(1, |beating| beating.acknowledges = true);
    assert_eq!((scene.carrying(), scene.accepted()), (Some(1), vec![0]));
    let old = scene.election.lease(scene.now, replica(0)).unwrap();
    assert_eq!((old.active, old.epoch), (false, Epoch(2)));
    let end = FailoverEnd {
        target: replica(1),
        result: Ok(Epoch(2)),
    };
    assert_eq!(scene.election.poll_ends(), [end]);
    assert_eq!(scene.fail_over(1, false), Ok(Ask::Already(Epoch(2))));
}

#[test]
fn who_does_not_acknowledge_in_two_seconds_is_unmade_by_a_further_decision() {
    let mut scene = Scene::new(HaMode::Local);
    scene.join(0, 100);
    scene.join(1, 100);
    scene.set(1, |beating| beating.acknowledges = false);
    assert_eq!(scene.fail_over(1, false), Ok(Ask::Begun));
    scene.run(1_900);
    assert_eq!(scene.election.poll_ends(), []);
    scene.run(100);
    let end = FailoverEnd {
        target: replica(1),
        result: Err(FailoverError::NotAcknowledged),
    };
    assert_eq!(scene.election.poll_ends(), [end]);
    assert_eq!((scene.carrying(), scene.stored.epoch), (Some(0), Epoch(3)));
    let lease = scene.election.lease(scene.now, replica(0)).unwrap();
    assert_eq!((lease.active, lease.epoch), (true, Epoch(3)));
    let lease = scene.election.lease(scene.now, replica(1)).unwrap();
    assert!(!lease.active);
}

#[test]
fn a_target_that_cannot_take_over_is_refused_and_only_its_network_can_be_forced() {
    let mut scene = Scene::new(HaMode::Local);
    scene.join(0, 100);
    assert_eq!(scene.fail_over(1, true), Err(FailoverError::Offline));
    scene.join(1, 100);
    scene.set(1, |beating| beating.lan_well = false);
    assert_eq!(scene.fail_over(1, false), Err(FailoverError::Unwell));
    scene.drain(1, true);
    assert_eq!(scene.fail_over(1, true), Err(FailoverError::Draining));
    scene.drain(1, false);
    scene
        .election
        .handle_told(scene.now, replica(1), 2, Profile::Normal);
    scene.run(2_000);
    assert_eq!(scene.fail_over(1, true), Err(FailoverError::Outdated));
    scene.election.handle_took(scene.now, replica(1), 2);
    let old = scene.election.fail_over(scene.now, Epoch(0), replica(1), true);
    assert_eq!(
        old,
        Err(FailoverError::Busy),
        "another decision was made meanwhile"
    );
    scene.store_is_down = true;
    assert_eq!(scene.fail_over(1, true), Ok(Ask::Begun));
    scene.run(0);
    let ends = scene.election.poll_ends();
    assert_eq!(ends[0].result, Err(FailoverError::NotStored));
    scene.store_is_down = false;
    scene.run(10_000);
    assert_eq!(scene.carrying(), Some(0), "nobody does it later");
    assert_eq!(scene.fail_over(1, true), Ok(Ask::Begun));
    scene.run(0);
    // Unwell as it is, it is left again.
    assert_eq!(
        scene.decisions[1..],
        [(Some(1), HaCause::Manual), (Some(0), HaCause::LanUnwell)]
    );
}
