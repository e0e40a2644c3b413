//! Log in once: OAuth 2.1 authorization code with PKCE in the system browser (RFC 8252), OpenID Connect on top,
//! tokens bound to this phone's key (DPoP, RFC 9449), refresh tokens that rotate. The core never sees a password.

mod dpop;
mod id_token;
mod jose;
mod login;
mod oauth;
mod provider;

pub use dpop::{JwtSigner, bound_request, random_text};
pub use jose::install_providers;
pub use login::{Access, ActiveAccount, Session, Sessions};
pub use provider::{Provider, parse_providers};
