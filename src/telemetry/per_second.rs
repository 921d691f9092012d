//! So many a second and no more: for lines of logs.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::jose::UnixTime;

/// Counts what happens in one second.
#[derive(Debug, Default)]
pub struct PerSecond {
    /// The second that is being counted, and how many it has had, in the lower 20 bits.
    taken: AtomicU64,
}

impl PerSecond {
    /// Takes one of this second's `most`, where there is one left.
    pub fn has_room(&self, now: UnixTime, most: u32) -> bool {
        const COUNT: u64 = (1 << 20) - 1;
        let second = u64::try_from(now.as_millis() / 1000).unwrap_or_default() << 20;
        let count = |taken: u64| if taken & !COUNT == second { taken & COUNT } else { 0 };
        let next = |taken| {
            let count = count(taken);
            (count < u64::from(most).min(COUNT)).then_some(second | (count + 1))
        };
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_as_many_again() {
        let lines = PerSecond::default();
        let taken =
            [1_000, 1_500, 1_999, 2_000, 2_001, 2_999].map(|at| lines.has_room(UnixTime::from_millis(at), 2));
        assert_eq!(taken, [true, true, false, true, true, false]);
        assert!(!lines.has_room(UnixTime::from_millis(9_000), 0));
    }
}
