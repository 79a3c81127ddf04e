//! The REST API: Cloudflare's v4, tunnel part.
