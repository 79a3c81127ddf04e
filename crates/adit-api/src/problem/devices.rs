//! Why a call on devices failed.

use adit_core::port::DeviceError;
use http::StatusCode;

use super::{Problem, code};
use crate::devices::DeviceCallError;

impl From<DeviceCallError> for Problem {
    fn from(error: DeviceCallError) -> Self {
        let text = error.to_string();
        match error {
            DeviceCallError::NoHub => Self::new(StatusCode::FORBIDDEN, code::MESH_OFF, text),
            DeviceCallError::Field(error) => error.into(),
            DeviceCallError::Device(error) => error.into(),
            DeviceCallError::Mesh(error) => error.into(),
            DeviceCallError::Store(error) => error.into(),
        }
    }
}

impl From<DeviceError> for Problem {
    fn from(error: DeviceError) -> Self {
        let text = error.to_string();
        let conflict = |code, text: String| Self::new(StatusCode::CONFLICT, code, text);
        match error {
            DeviceError::NotFound => {
                Self::new(StatusCode::NOT_FOUND, code::DEVICE_NOT_FOUND, "Device not found")
            }
            DeviceError::NoVirtualNetwork => Self::new(
                StatusCode::NOT_FOUND,
                code::VIRTUAL_NETWORK_NOT_FOUND,
                "Virtual network not found",
            )
            .at("/virtual_network_id".to_owned()),
            DeviceError::WeakKey(_) => {
                Self::invalid(format!("public_key: {text}")).at("/public_key".to_owned())
            }
            DeviceError::TakenName => conflict(code::DEVICE_NAME_TAKEN, text).at("/name".to_owned()),
            DeviceError::TakenKey => conflict(code::PEER_KEY_TAKEN, text).at("/public_key".to_owned()),
            DeviceError::TooMany(_) => conflict(code::TOO_MANY_DEVICES, text),
            DeviceError::NoAddress => conflict(code::NO_MESH_ADDRESS, text),
            DeviceError::Store(error) => error.into(),
        }
    }
}

/// The failures that calls on devices declare, by what causes them.
pub(crate) mod failures {
    use http::StatusCode;

    use super::super::{Failure, code, failure::failure as one};

    /// Of calls on a device.
    pub(crate) const DEVICE: &[Failure] = &[one(
        StatusCode::NOT_FOUND,
        code::DEVICE_NOT_FOUND,
        "no such device",
    )];

    /// Of calls that let a device join.
    pub(crate) const DEVICE_VALUE: &[Failure] = &[
        one(
            StatusCode::CONFLICT,
            code::DEVICE_NAME_TAKEN,
            "another device has this name",
        ),
        one(
            StatusCode::CONFLICT,
            code::PEER_KEY_TAKEN,
            "another member of a mesh, or the hub, has this key",
        ),
        one(
            StatusCode::CONFLICT,
            code::TOO_MANY_DEVICES,
            "the account has as many devices as it may",
        ),
        one(
            StatusCode::CONFLICT,
            code::NO_MESH_ADDRESS,
            "no address is left in the default subnets",
        ),
    ];

    /// Of calls that need a hub.
    pub(crate) const NO_HUB: &[Failure] = &[one(
        StatusCode::FORBIDDEN,
        code::MESH_OFF,
        "this server has no hub",
    )];
}
