//! The calls on devices.

use adit_core::permission::{NETWORKS_READ, NETWORKS_WRITE};

use super::{
    DeviceRequest, create, get, list_all, revoke,
    view::{DeviceView, JoinedDeviceView},
};
use crate::{
    endpoint::{Access::Groups, Endpoint, Parameter},
    problem::{
        device_failures::{DEVICE, DEVICE_VALUE, NO_HUB},
        failures::EDGE,
        network_failures::VIRTUAL_NETWORK,
    },
};

/// What lists of devices are filtered by.
const FILTERS: &[Parameter] = &[Parameter::text("name", "exactly this name")];

/// The calls on devices.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let (read, write) = (Groups(NETWORKS_READ), Groups(NETWORKS_WRITE));
    let (all, one) = (
        "/accounts/{account_id}/adit/devices",
        "/accounts/{account_id}/adit/devices/{device_id}",
    );
    vec![
        Endpoint::post(all, "Let a WireGuard client join the mesh", write, create)
            .takes::<DeviceRequest>()
            .gives::<JoinedDeviceView>()
            .fails(DEVICE_VALUE)
            .fails(VIRTUAL_NETWORK)
            .fails(NO_HUB),
        Endpoint::get(all, "List the WireGuard clients of the mesh", read, list_all)
            .query(FILTERS)
            .gives_page::<DeviceView>(),
        Endpoint::get(
            one,
            "Show a WireGuard client and what it is to be told",
            read,
            get,
        )
        .gives::<JoinedDeviceView>()
        .fails(DEVICE),
        Endpoint::delete(one, "Take a WireGuard client out of the mesh", write, revoke)
            .gives::<DeviceView>()
            .fails(DEVICE)
            .fails(EDGE),
    ]
}
