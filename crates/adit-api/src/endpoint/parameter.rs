//! Parameters in a query, as the OpenAPI document describes them.

/// A parameter. All are optional.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) says: &'static str,
}

/// What a parameter looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Text,
    Uuid,
    Id,
    Flag,
    /// RFC 3339.
    Time,
    /// A whole number from 1 to this.
    Number(u32),
    Word(&'static [&'static str]),
    /// Words, separated by commas.
    Words(&'static [&'static str]),
}

macro_rules! constructors {
    ($($name:ident: $kind:ident,)+) => {$(
        #[doc = concat!("A parameter of kind [`Kind::", stringify!($kind), "`].")]
        pub(crate) const fn $name(name: &'static str, says: &'static str) -> Self {
            Self { name, kind: Kind::$kind, says }
        }
    )+};
}

impl Parameter {
    constructors! {
        text: Text,
        uuid: Uuid,
        id: Id,
        flag: Flag,
        time: Time,
    }

    /// A whole number from 1 to `most`.
    pub(crate) const fn number(name: &'static str, most: u32, says: &'static str) -> Self {
        Self {
            name,
            kind: Kind::Number(most),
            says,
        }
    }

    /// One of a few words.
    pub(crate) const fn word(name: &'static str, words: &'static [&'static str], says: &'static str) -> Self {
        Self {
            name,
            kind: Kind::Word(words),
            says,
        }
    }

    /// Some of a few words, separated by commas.
    pub(crate) const fn words(
        name: &'static str,
        words: &'static [&'static str],
        says: &'static str,
    ) -> Self {
        Self {
            name,
            kind: Kind::Words(words),
            says,
        }
    }
}

/// Which part of a list.
pub(crate) const PAGING: &[Parameter] = &[
    Parameter::number(
        "page",
        u32::MAX,
        "which page, from 1; past the end pages are empty",
    ),
    Parameter::number("per_page", 1000, "items in a page"),
];

/// From which end a list by age begins.
pub(crate) const DIRECTION: &[Parameter] = &[Parameter::word(
    "direction",
    &["asc", "desc"],
    "oldest or newest first; newest if absent",
)];
