//! Where a vendor is reached when it is not at its usual address: a URL, or a variable that holds its beginning.
//!
//! Refuses to send secrets in plain text beyond this machine and its own network, and a URL that carries a secret itself.

use std::str::FromStr;

use url::{Host, Url};

use crate::secrets::SecretRef;

/// A vendor's `base_url` as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BaseUrl {
    /// The URL itself, without a slash at its end.
    Url(String),
    /// `env:NAME/path`: what the variable holds, followed by the path.
    Env {
        /// The variable.
        variable: SecretRef,
        /// Empty, or from its first slash.
        path: String,
    },
}

/// Why a text is no base URL. Does not say the text, in which a password may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotABaseUrl {
    #[error("is not a base URL: https://host/path, or env:NAME/path where the variable NAME holds a URL")]
    Unreadable,
    #[error("is plain http to a host that may be far away, and would show it our secrets: write https")]
    Plain,
    #[error("has a user, a query or a fragment: leave only scheme, host and path")]
    Decorated,
}

impl FromStr for BaseUrl {
    type Err = NotABaseUrl;

    fn from_str(text: &str) -> Result<Self, NotABaseUrl> {
        let Some(rest) = text.strip_prefix("env:") else { return absolute(text).map(Self::Url) };
        let (name, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        absolute(&format!("https://localhost{path}"))?;
        let variable = format!("env:{name}").parse().map_err(|_| NotABaseUrl::Unreadable)?;
        Ok(Self::Env { variable, path: path.to_owned() })
    }
}

impl BaseUrl {
    /// The URL, if its variable holds this.
    pub(crate) fn resolve(&self, held: impl FnOnce(&SecretRef) -> Option<String>) -> Option<String> {
        match self {
            Self::Url(url) => Some(url.clone()),
            Self::Env { variable, path } => {
                let beginning = absolute(&held(variable)?).ok()?;
                absolute(&format!("{beginning}{path}")).ok()
            }
        }
    }
}

/// The URL that a path can follow, without a slash at its end.
pub(crate) fn absolute(text: &str) -> Result<String, NotABaseUrl> {
    let schemed = text.starts_with("https://") || text.starts_with("http://");
    if !schemed || !text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
        return Err(NotABaseUrl::Unreadable);
    }
    let url = Url::parse(text).map_err(|_| NotABaseUrl::Unreadable)?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    if has_user || url.query().is_some() || url.fragment().is_some() {
        return Err(NotABaseUrl::Decorated);
    }
    if url.scheme() == "http" && !url.host().is_some_and(|host| is_near(&host)) {
        return Err(NotABaseUrl::Plain);
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// This machine, or a name without dots: a neighbour on the same private network, as in compose.
fn is_near(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => !name.contains('.'),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str, held: Option<&str>) -> Option<String> {
        text.parse::<BaseUrl>().unwrap().resolve(|_| held.map(str::to_owned))
    }

    #[test]
    fn a_url_stands_for_itself_without_its_last_slash() {
        for (text, url) in [
            ("https://eu.example.com", "https://eu.example.com"),
            ("https://example.com/api/v1/", "https://example.com/api/v1"),
            ("http://127.0.0.1:8099/zep", "http://127.0.0.1:8099/zep"),
            ("http://localhost:1", "http://localhost:1"),
            ("http://[::1]:8099", "http://[::1]:8099"),
            ("http://sandbox:8099/zep", "http://sandbox:8099/zep"),
        ] {
            assert_eq!(resolved(text, None).as_deref(), Some(url), "{text}");
        }
    }

    #[test]
    fn a_variable_gives_the_beginning_and_the_file_the_path() {
        let zep = "env:SANDBOX/zep";
        assert_eq!(resolved(zep, Some("http://127.0.0.1:8099")).as_deref(), Some("http://127.0.0.1:8099/zep"));
        assert_eq!(resolved(zep, Some("https://a.example/b/")).as_deref(), Some("https://a.example/b/zep"));
        assert_eq!(resolved("env:SANDBOX", Some("http://sandbox:1/")).as_deref(), Some("http://sandbox:1"));
        for unusable in [None, Some(""), Some("sandbox:8099"), Some("http://example.com"), Some("https://a.example?b=")]
        {
            assert_eq!(resolved(zep, unusable), None, "{unusable:?}");
        }
    }

    #[test]
    fn what_is_no_base_url_is_refused_with_the_reason() {
        use NotABaseUrl::{Decorated, Plain, Unreadable};
        for (text, reason) in [
            ("", Unreadable),
            ("example.com", Unreadable),
            ("ftp://example.com", Unreadable),
            ("https:example.com", Unreadable),
            ("https://", Unreadable),
            ("https://exa mple.com", Unreadable),
            ("https://example.com:99999", Unreadable),
            ("env:", Unreadable),
            ("env:/zep", Unreadable),
            ("env:not-a-name/zep", Unreadable),
            ("env:A zep", Unreadable),
            ("file:/run/url", Unreadable),
            ("http://example.com", Plain),
            ("http://10.0.0.7", Plain),
            ("http://localhost.example.com", Plain),
            ("https://user:key@example.com", Decorated),
            ("https://example.com/?token=key", Decorated),
            ("https://example.com/#a", Decorated),
            ("env:SANDBOX/zep?a=b", Decorated),
        ] {
            assert_eq!(text.parse::<BaseUrl>(), Err(reason), "{text}");
        }
    }
}
