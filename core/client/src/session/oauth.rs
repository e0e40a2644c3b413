//! The `oauth2` crate over our own network: DPoP proofs on its token requests, and its errors in our words.

use std::pin::Pin;
use std::sync::Arc;

use oauth2::basic::{
    BasicErrorResponse, BasicErrorResponseType, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
    BasicTokenType,
};
use oauth2::{
    AuthType, ClientId, EndpointNotSet, EndpointSet, ExtraTokenFields, HttpRequest, HttpResponse, RequestTokenError,
    StandardRevocableToken, StandardTokenResponse, TokenUrl,
};
use reqwest::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use super::dpop::JwtSigner;
use crate::client::Inner;
use crate::error::{Error, Refusal};
use crate::net::Outgoing;

/// What OpenID Connect adds to a token answer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct IdTokenField {
    #[serde(default)]
    pub id_token: Option<String>,
}

impl ExtraTokenFields for IdTokenField {}

pub type Tokens = StandardTokenResponse<IdTokenField, BasicTokenType>;
pub type OAuth = oauth2::Client<
    BasicErrorResponse,
    Tokens,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
>;

pub type OAuthAtToken = oauth2::Client<
    BasicErrorResponse,
    Tokens,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

pub fn oauth_client(client_id: &str, token_endpoint: &str) -> Result<OAuthAtToken, Error> {
    Ok(OAuth::new(ClientId::new(client_id.to_owned()))
        // A public client: its id goes into the body, there is no secret.
        .set_auth_type(AuthType::RequestBody)
        .set_token_uri(TokenUrl::new(token_endpoint.to_owned()).map_err(Error::internal)?))
}

type TokenAnswer = Pin<Box<dyn Future<Output = Result<HttpResponse, Error>> + Send>>;

/// Sends a token request through our own network, with a DPoP proof.
pub fn token_request(inner: &Arc<Inner>, key: &str) -> impl Fn(HttpRequest) -> TokenAnswer + Send + Sync + use<> {
    let (inner, key) = (Arc::clone(inner), key.to_owned());
    move |request| {
        let (inner, key) = (Arc::clone(&inner), key.clone());
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let url = inner.net.url(&parts.uri.to_string())?;
            let signer = JwtSigner::new(Arc::clone(&inner.platform.keys), key);
            let (method, target, now) = (parts.method.to_string(), url.to_string(), inner.time.now());
            let proof = inner.blocking(move || signer.proof(&method, &target, None, now)).await?;
            let mut outgoing = Outgoing::get(url);
            (outgoing.method, outgoing.headers, outgoing.body) = (parts.method, parts.headers, body);
            let proof = HeaderValue::from_str(&proof).map_err(Error::internal)?;
            let answer = inner.net.send(outgoing.header(HeaderName::from_static("dpop"), proof)).await?;
            let mut response = HttpResponse::new(answer.body);
            (*response.status_mut(), *response.headers_mut()) = (answer.status, answer.headers);
            Ok(response)
        })
    }
}

pub fn refused_token(error: RequestTokenError<Error, BasicErrorResponse>) -> Error {
    match error {
        RequestTokenError::Request(error) => error,
        RequestTokenError::ServerResponse(answer) => match answer.error() {
            BasicErrorResponseType::InvalidGrant => {
                Error::LoginRequired { why: "the identity provider has ended the session".to_owned() }
            }
            other => Error::refused(Refusal::LoginDenied, format!("the identity provider answered {}", other.as_ref())),
        },
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            Error::network("the identity provider's answer can't be read")
        }
    }
}
