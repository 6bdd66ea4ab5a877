//! What the kernel tells of this process. What it does not tell is left out.

use std::fs;

use aicp_api::ProcessUsage;

/// Ticks of a processor's second in `/proc`, on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// Returns what the process uses.
pub(crate) fn usage() -> ProcessUsage {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    // The name of the program, in parentheses, may have spaces.
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(") ").map(|(_, rest)| rest.split(' ').collect::<Vec<_>>()).unwrap_or_default();
    let ticks = |index: usize| fields.get(index).and_then(|ticks| ticks.parse::<u64>().ok());
    ProcessUsage {
        memory_bytes: kib.map(|kib| kib << 10),
        cpu_seconds: ticks(11).zip(ticks(12)).map(|(user, system)| (user + system) as f64 / TICKS_PER_SECOND),
        // One is the list itself.
        open_files: fs::read_dir("/proc/self/fd").ok().map(|files| files.count().saturating_sub(1) as u64),
    }
}

/// Returns the name of the machine.
pub(crate) fn node_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}
