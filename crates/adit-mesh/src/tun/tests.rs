//! A device of this machine. Making one takes rights that not every machine gives.

use super::*;

#[test]
fn a_device_has_the_queues_that_were_asked_for() {
    let tun = match Tun::create("adittest%d", 2) {
        Ok(tun) => tun,
        Err(error) => {
            adit_testing::skip("a_device_has_the_queues_that_were_asked_for", error);
            return;
        }
    };
    assert_eq!(tun.queues().len(), 2);
    assert!(tun.name().starts_with("adittest") && !tun.name().contains('%'));
    let mut buffer = [0; READ_BYTES];
    for queue in tun.queues() {
        // A device that is down gives nothing or says so; it does not block.
        assert!(queue.read(&mut buffer).is_err());
    }
}

#[test]
fn a_name_that_is_too_long_is_refused() {
    if OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun")
        .is_err()
    {
        adit_testing::skip("a_name_that_is_too_long_is_refused", "no /dev/net/tun");
        return;
    }
    let error = Tun::create("sixteen-bytes-16", 1).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}
