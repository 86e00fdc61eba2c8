//! Free loopback ports.
//!
//! Below Linux's ephemeral range (32768…), so that an outgoing connection can't take the port of a server that is being restarted. A
//! port can still be taken between the look and the server's bind: who starts a server tries another one then.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    net::{Ipv4Addr, TcpListener},
    ops::Range,
};

use anyhow::{Result, bail};

/// Where candidates are drawn from.
const RANGE: Range<u16> = 15_000..32_000;
/// How many candidates are tried before giving up.
const CANDIDATES: usize = 200;

/// A port that nobody listens on at this moment.
///
/// # Errors
/// When none of [`CANDIDATES`] random ones is free, which means that something else is wrong.
pub(crate) fn free() -> Result<u16> {
    for _ in 0..CANDIDATES {
        let port = RANGE.start + u16::try_from(random() % u64::from(RANGE.end - RANGE.start))?;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port on 127.0.0.1 among {CANDIDATES} random ones of {RANGE:?}")
}

/// A random number (std seeds each `RandomState` differently; good enough for ports and names, not for secrets).
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
