//! Lists by what a query asks for.

use adit_core::port::Page;

/// What a list comes to.
pub(crate) trait Found {
    /// Whether nothing matched.
    fn is_nothing(&self) -> bool;
}

impl<T> Found for Page<T> {
    fn is_nothing(&self) -> bool {
        self.total == 0
    }
}

impl<T> Found for Vec<T> {
    fn is_nothing(&self) -> bool {
        self.is_empty()
    }
}

/// What is found by the parameters of a query. A text may hold a percent sign of its own, so texts count as decoded once,
/// and as decoded again only if nothing is found so.
macro_rules! list {
    ($query:expr, |$reading:ident| $find:expr) => {{
        let whole: &$crate::extract::QueryParams = &$query;
        let found = {
            let $reading = whole;
            $find
        };
        match whole.decoded_again() {
            Some(again) if $crate::extract::Found::is_nothing(&found) => {
                let $reading = &again;
                $find
            }
            Some(_) | None => found,
        }
    }};
}

pub(crate) use list;
