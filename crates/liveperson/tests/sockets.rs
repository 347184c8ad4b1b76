//! A bot's socket against a far end made by hand.

#[cfg(test)]
mod platform;

use std::time::Duration;

use futures_util::SinkExt;
use liveperson::proto::frame::Notification;
use liveperson::proto::request::Request;
use liveperson::{BrandSocket, Heard, Outcome, SendError};
use platform::{Peer, SHORT, heard, news, pair};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

fn question(body: &str) -> Request {
    Request::Raw { kind: "question".to_owned(), body: body.into() }
}

fn kind(heard: Heard) -> String {
    let Heard::Notification(Notification::Other { kind, .. }) = heard else { panic!("{heard:?}") };
    kind
}

async fn closed(socket: &mut BrandSocket) -> (u16, String) {
    loop {
        if let Heard::Closed { code, reason } = socket.next().await {
            return (code.0, reason);
        }
    }
}

#[tokio::test]
async fn answers_find_their_tickets_in_any_order() {
    let (mut socket, mut peer) = pair(|_| {}).await;
    socket.send(70, &question("a")).await.unwrap();
    socket.send(71, &question("b")).await.unwrap();
    let first = peer.hears("question").await;
    let second = peer.hears("question").await;
    assert_ne!(first, second);
    peer.answers(&second, 400, r#""No such thing""#).await;
    peer.answers("999", 200, "{}").await;
    peer.answers(&first, 200, r#"{"sequence":4}"#).await;
    let Heard::Answered { ticket: 71, outcome: Outcome::Refused { code: 400, words } } =
        heard(&mut socket).await
    else {
        panic!()
    };
    assert_eq!(words, "No such thing");
    let Heard::Answered { ticket: 70, outcome: Outcome::Done(done) } = heard(&mut socket).await else {
        panic!()
    };
    assert_eq!(done.sequence().unwrap().0, 4);
}

#[tokio::test]
async fn an_unanswered_request_times_out_and_a_late_answer_is_ignored() {
    let (mut socket, mut peer) = pair(|settings| settings.request_timeout = SHORT).await;
    socket.send(1, &question("")).await.unwrap();
    let id = peer.hears("question").await;
    let timed_out = heard(&mut socket).await;
    assert!(matches!(timed_out, Heard::Answered { ticket: 1, outcome: Outcome::TimedOut }), "{timed_out:?}");
    peer.answers(&id, 200, "{}").await;
    peer.says(&news("after")).await;
    assert_eq!(kind(heard(&mut socket).await), "after");
}

#[tokio::test]
async fn a_silent_peer_is_gone_whatever_tcp_says() {
    let (mut socket, _peer) = pair(|settings| settings.answer_within = SHORT).await;
    assert_eq!(closed(&mut socket).await, (1006, "no sign of life".to_owned()));
}

#[tokio::test]
async fn a_peer_that_only_answers_pings_is_alive() {
    let (mut socket, mut peer) = pair(|settings| {
        settings.ping_every = Duration::from_millis(5);
        settings.answer_within = Duration::from_secs(5);
    })
    .await;
    let counts = async {
        let mut pings = 0;
        while pings < 10 {
            let message = futures_util::StreamExt::next(&mut peer.0).await.unwrap().unwrap();
            pings += usize::from(message.is_ping());
        }
        peer.says(&news("ten")).await;
    };
    let (heard, ()) = tokio::join!(heard(&mut socket), counts);
    assert_eq!(kind(heard), "ten");
}

#[tokio::test]
async fn the_clock_is_asked_again_and_again_and_the_offset_told() {
    let (mut socket, mut peer) = pair(|settings| settings.clock_every = Duration::from_millis(5)).await;
    let hour = 3_600_000;
    let answers = async {
        for ahead in [hour, -hour] {
            let id = peer.hears(".GetClock").await;
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            let theirs = now.as_millis() as i64 + ahead;
            peer.answers(&id, 200, &format!(r#"{{"currentTime":{theirs}}}"#)).await;
        }
    };
    let offsets = async {
        for ahead in [hour, -hour] {
            let Heard::ClockOffset { millis } = socket.next().await else { panic!() };
            assert!((millis - ahead).abs() < 60_000, "{millis}");
        }
    };
    tokio::join!(answers, offsets);
}

#[tokio::test]
async fn a_lost_connection_reports_all_that_waits_and_then_the_end() {
    let (mut socket, mut peer) = pair(|_| {}).await;
    for ticket in [5, 3, 4] {
        socket.send(ticket, &question("")).await.unwrap();
    }
    peer.hears("question").await;
    drop(peer);
    for expected in [5, 3, 4] {
        let lost = heard(&mut socket).await;
        assert!(
            matches!(lost, Heard::Answered { ticket, outcome: Outcome::ConnectionLost } if ticket == expected),
            "{lost:?}"
        );
    }
    for _ in 0..3 {
        let end = heard(&mut socket).await;
        assert!(matches!(end, Heard::Closed { code, .. } if code.0 == 1006), "{end:?}");
    }
    assert_eq!(socket.send(9, &question("")).await, Err(SendError::Closed));
    assert_eq!(closed(&mut socket).await.0, 1006);
}

#[tokio::test]
async fn the_peers_code_and_reason_are_told() {
    let long = "ö".repeat(60);
    for (code, reason) in
        [(4401, "identity token is invalid"), (1000, ""), (1011, long.as_str()), (4407, "x")]
    {
        let (mut socket, mut peer) = pair(|_| {}).await;
        peer.0.close(Some(CloseFrame { code: code.into(), reason: reason.into() })).await.unwrap();
        assert_eq!(closed(&mut socket).await, (code, reason.to_owned()));
        // The goodbye was returned: the far end's close handshake comes to its end.
        while let Some(Ok(_)) = futures_util::StreamExt::next(&mut peer.0).await {}
    }
    let (mut socket, mut peer) = pair(|_| {}).await;
    peer.0.close(None).await.unwrap();
    assert_eq!(closed(&mut socket).await.0, 1005);
}

#[tokio::test]
async fn an_oversize_frame_closes_with_1009() {
    let (mut socket, mut peer) = pair(|settings| settings.frame_limit = 1000).await;
    peer.says(&news(&"x".repeat(900))).await;
    assert_eq!(kind(heard(&mut socket).await).len(), 900);
    peer.says(&news(&"x".repeat(1000))).await;
    let (code, reason) = closed(&mut socket).await;
    assert_eq!(code, 1009, "{reason}");
}

#[tokio::test]
async fn many_small_frames_of_one_oversize_message_close_with_1009() {
    let (mut socket, mut peer) = pair(|settings| settings.frame_limit = 1000).await;
    for (place, code) in
        [OpCode::Data(Data::Text), OpCode::Data(Data::Continue), OpCode::Data(Data::Continue)]
            .into_iter()
            .enumerate()
    {
        let frame = Frame::message("x".repeat(400), code, place == 2);
        peer.0.send(Message::Frame(frame)).await.unwrap();
    }
    assert_eq!(closed(&mut socket).await.0, 1009);
}

#[tokio::test]
async fn what_cannot_be_read_loses_only_itself() {
    let (mut socket, mut peer) = pair(|_| {}).await;
    peer.says("garbage").await;
    peer.0.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    peer.says(r#"{"kind":"notification","type":".ams.ms.OnlineEventDistribution","body":7}"#).await;
    peer.says(r#"{"kind":"unheard of","body":{}}"#).await;
    peer.says(&news("unknown")).await;
    for bytes in [Some(7), Some(3), None] {
        let found = heard(&mut socket).await;
        assert!(matches!(found, Heard::Unreadable { bytes: n } if bytes.is_none_or(|b| b == n)), "{found:?}");
    }
    assert_eq!(kind(heard(&mut socket).await), "unknown");
}

#[tokio::test]
async fn broken_text_closes_with_1007() {
    let (mut socket, mut peer) = pair(|_| {}).await;
    let frame = Frame::message(vec![0xff, 0xfe], OpCode::Data(Data::Text), true);
    peer.0.send(Message::Frame(frame)).await.unwrap();
    assert_eq!(closed(&mut socket).await.0, 1007);
}

#[tokio::test]
async fn dropping_next_in_the_middle_of_a_frame_loses_nothing() {
    let (mut socket, mut peer) = pair(|_| {}).await;
    socket.send(8, &question("")).await.unwrap();
    let id = peer.hears("question").await;
    let mut bytes = Vec::new();
    for text in [news("first"), format!(r#"{{"kind":"resp","reqId":"{id}","code":200,"body":{{}}}}"#)] {
        Frame::message(text, OpCode::Data(Data::Text), true).format(&mut bytes).unwrap();
    }
    let mut found = Vec::new();
    for byte in bytes {
        tokio::select! {
            biased;
            heard = heard(&mut socket) => found.push(heard),
            // A byte on its way drops the future that waits for the frame.
            () = async { peer.0.get_mut().write_all(&[byte]).await.unwrap(); tokio::task::yield_now().await } => continue,
        }
        peer.0.get_mut().write_all(&[byte]).await.unwrap();
    }
    while found.len() < 2 {
        found.push(heard(&mut socket).await);
    }
    assert!(matches!(found[1], Heard::Answered { ticket: 8, outcome: Outcome::Done(_) }), "{found:?}");
    assert_eq!(kind(found.swap_remove(0)), "first");
}

#[tokio::test]
async fn a_peer_that_does_not_read_cannot_block_a_bot() {
    let (mut socket, _peer) = pair(|settings| settings.answer_within = SHORT).await;
    let large = question(&"x".repeat(200 * 1024));
    let mut sent = Vec::new();
    let refused = loop {
        let ticket = sent.len() as u64;
        match socket.send(ticket, &large).await {
            Ok(()) => sent.push(ticket),
            Err(error) => break error,
        }
    };
    assert_eq!(refused, SendError::Closed);
    for ticket in sent {
        let lost = socket.next().await;
        assert!(
            matches!(lost, Heard::Answered { ticket: found, outcome: Outcome::ConnectionLost } if found == ticket),
            "{lost:?}"
        );
    }
    assert_eq!(closed(&mut socket).await, (1006, "the peer does not read".to_owned()));
}

#[tokio::test]
async fn an_oversize_request_is_refused_and_the_socket_goes_on() {
    let (mut socket, mut peer) = pair(|_| {}).await;
    let error = socket.send(1, &question(&"x".repeat(300 * 1024))).await.unwrap_err();
    assert!(matches!(error, SendError::TooLarge { bytes } if bytes > 300 * 1024), "{error}");
    socket.send(2, &question("")).await.unwrap();
    let id = peer.hears("question").await;
    peer.answers(&id, 200, "{}").await;
    assert!(matches!(heard(&mut socket).await, Heard::Answered { ticket: 2, outcome: Outcome::Done(_) }));
}

#[tokio::test]
async fn a_goodbye_carries_its_code() {
    for (code, expected) in [(1000, 1000), (1001, 1001), (4000, 4000), (1006, 1000), (7, 1000)] {
        let (socket, Peer(mut peer)) = pair(|_| {}).await;
        let goodbye = async {
            let mut found = None;
            while let Some(Ok(message)) = futures_util::StreamExt::next(&mut peer).await {
                if let Message::Close(frame) = message {
                    found = frame.map(|frame| u16::from(frame.code));
                }
            }
            found
        };
        let ((), found) = tokio::join!(socket.close(code), goodbye);
        assert_eq!(found, Some(expected));
    }
}
