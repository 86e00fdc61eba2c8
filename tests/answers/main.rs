//! Answers: what a caller's agent is told, by whom it was found out, and what happens when somebody does not say.

mod shapes;
mod snapshots;
mod stage;
