//! When the latest marks were published, for measuring how soon they refuse. Looked into only when one does.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::check::revocation::Fingerprint;
use crate::jose::UnixTime;

/// How many are remembered.
const MOST: usize = 1000;

/// The latest marks that have refused nothing yet.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Published>);

#[derive(Debug, Default)]
struct Published {
    at: HashMap<Fingerprint, UnixTime>,
    /// As they came; what was taken since is still there.
    order: VecDeque<Fingerprint>,
}

impl Recent {
    /// Remembers a mark, and forgets the oldest where there are too many. One that was widened is a new one.
    pub(super) fn put(&self, mark: Fingerprint, published_at: UnixTime) {
        let mut published = self.published();
        published.at.insert(mark, published_at);
        published.order.push_back(mark);
        if published.order.len() > MOST
            && let Some(oldest) = published.order.pop_front()
            && !published.order.contains(&oldest)
        {
            published.at.remove(&oldest);
        }
    }

    /// When a mark was published, the first time it is asked for.
    pub(super) fn take(&self, mark: Fingerprint) -> Option<UnixTime> {
        self.published().at.remove(&mark)
    }

    fn published(&self) -> MutexGuard<'_, Published> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::revocation::Target;

    fn mark(number: usize) -> Fingerprint {
        Target::Token { issuer: "https://idp.example.com", jti: &number.to_string() }.fingerprint()
    }

    #[test]
    fn each_mark_is_told_once_and_the_oldest_are_forgotten() {
        let recent = Recent::default();
        let at = |number: usize| UnixTime::from_seconds(i64::try_from(number).unwrap());
        (0..MOST + 10).for_each(|number| recent.put(mark(number), at(number)));
        assert_eq!(recent.take(mark(9)), None);
        assert_eq!(recent.take(mark(10)), Some(at(10)));
        assert_eq!(recent.take(mark(10)), None);
        let published = recent.published();
        assert_eq!((published.at.len(), published.order.len()), (MOST - 1, MOST));
    }
}
