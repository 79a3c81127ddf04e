//! Large blocks of memory, each from the system and back to it at once.

use std::{alloc::Layout, ptr};

/// From this size on a system call costs little beside what is done with the block.
const LARGE_BYTES: usize = 1 << 20;
/// What the system's memory is aligned to at least.
const PAGE_BYTES: usize = 4096;

/// Whether a block of this layout comes from here.
pub(super) const fn is_large(layout: Layout) -> bool {
    layout.size() >= LARGE_BYTES && layout.align() <= PAGE_BYTES
}

/// A block, all zero, of which only what is written to takes memory; null if there is none.
pub(super) fn take(bytes: usize) -> *mut u8 {
    let (protection, flags) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
    );
    #[expect(unsafe_code, reason = "a system call")]
    // SAFETY: a new mapping of no file changes no memory that is there.
    let block = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0) };
    or_null(block)
}

/// The block with another size, perhaps elsewhere; null if there is no room, and the block as it was.
///
/// # Safety
/// It came from here with the size `old`, and is not used after this unless it stayed.
#[expect(unsafe_code, reason = "a system call")]
pub(super) unsafe fn resize(block: *mut u8, old: usize, new: usize) -> *mut u8 {
    // SAFETY: as promised.
    or_null(unsafe { libc::mremap(block.cast(), old, new, libc::MREMAP_MAYMOVE) })
}

/// Ends a block.
///
/// # Safety
/// It came from here with this size, and is not used after this.
#[expect(unsafe_code, reason = "a system call")]
pub(super) unsafe fn give_back(block: *mut u8, bytes: usize) {
    // SAFETY: as promised. It fails only for what is no mapping.
    let _ = unsafe { libc::munmap(block.cast(), bytes) };
}

fn or_null(block: *mut libc::c_void) -> *mut u8 {
    if block == libc::MAP_FAILED {
        ptr::null_mut()
    } else {
        block.cast()
    }
}

#[cfg(test)]
mod tests {
    // They go through the allocator of this program, as everything does.
    const SMALL: usize = 1000;
    const LARGE: usize = super::LARGE_BYTES + 5;

    #[test]
    fn what_grows_and_shrinks_across_the_border_keeps_its_content() {
        let mut bytes: Vec<u8> = (0..SMALL).map(|at| at as u8).collect();
        for capacity in [LARGE, 3 * LARGE, 20 * LARGE] {
            bytes.reserve_exact(capacity - bytes.len());
            assert!((0..SMALL).all(|at| bytes[at] == at as u8), "at {capacity}");
            bytes.resize(capacity, 7);
        }
        bytes.truncate(2 * LARGE);
        bytes.shrink_to_fit();
        assert_eq!(bytes[2 * LARGE - 1], 7);
        bytes.truncate(SMALL);
        bytes.shrink_to_fit();
        assert!((0..SMALL).all(|at| bytes[at] == at as u8));
    }

    #[test]
    fn a_cleared_block_takes_no_memory_until_it_is_written_to() {
        let resident = || {
            let status = std::fs::read_to_string("/proc/self/statm").unwrap();
            let pages: usize = status.split(' ').nth(1).unwrap().parse().unwrap();
            pages * super::PAGE_BYTES
        };
        let before = resident();
        let blocks: Vec<Vec<u8>> = (0..64).map(|_| vec![0; 4 * LARGE]).collect();
        let taken = resident().saturating_sub(before);
        assert!(taken < 64 * LARGE, "{taken} bytes of {}", 64 * 4 * LARGE);
        assert!(blocks.iter().all(|block| block[3 * LARGE] == 0));
    }

    #[test]
    fn more_than_there_is_is_refused() {
        let mut bytes: Vec<u8> = vec![1; LARGE];
        assert!(bytes.try_reserve_exact(1 << 62).is_err());
        assert_eq!(bytes[LARGE - 1], 1);
    }
}
