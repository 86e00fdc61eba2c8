//! A request as a vendor's module writes it, and what is known of repeating it.

use reqwest::{Method, Request, Url, header::HeaderValue};
use serde::Serialize;

use crate::VendorError;

/// What is asked of a vendor: its name in metrics, and whether asking twice does no more than asking once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// Whether a repetition after a doubtful failure does no harm.
    pub(crate) repeatable: bool,
}

impl Operation {
    /// Reads, or pushes state: may be repeated.
    pub(crate) const fn repeatable(name: &'static str) -> Self {
        Self { name, repeatable: true }
    }

    /// Adds something each time: never repeated here.
    pub(crate) const fn once(name: &'static str) -> Self {
        Self { name, repeatable: false }
    }
}

/// A request without its vendor's address and credentials.
#[derive(Default)]
pub(crate) struct Draft<'a> {
    method: Method,
    path: Vec<&'a str>,
    query: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, &'static str)>,
    body: Option<Vec<u8>>,
}

impl<'a> Draft<'a> {
    /// `path` in segments: each is encoded as one, whatever stands in it. An empty one at the end makes a slash at the end.
    pub(crate) fn get(path: impl IntoIterator<Item = &'a str>) -> Self {
        Self { path: path.into_iter().collect(), ..Self::default() }
    }

    /// A POST of JSON.
    pub(crate) fn post(path: impl IntoIterator<Item = &'a str>, body: &impl Serialize) -> Self {
        // Only a map with keys that are no text can't be written; there is none here, and an empty body would be refused.
        let body = serde_json::to_vec(body).unwrap_or_default();
        Self { method: Method::POST, body: Some(body), ..Self::get(path) }
    }

    /// A PUT of JSON.
    pub(crate) fn put(path: impl IntoIterator<Item = &'a str>, body: &impl Serialize) -> Self {
        Self { method: Method::PUT, ..Self::post(path, body) }
    }

    /// A PATCH of JSON.
    pub(crate) fn patch(path: impl IntoIterator<Item = &'a str>, body: &impl Serialize) -> Self {
        Self { method: Method::PATCH, ..Self::post(path, body) }
    }

    pub(crate) fn query(mut self, name: &'static str, value: &(impl ToString + ?Sized)) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The request to the API at `base_url`.
    pub(crate) fn request(self, base_url: &str, authorization: HeaderValue) -> Result<Request, VendorError> {
        let url = self.url(base_url)?;
        let mut request = Request::new(self.method, url);
        let headers = request.headers_mut();
        headers.insert("authorization", authorization);
        headers.insert("accept", HeaderValue::from_static("application/json"));
        for (name, value) in self.headers {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if let Some(body) = self.body {
            headers.insert("content-type", HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.into());
        }
        Ok(request)
    }

    fn url(&self, base_url: &str) -> Result<Url, VendorError> {
        let unsendable = |why: &str| VendorError::Unsendable(why.to_owned());
        let mut url = Url::parse(base_url).map_err(|_| unsendable("the account's address is none"))?;
        let inner = self.path.split_last().map_or(&[][..], |(_, inner)| inner);
        // Segments that would make it the address of something else.
        if inner.contains(&"") || self.path.iter().any(|segment| matches!(*segment, "." | "..")) {
            return Err(unsendable("an id is empty or a dot"));
        }
        url.path_segments_mut()
            .map_err(|()| unsendable("the account's address is no HTTP address"))?
            .pop_if_empty()
            .extend(&self.path);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(base_url: &str, path: &[&str]) -> Result<String, VendorError> {
        let draft = Draft::get(path.iter().copied()).query("number", "+14155550100");
        draft.request(base_url, HeaderValue::from_static("x")).map(|request| request.url().to_string())
    }

    #[test]
    fn whatever_stands_in_an_id_stays_in_its_segment() {
        let query = "?number=%2B14155550100";
        assert_eq!(
            url("http://h/api/", &["a", "b/c?d#e%f"]).unwrap(),
            format!("http://h/api/a/b%2Fc%3Fd%23e%25f{query}")
        );
        assert_eq!(url("http://h", &["a", ""]).unwrap(), format!("http://h/a/{query}"));
        assert_eq!(url("http://h/api", &["a", "demo:+1"]).unwrap(), format!("http://h/api/a/demo:+1{query}"));
        for (base_url, path) in
            [("http://h", ["a", ".."]), ("http://h", ["", "a"]), ("nowhere", ["a", "b"]), ("a:b", ["a", "b"])]
        {
            assert!(matches!(url(base_url, &path), Err(VendorError::Unsendable(_))), "{base_url} {path:?}");
        }
    }
}
