//! The same handle for another process, over plain HTTP.
