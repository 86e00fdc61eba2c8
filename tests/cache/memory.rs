//! The room that a process's own copies take: what was configured, whatever is read.

use std::{fs, process::Command};

use cache::{Cache, Mode, Parts, Settings};
use testkit::until;

use crate::{
    counters::Counters,
    kinds::Lasting,
    origin::Origin,
    things::{start, value},
};

const KEYS: usize = 100_000;
const ROOM_MIB: u64 = 16;
const MIB: f64 = 1024.0 * 1024.0;

/// Tests of this binary share a process, and its memory tells nothing of one of them; so this one starts a process of its own,
/// which is asked for this test alone.
#[test]
fn reading_more_than_there_is_room_for_takes_no_more_room() {
    const NAME: &str = "memory::reading_more_than_there_is_room_for_takes_no_more_room";
    if std::env::args().any(|word| word == "--exact") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        return runtime.block_on(read_many());
    }
    let program = std::env::current_exe().expect("this program");
    let done = Command::new(program).args(["--exact", NAME, "--nocapture"]).status().expect("a process");
    assert!(done.success());
}

async fn read_many() {
    let counters = Counters::start();
    let room =
        Settings { redis_url: None, mode: Mode::On, memory_mib: ROOM_MIB, operation_ms: 5_000, lives: Vec::new() };
    let cache: Cache = start(&room, Parts::default());
    let origin = Origin::of(7);
    let thing = |number| Lasting { org: "demo".parse().expect("an org id"), number };
    // What a first read needs once is not what copies need.
    assert_eq!(value(&cache, &thing(KEYS), &origin).await, Some(7));
    let before = resident_mib();
    for number in 0..KEYS {
        assert_eq!(value(&cache, &thing(number), &origin).await, Some(7));
    }
    let grown = resident_mib() - before;
    let told = || counters.sum("offhook_cache_process_bytes");
    let used = |bytes: &f64| *bytes > ROOM_MIB as f64 * MIB / 2.0;
    let bytes = until("most of the room is used", async || Some(told()).filter(used)).await;
    eprintln!("{KEYS} keys in {ROOM_MIB} MiB: {:.1} MiB by count, {grown:.1} MiB resident", bytes / MIB);
    assert!(bytes <= ROOM_MIB as f64 * MIB, "{bytes} bytes");
    assert!(grown <= 2.0 * ROOM_MIB as f64, "{grown:.1} MiB resident");
}

fn resident_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("what is resident");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
}
