//! Durable state: SQLite behind the ports of adit-core.
