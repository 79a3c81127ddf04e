//! The edge: where connectors dial in and public traffic enters.
