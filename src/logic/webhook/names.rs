//! Which addresses a webhook's name may lead to. The address that was looked at is the one that is
//! connected to: a name that says something else the next time gains nothing.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use crate::settings::Reach;

/// Looks up at one time: each holds a thread, which a name service that hangs does not give back.
const LOOKUPS: usize = 16;

type Lookup = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// Where names lead; shared by all webhooks.
#[derive(Clone)]
pub struct Names {
    lookup: Arc<Lookup>,
    places: Arc<Semaphore>,
}

impl Default for Names {
    fn default() -> Self {
        Self::of_the_system()
    }
}

impl Names {
    /// As this machine looks them up.
    pub fn of_the_system() -> Self {
        Self::by(|name| Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect()))
    }

    /// By a lookup of one's own, which may block.
    pub fn by(lookup: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Self {
        Self { lookup: Arc::new(lookup), places: Arc::new(Semaphore::new(LOOKUPS)) }
    }

    pub(super) fn held_to(&self, reach: Reach) -> HeldNames {
        HeldNames { names: self.clone(), reach }
    }

    async fn look_up(self, name: Name) -> io::Result<Vec<IpAddr>> {
        let place = self.places.acquire_owned().await;
        let looked_up = tokio::task::spawn_blocking(move || {
            let _kept = place;
            (self.lookup)(name.as_str())
        });
        looked_up.await.map_err(io::Error::other)?
    }
}

/// Names that lead where a webhook may be, or nowhere.
pub(super) struct HeldNames {
    names: Names,
    reach: Reach,
}

impl Resolve for HeldNames {
    fn resolve(&self, name: Name) -> Resolving {
        let (names, reach) = (self.names.clone(), self.reach);
        Box::pin(async move {
            let found = names.look_up(name).await?;
            Ok(allowed(reach, found)?)
        })
    }
}

/// The addresses that may be called, if there is one.
fn allowed(reach: Reach, found: Vec<IpAddr>) -> Result<Addrs, Forbidden> {
    let refused = found.iter().find_map(|address| Some((*address, reach.refuses(*address)?)));
    let goes: Vec<_> = found.into_iter().filter(|address| reach.refuses(*address).is_none()).collect();
    match refused {
        Some((address, kind)) if goes.is_empty() => Err(Forbidden { address, kind }),
        _ => Ok(Box::new(goes.into_iter().map(|address| SocketAddr::new(address, 0)))),
    }
}

/// A name led nowhere but to addresses that are not called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forbidden {
    pub(super) address: IpAddr,
    pub(super) kind: &'static str,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "resolves to {} {}", self.kind, self.address)
    }
}

impl std::error::Error for Forbidden {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_allowed_addresses_are_handed_on() {
        let found =
            |addresses: &[&str]| addresses.iter().map(|a| a.parse().unwrap()).collect::<Vec<IpAddr>>();
        let mixed = allowed(Reach::Internet, found(&["10.0.0.1", "8.8.8.8", "::1"])).ok().unwrap();
        assert_eq!(mixed.map(|address| address.ip()).collect::<Vec<_>>(), found(&["8.8.8.8"]));
        let Err(inside) = allowed(Reach::Internet, found(&["::ffff:10.0.0.1", "127.0.0.1"])) else {
            panic!("a private address goes")
        };
        assert_eq!(inside.to_string(), "resolves to a private address ::ffff:10.0.0.1");
        assert_eq!(allowed(Reach::Anywhere, found(&["10.0.0.1"])).ok().unwrap().count(), 1);
        assert_eq!(allowed(Reach::Internet, Vec::new()).ok().unwrap().count(), 0);
    }

    #[tokio::test]
    async fn this_machines_own_name_is_looked_up_and_refused() {
        let held = Names::of_the_system().held_to(Reach::Internet);
        let Err(refused) = held.resolve("localhost".parse().unwrap()).await else { panic!("localhost goes") };
        assert!(refused.to_string().starts_with("resolves to a loopback address"), "{refused}");
        let held = Names::of_the_system().held_to(Reach::ThisMachine);
        assert!(held.resolve("localhost".parse().unwrap()).await.is_ok());
    }
}
