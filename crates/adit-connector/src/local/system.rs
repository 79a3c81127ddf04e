//! `/diag/system`: the machine that the connector runs on. Names and order are cloudflared's; sizes are kibibytes.
//! Source: cloudflare/cloudflared: diagnostic/system_collector.go.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::Serialize;

use super::diagnosis::line;

/// The most file systems that are told.
const MAX_DISKS: usize = 64;
/// Kinds of file systems that may keep whoever asks them waiting.
const REMOTE: [&str; 5] = ["nfs", "cifs", "smb", "fuse", "9p"];

#[derive(Serialize)]
struct Answer {
    info: Machine,
    errors: Errors,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Machine {
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_maximum: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_current: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_descriptor_maximum: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_descriptor_current: Option<u64>,
    os_system: String,
    host_name: String,
    os_version: String,
    os_release: String,
    architecture: String,
    /// Of the connector, whatever it is called.
    cloudflared_version: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    disk: Vec<Disk>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Disk {
    name: String,
    size_maximum: u64,
    size_current: u64,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Errors {
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_information_error: Option<Untold>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_descriptors_information_error: Option<Untold>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_volume_information_error: Option<Untold>,
}

/// What the system does not tell.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Untold {
    error: &'static str,
    raw_info: &'static str,
}

const UNTOLD: Untold = Untold {
    error: "the system does not tell",
    raw_info: "",
};

/// The body. It reads files of the kernel's, and asks every local file system how full it is.
pub(super) fn body(version: &str) -> String {
    let memory = read("/proc/meminfo").as_deref().and_then(memory);
    let files = read("/proc/sys/fs/file-nr").as_deref().and_then(files);
    let disk = read("/proc/self/mounts")
        .map(|mounts| disks(&mounts))
        .unwrap_or_default();
    let errors = Errors {
        memory_information_error: memory.is_none().then_some(UNTOLD),
        file_descriptors_information_error: files.is_none().then_some(UNTOLD),
        disk_volume_information_error: disk.is_empty().then_some(UNTOLD),
    };
    let system = rustix::system::uname();
    let word = |word: &std::ffi::CStr| word.to_string_lossy().into_owned();
    let info = Machine {
        memory_maximum: memory.map(|(total, _)| total),
        memory_current: memory.map(|(_, used)| used),
        file_descriptor_maximum: files.map(|(most, _)| most),
        file_descriptor_current: files.map(|(_, open)| open),
        os_system: word(system.sysname()),
        host_name: word(system.nodename()),
        os_version: word(system.release()),
        os_release: word(system.version()),
        architecture: word(system.machine()),
        cloudflared_version: version.to_owned(),
        disk,
    };
    line(&Answer { info, errors })
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// All memory, and what is not available of it.
fn memory(meminfo: &str) -> Option<(u64, u64)> {
    let field = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse::<u64>().ok()
    };
    let total = field("MemTotal:")?;
    Some((total, total.saturating_sub(field("MemAvailable:")?)))
}

/// The most files that may be open in the whole system, and how many are.
fn files(file_nr: &str) -> Option<(u64, u64)> {
    let mut fields = file_nr.split_ascii_whitespace();
    let open = fields.next()?.parse().ok()?;
    Some((fields.nth(1)?.parse().ok()?, open))
}

/// The local file systems, each once.
fn disks(mounts: &str) -> Vec<Disk> {
    let mut seen = BTreeSet::new();
    let local = mounts.lines().filter_map(mount);
    let fresh = local.filter(|(_, place)| {
        let device = rustix::fs::stat(Path::new(place)).map(|stat| stat.st_dev);
        device.is_ok_and(|device| seen.insert(device))
    });
    fresh
        .filter_map(|(name, place)| disk(name, &place))
        .take(MAX_DISKS)
        .collect()
}

/// The device and the place of a mount that keeps nobody waiting.
fn mount(line: &str) -> Option<(&str, String)> {
    let mut fields = line.split(' ');
    let (name, place, kind) = (fields.next()?, fields.next()?, fields.next()?);
    let is_remote = REMOTE.iter().any(|remote| kind.starts_with(remote));
    (!is_remote).then(|| (name, unescaped(place)))
}

/// Blanks and the like stand there as a backslash and three octal digits.
fn unescaped(place: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(place.to_owned(), |place, (escape, meant)| {
            place.replace(escape, meant)
        })
}

/// `None` for what holds nothing, such as `/proc`.
fn disk(name: &str, place: &str) -> Option<Disk> {
    let told = rustix::fs::statvfs(Path::new(place)).ok()?;
    let kibibytes = |blocks: u64| blocks.saturating_mul(told.f_frsize) / 1024;
    (told.f_blocks > 0).then(|| Disk {
        name: name.to_owned(),
        size_maximum: kibibytes(told.f_blocks),
        size_current: kibibytes(told.f_blocks.saturating_sub(told.f_bfree)),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_the_kernel_writes_is_read() {
        let meminfo = "MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    400 kB\n";
        assert_eq!(memory(meminfo), Some((1000, 600)));
        assert_eq!(files("1780\t0\t2466177\n"), Some((2_466_177, 1780)));
        assert_eq!(
            mount("/dev/a /my\\040disk ext4 rw 0 0"),
            Some(("/dev/a", "/my disk".to_owned()))
        );
        assert_eq!(mount("host:/x /x nfs4 rw 0 0"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_is_told_under_cloudflareds_names() {
        let body: serde_json::Value = serde_json::from_str(&body("2026.8.2")).unwrap();
        for name in [
            "memoryMaximum",
            "fileDescriptorCurrent",
            "osSystem",
            "hostName",
            "architecture",
        ] {
            assert!(!body["info"][name].is_null(), "{name}: {body}");
        }
        assert_eq!(body["errors"], serde_json::json!({}), "{body}");
        assert!(body["info"]["disk"][0]["sizeMaximum"].is_u64(), "{body}");
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = (memory(&text), files(&text), mount(&text), unescaped(&text));
        }
    }
}
