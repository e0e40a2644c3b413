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
use serde::{Deserialize, Serialize};

use super::dpop::JwtSigner;
use super::proofs::send_proven;
use crate::client::Inner;
use crate::error::{Error, Refusal};
use crate::net::Outgoing;

/// What OpenID Connect adds to a token answer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct IdTokenField {
    #[serde(default)]
    pub id_token: Option<String>,
    /// When the refresh token ends, in seconds from now (draft-ietf-oauth-refresh-token-expiration).
    #[serde(default)]
    pub refresh_token_expires_in: Option<i64>,
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
            let mut outgoing = Outgoing::get(inner.net.url(&parts.uri.to_string())?);
            (outgoing.method, outgoing.headers, outgoing.body) = (parts.method, parts.headers, body);
            let signer = JwtSigner::new(Arc::clone(&inner.platform.keys), key);
            let answer = send_proven(&inner, outgoing, &signer, None).await?;
            // What a server in trouble says is no word on the session.
            if answer.status.is_server_error() {
                return Err(Error::network(format!("the identity provider answered {}", answer.status.as_u16())));
            }
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
