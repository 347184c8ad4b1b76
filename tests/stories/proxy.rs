//! A proxy that a story can ask what went through it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// A proxy that takes every tunnel, wherever it is said to lead, to one place.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    tunnels: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Lets in whoever sends this `Proxy-Authorization`; goes on as long as the test's runtime.
    pub(crate) async fn to(place: SocketAddr, authorization: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tunnels: Arc<Mutex<Vec<String>>> = Arc::default();
        let (noted, authorization) = (Arc::clone(&tunnels), format!("proxy-authorization: {authorization}"));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(tunnel(stream, place, authorization.clone(), Arc::clone(&noted)));
            }
        });
        Self { address, tunnels }
    }

    /// Where tunnels were wanted to, one entry a tunnel.
    pub(crate) fn tunnels(&self) -> Vec<String> {
        self.tunnels.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn tunnel(
    mut stream: TcpStream,
    place: SocketAddr,
    authorization: String,
    noted: Arc<Mutex<Vec<String>>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    // The name of a header has no case, its value has.
    let is_let_in = head.lines().any(|line| match (line.split_once(": "), authorization.split_once(": ")) {
        (Some((name, value)), Some((wanted, right))) => name.eq_ignore_ascii_case(wanted) && value == right,
        _ => false,
    });
    if !head.starts_with("CONNECT ") || !is_let_in {
        let _ = stream.write_all(b"HTTP/1.1 407 who are you\r\nContent-Length: 0\r\n\r\n").await;
        return;
    }
    noted.lock().unwrap_or_else(PoisonError::into_inner).push(target);
    let Ok(mut far) = TcpStream::connect(place).await else { return };
    if stream.write_all(b"HTTP/1.1 200 go on\r\n\r\n").await.is_ok() {
        let _ = copy_bidirectional(&mut stream, &mut far).await;
    }
}
