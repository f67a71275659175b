//! Watching before signing (`double_sign_wait`): a validator that may have forgotten what it
//! signed.
//!
//! When the guard is missing, damaged or of another key at a height above 1, or when somebody
//! else's signature of the own key turns up, the node follows [`WATCH_HEIGHTS`] heights without
//! signing, or until
//! [`WATCH_QUIET`] has passed without such a signature, whichever ends first. The quiet time lets a
//! network resume in which everybody lost the guard. An ordinary restart, and block 1 of a new
//! network, do not wait. Two copies started in the same instant are beyond this.
//!
//! That a watch has begun is written to the guard, and that it is over as well: who restarts in
//! between watches anew. A node that stops before the first of these writes is durable has signed
//! nothing since it noticed, and will notice again.

use std::time::Duration;

use starling_gossip::Instant;

/// Heights to follow.
pub const WATCH_HEIGHTS: u32 = 10;
/// Time to hear nothing of the own key: longer than any rebroadcast, round or reconnect takes.
pub const WATCH_QUIET: Duration = Duration::from_secs(30);

/// Whether the node watches, and since when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Watch {
    active: Option<(Instant, u32)>,
}

impl Watch {
    /// Begins, or begins again.
    pub(super) fn begin(&mut self, now: Instant) {
        self.active = Some((now, WATCH_HEIGHTS));
    }

    /// Says whether the node watches.
    pub(super) const fn is_active(&self) -> bool {
        self.active.is_some()
    }

    /// Takes note of a commit; says whether that ended it.
    pub(super) fn height_passed(&mut self) -> bool {
        match &mut self.active {
            None => false,
            Some((_, left)) => {
                *left = left.saturating_sub(1);
                let over = *left == 0;
                if over {
                    self.active = None;
                }
                over
            }
        }
    }

    /// Says whether the quiet time has just ended it.
    pub(super) fn quiet_passed(&mut self, now: Instant) -> bool {
        let over = self.quiet_end().is_some_and(|end| now >= end);
        if over {
            self.active = None;
        }
        over
    }

    /// Returns when the quiet time ends.
    pub(super) fn quiet_end(&self) -> Option<Instant> {
        self.active.map(|(since, _)| since + WATCH_QUIET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_after_ten_heights_or_the_quiet_time() {
        let mut watch = Watch::default();
        watch.begin(Instant::START);
        let passed = (0..WATCH_HEIGHTS).filter(|_| watch.height_passed()).count();
        assert_eq!((passed, watch.is_active()), (1, false));
        watch.begin(Instant::START);
        assert!(!watch.quiet_passed(Instant(1)));
        assert!(watch.quiet_passed(Instant::START + WATCH_QUIET));
        assert!(!watch.is_active());
    }
}
