//! The guard on private addresses (OWASP: Server-Side Request Forgery). Whoever may name an address
//! for us to call must not reach what only this machine reaches: its own services, the clinic's
//! network, a cloud's metadata. Only public addresses are called, and networks that the clinic allows.
//!
//! A name that is checked and then resolved again for the call may lead elsewhere the second time (DNS
//! rebinding). Here the check *is* the resolver of the client: what it lets through is what is connected to.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use url::Host;

/// Why an address is not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It cannot be read as an address of the web.
    #[error("is no web address; expected such as https://emr.clinic.example/hooks")]
    NoAddress,
    /// A user or password stands in it, and would stand in logs.
    #[error("holds a user or password; what must stay secret has no place in an address")]
    Credentials,
    /// Anybody on the way could read it.
    #[error("is not https; plain http is for allowed private networks only")]
    Plain,
    /// It leads to this machine or a private network.
    #[error("leads to a private address; allow its network in `allow_networks` if that is meant")]
    Private,
}

/// What may be called. Clones share it.
#[derive(Clone, Debug)]
pub struct Guard {
    allowed: Arc<[IpNet]>,
}

impl Guard {
    /// Lets public addresses through, and these networks.
    #[must_use]
    pub fn new(allowed: impl IntoIterator<Item = IpNet>) -> Self {
        Self { allowed: allowed.into_iter().collect() }
    }

    /// Reads an address and refuses what can be refused without asking a name server: anything but
    /// https (or http by number into an allowed network, or by name, which the resolver looks at),
    /// credentials, private numbers.
    ///
    /// # Errors
    ///
    /// The address is not called; the error is the end of a sentence.
    pub fn read(&self, text: &str) -> Result<Url, Refused> {
        let url = Url::parse(text).map_err(|_| Refused::NoAddress)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::Credentials);
        }
        let plain = match url.scheme() {
            "https" => false,
            "http" if self.allowed.is_empty() => return Err(Refused::Plain),
            "http" => true,
            _ => return Err(Refused::NoAddress),
        };
        let address: IpAddr = match url.host().ok_or(Refused::NoAddress)? {
            Host::Ipv4(address) => address.into(),
            Host::Ipv6(address) => address.into(),
            // Of a name, the resolver sees the numbers.
            Host::Domain("") => return Err(Refused::NoAddress),
            Host::Domain(_) => return Ok(url),
        };
        match (self.is_allowed(address), plain) {
            (true, _) => Ok(url),
            (false, false) if is_public(address) => Ok(url),
            (false, true) if is_public(address) => Err(Refused::Plain),
            (false, _) => Err(Refused::Private),
        }
    }

    /// The resolver of a client: for plain http it lets only allowed networks through.
    pub(super) fn resolver(&self, plain: bool) -> GuardedResolver {
        GuardedResolver { guard: self.clone(), plain }
    }

    fn is_allowed(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allowed.iter().any(|network| network.contains(&address))
    }
}

/// Resolves a name once, and hands the client only what may be called.
pub(super) struct GuardedResolver {
    guard: Guard,
    plain: bool,
}

impl GuardedResolver {
    fn admits(&self, address: IpAddr) -> bool {
        self.guard.is_allowed(address) || (!self.plain && is_public(address))
    }

    /// What of a name's addresses may be called. One that leads inside and outside is a trick or a
    /// fault, and is not called at all.
    fn checked(&self, found: Vec<SocketAddr>) -> Result<Addrs, Refused> {
        match found.iter().find(|address| !self.admits(address.ip())) {
            Some(address) if self.plain && is_public(address.ip()) => Err(Refused::Plain),
            Some(_) => Err(Refused::Private),
            None => Ok(Box::new(found.into_iter())),
        }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let this = Self { guard: self.guard.clone(), plain: self.plain };
        Box::pin(async move {
            // The port is the client's to fill in.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(this.checked(found)?)
        })
    }
}

/// Whether an address is one of the open internet (IANA's special-purpose registries, RFC 6890).
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// First number and length of the prefix.
const PRIVATE_V4: [(Ipv4Addr, u8); 15] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Inside the one block that is given out, `2000::/3`: Teredo and other protocols' own, documentation, and
/// 6to4, behind which stands an IPv4 address of anybody's choice.
const PRIVATE_V6: [(Ipv6Addr, u8); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    !PRIVATE_V4.iter().any(|(first, length)| Ipv4Net::new_assert(*first, *length).contains(&address))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // NAT64 (RFC 6052): the IPv4 address stands in the last four bytes.
    if Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96).contains(&address) {
        let [.., a, b, c, d] = address.octets();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    let given_out = Ipv6Net::new_assert(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3).contains(&address);
    given_out
        && !PRIVATE_V6.iter().any(|(first, length)| Ipv6Net::new_assert(*first, *length).contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strict() -> Guard {
        Guard::new([])
    }

    fn inside() -> Guard {
        Guard::new(["10.20.0.0/16".parse().unwrap()])
    }

    #[test]
    fn only_the_open_internet_is_public() {
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.19.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in
            ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1", "2a00:1450::1", "64:ff9b::1.1.1.1"]
        {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn an_address_that_leads_inside_is_refused_however_it_is_spelt() {
        for url in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:7f00:1]/",
            "https://169.254.169.254/latest",
            "https://10.0.0.1:8443/",
        ] {
            assert_eq!(strict().read(url).unwrap_err(), Refused::Private, "{url}");
        }
        for (url, refused) in [
            ("ftp://emr.example/", Refused::NoAddress),
            ("file:///etc/passwd", Refused::NoAddress),
            ("emr.example/hooks", Refused::NoAddress),
            ("https://", Refused::NoAddress),
            ("https://user:word@emr.example/", Refused::Credentials),
            ("http://emr.example/", Refused::Plain),
            ("http://1.1.1.1/", Refused::Plain),
        ] {
            assert_eq!(strict().read(url).unwrap_err(), refused, "{url}");
        }
        assert!(strict().read("https://emr.clinic.example/hooks?x=1").is_ok());
    }

    #[test]
    fn a_network_that_is_allowed_is_called_also_in_plain() {
        assert!(inside().read("http://10.20.0.7:9000/hooks").is_ok());
        assert!(inside().read("https://10.20.0.7/hooks").is_ok());
        assert!(inside().read("https://[::ffff:10.20.0.7]/").is_ok());
        assert_eq!(inside().read("https://10.21.0.7/").unwrap_err(), Refused::Private);
        assert_eq!(inside().read("http://1.1.1.1/").unwrap_err(), Refused::Plain);
    }

    #[test]
    fn of_a_name_only_what_may_be_called_is_connected_to() {
        let at =
            |addresses: &[&str]| addresses.iter().map(|a| SocketAddr::new(a.parse().unwrap(), 0)).collect();
        let checked = |guard: Guard, plain, found: &[&str]| {
            guard.resolver(plain).checked(at(found)).map(Iterator::count)
        };
        assert_eq!(checked(strict(), false, &["1.1.1.1", "2606:4700::1"]), Ok(2));
        assert_eq!(checked(strict(), false, &["127.0.0.1"]), Err(Refused::Private));
        // One public and one private: the name of an attacker who hopes for the second.
        assert_eq!(checked(strict(), false, &["1.1.1.1", "10.0.0.1"]), Err(Refused::Private));
        assert_eq!(checked(inside(), true, &["10.20.0.1"]), Ok(1));
        assert_eq!(checked(inside(), true, &["1.1.1.1"]), Err(Refused::Plain));
        assert_eq!(checked(inside(), false, &["10.20.0.1", "1.1.1.1"]), Ok(2));
    }
}
