//! Private networks: routes, virtual networks, private host names, subnets and settings.

mod endpoints;
mod field;
mod hostname_routes;
mod list;
mod routes;
mod scope;
mod settings;
mod shown;
mod subnets;
mod virtual_networks;

pub(crate) use endpoints::endpoints;
pub(crate) use field::{FieldError, parsed, required};
pub(crate) use list::{PAGES, text};
pub(crate) use scope::{InPath, ItemScope};
