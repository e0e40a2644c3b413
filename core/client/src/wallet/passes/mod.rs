//! Passes: credentials issued to keys of this phone, and the codes over them.
//!
//! ```text
//!   wallet       listing, adding, bringing up to date, deleting
//!   record       what the vault has of a pass, its view, the order of passes
//!   issuer       what an issuer says of itself, and how the phone talks to it
//!   issuance     having passes issued and renewed (OpenID4VCI)
//!   revocation   having them taken back
//!   codes        signing, one ahead, watching; grants for counters
//! ```

mod codes;
mod issuance;
mod issuer;
mod record;
mod revocation;
#[cfg(test)]
mod tests;
mod wallet;

use onecity_store::{Owner, StoreError, Vault};

pub use codes::CodeListener;
pub(crate) use wallet::Passes;

/// How many passes and notes on them can't be read.
pub(super) fn unreadable(vault: &Vault, owner: &Owner) -> Result<u64, StoreError> {
    let own = [
        vault.list::<record::Pass>(owner)?.unreadable,
        vault.list::<record::LastCode>(owner)?.unreadable,
        vault.list::<record::Deleted>(owner)?.unreadable,
    ];
    Ok(own.iter().sum())
}
