//! The interface over real sockets, before a chain in memory and a core that a test plays.

mod attacks;
mod bodies;
mod calls;
mod chain;
mod client;
mod events;
mod health;
mod history;
mod hosts;
mod light;
mod node;
mod shapes;
mod submit;
mod texts;
