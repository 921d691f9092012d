//! So many a second and no more: for lines of the log.

use std::sync::{Mutex, PoisonError};

use crate::jose::UnixTime;

/// Counts what happens in one second.
#[derive(Debug)]
pub struct PerSecond {
    most: u32,
    taken: Mutex<(i64, u32)>,
}

impl PerSecond {
    /// At most so many.
    #[must_use]
    pub fn new(most: u32) -> Self {
        Self { most, taken: Mutex::new((0, 0)) }
    }

    /// Takes one of this second's, where there is one left.
    pub fn take(&self, now: UnixTime) -> bool {
        let this = now.as_millis().div_euclid(1000);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (second, count) = *taken;
        let count = if second == this { count } else { 0 };
        let has_room = count < self.most;
        *taken = (this, count + u32::from(has_room));
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_as_many_again() {
        let lines = PerSecond::new(2);
        let taken =
            [1_000, 1_500, 1_999, 2_000, 2_001, 2_999].map(|at| lines.take(UnixTime::from_millis(at)));
        assert_eq!(taken, [true, true, false, true, true, false]);
    }
}
