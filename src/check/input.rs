//! What a check is asked about, in our own words: no wire types, and nothing in it is trusted yet.

use core::net::{IpAddr, Ipv6Addr};

/// One request as Envoy describes it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CheckInput {
    /// The method as sent; methods are case-sensitive (RFC 9110 §9.1).
    pub method: String,
    /// The authority as sent: case, port and trailing dot are handled by [`super::target`].
    pub host: String,
    /// The request target as sent: path and query, not decoded.
    pub target: String,
    /// The header fields.
    pub headers: Headers,
    /// Where the client's connection comes from, as Envoy sees it.
    pub source: Option<IpAddr>,
    /// The certificate that the client showed, where Envoy tells it: PEM, percent-encoded.
    pub certificate: Option<String>,
}

impl CheckInput {
    /// The path as sent, without query and fragment, which may carry a token.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split(['?', '#']).next().unwrap_or_default()
    }
}

/// The network that counts as one client: whoever has one IPv6 address usually has the 2^64 of its network.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

impl std::fmt::Debug for CheckInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.path();
        f.debug_struct("CheckInput")
            .field("method", &self.method)
            .field("host", &self.host)
            .field("path", &path)
            .finish_non_exhaustive()
    }
}

/// Header fields in the order received; a repeated field stands several times.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    fields: Vec<(String, Vec<u8>)>,
    joined: bool,
}

impl Headers {
    /// Adds a field; the name is kept in lower case.
    pub fn push(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.fields.push((name.to_ascii_lowercase(), value.into()));
    }

    /// Says that Envoy has joined repeated fields with commas, as it does where it is not told to send them raw.
    pub fn were_joined(&mut self) {
        self.joined = true;
    }

    /// Whether a comma may stand between the values of two fields.
    #[must_use]
    pub fn may_be_joined(&self) -> bool {
        self.joined
    }

    /// Every value of the field with this lower-case name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.fields.iter().filter(move |(its, _)| its == name).map(|(_, value)| value.as_slice())
    }

    /// The lower-case names in the order received, repeats included.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_str())
    }
}

impl std::fmt::Debug for Headers {
    /// Names only: values are credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl<N: AsRef<str>, V: Into<Vec<u8>>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let mut headers = Self::default();
        for (name, value) in fields {
            headers.push(name.as_ref(), value);
        }
        headers
    }
}
