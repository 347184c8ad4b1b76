//! Server-sent events: the words on the wire.

use actix_web::web::Bytes;
use serde_json::json;

use super::shown::FleetEvent;
use crate::store::{StreamBounds, StreamEvent};

/// How long a client waits before it comes back, in milliseconds.
const RETRY: u32 = 1_000;

/// The first words, also for those who wait for nothing but the headers.
pub(super) fn hello() -> Bytes {
    format!("retry: {RETRY}\n\n").into()
}

/// An event of the fleet.
pub(super) fn event(event: &StreamEvent) -> Bytes {
    let shown = FleetEvent::from(event.clone());
    // JSON has no raw line breaks: the data is one line.
    let data = json!(shown);
    format!("id: {}\nevent: {}\ndata: {data}\n\n", shown.id, shown.kind).into()
}

/// Some of what was asked for is not kept any more; nothing is missing from `whole_from` on.
pub(super) fn gap(after: i64, bounds: StreamBounds) -> Bytes {
    let data = json!({"after": after, "whole_from": bounds.whole_from});
    format!("event: gap\ndata: {data}\n\n").into()
}

/// The last word to a client that reads too slowly. It has no id: the client comes back with its last one.
pub(super) fn dropped(buffer: usize) -> Bytes {
    let why = format!("more than {buffer} events wait for you: come back with your Last-Event-ID");
    format!("event: dropped\ndata: {}\n\n", json!({"why": why})).into()
}

/// A sign of life. Everything up to `passed` was told, so that a later return need not begin earlier.
pub(super) fn heartbeat(passed: i64) -> Bytes {
    format!(": heartbeat\nid: {passed}\n\n").into()
}

/// A sign of life while the store is away.
pub(super) fn store_away() -> Bytes {
    Bytes::from_static(b": the store does not answer\n\n")
}
