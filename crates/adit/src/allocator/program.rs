//! The pages of the program's own file that are in memory.
//!
//! Most of them are there since something near them was needed at the start. What is needed again comes back by itself,
//! from the system's cache.

use std::{fs, ops::Range};

/// Lets all of them go that nothing was written to. How many bytes that were; 0 where the system does not tell.
pub(super) fn give_back() -> usize {
    let program = fs::read_link("/proc/self/exe");
    let (Ok(program), Ok(mappings)) = (program, fs::read_to_string("/proc/self/smaps")) else {
        return 0;
    };
    let Some(program) = program.to_str() else {
        return 0;
    };
    let mut bytes = 0;
    for Mapping { at, resident, .. } in unwritten(&mappings, program) {
        #[expect(unsafe_code, reason = "a system call")]
        // SAFETY: the range is one of the program's own file that stays for as long as the program runs, is not writable
        // and has no page that differs from the file: what is read next is what was there.
        let done = unsafe { libc::madvise(at.start as *mut libc::c_void, at.len(), libc::MADV_DONTNEED) };
        if done == 0 {
            bytes += resident;
        }
    }
    bytes
}

#[derive(Debug, PartialEq, Eq)]
struct Mapping {
    at: Range<usize>,
    /// Bytes in memory.
    resident: usize,
    /// Bytes that differ from the file: the linker has written to some that are read-only now.
    written: usize,
}

/// The mappings of a file that are as the file is.
///
/// Source: proc_pid_smaps(5).
fn unwritten(mappings: &str, file: &str) -> Vec<Mapping> {
    let mut found: Vec<Mapping> = Vec::new();
    let mut is_meant = false;
    for line in mappings.lines() {
        if let Some((at, rights, of)) = header(line) {
            is_meant = of == file && rights.starts_with("r-") && rights.ends_with('p');
            if is_meant {
                found.push(Mapping {
                    at,
                    resident: 0,
                    written: 0,
                });
            }
        } else if is_meant && let Some(mapping) = found.last_mut() {
            if let Some(bytes) = kilobytes(line, "Rss:") {
                mapping.resident = bytes;
            } else if let Some(bytes) = kilobytes(line, "Anonymous:") {
                mapping.written = bytes;
            }
        }
    }
    found.retain(|mapping| mapping.written == 0);
    found
}

/// `START-END RIGHTS OFFSET DEVICE INODE FILE`.
fn header(line: &str) -> Option<(Range<usize>, &str, &str)> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let number = |hexadecimal| usize::from_str_radix(hexadecimal, 16).ok();
    let mut fields = rest.splitn(5, ' ');
    let rights = fields.next()?;
    let file = fields.nth(3).unwrap_or_default().trim_start();
    Some((number(start)?..number(end)?, rights, file))
}

fn kilobytes(line: &str, name: &str) -> Option<usize> {
    let value = line.strip_prefix(name)?.trim().strip_suffix(" kB")?;
    value.parse::<usize>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPPINGS: &str = "\
55d0c0000000-55d0c0ad2000 r--p 00000000 fe:00 12 /opt/a b/adit
Size:              11084 kB
Rss:                4544 kB
Anonymous:             0 kB
VmFlags: rd mr mw me
55d0c0ad2000-55d0c2fd3000 r-xp 00ad1000 fe:00 12 /opt/a b/adit
Rss:               20024 kB
Anonymous:             0 kB
55d0c2fd3000-55d0c30f3000 r--p 02fd1000 fe:00 12 /opt/a b/adit
Rss:                1152 kB
Anonymous:          1152 kB
55d0c30f3000-55d0c3101000 rw-p 030f0000 fe:00 12 /opt/a b/adit
Rss:                   0 kB
Anonymous:             0 kB
7f1200000000-7f1200200000 rw-p 00000000 00:00 0
Rss:                  88 kB
Anonymous:            88 kB
7f1200300000-7f1200400000 r-xp 00000000 fe:00 13                         /lib/libc.so.6
Rss:                 948 kB
Anonymous:             0 kB
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
";

    #[test]
    fn only_what_is_as_the_programs_file_is_goes() {
        let found = unwritten(MAPPINGS, "/opt/a b/adit");
        let expected = |at, resident_kb: usize| Mapping {
            at,
            resident: resident_kb * 1024,
            written: 0,
        };
        assert_eq!(
            found,
            [
                expected(0x55d0_c000_0000..0x55d0_c0ad_2000, 4544),
                expected(0x55d0_c0ad_2000..0x55d0_c2fd_3000, 20024),
            ]
        );
        assert_eq!(unwritten("", "/x"), []);
        assert_eq!(unwritten("nonsense\nRss: x kB\n-- --\n", "/x"), []);
    }

    #[test]
    fn a_program_goes_on_without_its_pages() {
        if cfg!(target_os = "linux") {
            assert!(give_back() > 0);
        }
        assert_eq!(unwritten(MAPPINGS, "/lib/libc.so.6").len(), 1);
    }
}
