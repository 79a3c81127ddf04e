//! Where a message begins and ends.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{Deserialize, Serialize};

/// The most bytes of a message, without its length.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// The bytes of a length.
const LENGTH_BYTES: usize = 4;

/// Why bytes are no message, or a message cannot be sent. Never quotes what a peer said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MeshError {
    /// Longer than [`MAX_MESSAGE_BYTES`].
    #[error("a message of {0} bytes; it may have 65536")]
    TooLong(usize),
    /// Not a JSON object with a `type`.
    #[error("not a JSON object with a type")]
    NotObject,
    /// A message of a known type that lacks a field, or has one out of its form or limits.
    #[error("a message of type {0} with a field missing or out of its form")]
    Malformed(&'static str),
    /// A message of a type that is not known here and must be understood.
    #[error("a critical message of a type that this version does not know")]
    UnknownCritical,
}

/// One direction of a control connection: [`super::ToEdge`] or [`super::ToNode`].
pub trait Message: Serialize + Sized {
    /// Reads the body of a message of this type; `None` if the direction has no such type.
    ///
    /// # Errors
    /// [`MeshError::Malformed`].
    fn read(kind: &str, body: &[u8]) -> Option<Result<Self, MeshError>>;
}

/// Defines a direction: its messages, and the names of their types on the wire.
macro_rules! direction {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $kind:literal,)* }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
        #[serde(tag = "type")]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $kind)] $variant($variant),)*
        }

        impl $crate::mesh::Message for $name {
            fn read(kind: &str, body: &[u8]) -> Option<Result<Self, $crate::mesh::MeshError>> {
                match kind {
                    $($kind => {
                        let read = serde_json::from_slice(body);
                        Some(read.map(Self::$variant).map_err(|_| $crate::mesh::MeshError::Malformed($kind)))
                    })*
                    _ => None,
                }
            }
        }

        $(impl From<$variant> for $name {
            fn from(message: $variant) -> Self {
                Self::$variant(message)
            }
        })*
    };
}
pub(super) use direction;

/// A message with its length, ready to be sent.
///
/// # Errors
/// [`MeshError::TooLong`].
pub fn encode<M: Message>(message: &M) -> Result<Vec<u8>, MeshError> {
    let mut bytes = vec![0; LENGTH_BYTES];
    // Maps have text keys here and no value fails to serialise.
    serde_json::to_writer(&mut bytes, message).map_err(|_| MeshError::NotObject)?;
    let length = bytes.len() - LENGTH_BYTES;
    let announced = u32::try_from(length).ok().filter(|_| length <= MAX_MESSAGE_BYTES);
    let announced = announced.ok_or(MeshError::TooLong(length))?.to_be_bytes();
    for (to, from) in bytes.iter_mut().zip(announced) {
        *to = from;
    }
    Ok(bytes)
}

/// Puts messages together from bytes as they come. Keeps at most one message; memory grows with what came, not with what
/// was announced.
pub struct Decoder<M> {
    /// The length, as far as it came, then the body.
    buffer: Vec<u8>,
    direction: PhantomData<fn() -> M>,
}

impl<M> Default for Decoder<M> {
    fn default() -> Self {
        Self {
            buffer: Vec::new(),
            direction: PhantomData,
        }
    }
}

impl<M> fmt::Debug for Decoder<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("buffered", &self.buffer.len())
            .finish_non_exhaustive()
    }
}

impl<M: Message> Decoder<M> {
    /// Takes bytes off the front of `input` until a message is whole; `None` once `input` is used up before that. Passes
    /// over messages of unknown types.
    ///
    /// # Errors
    /// [`MeshError`]: the connection is of no more use, since nobody knows where the next message begins.
    pub fn take(&mut self, input: &mut &[u8]) -> Result<Option<M>, MeshError> {
        loop {
            self.fill(LENGTH_BYTES, input);
            let Some(length) = self.buffer.first_chunk::<LENGTH_BYTES>() else {
                return Ok(None);
            };
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            if length > MAX_MESSAGE_BYTES {
                return Err(MeshError::TooLong(length));
            }
            self.fill(LENGTH_BYTES + length, input);
            let body = self.buffer.get(LENGTH_BYTES..).unwrap_or_default();
            if body.len() < length {
                return Ok(None);
            }
            let message = read(body)?;
            self.buffer.clear();
            self.buffer.shrink_to(1024);
            if message.is_some() {
                return Ok(message);
            }
        }
    }

    /// True if bytes of a message came and the rest of it did not.
    #[must_use]
    pub const fn is_amid(&self) -> bool {
        !self.buffer.is_empty()
    }

    fn fill(&mut self, upto: usize, input: &mut &[u8]) {
        let missing = upto.saturating_sub(self.buffer.len()).min(input.len());
        let (taken, rest) = input.split_at(missing);
        self.buffer.extend_from_slice(taken);
        *input = rest;
    }
}

/// What tells how the rest is to be read.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    critical: bool,
}

/// `None` for a message that may be passed over.
fn read<M: Message>(body: &[u8]) -> Result<Option<M>, MeshError> {
    // A list would do for a struct, and no message is one.
    let object = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let head: Option<Head<'_>> = serde_json::from_slice(body).ok().filter(|_| object);
    let head = head.ok_or(MeshError::NotObject)?;
    match M::read(&head.kind, body) {
        Some(message) => message.map(Some),
        None if head.critical => Err(MeshError::UnknownCritical),
        None => Ok(None),
    }
}
