//! What a resident shows to others: passes with their codes, documents, receipts.

mod documents;
mod passes;
mod payments;
#[cfg(test)]
mod tests;

use onecity_store::{Owner, StoreError, Vault};

pub(crate) use documents::Documents;
pub use passes::CodeListener;
pub(crate) use passes::Passes;
pub(crate) use payments::{Payee, Payments};

/// How many records of this part can't be read.
pub(crate) fn unreadable(vault: &Vault, owner: &Owner) -> Result<u64, StoreError> {
    let own = [
        passes::unreadable(vault, owner)?,
        vault.list::<documents::KeptDocument>(owner)?.unreadable,
        vault.list::<payments::Ordered>(owner)?.unreadable,
        vault.list::<payments::Receipt>(owner)?.unreadable,
    ];
    Ok(own.iter().sum())
}
