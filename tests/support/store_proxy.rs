//! A way to Postgres that misbehaves on demand, and counts how often somebody felt it.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

/// A frame of Postgres' protocol that is larger belongs to no test.
const LARGEST: usize = 64 << 20;

/// What is to happen, and what has.
#[derive(Default)]
struct Mischief {
    away: bool,
    slow: Duration,
    cut_commits: u32,
    swallow_commits: u32,
    effects: BTreeMap<&'static str, u64>,
}

/// Stands between a fleet and its database.
pub(crate) struct StoreProxy {
    address: SocketAddr,
    database: String,
    shared: Arc<Shared>,
    /// Dropped with this value: then the proxy's thread ends.
    _alive: tokio::sync::oneshot::Sender<()>,
}

struct Shared {
    mischief: Mutex<Mischief>,
    /// Each new value cuts every connection.
    cuts: watch::Sender<u64>,
    stalled: watch::Sender<bool>,
}

impl Shared {
    fn mischief(&self) -> MutexGuard<'_, Mischief> {
        self.mischief.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn felt(&self, effect: &'static str) {
        *self.mischief().effects.entry(effect).or_default() += 1;
    }
}

impl StoreProxy {
    /// A proxy to the database of this URL, on a thread of its own: a test that blocks blocks no statement.
    pub(crate) fn to(url: &str) -> Self {
        let options: PgConnectOptions = url.parse().expect("the address of a test database");
        let database = options.get_database().expect("a database").to_owned();
        let server = Server::of(&options);
        let shared = Arc::new(Shared {
            mischief: Mutex::default(),
            cuts: watch::Sender::new(0),
            stalled: watch::Sender::new(false),
        });
        let (alive, ended) = tokio::sync::oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let its = shared.clone();
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
                tell.send(listener.local_addr().expect("an address")).expect("the test waits");
                tokio::select! {
                    () = serve(listener, server, its) => {}
                    _ = ended => {}
                }
            });
        });
        let address = told.recv().expect("the proxy listens");
        Self { address, database, shared, _alive: alive }
    }

    /// Where a fleet finds its database; `password` is let in and must turn up nowhere.
    pub(crate) fn url(&self, password: &str) -> String {
        format!("postgres://postgres:{password}@{}/{}?sslmode=disable", self.address, self.database)
    }

    /// Cuts every connection of the moment.
    pub(crate) fn cut(&self) {
        self.shared.cuts.send_modify(|cut| *cut += 1);
    }

    /// Lets nobody in any more, and cuts whoever is; or lets all in again.
    pub(crate) fn set_away(&self, away: bool) {
        self.shared.mischief().away = away;
        if away {
            self.cut();
        }
    }

    /// Passes nothing on any more, and says nothing of it; or passes on what has gathered.
    pub(crate) fn set_stalled(&self, stalled: bool) {
        self.shared.stalled.send_replace(stalled);
    }

    /// Each answer of the database takes so much longer.
    pub(crate) fn set_slow(&self, delay: Duration) {
        self.shared.mischief().slow = delay;
    }

    /// The next commits of turns are cut in their middle: the database never hears the whole of them.
    pub(crate) fn cut_commits(&self, count: u32) {
        self.shared.mischief().cut_commits = count;
    }

    /// The next commits of turns land, and nobody hears of it.
    pub(crate) fn swallow_commits(&self, count: u32) {
        self.shared.mischief().swallow_commits = count;
    }

    /// How often this was felt: `cut`, `refused`, `stalled`, `slowed`, `commit cut`, `answer swallowed`.
    pub(crate) fn felt(&self, effect: &str) -> u64 {
        self.shared.mischief().effects.get(effect).copied().unwrap_or_default()
    }
}

/// Where the database is.
#[derive(Clone)]
enum Server {
    Tcp(String, u16),
    Unix(PathBuf),
}

impl Server {
    fn of(options: &PgConnectOptions) -> Self {
        let (host, port) = (options.get_host(), options.get_port());
        let folder =
            options.get_socket().cloned().or_else(|| host.starts_with('/').then(|| PathBuf::from(host)));
        match folder {
            Some(folder) => Self::Unix(folder.join(format!(".s.PGSQL.{port}"))),
            None => Self::Tcp(host.to_owned(), port),
        }
    }

    async fn connect(&self) -> io::Result<(Box<dyn Reading>, Box<dyn Writing>)> {
        match self {
            Self::Tcp(host, port) => {
                let (reading, writing) = TcpStream::connect((host.as_str(), *port)).await?.into_split();
                Ok((Box::new(reading), Box::new(writing)))
            }
            Self::Unix(path) => {
                let (reading, writing) = UnixStream::connect(path).await?.into_split();
                Ok((Box::new(reading), Box::new(writing)))
            }
        }
    }
}

trait Reading: AsyncRead + Send + Unpin {}
impl<T: AsyncRead + Send + Unpin> Reading for T {}
trait Writing: AsyncWrite + Send + Unpin {}
impl<T: AsyncWrite + Send + Unpin> Writing for T {}

async fn serve(listener: TcpListener, server: Server, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        if shared.mischief().away {
            shared.felt("refused");
            continue;
        }
        let (server, shared) = (server.clone(), shared.clone());
        tokio::spawn(async move {
            let mut cuts = shared.cuts.subscribe();
            tokio::select! {
                _ = pass(client, &server, &shared) => {}
                _ = cuts.changed() => shared.felt("cut"),
            }
        });
    }
}

/// Passes one connection on, until either side or a fault ends it.
async fn pass(client: TcpStream, server: &Server, shared: &Shared) -> io::Result<()> {
    let (from_server, mut to_server) = server.connect().await?;
    let (mut from_client, to_client) = client.into_split();
    // The first message has no type: it says who comes.
    let hello = body(&mut from_client).await?;
    to_server.write_all(&hello).await?;
    let swallowing = watch::Sender::new(false);
    tokio::select! {
        ended = requests(from_client, to_server, shared, &swallowing) => ended,
        ended = answers(from_server, to_client, shared, swallowing.subscribe()) => ended,
    }
}

async fn requests(
    mut from: impl Reading,
    mut to: impl Writing,
    shared: &Shared,
    swallowing: &watch::Sender<bool>,
) -> io::Result<()> {
    let mut commits = HashSet::new();
    loop {
        let (kind, message) = frame(&mut from).await?;
        held_back(shared).await;
        if kind == b'P' {
            commits.extend(commit_of(&message));
        }
        if kind == b'B' && turns_of(&message, &commits) > 0 {
            let (cut, swallow) = fate(shared);
            if cut {
                to.write_all(&message[..message.len() / 2]).await?;
                to.flush().await?;
                shared.felt("commit cut");
                return Ok(());
            }
            swallowing.send_replace(swallow);
        }
        to.write_all(&message).await?;
        to.flush().await?;
    }
}

/// Whether the commit that goes through now is cut, or its answer swallowed.
fn fate(shared: &Shared) -> (bool, bool) {
    let mut mischief = shared.mischief();
    let (cut, swallow) = (mischief.cut_commits > 0, mischief.swallow_commits > 0);
    mischief.cut_commits = mischief.cut_commits.saturating_sub(1);
    if !cut {
        mischief.swallow_commits = mischief.swallow_commits.saturating_sub(1);
    }
    (cut, swallow && !cut)
}

async fn answers(
    mut from: impl Reading,
    mut to: impl Writing,
    shared: &Shared,
    swallowing: watch::Receiver<bool>,
) -> io::Result<()> {
    loop {
        let (kind, message) = frame(&mut from).await?;
        held_back(shared).await;
        let slow = shared.mischief().slow;
        // The last message of an answer: the database is ready for the next request.
        if kind == b'Z' && !slow.is_zero() {
            shared.felt("slowed");
            tokio::time::sleep(slow).await;
        }
        if *swallowing.borrow() {
            if kind == b'Z' {
                shared.felt("answer swallowed");
                return Ok(());
            }
            continue;
        }
        to.write_all(&message).await?;
        to.flush().await?;
    }
}

/// Waits while everything stalls.
async fn held_back(shared: &Shared) {
    let mut stalled = shared.stalled.subscribe();
    if *stalled.borrow() {
        shared.felt("stalled");
    }
    // The sender lives as long as this borrow of it.
    let _ = stalled.wait_for(|stalled| !stalled).await;
}

/// One message with its type, whole.
async fn frame(from: &mut impl Reading) -> io::Result<(u8, Vec<u8>)> {
    let kind = from.read_u8().await?;
    let body = body(from).await?;
    Ok((kind, [vec![kind], body].concat()))
}

/// A length that counts itself, and what follows.
async fn body(from: &mut impl Reading) -> io::Result<Vec<u8>> {
    let length = from.read_u32().await? as usize;
    if !(4..LARGEST).contains(&length) {
        return Err(io::Error::other("no frame of Postgres"));
    }
    let mut message = vec![0; length];
    message[..4].copy_from_slice(&(length as u32).to_be_bytes());
    from.read_exact(&mut message[4..]).await?;
    Ok(message)
}

/// The text that begins at a place, up to its NUL, and the place after it.
fn text(message: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let length = message.get(at..)?.iter().position(|byte| *byte == 0)?;
    Some((&message[at..at + length], at + length + 1))
}

/// The name of a statement that commits turns, where a Parse message prepares one.
fn commit_of(parse: &[u8]) -> Option<Vec<u8>> {
    let (name, at) = text(parse, 5)?;
    let (query, _) = text(parse, at)?;
    let query = String::from_utf8_lossy(query);
    query.contains("INSERT INTO cursor").then(|| name.to_vec())
}

/// How many turns a Bind message commits: the first value of the statement.
fn turns_of(bind: &[u8], commits: &HashSet<Vec<u8>>) -> i64 {
    let turns = || {
        let (_, at) = text(bind, 5)?;
        let (name, at) = text(bind, at)?;
        if !commits.contains(name) {
            return None;
        }
        let formats = i16::from_be_bytes(bind.get(at..at + 2)?.try_into().ok()?) as usize;
        // After the formats: how many values, then the first one's length.
        let value = at + 2 + formats * 2 + 2 + 4;
        Some(i64::from_be_bytes(bind.get(value..value + 8)?.try_into().ok()?))
    };
    turns().unwrap_or(0)
}
