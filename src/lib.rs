//! muster runs fleets of LivePerson messaging bots.
