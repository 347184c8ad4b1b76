//! The life of a bot: tables for its rules, and random schedules held against a few plain truths.

mod life;
mod pool;

mod bounds;
mod closing;
mod connection;
mod conversations;
mod doubts;
mod edges;
mod failures;
mod health;
mod hold;
mod truths;
