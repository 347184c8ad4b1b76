//! The life of a bot: tables for its rules, and random schedules held against a few plain truths.

mod life;
mod pool;
mod presence;
mod theft;

mod bounds;
mod by_hand;
mod closing;
mod connection;
mod conversations;
mod doubts;
mod edges;
mod failures;
mod health;
mod hold;
mod truths;
mod war;
