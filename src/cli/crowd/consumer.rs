//! One consumer of the crowd: a real client, over the wire, that comes back when its socket drops.

use std::sync::Arc;
use std::time::Duration;

use liveperson::proto::consumer::ConsumerRequest;
use liveperson::proto::frame::Notification;
use liveperson::{Client, ConsumerSocket, Domains, Heard, OpenError, Outcome};
use liveperson_proto::AccountId;
use tokio::sync::RwLock;
use tokio::time::{Instant, sleep, sleep_until};

use super::script::{Next, Script};

/// The pause between an answer and the next line.
const THINK: Duration = Duration::from_millis(700);
/// The longest pause before a consumer comes back.
const AWAY: Duration = Duration::from_millis(500);
/// How a refusal ends when the conversation was closed in between.
const CLOSED: &str = "is closed";

/// What all consumers of an account share.
pub(super) struct Doors {
    pub(super) client: Client,
    pub(super) domains: Domains,
    pub(super) account: AccountId,
    /// Whether anything is still said; held while it is, so that nothing is said once this is false.
    pub(super) open: Arc<RwLock<bool>>,
}

/// Signs up, talks, and comes back after each lost socket; ends only when the platform refuses what it should
/// not, and says so.
pub(super) async fn live(doors: Arc<Doors>) -> String {
    // A crowd does not arrive in one moment.
    sleep(THINK.mul_f64(fastrand::f64())).await;
    let identity = match doors.client.sign_up(&doors.domains, &doors.account).await {
        Ok(identity) => identity,
        Err(error) => return format!("a consumer could not sign up: {error}"),
    };
    let mut script = Script::new(doors.account.clone());
    loop {
        match doors.client.open_consumer_socket(&doors.domains, &identity).await {
            Ok(socket) => {
                if let Err(words) = talk(&doors, socket, &mut script).await {
                    return words;
                }
            }
            Err(OpenError::NoAnswer { .. }) => {}
            Err(error) => return format!("a consumer's socket did not open: {error}"),
        }
        sleep(AWAY.mul_f64(fastrand::f64())).await;
    }
}

/// Follows the script until the socket is at its end.
async fn talk(doors: &Doors, mut socket: ConsumerSocket, script: &mut Script) -> Result<(), String> {
    let mut thinks_until = None;
    let mut next = Next::Ask(script.connected());
    loop {
        match next {
            Next::Listen => {}
            Next::Think => thinks_until = Some(Instant::now() + THINK),
            Next::Ask(request) => ask(doors, &mut socket, &request).await,
        }
        next = tokio::select! {
            heard = socket.next() => match hear(heard, script)? {
                Some(next) => next,
                None => return Ok(()),
            },
            () = thought(thinks_until) => {
                thinks_until = None;
                script.goes_on()
            }
        };
    }
}

/// Asks, unless that would say something new behind closed doors.
async fn ask(doors: &Doors, socket: &mut ConsumerSocket, request: &ConsumerRequest) {
    let says = matches!(request, ConsumerRequest::Publish { .. } | ConsumerRequest::OpenConversation { .. });
    let open = doors.open.read().await;
    if *open || !says {
        // A socket that is closed says so itself.
        let _ = socket.send(0, request).await;
    }
}

/// Waits until the consumer has thought.
async fn thought(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// What follows from what was heard; `None` when the socket is at its end.
fn hear(heard: Heard, script: &mut Script) -> Result<Option<Next>, String> {
    let next = match heard {
        Heard::Answered { outcome: Outcome::Done(response), .. } => script.done(response.conversation()),
        Heard::Answered { outcome: Outcome::Refused { words, .. }, .. } if words.ends_with(CLOSED) => {
            script.is_over()
        }
        Heard::Answered { outcome: Outcome::Refused { code, words }, .. } => {
            return Err(format!("a consumer was refused ({code}): {words}"));
        }
        // Whether it was done shows only in the history, which a new socket reads.
        Heard::Answered { outcome: Outcome::TimedOut, .. } | Heard::Closed { .. } => return Ok(None),
        Heard::Notification(Notification::Conversations { changes, .. }) => script.shown(&changes),
        Heard::Notification(Notification::Messages { events, .. }) => script.told(&events),
        _ => Next::Listen,
    };
    Ok(Some(next))
}
