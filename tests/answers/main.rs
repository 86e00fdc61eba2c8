//! Answers: what a caller's agent is told, by whom it was found out, and what happens when somebody does not say.

mod branch;
mod calcom;
mod deadline;
mod events;
mod identity;
mod initiation;
mod parts;
mod property;
mod shapes;
mod snapshots;
mod stage;
mod trouble;
