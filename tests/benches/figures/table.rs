//! Measuring, and printing what was measured.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ed25519_dalek::{Signer, SigningKey};
use rustix::time::{ClockId, Timespec, clock_gettime};

const UNITS_PER_ROUND: usize = 20;

/// One single `verify_strict` of ed25519-dalek: what other costs are held against.
pub(crate) struct Unit(Figure);

/// A running measurement of one thread.
pub(crate) struct Stopwatch {
    wall: Instant,
    cpu: Duration,
}

/// What one run took.
#[derive(Clone, Copy)]
pub(crate) struct Spent {
    /// Time that passed.
    pub(crate) wall: Duration,
    /// Time that the processor worked for this thread.
    pub(crate) cpu: Duration,
}

/// What one item costs, in microseconds.
#[derive(Clone, Copy)]
pub(crate) struct Figure {
    cpu: f64,
    wall: f64,
    middle: f64,
}

impl Unit {
    /// Measures it on this machine, now.
    pub(crate) fn measure() -> Self {
        let rounds: Vec<_> = (0..500).map(|_| Self::round()).collect();
        Self::of_rounds(&rounds)
    }

    /// Takes the best of `rounds`. Done between those of what is held against it, they meet the
    /// same machine, whose speed changes.
    pub(crate) fn of_rounds(rounds: &[Spent]) -> Self {
        let figure = Figure::of(rounds, UNITS_PER_ROUND);
        println!("unit: one verify_strict, {figure}");
        Self(figure)
    }

    /// Does it some times.
    pub(crate) fn round() -> Spent {
        let key = SigningKey::from_bytes(&[7; 32]);
        let message = [9; 32];
        let signature = key.sign(&message);
        let public = key.verifying_key();
        let watch = Stopwatch::start();
        for _ in 0..UNITS_PER_ROUND {
            black_box(&public)
                .verify_strict(black_box(&message), black_box(&signature))
                .unwrap();
        }
        watch.stop()
    }

    /// Prints one line; the multiples are of the best round, in time of the processor.
    pub(crate) fn print(&self, name: &str, figure: Figure, goal: Option<f64>) {
        let units = figure.cpu / self.0.cpu;
        let judged = goal.map_or(String::new(), |goal| {
            let met = if units <= goal { "met" } else { "missed" };
            format!("   goal {goal:.1}: {met}")
        });
        println!("  {name:<38} {figure}   {units:6.3} units{judged}");
    }

    /// Returns the multiple that a time in microseconds is.
    pub(crate) fn of(&self, us: f64) -> f64 {
        us / self.0.cpu
    }
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self {
            wall: Instant::now(),
            cpu: cpu(ClockId::ThreadCPUTime),
        }
    }

    pub(crate) fn stop(&self) -> Spent {
        Spent {
            wall: self.wall.elapsed(),
            cpu: cpu(ClockId::ThreadCPUTime) - self.cpu,
        }
    }
}

/// Time that the processor worked, for this thread or for the whole process.
pub(crate) fn cpu(clock: ClockId) -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
    Duration::new(tv_sec.try_into().unwrap(), tv_nsec.try_into().unwrap())
}

impl Spent {
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            wall: self.wall + other.wall,
            cpu: self.cpu + other.cpu,
        }
    }
}

impl Figure {
    /// The figure of rounds that took so long, with `items` in each.
    pub(crate) fn of(rounds: &[Spent], items: usize) -> Self {
        let each = |time: Duration| time.as_secs_f64() * 1e6 / items as f64;
        let mut wall: Vec<_> = rounds.iter().map(|spent| spent.wall).collect();
        wall.sort_unstable();
        let cpu = rounds.iter().map(|spent| spent.cpu).min().unwrap();
        Self {
            cpu: each(cpu),
            wall: each(wall[0]),
            middle: each(wall[wall.len() / 2]),
        }
    }

    /// The time that passed in the best round.
    pub(crate) fn wall(&self) -> f64 {
        self.wall
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { cpu, wall, middle } = self;
        write!(f, "{cpu:8.2} µs   passed {wall:8.2} ({middle:8.2})")
    }
}

/// Runs `run`, which handles `items`, so many times.
pub(crate) fn rounds(rounds: usize, items: usize, mut run: impl FnMut()) -> Figure {
    let mut time = || {
        let watch = Stopwatch::start();
        run();
        watch.stop()
    };
    let spent: Vec<_> = (0..rounds).map(|_| time()).collect();
    Figure::of(&spent, items)
}
