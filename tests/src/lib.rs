//! What checks the whole: the house rules on the sources.

pub mod tidy;
