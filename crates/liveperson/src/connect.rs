//! The way to a host: TCP, perhaps through a proxy, perhaps with TLS.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{TlsConnector, rustls};

use crate::client::Client;
use crate::proxy::Proxy;

/// The longest head of a proxy's answer, in bytes.
const HEAD_LIMIT: usize = 8 * 1024;

/// Bytes both ways, whatever carries them.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub(crate) type BoxedStream = Box<dyn Stream>;

/// Why there is no way to a host.
pub(crate) enum ConnectFault {
    /// No connection, or no answer in time.
    NoAnswer(io::Error),
    /// The peer, or the proxy, could not prove who it is.
    Tls(rustls::Error),
    /// The proxy answered with another status than a success.
    ProxyRefused(u16),
    /// The name is none that TLS could ask for.
    BadName,
}

impl From<io::Error> for ConnectFault {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(inner) => Self::Tls(inner.clone()),
            None => Self::NoAnswer(error),
        }
    }
}

impl Client {
    /// Connects to a host as the settings say. Cancel safe: dropping the future drops the connection.
    pub(crate) async fn connect(&self, host: &str, port: u16) -> Result<BoxedStream, ConnectFault> {
        let settings = self.settings();
        let stream = match &settings.proxy {
            None => Box::new(tcp(host, port, settings.connect_timeout).await?) as BoxedStream,
            Some(proxy) => {
                let tunnel = self.tunnel(proxy, host, port);
                within(settings.request_timeout, tunnel).await?
            }
        };
        if settings.plain {
            return Ok(stream);
        }
        within(settings.request_timeout, secured(self.tls(), host, stream)).await
    }

    async fn tunnel(&self, proxy: &Proxy, host: &str, port: u16) -> Result<BoxedStream, ConnectFault> {
        let tcp = tcp(&proxy.host, proxy.port, self.settings().connect_timeout).await?;
        let mut stream =
            if proxy.tls { secured(self.tls(), &proxy.host, Box::new(tcp)).await? } else { Box::new(tcp) };
        stream.write_all(&request(proxy, host, port)).await?;
        stream.flush().await?;
        match status(&mut stream).await? {
            200..=299 => Ok(stream),
            status => Err(ConnectFault::ProxyRefused(status)),
        }
    }
}

async fn tcp(host: &str, port: u16, limit: Duration) -> Result<TcpStream, ConnectFault> {
    // Brackets are part of an address in a URL, not of the address itself.
    let host = host.trim_matches(['[', ']']);
    let connected = within(limit, async { Ok(TcpStream::connect((host, port)).await?) }).await?;
    connected.set_nodelay(true)?;
    Ok(connected)
}

async fn secured(tls: &TlsConnector, host: &str, stream: BoxedStream) -> Result<BoxedStream, ConnectFault> {
    let name = host.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(name).map_err(|_| ConnectFault::BadName)?;
    Ok(Box::new(tls.connect(name, stream).await?))
}

fn request(proxy: &Proxy, host: &str, port: u16) -> Vec<u8> {
    let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n").into_bytes();
    if let Some(authorization) = proxy.authorization() {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request
}

/// Reads the head of the proxy's answer and not one byte more: what follows belongs to the tunnel.
async fn status(stream: &mut BoxedStream) -> Result<u16, ConnectFault> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == HEAD_LIMIT {
            return Err(malformed());
        }
        head.push(stream.read_u8().await?);
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let is_http = words.next().is_some_and(|version| version.starts_with(b"HTTP/1."));
    let status = words.next().and_then(|code| std::str::from_utf8(code).ok()?.parse().ok());
    status.filter(|status| is_http && (100..=599).contains(status)).ok_or_else(malformed)
}

fn malformed() -> ConnectFault {
    ConnectFault::NoAnswer(io::Error::new(io::ErrorKind::InvalidData, "what answered is no HTTP proxy"))
}

async fn within<T>(
    limit: Duration,
    step: impl Future<Output = Result<T, ConnectFault>>,
) -> Result<T, ConnectFault> {
    timeout(limit, step).await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}
