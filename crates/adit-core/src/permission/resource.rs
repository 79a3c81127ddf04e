//! What a policy is about: accounts, zones and users, one or all of them.

use std::{collections::HashSet, fmt, str::FromStr};

use adit_model::{AccountId, UserId, ZoneId};
use serde_json::{Map, Value};

/// One of them, or every one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Choice<T> {
    /// All there are, and all there will be.
    Every,
    /// This one.
    Only(T),
}

/// What a policy is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// Accounts themselves and what they own but for zones.
    Account(Choice<AccountId>),
    /// Zones, of some account or, said without one, of any.
    Zone {
        /// Whose.
        of: Option<Choice<AccountId>>,
        /// Which.
        zone: Choice<ZoneId>,
    },
    /// Users.
    User(Choice<UserId>),
}

/// Why a text names no resource.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResourceError {
    /// Not a kind that Adit has, or its id is malformed.
    #[error(
        "{0:?} is no resource; known are com.cloudflare.api.account.<id>, .account.zone.<id> and .user.<id>, or * for the id"
    )]
    Unknown(String),
    /// Neither `*` nor, for an account, an object of zones.
    #[error("the value of {0:?} must be \"*\"")]
    BadValue(String),
    /// Another key means the same, so that it is not clear what is meant.
    #[error("{0:?} is named twice")]
    Twice(String),
}

const ZONE: &str = "com.cloudflare.api.account.zone.";
const ACCOUNT: &str = "com.cloudflare.api.account.";
const USER: &str = "com.cloudflare.api.user.";
const WHOLE: &str = "*";

impl<T: PartialEq> Choice<T> {
    /// Whether this one is meant.
    pub fn is(&self, one: &T) -> bool {
        match self {
            Self::Every => true,
            Self::Only(own) => own == one,
        }
    }

    /// Whether everything that `other` means is meant.
    pub fn contains(&self, other: &Self) -> bool {
        match other {
            Self::Every => *self == Self::Every,
            Self::Only(one) => self.is(one),
        }
    }

    /// Whether something is meant by both.
    pub fn meets(&self, other: &Self) -> bool {
        match other {
            Self::Every => true,
            Self::Only(one) => self.is(one),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Choice<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every => f.write_str(WHOLE),
            Self::Only(one) => one.fmt(f),
        }
    }
}

impl<T: FromStr> Choice<T> {
    fn parse(text: &str) -> Option<Self> {
        if text == WHOLE {
            Some(Self::Every)
        } else {
            text.parse().ok().map(Self::Only)
        }
    }
}

impl Resource {
    /// Reads the `resources` of a policy, such as `{"com.cloudflare.api.account.<id>": "*"}`, or, for the zones of an
    /// account, `{"com.cloudflare.api.account.<id>": {"com.cloudflare.api.account.zone.*": "*"}}`.
    ///
    /// # Errors
    /// [`ResourceError`] names the key that is not understood, or that is there twice.
    pub fn read(map: &Map<String, Value>) -> Result<Vec<Self>, ResourceError> {
        let mut read = Vec::new();
        let mut named = HashSet::new();
        for (key, value) in map {
            let resource = Self::named(key)?;
            // The digits of an id may be of either case.
            if !named.insert(resource) {
                return Err(ResourceError::Twice(key.clone()));
            }
            match (resource, value) {
                (resource, Value::String(whole)) if whole == WHOLE => read.push(resource),
                (Self::Account(of), Value::Object(zones)) => read.extend(zones_of(of, zones)?),
                _ => return Err(ResourceError::BadValue(key.clone())),
            }
        }
        Ok(read)
    }

    fn named(key: &str) -> Result<Self, ResourceError> {
        let found = if let Some(id) = key.strip_prefix(ZONE) {
            Choice::parse(id).map(|zone| Self::Zone { of: None, zone })
        } else if let Some(id) = key.strip_prefix(ACCOUNT) {
            Choice::parse(id).map(Self::Account)
        } else {
            key.strip_prefix(USER).and_then(Choice::parse).map(Self::User)
        };
        found.ok_or_else(|| ResourceError::Unknown(key.to_owned()))
    }

    /// Writes the `resources` of a policy, as [`Resource::read`] reads them. Their form has one place for an account, so
    /// of an account itself and its zones in one list the first is written.
    #[must_use]
    pub fn write(resources: &[Self]) -> Map<String, Value> {
        let mut map = Map::new();
        let whole = || Value::String(WHOLE.to_owned());
        for resource in resources {
            match resource {
                Self::Account(account) => drop(map.insert(format!("{ACCOUNT}{account}"), whole())),
                Self::User(user) => drop(map.insert(format!("{USER}{user}"), whole())),
                Self::Zone { of: None, zone } => drop(map.insert(format!("{ZONE}{zone}"), whole())),
                Self::Zone { of: Some(of), zone } => {
                    let zones = map
                        .entry(format!("{ACCOUNT}{of}"))
                        .or_insert_with(|| Value::Object(Map::new()));
                    if let Value::Object(zones) = zones {
                        zones.insert(format!("{ZONE}{zone}"), whole());
                    }
                }
            }
        }
        map
    }

    /// Whether everything that `other` means is meant.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Account(own), Self::Account(other)) => own.contains(other),
            (Self::User(own), Self::User(other)) => own.contains(other),
            (Self::Zone { of, zone }, Self::Zone { of: its, zone: other }) => {
                own_or_every(*of).contains(&own_or_every(*its)) && zone.contains(other)
            }
            (Self::Account(_) | Self::User(_) | Self::Zone { .. }, _) => false,
        }
    }

    /// Whether something may be meant by both.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Account(own), Self::Account(other)) => own.meets(other),
            (Self::User(own), Self::User(other)) => own.meets(other),
            (Self::Zone { of, zone }, Self::Zone { of: its, zone: other }) => {
                own_or_every(*of).meets(&own_or_every(*its)) && zone.meets(other)
            }
            (Self::Account(_) | Self::User(_) | Self::Zone { .. }, _) => false,
        }
    }
}

fn own_or_every(of: Option<Choice<AccountId>>) -> Choice<AccountId> {
    of.unwrap_or(Choice::Every)
}

fn zones_of(of: Choice<AccountId>, zones: &Map<String, Value>) -> Result<Vec<Resource>, ResourceError> {
    let zone = |(key, value): (&String, &Value)| match Resource::named(key)? {
        Resource::Zone { zone, .. } if value.as_str() == Some(WHOLE) => {
            Ok(Resource::Zone { of: Some(of), zone })
        }
        Resource::Zone { .. } => Err(ResourceError::BadValue(key.clone())),
        Resource::Account(_) | Resource::User(_) => Err(ResourceError::Unknown(key.clone())),
    };
    let (mut read, mut named) = (Vec::new(), HashSet::new());
    for (key, value) in zones {
        let resource = zone((key, value))?;
        if !named.insert(resource) {
            return Err(ResourceError::Twice(key.clone()));
        }
        read.push(resource);
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<Vec<Resource>, ResourceError> {
        let Value::Object(map) = value else {
            panic!("not an object")
        };
        Resource::read(&map)
    }

    #[test]
    fn every_written_form_is_read() {
        let (account, zone) = (AccountId::random(), ZoneId::random());
        let whole_account = format!("{ACCOUNT}{account}");
        assert_eq!(
            read(json!({&whole_account: "*", "com.cloudflare.api.user.*": "*"})).unwrap(),
            [
                Resource::Account(Choice::Only(account)),
                Resource::User(Choice::Every)
            ]
        );
        assert_eq!(
            read(json!({format!("{ZONE}{zone}"): "*"})).unwrap(),
            [Resource::Zone {
                of: None,
                zone: Choice::Only(zone)
            }]
        );
        assert_eq!(
            read(json!({&whole_account: {"com.cloudflare.api.account.zone.*": "*"}})).unwrap(),
            [Resource::Zone {
                of: Some(Choice::Only(account)),
                zone: Choice::Every
            }]
        );
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for bad in [
            json!({"com.cloudflare.edge.r2.bucket.x": "*"}),
            json!({"com.cloudflare.api.account.x": "*"}),
            json!({"com.cloudflare.api.account.*": {"com.cloudflare.api.user.*": "*"}}),
        ] {
            assert!(
                matches!(read(bad.clone()), Err(ResourceError::Unknown(_))),
                "{bad}"
            );
        }
        for bad in [
            json!({"com.cloudflare.api.account.*": "read"}),
            json!({"com.cloudflare.api.user.*": {}}),
            json!({"com.cloudflare.api.account.*": {"com.cloudflare.api.account.zone.*": 1}}),
        ] {
            assert!(
                matches!(read(bad.clone()), Err(ResourceError::BadValue(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn what_is_named_twice_is_refused() {
        let id = "0123456789abcdef0123456789abcdef";
        let again = id.to_uppercase();
        let (of_account, again_of_account) = (format!("{ACCOUNT}{id}"), format!("{ACCOUNT}{again}"));
        let zones = json!({format!("{ZONE}{id}"): "*", format!("{ZONE}{again}"): "*"});
        for bad in [
            json!({&of_account: "*", &again_of_account: {"com.cloudflare.api.account.zone.*": "*"}}),
            json!({&of_account: "*", &again_of_account: "*"}),
            json!({&of_account: zones}),
        ] {
            assert!(matches!(read(bad.clone()), Err(ResourceError::Twice(_))), "{bad}");
        }
    }

    fn any_choice<T: Clone + fmt::Debug + 'static>(ids: [T; 2]) -> impl Strategy<Value = Choice<T>> {
        let [one, two] = ids;
        prop_oneof![
            Just(Choice::Every),
            Just(Choice::Only(one)),
            Just(Choice::Only(two))
        ]
    }

    fn any_resource() -> impl Strategy<Value = Resource> {
        let accounts = || {
            [
                "699d98642c564d2e855e9661899b7252",
                "023e105f4ecef8ad9ca31a8372d0c353",
            ]
            .map(|id| id.parse().unwrap())
        };
        let zones = [
            "11111111111111111111111111111111",
            "22222222222222222222222222222222",
        ]
        .map(|id| id.parse().unwrap());
        let users = [
            "33333333333333333333333333333333",
            "44444444444444444444444444444444",
        ]
        .map(|id| id.parse().unwrap());
        prop_oneof![
            any_choice(accounts()).prop_map(Resource::Account),
            (proptest::option::of(any_choice(accounts())), any_choice(zones))
                .prop_map(|(of, zone)| Resource::Zone { of, zone }),
            any_choice(users).prop_map(Resource::User),
        ]
    }

    proptest! {
        #[test]
        fn reading_undoes_writing(resource in any_resource()) {
            prop_assert_eq!(Resource::read(&Resource::write(&[resource])).unwrap(), [resource]);
        }

        #[test]
        fn no_map_panics(key in "(com\\.cloudflare\\.api\\.(account|user)\\.?)?.{0,20}", value in ".{0,3}") {
            let _ = read(json!({key.clone(): value.clone()}));
            let _ = read(json!({key: {value: "*"}}));
        }

        #[test]
        fn what_one_contains_it_meets(one in any_resource(), two in any_resource()) {
            prop_assert!(one.contains(&one));
            prop_assert!(!one.contains(&two) || (one.meets(&two) && two.meets(&one)));
        }
    }
}
