//! `/api/v1/events`: what happens in the fleet, as a list or as it happens.

mod shown;

pub use shown::FleetEvent;
