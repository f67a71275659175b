//! Measuring, and printing what was measured.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ed25519_dalek::{Signer, SigningKey};

/// One single `verify_strict` of ed25519-dalek: what other costs are held against.
pub(crate) struct Unit(Figure);

/// What one item costs.
#[derive(Clone, Copy)]
pub(crate) struct Figure {
    best_us: f64,
    middle_us: f64,
}

impl Unit {
    /// Measures it on this machine, now.
    pub(crate) fn measure() -> Self {
        let key = SigningKey::from_bytes(&[7; 32]);
        let message = [9; 32];
        let signature = key.sign(&message);
        let public = key.verifying_key();
        let figure = rounds(50, 100, || {
            for _ in 0..100 {
                black_box(&public)
                    .verify_strict(black_box(&message), black_box(&signature))
                    .unwrap();
            }
        });
        println!("unit: one verify_strict, {figure}");
        Self(figure)
    }

    /// Prints one line.
    pub(crate) fn print(&self, name: &str, figure: Figure, goal: Option<f64>) {
        let units = figure.best_us / self.0.best_us;
        let judged = goal.map_or(String::new(), |goal| {
            let met = if units <= goal { "met" } else { "missed" };
            format!("   goal {goal:.1}: {met}")
        });
        println!("  {name:<44} {figure}   {units:6.3} units{judged}");
    }
}

impl Figure {
    /// The figure of rounds that took so long, with `items` in each.
    pub(crate) fn of(mut rounds: Vec<Duration>, items: usize) -> Self {
        rounds.sort_unstable();
        let each = |time: Duration| time.as_secs_f64() * 1e6 / items as f64;
        Self {
            best_us: each(rounds[0]),
            middle_us: each(rounds[rounds.len() / 2]),
        }
    }

    /// Items per second in the best round.
    pub(crate) fn per_second(&self) -> f64 {
        1e6 / self.best_us
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:8.2} µs ({:8.2})", self.best_us, self.middle_us)
    }
}

/// Runs `run`, which handles `items`, so many times.
pub(crate) fn rounds(rounds: usize, items: usize, mut run: impl FnMut()) -> Figure {
    let mut time = || {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    Figure::of((0..rounds).map(|_| time()).collect(), items)
}
