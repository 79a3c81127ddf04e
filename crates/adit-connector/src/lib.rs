//! The connector: cloudflared's half of a tunnel.
mod redial;
