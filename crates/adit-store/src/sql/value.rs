//! Values of parameters. A missing one keeps its type, which PostgreSQL insists on. A text's U+0000, which PostgreSQL
//! cannot keep and SQLite ends texts at, becomes U+FFFD.

use uuid::Uuid;

/// The value of a parameter, or none.
#[derive(Clone)]
pub(crate) enum Value {
    Text(Option<String>),
    Number(Option<i64>),
    Bytes(Option<Vec<u8>>),
    Flag(Option<bool>),
    Uuid(Option<Uuid>),
}

impl Value {
    /// As either engine keeps it.
    pub(super) fn storable(self) -> Self {
        match &self {
            Self::Text(Some(text)) if text.contains('\0') => Self::Text(Some(text.replace('\0', "\u{fffd}"))),
            Self::Text(_) | Self::Number(_) | Self::Bytes(_) | Self::Flag(_) | Self::Uuid(_) => self,
        }
    }
}

macro_rules! value_from {
    ($($kind:ident: $($from:ty),+;)+) => {$($(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$kind(Some(value.into()))
            }
        }

        impl From<Option<$from>> for Value {
            fn from(value: Option<$from>) -> Self {
                Self::$kind(value.map(Into::into))
            }
        }
    )+)+};
}

value_from! {
    Text: &str, String, &String;
    Number: i64, u32, u16, u8;
    Bytes: &[u8], Vec<u8>;
    Flag: bool;
    Uuid: Uuid;
}

impl From<&Option<String>> for Value {
    fn from(value: &Option<String>) -> Self {
        Self::Text(value.clone())
    }
}
