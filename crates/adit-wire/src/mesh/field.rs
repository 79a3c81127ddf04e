//! How single fields are written and read: within their limits, and as the text that their type has.

use std::{fmt, marker::PhantomData, str::FromStr};

use ipnet::IpNet;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, SeqAccess, Visitor},
};

/// For `#[serde(with)]`: a type whose text is the field.
pub(super) mod as_text {
    use super::{Deserialize, Deserializer, Error, FromStr, Serializer, fmt};

    pub(in super::super) fn serialize<T: fmt::Display, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(in super::super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr,
        D: Deserializer<'de>,
    {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| D::Error::custom("not in its form"))
    }
}

/// A type whose text is the element of a list.
pub(super) struct AsText<T>(pub(super) T);

impl<T: fmt::Display> Serialize for AsText<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        as_text::serialize(&self.0, serializer)
    }
}

impl<'de, T: FromStr> Deserialize<'de> for AsText<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        as_text::deserialize(deserializer).map(Self)
    }
}

/// A text of at most `MAX` bytes.
pub(super) fn text<'de, D: Deserializer<'de>, const MAX: usize>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.len() > MAX {
        return Err(D::Error::custom("too long a text"));
    }
    Ok(text)
}

/// A text of at most `MAX` bytes, or none.
pub(super) fn maybe_text<'de, D: Deserializer<'de>, const MAX: usize>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    if text.as_ref().is_some_and(|text| text.len() > MAX) {
        return Err(D::Error::custom("too long a text"));
    }
    Ok(text)
}

/// At most `MAX` texts of at most `BYTES` bytes each.
pub(super) fn texts<'de, D, const MAX: usize, const BYTES: usize>(
    deserializer: D,
) -> Result<Vec<String>, D::Error>
where
    D: Deserializer<'de>,
{
    let texts: Vec<String> = list::<D, String, MAX>(deserializer)?;
    if texts.iter().any(|text| text.len() > BYTES) {
        return Err(D::Error::custom("too long a text"));
    }
    Ok(texts)
}

/// At most `MAX` networks without host bits.
pub(super) fn networks<'de, D, const MAX: usize>(deserializer: D) -> Result<Vec<IpNet>, D::Error>
where
    D: Deserializer<'de>,
{
    let networks: Vec<IpNet> = list::<D, IpNet, MAX>(deserializer)?;
    if networks.iter().any(|network| network.trunc() != *network) {
        return Err(D::Error::custom("a network with host bits"));
    }
    Ok(networks)
}

/// At most `MAX` values; the first one too many ends the reading.
pub(super) fn list<'de, D, T, const MAX: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct List<T, const MAX: usize>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for List<T, MAX> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MAX}")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<T>, A::Error> {
            let mut values = Vec::new();
            while let Some(value) = elements.next_element()? {
                if values.len() >= MAX {
                    return Err(A::Error::custom("too long a list"));
                }
                values.push(value);
            }
            Ok(values)
        }
    }

    deserializer.deserialize_seq(List::<T, MAX>(PhantomData))
}
