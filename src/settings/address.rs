//! Which addresses a webhook may be at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which addresses a webhook may be at; a name is held to it after it was resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Its URL names this machine: nothing else is reached, whatever the name resolves to.
    ThisMachine,
    /// The internet: nothing that only this machine or its network reaches.
    Internet,
    /// Wherever it is: the fleet file says that a private address is meant.
    Anywhere,
}

impl Reach {
    /// What kind of address this is, if it is not to be called.
    pub fn refuses(self, address: IpAddr) -> Option<&'static str> {
        let address = address.to_canonical();
        match self {
            Self::Anywhere => None,
            Self::ThisMachine => (!address.is_loopback()).then_some("an address of another machine"),
            Self::Internet => not_of_the_internet(address),
        }
    }
}

/// What kind of address this is, if the internet has no use for it.
pub(super) fn not_of_the_internet(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => v6(address),
    }
}

// The ranges stand in IANA's registries of special-purpose addresses.
fn v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [0 | 240..=255, ..] => Some("a reserved address"),
        [127, ..] => Some("a loopback address"),
        // Cloud machines find their credentials at 169.254.169.254 and its neighbours.
        [169, 254, ..] => Some("a link-local address"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Some("a private address"),
        [100, 64..=127, ..] => Some("a shared address of a carrier"),
        [192, 0, 0 | 2, _] | [198, 18..=19, ..] | [198, 51, 100, _] | [203, 0, 113, _] | [192, 88, 99, _] => {
            Some("an address for special use")
        }
        [224..=239, ..] => Some("a multicast address"),
        _ => None,
    }
}

fn v6(address: Ipv6Addr) -> Option<&'static str> {
    let [first, second, ..] = address.segments();
    if let Some(inside) = carried(address) {
        return v4(inside);
    }
    match first {
        _ if address.is_loopback() => Some("a loopback address"),
        0xfe80..=0xfebf => Some("a link-local address"),
        0xfc00..=0xfdff | 0xfec0..=0xfeff => Some("a private address"),
        0xff00..=0xffff => Some("a multicast address"),
        // Teredo, benchmarks, documentation.
        0x2001 if second < 0x200 || second == 0xdb8 => Some("an address for special use"),
        0x3fff => Some("an address for special use"),
        0x2000..=0x3ffe => None,
        _ => Some("a reserved address"),
    }
}

/// The IPv4 address that NAT64 or 6to4 leads to.
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = address.octets();
    let from = match octets {
        [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, ..] => 12,
        [0x20, 0x02, ..] => 2,
        _ => return None,
    };
    <[u8; 4]>::try_from(&octets[from..from + 4]).ok().map(Ipv4Addr::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_reached_unless_told_otherwise() {
        for (address, kind) in [
            ("8.8.8.8", None),
            ("172.15.0.1", None),
            ("172.32.0.1", None),
            ("100.63.255.255", None),
            ("169.253.1.1", None),
            ("2606:4700::1111", None),
            ("::ffff:8.8.8.8", None),
            ("64:ff9b::8.8.8.8", None),
            ("10.0.0.1", Some("a private address")),
            ("172.16.0.1", Some("a private address")),
            ("172.31.255.255", Some("a private address")),
            ("192.168.1.1", Some("a private address")),
            ("127.0.0.1", Some("a loopback address")),
            ("127.9.9.9", Some("a loopback address")),
            ("::1", Some("a loopback address")),
            ("169.254.169.254", Some("a link-local address")),
            ("fe80::1", Some("a link-local address")),
            ("fd00:ec2::254", Some("a private address")),
            ("fc00::1", Some("a private address")),
            ("fec0::1", Some("a private address")),
            ("100.64.0.1", Some("a shared address of a carrier")),
            ("100.100.100.200", Some("a shared address of a carrier")),
            ("224.0.0.1", Some("a multicast address")),
            ("ff02::1", Some("a multicast address")),
            ("0.0.0.0", Some("a reserved address")),
            ("::", Some("a reserved address")),
            ("255.255.255.255", Some("a reserved address")),
            ("192.0.2.1", Some("an address for special use")),
            ("2001:db8::1", Some("an address for special use")),
            ("2001::1", Some("an address for special use")),
            ("64:ff9b:1::1", Some("a reserved address")),
            ("::ffff:10.0.0.1", Some("a private address")),
            ("::ffff:169.254.169.254", Some("a link-local address")),
            ("::10.0.0.1", Some("a reserved address")),
            ("64:ff9b::10.0.0.1", Some("a private address")),
            ("2002:a00:1::", Some("a private address")),
            ("2002:7f00:1::", Some("a loopback address")),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(Reach::Internet.refuses(address), kind, "{address}");
            assert_eq!(Reach::Anywhere.refuses(address), None, "{address}");
        }
    }

    #[test]
    fn a_url_that_names_this_machine_reaches_no_other() {
        for (address, goes) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("8.8.8.8", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(Reach::ThisMachine.refuses(address.parse().unwrap()).is_none(), goes, "{address}");
        }
    }
}
