//! What breaks, and when: crashes, cuts and broken links, spread over a run by its seed.

use std::time::Duration;

use super::chance::Chance;
use super::config::Config;

/// Something that breaks.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nodes lose power in the same moment, each for a while.
    Crash(Vec<(usize, Duration)>),
    /// Nodes stop in good order, each for a while.
    Stop(Vec<(usize, Duration)>),
    /// A node loses power and its disk.
    Wipe(usize, Duration),
    /// The network is cut in two.
    Cut {
        /// Names the cut.
        number: u64,
        /// Which nodes are on the one side.
        side: Vec<bool>,
        /// Whether frames to that side, and from it, are lost.
        stops: (bool, bool),
        /// For how long.
        lasts: Duration,
    },
    /// A link breaks.
    Break,
}

/// What is still to break.
pub struct Faults {
    chance: Chance,
    nodes: usize,
    heights: u64,
    crashes: Budget,
    stops: Budget,
    wipes: Budget,
    cuts: Budget,
    breaks: Budget,
}

/// How often something happens in a run.
struct Budget {
    whole: u64,
    spent: u64,
}

impl Budget {
    fn new(whole: u32) -> Self {
        Self {
            whole: whole.into(),
            spent: 0,
        }
    }

    /// Says whether one more is due when `done` of `all` is done.
    fn take(&mut self, done: u64, all: u64) -> bool {
        let due = self
            .whole
            .saturating_mul(done.saturating_add(1))
            .div_ceil(all.max(1));
        let take = self.spent < due.min(self.whole);
        self.spent += u64::from(take);
        take
    }

    const fn is_spent(&self) -> bool {
        self.spent >= self.whole
    }
}

impl Faults {
    /// Plans the faults of a run.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            chance: Chance::new(config.seed, "faults"),
            nodes: usize::from(config.nodes) + usize::from(config.observers),
            heights: config.heights,
            crashes: Budget::new(config.crashes),
            stops: Budget::new(config.stops),
            wipes: Budget::new(config.wipes),
            cuts: Budget::new(config.partitions),
            breaks: Budget::new(config.link_breaks),
        }
    }

    /// Draws the time until something may break.
    pub fn pause(&mut self) -> Duration {
        self.chance.millis(20, 400)
    }

    /// Draws what breaks when the network has come to `height` and has run for `seconds`.
    pub fn next(&mut self, height: u64, seconds: u64) -> Option<Fault> {
        // A network that stands still gets its faults all the same, one every two seconds.
        let done = height.max(seconds.saturating_mul(self.heights) / 60);
        let all = self.heights;
        match self.chance.between(0, 3) {
            0 if self.crashes.take(done, all) => Some(Fault::Crash(self.some())),
            0 if self.stops.take(done, all) => Some(Fault::Stop(self.some())),
            3 if 3 * done > all && self.wipes.take(done, all) => {
                let node = self.chance.position(self.nodes);
                Some(Fault::Wipe(node, self.chance.millis(100, 3_000)))
            }
            1 if self.cuts.take(done, all) => Some(self.cut()),
            2 if self.breaks.take(done, all) => Some(Fault::Break),
            _ => None,
        }
    }

    /// Says whether all has broken that was to break.
    #[must_use]
    pub const fn are_spent(&self) -> bool {
        self.crashes.is_spent()
            && self.stops.is_spent()
            && self.wipes.is_spent()
            && self.cuts.is_spent()
            && self.breaks.is_spent()
    }

    /// One node, and now and then all of them.
    fn some(&mut self) -> Vec<(usize, Duration)> {
        let all = self.chance.percent(15);
        let one = self.chance.position(self.nodes);
        let nodes = if all { 0..self.nodes } else { one..one + 1 };
        let mut down = || match self.chance.between(0, 3) {
            0 => self.chance.millis(1, 50),
            1 | 2 => self.chance.millis(100, 2_000),
            _ => self.chance.millis(2_000, 8_000),
        };
        nodes.map(|node| (node, down())).collect()
    }

    /// One node, or a half; mostly in both directions.
    fn cut(&mut self) -> Fault {
        let mut side = vec![false; self.nodes];
        if self.chance.percent(40) {
            side[self.chance.position(self.nodes)] = true;
        } else {
            let mut order: Vec<usize> = (0..self.nodes).collect();
            self.chance.shuffle(&mut order);
            order
                .iter()
                .take(self.nodes / 2)
                .for_each(|node| side[*node] = true);
        }
        let stops = match self.chance.between(0, 4) {
            0 => (true, false),
            1 => (false, true),
            _ => (true, true),
        };
        Fault::Cut {
            number: self.cuts.spent,
            side,
            stops,
            lasts: self.chance.millis(200, 20_000),
        }
    }
}
