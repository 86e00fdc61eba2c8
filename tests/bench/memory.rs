//! Whether the process's own copies keep to their room, with a million distinct keys.

use cache::Loaded;

use crate::{
    cache::{Item, Long, start, text},
    figures::say,
};

const KEYS: u64 = 1_000_000;
/// Room for copies, in MiB.
const MEMORY_MIB: u64 = 32;
/// Bytes of one value.
const LENGTH: usize = 200;

pub(crate) async fn run() {
    say(format_args!("\nMemory: {KEYS} distinct keys, values of {LENGTH} bytes, room for {MEMORY_MIB} MiB"));
    let cache = start(None, None, MEMORY_MIB);
    let value = text(LENGTH);
    let before = resident_mib();
    let mut tallest: f64 = 0.0;
    for number in 0..KEYS {
        let value = value.clone();
        cache.get(&Item::<Long>::new(number), || async move { Loaded::Found(value) }).await.expect("it can be loaded");
        if number % 10_000 == 0 {
            tallest = tallest.max(resident_mib() - before);
        }
    }
    let share = tallest / MEMORY_MIB as f64;
    say(format_args!("resident memory grew by at most {tallest:.1} MiB, {share:.2} of the room"));
}

/// Resident memory of this process, in MiB.
fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}
