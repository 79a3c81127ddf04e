//! Takes a datagram apart from either end.

use adit_model::SessionId;
use bytes::Bytes;

use super::DatagramError;

/// What is left of a datagram.
pub(super) struct Cut(pub(super) Bytes);

impl Cut {
    /// So many bytes from the front.
    pub(super) fn front<const N: usize>(&mut self) -> Result<[u8; N], DatagramError> {
        let taken = *self.0.first_chunk::<N>().ok_or(DatagramError::Short)?;
        let _ = self.0.split_to(N);
        Ok(taken)
    }

    /// So many bytes from the end.
    pub(super) fn end<const N: usize>(&mut self) -> Result<[u8; N], DatagramError> {
        let taken = *self.0.last_chunk::<N>().ok_or(DatagramError::Short)?;
        self.0.truncate(self.0.len() - N);
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, DatagramError> {
        self.front::<1>().map(|[byte]| byte)
    }

    pub(super) fn number(&mut self) -> Result<u16, DatagramError> {
        self.front().map(u16::from_be_bytes)
    }

    pub(super) fn session(&mut self) -> Result<SessionId, DatagramError> {
        let bytes = self.front::<16>()?;
        SessionId::from_slice(&bytes).ok_or(DatagramError::Short)
    }

    /// All that is left, which may have at most so many bytes.
    pub(super) fn rest(self, most: usize) -> Result<Bytes, DatagramError> {
        if self.0.len() > most {
            return Err(DatagramError::Long);
        }
        Ok(self.0)
    }

    /// All that is left, which must be something.
    pub(super) fn packet(self, most: usize) -> Result<Bytes, DatagramError> {
        if self.0.is_empty() {
            return Err(DatagramError::Short);
        }
        self.rest(most)
    }
}
