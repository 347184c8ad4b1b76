//! A proxy: sockets by CONNECT, HTTP by the HTTP client, and what a proxy may do wrong.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod platform;

use std::net::SocketAddr;

use liveperson::proto::AccountId;
use liveperson::{BrandSocket, Client, ClientSettings, OpenError, Proxy};
use platform::{Http, LONG, SHORT, domains, session, settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// A host that only a proxy could know.
const FAR: &str = "lp.invalid:8443";

fn client(proxy: SocketAddr, change: impl FnOnce(&mut ClientSettings)) -> Client {
    let proxy_url = format!("http://user:pass@{proxy}");
    let mut settings = ClientSettings {
        csds_domain: FAR.to_owned(),
        proxy: Some(Proxy::parse(&proxy_url).unwrap()),
        ..settings(proxy)
    };
    change(&mut settings);
    Client::new(settings).unwrap()
}

async fn open(client: &Client) -> Result<BrandSocket, OpenError> {
    client.open_socket(&domains(&FAR), &session()).await
}

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn a_socket_is_opened_through_the_proxy() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(listener.local_addr().unwrap(), |_| {});
    let far_end = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 go on\r\nVia: a proxy\r\n\r\n").await.unwrap();
        let peer = tokio_tungstenite::accept_async(stream).await.unwrap();
        (head, peer)
    };
    let both = async { tokio::join!(open(&client), far_end) };
    let (socket, (head, _peer)) = timeout(LONG, both).await.expect("the proxy is asked");
    socket.unwrap();
    let wanted = "CONNECT lp.invalid:8443 HTTP/1.1\r\nHost: lp.invalid:8443\r\n\
                  Proxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n";
    assert_eq!(head, wanted);
}

#[tokio::test]
async fn http_goes_through_the_proxy_too() {
    let body = r#"{"baseURIs":[{"service":"agentVep","baseURI":"127.0.0.1:7"}]}"#;
    let proxy = Http::with_status(200, "", body).await;
    let domains = client(proxy.at, |_| {}).domains(&AccountId::from("12")).await.unwrap();
    assert_eq!(domains.host("agentVep"), Some("127.0.0.1:7"));
    let request = &proxy.requests()[0];
    assert!(request.starts_with("GET http://lp.invalid:8443/api/account/12/service/"), "{request}");
    assert!(request.to_lowercase().contains("proxy-authorization: basic dxnlcjpwyxnz\r\n"), "{request}");

    let proxy = Http::with_status(502, "", "").await;
    client(proxy.at, |settings| settings.plain = false).domains(&AccountId::from("12")).await.unwrap_err();
    let request = &proxy.requests()[0];
    assert!(request.starts_with("CONNECT lp.invalid:8443 HTTP/1.1"), "{request}");
    assert!(!request.contains("/api/"), "{request}");
}

#[tokio::test]
async fn a_refusal_of_the_proxy_is_no_dead_token() {
    for status in [302, 401, 403, 407, 502] {
        for plain in [true, false] {
            let proxy = Http::with_status(status, "", "").await;
            let error = open(&client(proxy.at, |settings| settings.plain = plain)).await.unwrap_err();
            assert!(matches!(error, OpenError::ProxyRefused { status: found } if found == status), "{error}");
        }
    }
}

#[tokio::test]
async fn what_is_no_proxy_is_given_up() {
    let endless = format!("HTTP/1.1 200 x\r\n{}", "X: y\r\n".repeat(10_000));
    for answer in
        ["", "HTTP/1.1", "nonsense\r\n\r\n", "HTTP/1.1 abc x\r\n\r\n", "SSH-2.0 200\r\n\r\n", &endless]
    {
        let proxy = Http::answering(answer).await;
        let error = open(&client(proxy.at, |_| {})).await.unwrap_err();
        assert!(matches!(error, OpenError::NoAnswer { .. }), "{answer:.20}: {error}");
    }
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = silent.local_addr().unwrap();
    let error = open(&client(at, |settings| settings.request_timeout = SHORT)).await.unwrap_err();
    let OpenError::NoAnswer { source } = error else { panic!("{error}") };
    assert_eq!(source.kind(), std::io::ErrorKind::TimedOut);
}
