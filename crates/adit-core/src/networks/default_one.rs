//! Things of which an account has exactly one default: virtual networks, and subnets of a family.

/// Why the default stays what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DefaultError {
    /// There is always one, so it cannot be given up.
    #[error("the default cannot be given up; make another one the default instead")]
    GivenUp,
}

/// Whether a thing is the default after a change in which `wanted` was said of it. The default that it displaces, if
/// any, is one no more.
///
/// # Errors
/// [`DefaultError::GivenUp`] if the default is to be one no more.
pub const fn next_default(is_default: bool, wanted: Option<bool>) -> Result<bool, DefaultError> {
    match (is_default, wanted) {
        (true, Some(false)) => Err(DefaultError::GivenUp),
        (_, Some(wanted)) => Ok(wanted),
        (_, None) => Ok(is_default),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_a_default() {
        assert_eq!(next_default(true, Some(false)), Err(DefaultError::GivenUp));
        for (is_default, wanted, next) in [
            (true, None, true),
            (true, Some(true), true),
            (false, None, false),
            (false, Some(false), false),
            (false, Some(true), true),
        ] {
            assert_eq!(
                next_default(is_default, wanted),
                Ok(next),
                "{is_default} {wanted:?}"
            );
        }
    }
}
