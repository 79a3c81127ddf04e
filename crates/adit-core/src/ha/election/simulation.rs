//! What holds whatever happens to replicas, edges, the store and the ways between them, with invented time.

mod world;

use proptest::{collection::vec, prelude::*};

use self::world::{Event, World};
pub(super) use self::world::{replica, state};

fn cuts() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..4_usize, any::<bool>()).prop_map(|(node, cut)| Event::Cut(node, cut)),
        1 => (0..4_usize, 0..1_200_u64).prop_map(|(node, millis)| Event::Slow(node, millis)),
        1 => (0..3_usize, any::<bool>()).prop_map(|(edge, cut)| Event::CutStore(edge, cut)),
    ]
}

fn anything() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => cuts(),
        1 => (0..3_usize).prop_map(Event::RestartEdge),
        1 => (0..4_usize).prop_map(Event::Crash),
        2 => (0..4_usize).prop_map(Event::Start),
        1 => (0..4_usize, any::<bool>()).prop_map(|(node, well)| Event::Lan(node, well)),
        1 => (0..4_usize, any::<bool>()).prop_map(|(node, draining)| Event::Drain(node, draining)),
        2 => (0..4_usize, any::<bool>()).prop_map(|(node, force)| Event::FailOver(node, force)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn no_cut_of_any_way_lets_two_forward_at_once(
        edges in 1..=3_usize, nodes in 1..=4_usize, events in vec((cuts(), 1..60_u32), 0..40),
    ) {
        let mut world = World::new(edges, nodes);
        for (event, steps) in events {
            world.happen(event);
            for _ in 0..steps {
                world.step();
                let forwarding = world.forwarding();
                prop_assert!(forwarding.len() <= 1, "{forwarding:?} at {:?}: {world:#?}", world.now);
            }
        }
        world.settle();
    }

    #[test]
    fn whatever_happens_no_decision_has_two_and_in_the_end_one_is_active(
        edges in 1..=3_usize, nodes in 1..=4_usize, events in vec((anything(), 1..60_u32), 0..40),
    ) {
        let mut world = World::new(edges, nodes);
        for (event, steps) in events {
            world.happen(event);
            for _ in 0..steps {
                world.step();
            }
        }
        world.settle();
    }
}
