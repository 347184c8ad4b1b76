//! A client of the LivePerson messaging platform, usable alone.
