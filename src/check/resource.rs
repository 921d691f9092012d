//! Protected resource metadata (RFC 9728): what a client without a token is told of where to get one.

use std::sync::Arc;

use serde_json::{Map, Value};
use url::{Position, Url};

use super::target::{self, Target, TargetFault, TargetRules};

/// RFC 9728 §3: the path of the document, before that of the resource.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The service as a protected resource, with the document that describes it.
#[derive(Clone, Debug)]
pub struct ProtectedResource {
    metadata_url: String,
    host: String,
    target: Target,
    document: Arc<str>,
}

/// What the document tells besides the identifier and the issuers (RFC 9728 §2); what is none is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// `resource_name`.
    pub name: Option<String>,
    /// `resource_documentation`.
    pub documentation: Option<String>,
    /// `resource_policy_uri`.
    pub policy_uri: Option<String>,
    /// `resource_tos_uri`.
    pub tos_uri: Option<String>,
    /// `scopes_supported`.
    pub scopes: Option<Vec<String>>,
}

/// Why a text is no resource identifier (RFC 9728 §1.2).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResourceFault {
    /// No URL, or one without a host.
    #[error("write `https://…` with the host that clients call")]
    NoUrl,
    /// `user@` or `user:password@`.
    #[error("leave user name and password out")]
    Credentials,
    /// `?…` or `#…`.
    #[error("leave the query and the fragment out")]
    QueryOrFragment,
    /// Clients compare it as text (§3.3), and their libraries may tidy it up first.
    #[error("clients may spell it differently: write `{0}`")]
    Spelling(String),
    /// A host of which no request can be.
    #[error("no request can have this host")]
    Host,
    /// A path that gatepost refuses.
    #[error("no request can have this path: {0}")]
    Path(TargetFault),
}

impl ProtectedResource {
    /// The resource with this identifier, whose tokens come from any of these issuers.
    ///
    /// # Errors
    /// When no client could find its metadata.
    pub fn new(
        identifier: &str,
        issuers: impl IntoIterator<Item = String>,
        description: Description,
        rules: TargetRules,
    ) -> Result<Self, ResourceFault> {
        let url = read(identifier)?;
        // §3.1: the well-known part goes between host and path, and a slash that is the whole path is dropped.
        let origin = &url[..Position::BeforePath];
        let path = if url.path() == "/" { "" } else { url.path() };
        let well_known = format!("{WELL_KNOWN}{path}");
        Ok(Self {
            metadata_url: format!("{origin}{well_known}"),
            host: url.host_str().and_then(target::host).ok_or(ResourceFault::Host)?,
            target: Target::read(&well_known, rules).map_err(ResourceFault::Path)?,
            document: document(identifier, issuers, description).into(),
        })
    }

    /// Where the document is, for `resource_metadata` of a challenge (§5.1). It has no `"` and no `\`.
    #[must_use]
    pub fn metadata_url(&self) -> &str {
        &self.metadata_url
    }

    /// The document, if this request asks for it. Its query says nothing (§3.1).
    #[must_use]
    pub fn answer(&self, host: &str, method: &str, target: &Target) -> Option<Arc<str>> {
        let asked = matches!(method, "GET" | "HEAD")
            && host == self.host
            && target.segments() == self.target.segments()
            && target.trailing_slash() == self.target.trailing_slash();
        asked.then(|| Arc::clone(&self.document))
    }
}

fn read(identifier: &str) -> Result<Url, ResourceFault> {
    let url = Url::parse(identifier).ok().filter(Url::has_host).ok_or(ResourceFault::NoUrl)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ResourceFault::Credentials);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(ResourceFault::QueryOrFragment);
    }
    let usual = url.as_str();
    let without_slash = usual.strip_suffix('/').filter(|_| url.path() == "/");
    if identifier != usual && Some(identifier) != without_slash {
        return Err(ResourceFault::Spelling(without_slash.unwrap_or(usual).to_owned()));
    }
    Ok(url)
}

/// §2. gatepost takes a token from the `Authorization` header only.
fn document(identifier: &str, issuers: impl IntoIterator<Item = String>, description: Description) -> String {
    let Description { name, documentation, policy_uri, tos_uri, scopes } = description;
    let members = [
        ("resource", Some(identifier.into())),
        ("authorization_servers", Some(issuers.into_iter().collect())),
        ("bearer_methods_supported", Some(["header"].into_iter().collect())),
        ("scopes_supported", scopes.map(Value::from)),
        ("resource_name", name.map(Value::from)),
        ("resource_documentation", documentation.map(Value::from)),
        ("resource_policy_uri", policy_uri.map(Value::from)),
        ("resource_tos_uri", tos_uri.map(Value::from)),
    ];
    let present = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(Map::from_iter(present)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn resource(identifier: &str) -> Result<ProtectedResource, ResourceFault> {
        let issuers = ["https://a.example".to_owned(), "https://b.example/".to_owned()];
        ProtectedResource::new(identifier, issuers, Description::default(), TargetRules::default())
    }

    fn told(resource: &ProtectedResource, host: &str, method: &str, target: &str) -> bool {
        let target = Target::read(target, TargetRules::default()).unwrap();
        resource.answer(host, method, &target).is_some()
    }

    #[test]
    fn the_well_known_part_stands_between_host_and_path() {
        for (identifier, url, path) in [
            ("https://a.example", "https://a.example", ""),
            ("https://a.example/", "https://a.example", ""),
            ("https://a.example/one", "https://a.example", "/one"),
            ("https://a.example/one/", "https://a.example", "/one/"),
            ("https://a.example:8443/one/two", "https://a.example:8443", "/one/two"),
            ("https://a.example/caf%C3%A9", "https://a.example", "/caf%C3%A9"),
            ("http://[::1]:8080/x", "http://[::1]:8080", "/x"),
        ] {
            let resource = resource(identifier).unwrap();
            let well_known = format!("/.well-known/oauth-protected-resource{path}");
            assert_eq!(resource.metadata_url(), format!("{url}{well_known}"), "{identifier}");
            let host = target::host(url.split_once("://").unwrap().1).unwrap();
            assert!(told(&resource, &host, "GET", &well_known), "{identifier}");
            let document: Value = serde_json::from_str(&resource.document).unwrap();
            assert_eq!(document["resource"], identifier, "clients compare it with what they called (§3.3)");
        }
    }

    #[test]
    fn only_its_own_host_path_and_safe_methods_are_answered() {
        let resource = resource("https://a.example/one").unwrap();
        let path = "/.well-known/oauth-protected-resource/one";
        for (host, method, target) in [
            ("a.example", "GET", path.to_owned()),
            ("a.example", "HEAD", path.to_owned()),
            ("a.example", "GET", format!("{path}?resource=other")),
        ] {
            assert!(told(&resource, host, method, &target), "{method} {host}{target}");
        }
        for (host, method, target) in [
            ("b.example", "GET", path.to_owned()),
            ("x.a.example", "GET", path.to_owned()),
            ("a.example", "POST", path.to_owned()),
            ("a.example", "OPTIONS", path.to_owned()),
            ("a.example", "get", path.to_owned()),
            ("a.example", "GET", format!("{path}/")),
            ("a.example", "GET", format!("{path}/two")),
            ("a.example", "GET", "/.well-known/oauth-protected-resource".to_owned()),
            ("a.example", "GET", "/.well-known/oauth-protected-resource/two".to_owned()),
            ("a.example", "GET", "/one".to_owned()),
        ] {
            assert!(!told(&resource, host, method, &target), "{method} {host}{target}");
        }
    }

    #[test]
    fn refuses_identifiers_whose_metadata_no_client_would_find() {
        use ResourceFault as F;
        for (identifier, expected) in [
            ("orders", F::NoUrl),
            ("urn:example:orders", F::NoUrl),
            ("https://", F::NoUrl),
            ("https://a@a.example", F::Credentials),
            ("https://a.example?x", F::QueryOrFragment),
            ("https://a.example/#", F::QueryOrFragment),
            ("https://A.example/", F::Spelling("https://a.example".into())),
            ("https://a.example:443/one", F::Spelling("https://a.example/one".into())),
            ("https://a.example/x/../one", F::Spelling("https://a.example/one".into())),
            ("https://a.example/\"", F::Spelling("https://a.example/%22".into())),
            ("https://a.example\\one", F::Spelling("https://a.example/one".into())),
            ("https://a.example//one", F::Path(TargetFault::EmptySegment)),
            ("https://a.example/one%2Ftwo", F::Path(TargetFault::EncodedSeparator)),
            ("https://a.example/one;v=1", F::Path(TargetFault::PathParameter)),
        ] {
            assert_eq!(resource(identifier).unwrap_err(), expected, "{identifier}");
        }
    }

    #[test]
    fn the_document_tells_what_is_known_and_nothing_else() {
        let document = |description| {
            let resource = ProtectedResource::new(
                "https://a.example",
                ["https://idp.example".to_owned(), "https://alt.example/".to_owned()],
                description,
                TargetRules::default(),
            );
            serde_json::from_str::<Value>(&resource.unwrap().document).unwrap()
        };
        let least = json!({
            "resource": "https://a.example",
            "authorization_servers": ["https://idp.example", "https://alt.example/"],
            "bearer_methods_supported": ["header"],
        });
        assert_eq!(document(Description::default()), least);
        let all = Description {
            name: Some("Orders \"A\"".into()),
            documentation: Some("https://docs.example".into()),
            policy_uri: Some("https://docs.example/policy".into()),
            tos_uri: Some("https://docs.example/terms".into()),
            scopes: Some(vec!["orders:read".into(), "orders:write".into()]),
        };
        let told = document(all);
        assert_eq!(told["resource_name"], "Orders \"A\"");
        assert_eq!(told["resource_documentation"], "https://docs.example");
        assert_eq!(told["resource_policy_uri"], "https://docs.example/policy");
        assert_eq!(told["resource_tos_uri"], "https://docs.example/terms");
        assert_eq!(told["scopes_supported"], json!(["orders:read", "orders:write"]));
        assert_eq!(told.as_object().unwrap().len(), 8);
    }
}
