//! Watching before signing (`double_sign_wait`): a validator that may have forgotten what it
//! signed.
//!
//! When there is a [`Doubt`], the node follows [`WATCH_HEIGHTS`] heights without signing, which
//! last [`WATCH_LEAST`] at the least, or until [`WATCH_QUIET`] has passed without an unknown
//! signature or another process of its key, whichever ends first. Both count only while the
//! [roll](super::roll) is complete: while validators that together with this one have more than two
//! thirds of the power are heard, fresh, from no higher than here. So neither a world that ended
//! long ago, nor a neighbour that plays a recording, ends a watch. The quiet time lets a network
//! resume in which everybody lost the guard.
//!
//! That a watch has begun is written to the guard, and that it is over as well: who restarts in
//! between watches anew. A node that stops before the first of these writes is durable has signed
//! nothing since it noticed, and will notice again.

use std::time::Duration;

use starling_gossip::Instant;

use super::doubt::Doubt;

/// Least time to follow heights: two calls of the roll, which another process with the key answers.
pub const WATCH_LEAST: Duration = Duration::from_secs(6);
/// Heights to follow.
pub const WATCH_HEIGHTS: u32 = 10;
/// Time to hear nothing of the own key: longer than any rebroadcast, round or reconnect takes.
pub const WATCH_QUIET: Duration = Duration::from_secs(30);

/// Whether the node watches, and since when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Watch {
    active: Option<Active>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Active {
    doubt: Doubt,
    heights_left: u32,
    /// Since when all was quiet and the roll complete.
    quiet: Option<Instant>,
}

/// A watch, for `status` and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watching {
    /// Why.
    pub doubt: Doubt,
    /// How many heights are still to be followed.
    pub heights_left: u32,
    /// When the quiet time ends, while enough validators are heard.
    pub quiet_end: Option<Instant>,
}

impl Watching {
    /// Says in words until when it lasts.
    pub fn until(&self, now: Instant) -> String {
        let left = self.heights_left;
        match self.quiet_end {
            Some(end) => {
                let seconds = end.since(now).as_secs();
                format!("it signs after {left} more blocks, or {seconds} quiet seconds")
            }
            None => "it signs some time after enough of the other validators answer".to_owned(),
        }
    }
}

impl Watch {
    /// Begins, or begins again.
    pub(super) fn begin(&mut self, doubt: Doubt) {
        self.active = Some(Active {
            doubt,
            heights_left: WATCH_HEIGHTS,
            quiet: None,
        });
    }

    /// Says whether the node watches.
    pub(super) const fn is_active(&self) -> bool {
        self.active.is_some()
    }

    /// Describes the watch.
    pub(super) fn describe(&self) -> Option<Watching> {
        self.active.as_ref().map(|active| Watching {
            doubt: active.doubt.clone(),
            heights_left: active.heights_left,
            quiet_end: self.quiet_end(),
        })
    }

    /// Takes note whether the roll is complete: the quiet time begins anew with every gap.
    pub(super) fn roll(&mut self, now: Instant, complete: bool) {
        if let Some(active) = &mut self.active {
            active.quiet = complete.then_some(active.quiet.unwrap_or(now));
        }
    }

    /// Takes note of a commit while the roll is complete; says whether that ended it.
    pub(super) fn height_passed(&mut self, now: Instant) -> bool {
        let Some(active) = &mut self.active else {
            return false;
        };
        let Some(quiet) = active.quiet else {
            return false;
        };
        active.heights_left = active.heights_left.saturating_sub(1);
        let over = active.heights_left == 0 && now >= quiet + WATCH_LEAST;
        if over {
            self.active = None;
        }
        over
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
        let since = self.active.as_ref()?.quiet?;
        Some(since + WATCH_QUIET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch() -> Watch {
        let mut watch = Watch::default();
        watch.begin(Doubt::GuardCopied);
        watch
    }

    #[test]
    fn ends_after_ten_heights_or_the_quiet_time() {
        let mut heights = watch();
        heights.roll(Instant::START, true);
        let soon = Instant::START + WATCH_LEAST / 2;
        assert!(
            (0..WATCH_HEIGHTS).all(|_| !heights.height_passed(soon)),
            "too soon"
        );
        assert!(heights.height_passed(Instant::START + WATCH_LEAST));
        assert!(!heights.is_active());
        let mut quiet = watch();
        quiet.roll(Instant::START, true);
        assert!(!quiet.quiet_passed(Instant(1)));
        assert!(quiet.quiet_passed(Instant::START + WATCH_QUIET));
        assert!(!quiet.is_active());
    }

    #[test]
    fn nothing_counts_while_the_roll_is_not_complete() {
        let mut watch = watch();
        let end = Instant::START + WATCH_QUIET;
        assert!((0..100).all(|_| !watch.height_passed(end)));
        assert!(!watch.quiet_passed(end + WATCH_QUIET));
        watch.roll(Instant::START, true);
        watch.roll(end, false);
        watch.roll(end, true);
        assert!(!watch.quiet_passed(end));
        assert!(watch.quiet_passed(end + WATCH_QUIET));
    }
}
