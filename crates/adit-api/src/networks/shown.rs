//! Showing what a call on private networks found, made, changed or deleted.

use adit_core::port::NetworkError;

use crate::{envelope::Success, problem::Problem};

/// What such a call answers.
pub(super) type Shown<View> = Result<Success<View>, Problem>;

/// Shows what was done.
pub(super) fn shown<Item, View: serde::Serialize>(
    done: Result<Item, NetworkError>,
    view: fn(&Item) -> View,
) -> Shown<View> {
    Ok(Success::of(view(&done?)))
}
