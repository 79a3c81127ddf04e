//! A site's configuration: its mode, and what the mode needs to know.

use std::net::IpAddr;

use adit_model::HaMode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The most virtual addresses of a site.
const MAX_VIPS: usize = 8;

/// The longest id of a network interface, bytes.
const MAX_INTERFACE_ID: usize = 255;

/// A site's mode with what it needs to know.
/// Source: the v4 API's published types for `…/warp_connector/{tunnel_id}/configurations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HaSetting {
    /// A standby takes over; the site's own network is not told.
    None,
    /// No standby takes over.
    Disabled,
    /// The active replica moves a network interface of AWS to itself.
    Aws {
        /// The id of that interface.
        interface: String,
    },
    /// The active replica carries these addresses on its tunnel's interface.
    Local {
        /// One to eight.
        vips: Vec<IpAddr>,
        /// Up to eight that replicas remove; `None` if nothing was said of them.
        vips_previous: Option<Vec<IpAddr>>,
    },
}

/// Why a site's configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HaSettingError {
    /// The mode takes no configuration.
    #[error("config must be empty or absent with ha_mode {0}")]
    NotEmpty(HaMode),
    /// The mode needs one.
    #[error("config is required with ha_mode {0}")]
    Missing(HaMode),
    /// It has another shape.
    #[error("config: {0}")]
    Shape(String),
    /// No id of an interface.
    #[error("config.fnr_id must be the id of a network interface, of 1 to 255 characters without blanks")]
    BadInterface,
    /// None, or more than eight.
    #[error("config.vips must hold 1 to 8 addresses")]
    VipCount,
    /// More than eight.
    #[error("config.vips_previous must hold at most 8 addresses")]
    PreviousVipCount,
}

#[derive(Serialize, Deserialize)]
struct WireAws {
    fnr_id: String,
}

#[derive(Serialize, Deserialize)]
struct WireLocal {
    #[serde(deserialize_with = "crate::object::all")]
    vips: Vec<WireVip>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "crate::object::maybe_all"
    )]
    vips_previous: Option<Vec<WireVip>>,
}

#[derive(Serialize, Deserialize)]
struct WireVip {
    address: IpAddr,
}

impl HaSetting {
    /// The setting of a new site.
    #[must_use]
    pub const fn of_new(ha: bool) -> Self {
        if ha { Self::None } else { Self::Disabled }
    }

    /// Reads the configuration that comes with a mode. Fields it does not know are ignored.
    ///
    /// # Errors
    /// [`HaSettingError`] if it is not what the mode needs.
    pub fn read(mode: HaMode, config: Option<Map<String, Value>>) -> Result<Self, HaSettingError> {
        let config = config.filter(|config| !config.is_empty());
        match (mode, config) {
            (HaMode::None, None) => Ok(Self::None),
            (HaMode::Disabled, None) => Ok(Self::Disabled),
            (HaMode::None | HaMode::Disabled, Some(_)) => Err(HaSettingError::NotEmpty(mode)),
            (HaMode::Aws | HaMode::Local, None) => Err(HaSettingError::Missing(mode)),
            (HaMode::Aws, Some(config)) => read_aws(shaped(config)?),
            (HaMode::Local, Some(config)) => read_local(shaped(config)?),
        }
    }

    /// Its mode.
    #[must_use]
    pub const fn mode(&self) -> HaMode {
        match self {
            Self::None => HaMode::None,
            Self::Disabled => HaMode::Disabled,
            Self::Aws { .. } => HaMode::Aws,
            Self::Local { .. } => HaMode::Local,
        }
    }

    /// What the mode needs to know, as [`HaSetting::read`] takes it.
    #[must_use]
    pub fn config(&self) -> Option<Map<String, Value>> {
        let vip = |&address: &IpAddr| WireVip { address };
        let written = match self {
            Self::None | Self::Disabled => return None,
            Self::Aws { interface } => serde_json::to_value(WireAws {
                fnr_id: interface.clone(),
            }),
            Self::Local { vips, vips_previous } => serde_json::to_value(WireLocal {
                vips: vips.iter().map(vip).collect(),
                vips_previous: vips_previous.as_ref().map(|vips| vips.iter().map(vip).collect()),
            }),
        };
        // Plain values always serialise.
        written.ok().and_then(|value| match value {
            Value::Object(fields) => Some(fields),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
        })
    }
}

fn shaped<T: serde::de::DeserializeOwned>(config: Map<String, Value>) -> Result<T, HaSettingError> {
    T::deserialize(Value::Object(config)).map_err(|error| HaSettingError::Shape(error.to_string()))
}

fn read_aws(wire: WireAws) -> Result<HaSetting, HaSettingError> {
    let interface = wire.fnr_id;
    let bad = |character: char| character.is_control() || character.is_whitespace();
    if interface.is_empty() || interface.len() > MAX_INTERFACE_ID || interface.contains(bad) {
        return Err(HaSettingError::BadInterface);
    }
    Ok(HaSetting::Aws { interface })
}

fn read_local(wire: WireLocal) -> Result<HaSetting, HaSettingError> {
    let addresses = |vips: Vec<WireVip>| vips.into_iter().map(|vip| vip.address).collect::<Vec<_>>();
    let vips = addresses(wire.vips);
    let vips_previous = wire.vips_previous.map(addresses);
    if vips.is_empty() || vips.len() > MAX_VIPS {
        return Err(HaSettingError::VipCount);
    }
    if vips_previous.as_ref().is_some_and(|vips| vips.len() > MAX_VIPS) {
        return Err(HaSettingError::PreviousVipCount);
    }
    Ok(HaSetting::Local { vips, vips_previous })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(mode: HaMode, config: Value) -> Result<HaSetting, HaSettingError> {
        HaSetting::read(mode, config.as_object().cloned())
    }

    fn vips(count: usize) -> Value {
        (0..count)
            .map(|number| json!({"address": format!("10.0.0.{number}")}))
            .collect()
    }

    #[test]
    fn each_mode_takes_exactly_what_it_needs() {
        for mode in [HaMode::None, HaMode::Disabled] {
            assert_eq!(read(mode, Value::Null).unwrap().mode(), mode);
            assert_eq!(read(mode, json!({})).unwrap().mode(), mode);
            assert_eq!(
                read(mode, json!({"fnr_id": "eni-1"})),
                Err(HaSettingError::NotEmpty(mode))
            );
        }
        for mode in [HaMode::Aws, HaMode::Local] {
            assert_eq!(read(mode, Value::Null), Err(HaSettingError::Missing(mode)));
            assert_eq!(read(mode, json!({})), Err(HaSettingError::Missing(mode)));
        }
        let interface = "eni-1".to_owned();
        assert_eq!(
            read(HaMode::Aws, json!({"fnr_id": "eni-1", "other": 1})),
            Ok(HaSetting::Aws { interface })
        );
        for wrong in [json!({"vips": []}), json!({"fnr_id": 5})] {
            assert!(
                matches!(read(HaMode::Aws, wrong.clone()), Err(HaSettingError::Shape(_))),
                "{wrong}"
            );
        }
        for wrong in ["", "eni 1", "eni\n", &"e".repeat(256)] {
            assert_eq!(
                read(HaMode::Aws, json!({"fnr_id": wrong})),
                Err(HaSettingError::BadInterface)
            );
        }
    }

    #[test]
    fn virtual_addresses_are_one_to_eight_and_the_previous_ones_none_to_eight() {
        let read = |config| read(HaMode::Local, config);
        assert!(read(json!({"vips": vips(1)})).is_ok());
        assert!(read(json!({"vips": vips(8), "vips_previous": vips(8)})).is_ok());
        assert!(read(json!({"vips": [{"address": "fd00::1"}], "vips_previous": []})).is_ok());
        assert_eq!(read(json!({"vips": []})), Err(HaSettingError::VipCount));
        assert_eq!(read(json!({"vips": vips(9)})), Err(HaSettingError::VipCount));
        assert_eq!(
            read(json!({"vips": vips(1), "vips_previous": vips(9)})),
            Err(HaSettingError::PreviousVipCount)
        );
        for wrong in [
            json!({"vips_previous": []}),
            json!({"vips": ["10.0.0.1"]}),
            json!({"vips": [{"address": "10.0.0.0/24"}]}),
            json!({"vips": [{"address": "10.0.0.1:80"}]}),
            json!({"vips": {"address": "10.0.0.1"}}),
        ] {
            assert!(
                matches!(read(wrong.clone()), Err(HaSettingError::Shape(_))),
                "{wrong}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(vips in prop::collection::vec(any::<IpAddr>(), 1..=8),
            vips_previous in prop::option::of(prop::collection::vec(any::<IpAddr>(), 0..=8)),
            interface in "[a-z0-9-]{1,40}",
        ) {
            for setting in [
                HaSetting::None,
                HaSetting::Disabled,
                HaSetting::Aws { interface },
                HaSetting::Local { vips, vips_previous },
            ] {
                prop_assert_eq!(HaSetting::read(setting.mode(), setting.config()), Ok(setting));
            }
        }

        #[test]
        fn no_configuration_panics(key in "(fnr_id|vips|vips_previous|[a-z]{0,3})", value in ".{0,20}") {
            for mode in HaMode::ALL {
                let _ = read(mode, json!({key.clone(): value}));
                let _ = read(mode, json!({key.clone(): [{"address": value}]}));
            }
        }
    }
}
