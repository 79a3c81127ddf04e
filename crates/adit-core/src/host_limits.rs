//! What a public host name may be asked for: how often, how much at once, and with how large a body.

mod rate;

pub use rate::Rate;

/// Largest `requests_per_second` and `concurrent_requests`.
pub const MOST_REQUESTS: u32 = 1_000_000;
/// Largest `burst`.
pub const MOST_BURST: u32 = 10_000_000;
/// Largest `max_request_body_bytes`: what every JSON reader takes for a whole number.
pub const MOST_BODY_BYTES: u64 = (1 << 53) - 1;

/// The limits of a host name, or of all names below one together. The default is none at all. Each edge holds them for
/// itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HostLimits {
    requests_per_second: Option<u32>,
    burst: Option<u32>,
    concurrent_requests: Option<u32>,
    max_request_body_bytes: Option<u64>,
}

/// The limits as somebody wrote them down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WrittenLimits {
    /// 1 to [`MOST_REQUESTS`].
    pub requests_per_second: Option<u64>,
    /// 1 to [`MOST_BURST`]; only beside `requests_per_second`.
    pub burst: Option<u64>,
    /// 1 to [`MOST_REQUESTS`].
    pub concurrent_requests: Option<u64>,
    /// 0 to [`MOST_BODY_BYTES`].
    pub max_request_body_bytes: Option<u64>,
}

/// Why a limit cannot be held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct HostLimitsError {
    /// The field that is wrong.
    pub field: &'static str,
    /// What would be right.
    pub reason: String,
}

impl HostLimits {
    /// Reads limits.
    ///
    /// # Errors
    /// Names the field that is out of its range, or that means nothing without another one.
    pub fn read(written: WrittenLimits) -> Result<Self, HostLimitsError> {
        let requests = u64::from(MOST_REQUESTS);
        if written.burst.is_some() && written.requests_per_second.is_none() {
            return Err(HostLimitsError {
                field: "burst",
                reason: "means nothing without requests_per_second".to_owned(),
            });
        }
        let body = within(
            "max_request_body_bytes",
            written.max_request_body_bytes,
            0,
            MOST_BODY_BYTES,
        )?;
        Ok(Self {
            requests_per_second: count("requests_per_second", written.requests_per_second, requests)?,
            burst: count("burst", written.burst, u64::from(MOST_BURST))?,
            concurrent_requests: count("concurrent_requests", written.concurrent_requests, requests)?,
            max_request_body_bytes: body,
        })
    }

    /// The limits as they would be written down.
    #[must_use]
    pub fn written(&self) -> WrittenLimits {
        WrittenLimits {
            requests_per_second: self.requests_per_second.map(u64::from),
            burst: self.burst.map(u64::from),
            concurrent_requests: self.concurrent_requests.map(u64::from),
            max_request_body_bytes: self.max_request_body_bytes,
        }
    }

    /// Whether there is no limit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How often the name may be asked. Without a burst, as many requests may come at once as in a second.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        let per_second = self.requests_per_second?;
        Some(Rate::new(per_second, self.burst.unwrap_or(per_second)))
    }

    /// Requests in flight at most: from their head to the end of their answer; a WebSocket is one until it ends.
    #[must_use]
    pub const fn concurrent_requests(&self) -> Option<u32> {
        self.concurrent_requests
    }

    /// Bytes of a request's body at most; what a WebSocket carries is none.
    #[must_use]
    pub const fn max_request_body_bytes(&self) -> Option<u64> {
        self.max_request_body_bytes
    }
}

fn count(field: &'static str, value: Option<u64>, most: u64) -> Result<Option<u32>, HostLimitsError> {
    let value = within(field, value, 1, most)?;
    Ok(value.and_then(|value| u32::try_from(value).ok()))
}

fn within(
    field: &'static str,
    value: Option<u64>,
    least: u64,
    most: u64,
) -> Result<Option<u64>, HostLimitsError> {
    match value {
        Some(value) if !(least..=most).contains(&value) => Err(HostLimitsError {
            field,
            reason: format!("must be {least} to {most}, or null for no limit"),
        }),
        value => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(written: WrittenLimits) -> String {
        HostLimits::read(written).unwrap_err().to_string()
    }

    #[test]
    fn what_is_out_of_range_is_refused_by_name() {
        let nothing = WrittenLimits::default();
        let zero = WrittenLimits {
            requests_per_second: Some(0),
            ..nothing
        };
        assert_eq!(
            refused(zero),
            "requests_per_second: must be 1 to 1000000, or null for no limit"
        );
        let many = WrittenLimits {
            concurrent_requests: Some(1_000_001),
            ..nothing
        };
        assert_eq!(
            refused(many),
            "concurrent_requests: must be 1 to 1000000, or null for no limit"
        );
        let large = WrittenLimits {
            max_request_body_bytes: Some(u64::MAX),
            ..nothing
        };
        assert_eq!(
            refused(large),
            "max_request_body_bytes: must be 0 to 9007199254740991, or null for no limit"
        );
        let alone = WrittenLimits {
            burst: Some(5),
            ..nothing
        };
        assert_eq!(refused(alone), "burst: means nothing without requests_per_second");
    }

    proptest! {
        #[test]
        fn limits_that_were_read_are_written_as_they_were(
            requests_per_second in prop::option::of(any::<u64>()),
            burst in prop::option::of(0u64..20_000_000),
            concurrent_requests in prop::option::of(0u64..2_000_000),
            max_request_body_bytes in prop::option::of(any::<u64>()),
        ) {
            let written = WrittenLimits { requests_per_second, burst, concurrent_requests, max_request_body_bytes };
            if let Ok(limits) = HostLimits::read(written) {
                prop_assert_eq!(limits.written(), written);
                prop_assert_eq!(limits.is_empty(), written == WrittenLimits::default());
                prop_assert_eq!(limits.rate().is_some(), requests_per_second.is_some());
            }
        }
    }
}
