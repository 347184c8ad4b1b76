//! What depends on time alone: in memory, on a paused clock, with the default settings.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use liveperson_proto::request::Request;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::heard::UNANSWERED;
use super::{BrandSocket, Heard, Outcome, SendError, Wire, web_socket_config};
use crate::ClientSettings;

async fn pair() -> (BrandSocket, WebSocketStream<DuplexStream>) {
    let settings = ClientSettings::default();
    let (near, far) = duplex(4096);
    let config = Some(web_socket_config(settings.frame_limit));
    let near = WebSocketStream::from_raw_socket(Wire::upgraded(near), Role::Client, config).await;
    let far = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
    (BrandSocket::new(near, Arc::new(settings)), far)
}

async fn end(socket: &mut BrandSocket) -> String {
    loop {
        if let Heard::Closed { code, reason } = socket.next().await {
            return format!("{code} {reason}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_spoke_is_gone_after_ten_seconds() {
    let (mut socket, _peer) = pair().await;
    let start = Instant::now();
    assert_eq!(end(&mut socket).await, "1006 no sign of life");
    assert!((10..11).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_falls_silent_is_gone_with_the_next_question() {
    let (mut socket, mut peer) = pair().await;
    peer.send(Message::text(r#"{"kind":"resp","reqId":"1","body":{"currentTime":1}}"#)).await.unwrap();
    let start = Instant::now();
    assert_eq!(end(&mut socket).await, "1006 no sign of life");
    assert!((40..41).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn pings_and_clocks_keep_their_periods() {
    let (mut socket, mut peer) = pair().await;
    let start = Instant::now();
    let counts = async {
        let (mut pings, mut clocks) = (0, 0);
        while start.elapsed() < Duration::from_secs(595) {
            match peer.next().await.unwrap().unwrap() {
                Message::Ping(_) => pings += 1,
                Message::Text(_) => clocks += 1,
                other => panic!("{other:?}"),
            }
            peer.send(Message::Pong(Bytes::new())).await.unwrap();
        }
        (pings, clocks)
    };
    let counted = tokio::select! { counted = counts => counted, end = end(&mut socket) => panic!("{end}") };
    assert!(matches!(counted, (9..=10, 20..=21)), "{counted:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_frame_is_a_sign_of_life_until_it_stops() {
    let (mut socket, mut peer) = pair().await;
    let start = Instant::now();
    let trickle = async {
        // The head of a text frame of 125 bytes, and then a byte every eight seconds.
        peer.get_mut().write_all(&[0x81, 125]).await.unwrap();
        for _ in 0..10 {
            sleep(Duration::from_secs(8)).await;
            peer.get_mut().write_all(b" ").await.unwrap();
        }
    };
    let (end, ()) = tokio::join!(end(&mut socket), trickle);
    assert_eq!(end, "1006 no sign of life");
    assert!((80..101).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_was_away_reads_before_it_judges() {
    let (mut socket, mut peer) = pair().await;
    socket.send(1, &Request::GetClock).await.unwrap();
    peer.send(Message::text(r#"{"kind":"resp","reqId":"1","body":{}}"#)).await.unwrap();
    sleep(Duration::from_mins(10)).await;
    let heard = socket.next().await;
    assert!(matches!(heard, Heard::Answered { ticket: 1, outcome: Outcome::Done(_) }), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stuck_frame_holds_the_next_one_for_ten_seconds_and_is_reported_lost() {
    let (mut socket, _peer) = pair().await;
    let large = Request::Raw { kind: "k".to_owned(), body: "x".repeat(8000).into() };
    socket.send(1, &large).await.unwrap();
    let start = Instant::now();
    assert_eq!(socket.send(2, &large).await, Err(SendError::Closed));
    assert_eq!(start.elapsed().as_secs(), 10);
    let lost = socket.next().await;
    assert!(matches!(lost, Heard::Answered { ticket: 1, outcome: Outcome::ConnectionLost }), "{lost:?}");
    assert_eq!(end(&mut socket).await, "1006 the peer does not read");
}

#[tokio::test(start_paused = true)]
async fn a_stuck_frame_ends_the_socket_while_its_owner_listens() {
    let (mut socket, _peer) = pair().await;
    let large = Request::Raw { kind: "k".to_owned(), body: "x".repeat(8000).into() };
    socket.send(1, &large).await.unwrap();
    assert_eq!(end(&mut socket).await, "1006 the peer does not read");
}

#[tokio::test(start_paused = true)]
async fn a_stuck_frame_leaves_while_its_owner_listens() {
    let (mut socket, mut peer) = pair().await;
    let large = Request::Raw { kind: "k".to_owned(), body: "x".repeat(8000).into() };
    socket.send(1, &large).await.unwrap();
    let reads = async {
        let text = peer.next().await.unwrap().unwrap().into_text().unwrap();
        assert!(text.len() > 8000);
        peer.send(Message::text(r#"{"kind":"resp","reqId":"1","body":{}}"#)).await.unwrap();
    };
    let (heard, ()) = tokio::join!(socket.next(), reads);
    assert!(matches!(heard, Heard::Answered { ticket: 1, outcome: Outcome::Done(_) }), "{heard:?}");
}

#[tokio::test]
async fn large_buffers_are_let_go_and_nothing_is_lost() {
    let (mut socket, mut peer) = pair().await;
    let sizes = [10, 200_000, 10, 70_000, 65_536, 0, 300, 20_000, 125, 126, 65_535, 10];
    let says = async {
        for size in sizes {
            // Bytes are passed on in pieces of up to 4096, whatever frames they belong to.
            peer.feed(Message::binary(vec![7; size])).await.unwrap();
            peer.feed(Message::Ping(Bytes::from_static(b"?"))).await.unwrap();
        }
        peer.flush().await.unwrap();
        while let Some(Ok(_)) = peer.next().await {}
    };
    let all = async {
        for size in sizes {
            let heard = socket.next().await;
            assert!(matches!(heard, Heard::Unreadable { bytes } if bytes == size), "{size}: {heard:?}");
            assert!(!socket.has_grown, "{size}");
        }
    };
    tokio::select! { () = all => {}, () = says => panic!("the bot left") }
}

#[tokio::test]
async fn a_message_in_many_frames_is_let_go_only_when_it_is_whole() {
    let (mut socket, mut peer) = pair().await;
    let says = async {
        for (code, last) in [(Data::Text, false), (Data::Continue, false), (Data::Continue, true)] {
            let frame = Frame::message("x".repeat(20_000), OpCode::Data(code), last);
            peer.send(Message::Frame(frame)).await.unwrap();
            peer.send(Message::Ping(Bytes::new())).await.unwrap();
        }
        peer.next().await
    };
    let (heard, _) = tokio::join!(socket.next(), says);
    assert!(matches!(heard, Heard::Unreadable { bytes: 60_000 }), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn past_four_thousand_unanswered_requests_the_next_is_turned_away_and_the_socket_goes_on() {
    let (mut socket, mut peer) = pair().await;
    let request = Request::GetClock;
    let (mut sent, mut turned_away) = (0, None);
    let asks = async {
        for ticket in 0..=UNANSWERED as u64 {
            match socket.send(ticket, &request).await {
                Ok(()) => sent += 1,
                Err(error) => turned_away = Some(error),
            }
        }
    };
    tokio::select! { () = asks => {}, () = async { while peer.next().await.is_some() {} } => panic!("it closed") }
    assert_eq!((sent, turned_away), (UNANSWERED, Some(SendError::Busy { waiting: UNANSWERED })));
    // The socket's own question for the time takes a place too.
    for id in 1..=2 {
        let answer = format!(r#"{{"kind":"resp","reqId":"{id}","code":200,"body":{{}}}}"#);
        peer.send(Message::text(answer)).await.unwrap();
        assert!(matches!(socket.next().await, Heard::Answered { .. }));
    }
    assert_eq!(socket.send(9_999, &request).await, Ok(()));
}
