//! What checks the whole: simulated networks, and the house rules on the sources.

pub mod simulator;
pub mod tidy;
