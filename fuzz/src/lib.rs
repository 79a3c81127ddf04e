//! What the fuzz targets share: a bound on memory, and the control stream they speak to.
//!
//! Each target in `fuzz_targets/` gives a peer's bytes to one decoder and asserts what holds for every input: it
//! does not panic, it takes memory in proportion to the input, and what it read is written and read back alike.

mod memory;
mod refusing;

pub use memory::bounded;
pub use refusing::{Refusing, register_connection};
