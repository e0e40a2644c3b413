//! Log in once: OAuth 2.1 authorization code with PKCE in the system browser (RFC 8252), OpenID Connect on top,
//! tokens bound to this phone's key (DPoP, RFC 9449), refresh tokens that rotate. The core never sees a password.
//!
//! ```text
//!   login ──> session (kept alive, single-flight) ──> accounts (several; switched, ended, listed elsewhere)
//!                └──> exchange: a token of its own for each service and origin
//! ```

mod accounts;
mod dpop;
mod exchange;
mod id_token;
mod jose;
mod keeping;
mod login;
mod oauth;
mod proofs;
mod provider;

pub use accounts::named;
pub use dpop::{JwtSigner, random_text};
pub use exchange::OnBehalf;
pub use jose::install_providers;
pub use keeping::{Access, ActiveAccount, Session, Sessions};
pub use login::{StepUp, Wish};
pub use provider::{Provider, parse_providers};
