//! JSON objects, and nothing else in their place.
//!
//! Serde also reads a struct from an array of its fields' values, which no client means and no other reader of the same
//! text takes. A field that holds such a struct says `#[serde(deserialize_with = "object::one")]`, or another of these.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

/// A `T` that is read from an object.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

struct Fields<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(fields)).map(Object)
    }
}

/// Reads an object.
///
/// # Errors
/// What is no object, or not of this shape.
pub fn one<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Object::deserialize(deserializer).map(|Object(value)| value)
}

/// Reads an object, or null.
///
/// # Errors
/// As [`one`].
pub fn maybe<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let read = Option::<Object<T>>::deserialize(deserializer)?;
    Ok(read.map(|Object(value)| value))
}

/// Reads an array of objects.
///
/// # Errors
/// As [`one`], for each of them.
pub fn all<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let read = Vec::<Object<T>>::deserialize(deserializer)?;
    Ok(read.into_iter().map(|Object(value)| value).collect())
}

/// Reads an array of objects, or null.
///
/// # Errors
/// As [`one`], for each of them.
pub fn maybe_all<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    let read = Option::<Vec<Object<T>>>::deserialize(deserializer)?;
    Ok(read.map(|objects| objects.into_iter().map(|Object(value)| value).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    struct Named {
        name: String,
    }

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    struct Holder {
        #[serde(deserialize_with = "one")]
        one: Named,
        #[serde(default, deserialize_with = "maybe")]
        maybe: Option<Named>,
        #[serde(deserialize_with = "all")]
        all: Vec<Named>,
        #[serde(default, deserialize_with = "maybe_all")]
        maybe_all: Option<Vec<Named>>,
    }

    #[test]
    fn objects_are_read_and_arrays_in_their_place_are_not() {
        let named = |name: &str| Named {
            name: name.to_owned(),
        };
        let read: Holder =
            serde_json::from_str(r#"{"one":{"name":"a"},"maybe":null,"all":[{"name":"b"}]}"#).unwrap();
        let expected = Holder {
            one: named("a"),
            maybe: None,
            all: vec![named("b")],
            maybe_all: None,
        };
        assert_eq!(read, expected);
        for bad in [
            r#"{"one":["a"],"all":[]}"#,
            r#"{"one":{"name":"a"},"maybe":["a"],"all":[]}"#,
            r#"{"one":{"name":"a"},"all":[["b"]]}"#,
            r#"{"one":{"name":"a"},"all":[],"maybe_all":[["b"]]}"#,
        ] {
            let error = serde_json::from_str::<Holder>(bad).unwrap_err().to_string();
            assert!(error.contains("expected an object"), "{error}");
        }
    }
}
