//! The parameters of OAuth's requests.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use crate::problem::Problem;

/// Longest request, in bytes of all its parameters.
pub(super) const MAX_REQUEST: usize = 8 << 10;
/// Longest form: one that carries a request on writes it in another way.
const MAX_FORM: usize = 4 * MAX_REQUEST;

/// What a request says, by name. A parameter without a value is as if it were not there, and none is there twice (RFC 6749 §3.1
/// and §3.2).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Those of a query, or of a form's body.
    pub(super) fn read(encoded: &[u8]) -> Result<Self, Problem> {
        if encoded.len() > MAX_FORM {
            return Err(Problem::bad("invalid_request", "the request has more than 32,768 bytes"));
        }
        let mut all = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(encoded) {
            if !value.is_empty() && all.insert(name.into_owned(), value.into_owned()).is_some() {
                return Err(Problem::bad("invalid_request", "a parameter is there twice"));
            }
        }
        Ok(Self(all))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// One without which there is no request.
    pub(super) fn needed(&self, name: &str, lacking: &'static str) -> Result<&str, Problem> {
        self.get(name).ok_or(Problem::bad("invalid_request", lacking))
    }

    /// Whether a list of words (RFC 6749 §3.3) has this one.
    pub(super) fn has(&self, name: &str, word: &str) -> bool {
        self.get(name).is_some_and(|all| all.split(' ').any(|own| own == word))
    }

    /// Takes one out.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    pub(super) fn put(&mut self, name: &str, value: String) {
        self.0.insert(name.to_owned(), value);
    }

    /// What they take, in bytes.
    pub(super) fn weight(&self) -> usize {
        512 + self.0.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// A form's, whatever else comes is refused as OAuth says it (RFC 6749 §5.2).
impl<S: Send + Sync> FromRequest<S> for Parameters {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        const FORM: &str = "application/x-www-form-urlencoded";
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|own| own.to_str().ok());
        let is_form = content_type.is_some_and(|own| {
            own.split(';').next().is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(FORM))
        });
        if !is_form {
            return Err(Problem::bad("invalid_request", "the parameters come as application/x-www-form-urlencoded"));
        }
        let body = Bytes::from_request(request, state).await;
        Self::read(&body.map_err(|_| Problem::bad("invalid_request", "the request can't be read"))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_there_once_and_without_a_value_not_at_all() {
        let all = Parameters::read(b"a=1&b=&c=x%20y&b=").expect("read");
        assert_eq!((all.get("a"), all.get("b"), all.get("c")), (Some("1"), None, Some("x y")));
        assert!(all.has("c", "y") && !all.has("c", "x y"));
        assert!(Parameters::read(b"a=1&a=1").is_err() && Parameters::read(b"a=1&%61=2").is_err());
        assert!(Parameters::read(&vec![b'a'; MAX_FORM + 1]).is_err());
    }
}
