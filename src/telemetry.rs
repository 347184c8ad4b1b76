//! Logs and panics: where they go, and what never stands in them.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::io::{self, IsTerminal as _};
use std::panic::PanicHookInfo;

use liveperson_proto::AccountId;
use muster_core::BotId;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry};

/// Where the log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogTo {
    /// Standard output, as a service does.
    Stdout,
    /// Standard error, for commands whose standard output is theirs.
    Stderr,
}

/// Starts logging and the panic hook: `RUST_LOG` or `info`; pretty on a terminal, else JSON.
///
/// # Errors
/// Logging was started before in this process.
pub fn init(to: LogTo) -> Result<(), tracing::subscriber::SetGlobalDefaultError> {
    init_at(to, "info")
}

/// Like [`init`], with another default than `info`.
///
/// # Errors
/// Logging was started before in this process.
pub fn init_at(to: LogTo, level: &str) -> Result<(), tracing::subscriber::SetGlobalDefaultError> {
    let (is_terminal, writer) = match to {
        LogTo::Stdout => (io::stdout().is_terminal(), BoxMakeWriter::new(io::stdout)),
        LogTo::Stderr => (io::stderr().is_terminal(), BoxMakeWriter::new(io::stderr)),
    };
    let plain = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines =
        if is_terminal { plain.with_target(false).boxed() } else { plain.json().flatten_event(true).boxed() };
    let wanted = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let lines = lines.with_filter(filter_fn(is_safe));
    tracing::subscriber::set_global_default(Registry::default().with(wanted).with(lines))?;
    std::panic::set_hook(Box::new(report_panic));
    Ok(())
}

/// Crates that would log requests with their URLs, and a socket's URL has the bearer in it.
const WIRE: [&str; 8] =
    ["tungstenite", "tokio_tungstenite", "hyper", "hyper_util", "reqwest", "rustls", "sqlx", "actix_server"];

/// Whatever `RUST_LOG` says, the crates on the wire only warn.
fn is_safe(event: &Metadata<'_>) -> bool {
    let source = event.target().split("::").next().unwrap_or_default();
    *event.level() <= Level::WARN || !WIRE.contains(&source)
}

thread_local! {
    static CURRENT: Cell<Option<(AccountId, BotId)>> = const { Cell::new(None) };
}

/// Does something on behalf of a bot: a panic meanwhile names the bot.
pub fn in_bot<T>(account: &AccountId, bot: &BotId, work: impl FnOnce() -> T) -> T {
    let _restored = Restore(CURRENT.replace(Some((account.clone(), bot.clone()))));
    work()
}

/// The bot on whose behalf this thread works, if any.
pub fn current_bot() -> Option<(AccountId, BotId)> {
    let bot = CURRENT.try_with(Cell::take).ok().flatten();
    let _ = CURRENT.try_with(|current| current.set(bot.clone()));
    bot
}

/// Puts back who was worked for before, also when unwinding; it cannot panic.
struct Restore(Option<(AccountId, BotId)>);

impl Drop for Restore {
    fn drop(&mut self) {
        let _ = CURRENT.try_with(|current| current.set(self.0.take()));
    }
}

/// Says where, in which thread and in which bot; the payload may quote what a consumer wrote.
fn report_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("without a name");
    if let Some((account, bot)) = current_bot() {
        tracing::error!(panic.place = place, thread, account.id = %account, bot.id = %bot, "panicked");
    } else {
        tracing::error!(panic.place = place, thread, "panicked");
    }
}

/// An error with its whole chain of causes, for the one place that logs it.
#[derive(Clone, Copy)]
pub struct Chain<'a>(pub &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        f.write_str(&said)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let words = error.to_string();
            // Some libraries end their own message with their cause's.
            if !said.ends_with(&words) {
                write!(f, ": {words}")?;
            }
            said = words;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layered {
        text: &'static str,
        source: Option<Box<Layered>>,
    }

    fn layers(texts: &[&'static str]) -> Layered {
        let inner = (texts.len() > 1).then(|| Box::new(layers(&texts[1..])));
        Layered { text: texts[0], source: inner }
    }

    #[test]
    fn a_chain_says_every_cause_once() {
        for (texts, chain) in [
            (&["no answer"][..], "no answer"),
            (&["login failed", "no answer", "timed out"], "login failed: no answer: timed out"),
            (&["login failed: no answer", "no answer", "timed out"], "login failed: no answer: timed out"),
        ] {
            assert_eq!(Chain(&layers(texts)).to_string(), chain);
        }
    }

    #[test]
    fn the_current_bot_is_known_inside_and_forgotten_after_a_panic() {
        let (account, bot) = (AccountId::from("1"), BotId::from("a"));
        in_bot(&account, &bot, || {
            in_bot(&account, &"b".into(), || assert_eq!(current_bot().unwrap().1, "b".into()));
            assert_eq!(current_bot().unwrap().1, bot);
        });
        assert!(std::panic::catch_unwind(|| in_bot(&account, &bot, || panic!("on purpose"))).is_err());
        assert_eq!(current_bot(), None);
    }

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_names_place_and_bot_and_never_its_payload() {
        let written = Written::default();
        let writer = written.clone();
        let lines = tracing_subscriber::fmt::layer().json().with_writer(move || writer.clone());
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(report_panic));
        tracing::subscriber::with_default(Registry::default().with(lines), || {
            let work = || in_bot(&"12345678".into(), &"greeter-1".into(), || panic!("my card is 4111"));
            assert!(std::panic::catch_unwind(work).is_err());
        });
        std::panic::set_hook(before);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        for part in ["telemetry.rs:", "12345678", "greeter-1", "ERROR"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(!text.contains("4111"), "{text}");
    }

    #[test]
    fn crates_on_the_wire_may_only_warn() {
        let written = Written::default();
        let writer = written.clone();
        let lines = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
        let lines = lines.with_filter(filter_fn(is_safe));
        tracing::subscriber::with_default(Registry::default().with(lines), || {
            tracing::info!(target: "tungstenite::client", "wss://x/ws/secret");
            tracing::warn!(target: "tungstenite::client", "a warning");
            tracing::debug!(target: "muster::actors", "ours");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("a warning") && text.contains("ours") && !text.contains("secret"), "{text}");
    }
}
