//! The bytes between connector and edge: preambles, heads, serialised headers, tokens.
