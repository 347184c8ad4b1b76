//! `[server]`: where muster itself answers.

use std::net::SocketAddr;

use super::field::shown;
use super::section::Section;

const CURE: &str = "write \"127.0.0.1:9300\" or \"[::1]:9300\"";

/// Where muster itself answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// The address of the API, the console and the metrics; loopback until there is authentication.
    pub listen: SocketAddr,
}

impl ServerSettings {
    pub(super) fn read(section: Section<'_>) -> Self {
        let mut settings = Self::default();
        if let Some(listen) = listen(&section) {
            settings.listen = listen;
        }
        section.finish();
        settings
    }
}

fn listen(section: &Section<'_>) -> Option<SocketAddr> {
    let field = section.field("listen")?;
    let text = field.text("127.0.0.1:9300")?;
    let Ok(listen) = text.parse::<SocketAddr>() else {
        field.fault(format!("{} is no address and port", shown(text)), CURE);
        return None;
    };
    if !listen.ip().is_loopback() {
        let wrong = format!("{listen} is open to other machines, and muster has no authentication yet");
        field.fault(wrong, format!("{CURE} and put a proxy in front that asks who is there"));
        return None;
    }
    Some(listen)
}
