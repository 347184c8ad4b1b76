//! TLS: an extra authority is trusted, a stranger is not, and sessions are resumed.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod platform;

use std::net::SocketAddr;
use std::sync::Arc;

use liveperson::{Client, ClientSettings, DomainError, Heard, OpenError, Proxy};
use platform::{domains, news, session, settings, shown};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::HandshakeKind;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, rustls};
use tokio_tungstenite::tungstenite::Message;

struct Secured {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    ca_pem: String,
    at: SocketAddr,
}

impl Secured {
    async fn new() -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        Self { listener, acceptor: TlsAcceptor::from(Arc::new(config)), ca_pem: authority.pem(), at }
    }

    fn host(&self) -> String {
        format!("localhost:{}", self.at.port())
    }

    fn client(&self, trusting: bool) -> Client {
        let ca_pem = trusting.then(|| self.ca_pem.clone().into_bytes());
        let csds_domain = self.host();
        Client::new(ClientSettings { csds_domain, plain: false, ca_pem, ..settings(self.at) }).unwrap()
    }

    async fn accept(&self) -> std::io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(self.listener.accept().await.unwrap().0).await
    }
}

#[tokio::test]
async fn http_trusts_the_extra_authority() {
    let server = Secured::new().await;
    let far_end = async {
        let mut stream = server.accept().await.unwrap();
        let read = stream.read(&mut [0; 4096]).await.unwrap();
        assert!(read > 0);
        let body = r#"{"baseURIs":[{"service":"agentVep","baseURI":"a.example"}]}"#;
        let answer = format!("HTTP/1.1 200 x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        stream
    };
    let client = server.client(true);
    let account = "12".into();
    let (found, _stream) = tokio::join!(client.domains(&account), far_end);
    assert_eq!(found.unwrap().host("agentVep"), Some("a.example"));
}

#[tokio::test]
async fn a_stranger_is_refused() {
    let server = Secured::new().await;
    let client = server.client(false);
    let account = "12".into();
    let (found, accepted) = tokio::join!(client.domains(&account), server.accept());
    let error = found.unwrap_err();
    assert!(matches!(error, DomainError::NoAnswer { .. }) && accepted.is_err(), "{error}");
    assert!(shown(&error).contains("UnknownIssuer"), "{}", shown(&error));

    let (domains, session) = (domains(&server.host()), session());
    let (opened, accepted) = tokio::join!(client.open_socket(&domains, &session), server.accept());
    let error = opened.unwrap_err();
    assert!(matches!(error, OpenError::Tls { .. }) && accepted.is_err(), "{error}");
}

#[tokio::test]
async fn sockets_hear_over_tls_and_a_second_one_resumes_the_session() {
    let server = Secured::new().await;
    let client = server.client(true);
    let (domains, session) = (domains(&server.host()), session());
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let far_end = async {
            let stream = server.accept().await.unwrap();
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(kind));
            let mut peer = tokio_tungstenite::accept_async(stream).await.unwrap();
            futures_util::SinkExt::send(&mut peer, Message::text(news("secured"))).await.unwrap();
            peer
        };
        let (socket, _peer) = tokio::join!(client.open_socket(&domains, &session), far_end);
        let heard = socket.unwrap().next().await;
        assert!(matches!(heard, Heard::Notification(_)), "{heard:?}");
    }
}

#[tokio::test]
async fn the_way_to_a_proxy_may_be_encrypted_too() {
    let server = Secured::new().await;
    for (trusting, found) in [(true, true), (false, false)] {
        let proxy = Proxy::parse(&format!("https://{}", server.host())).unwrap();
        let ca_pem = trusting.then(|| server.ca_pem.clone().into_bytes());
        let settings = ClientSettings { proxy: Some(proxy), ca_pem, ..settings(server.at) };
        let client = Client::new(settings).unwrap();
        let far_end = async {
            let Ok(mut stream) = server.accept().await else { return false };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            assert!(head.starts_with(b"CONNECT lp.invalid:1 HTTP/1.1\r\n"));
            stream.write_all(b"HTTP/1.1 200 go on\r\n\r\n").await.unwrap();
            tokio_tungstenite::accept_async(stream).await.is_ok()
        };
        let (domains, session) = (domains(&"lp.invalid:1"), session());
        let (socket, reached) = tokio::join!(client.open_socket(&domains, &session), far_end);
        assert_eq!((socket.is_ok(), reached), (found, found));
        if let Err(error) = socket {
            assert!(matches!(error, OpenError::Tls { .. }), "{error}");
        }
    }
}
