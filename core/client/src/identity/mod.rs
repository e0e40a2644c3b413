//! Who the resident is, and who learns of it.
//!
//! Log in once: OAuth 2.1 authorization code with PKCE in the system browser (RFC 8252), OpenID Connect on top, tokens
//! bound to this phone's key (DPoP, RFC 9449), refresh tokens that rotate. The core never sees a password.
//!
//! ```text
//!   accounts     which there are on this phone, and which one is in use
//!   consents     what the resident agreed to; disclosures: what was shown because of it
//!   login ──> session (kept alive, one renewal at a time) ──> logout; elsewhere: sessions on other phones
//!                └──> exchange: a token of its own for each service and origin, and for each issuer of passes
//!   discovery, token_endpoint, id_token, dpop, proofs           the standards, one each
//! ```

mod accounts;
mod consents;
mod disclosures;
mod discovery;
mod dpop;
mod elsewhere;
mod exchange;
pub(crate) mod hostile;
mod id_token;
mod login;
mod logout;
mod proofs;
mod secret;
mod session;
#[cfg(test)]
mod shapes;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod token_endpoint;
mod values;

use onecity_store::{Owner, StoreError, Vault};

pub(crate) use accounts::Accounts;
pub(crate) use consents::{Asking, Consents, Extent};
pub(crate) use disclosures::{Disclosure, Learnt, write_down};
pub(crate) use dpop::{random_text, sign_jwt};
pub(crate) use exchange::OnBehalf;
pub(crate) use login::{StepUp, Wish};
pub(crate) use session::{Session, Sessions, distrust};

/// How many records of this part can't be read.
pub(crate) fn unreadable(vault: &Vault, owner: &Owner) -> Result<u64, StoreError> {
    let own = [
        vault.list::<accounts::ActiveAccount>(owner)?.unreadable,
        vault.list::<Session>(owner)?.unreadable,
        vault.list::<exchange::ServiceKey>(owner)?.unreadable,
        vault.list::<exchange::IssuerKey>(owner)?.unreadable,
        vault.list::<consents::Consent>(owner)?.unreadable,
        vault.list::<Disclosure>(owner)?.unreadable,
        vault.list::<login::Pending>(owner)?.unreadable,
        vault.list::<logout::Ended>(owner)?.unreadable,
    ];
    Ok(own.iter().sum())
}
