//! A simulated LivePerson platform.
