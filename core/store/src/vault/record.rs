//! A kind of record that the vault keeps, and how its shape changes from one version of the app to the next.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StoreError;

/// A kind of record that the vault keeps.
///
/// A field that may be missing needs no new format: `#[serde(default)]` reads what was written before. When a field
/// changes its meaning or goes away, raise [`Record::FORMAT`] and read the older formats in [`Record::upgrade`]. A record
/// is written in the new format when it is next put.
pub trait Record: Serialize + DeserializeOwned {
    /// One word; it is bound into every sealed value.
    const KIND: &'static str;
    /// The version of the record's own format. It is sealed with the value.
    const FORMAT: u8;
    /// Whether an older value that is put back, or the removal of one, gives somebody something: a consent that was
    /// withdrawn, a session that was ended. The file is then taken for an older copy of itself, though all
    /// else in it is new. Each write of a guarded record reads all of them: for kinds that are few and seldom written.
    const GUARDED: bool = false;

    /// Reads a value that an earlier version of the app wrote in format `from`, which is lower than
    /// [`Record::FORMAT`].
    ///
    /// # Errors
    /// [`StoreError::RecordTooOld`] if this app does not know that format; the value stays as it is.
    fn upgrade(from: u8, _bytes: &[u8]) -> Result<Self, StoreError> {
        Err(StoreError::RecordTooOld { kind: Self::KIND, format: from })
    }
}

/// The records of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Listed<R> {
    /// Those that can be read.
    pub records: Vec<R>,
    /// How many can't. They stay in the file.
    pub unreadable: u64,
}

impl<R> Default for Listed<R> {
    fn default() -> Self {
        Self { records: Vec::new(), unreadable: 0 }
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::vault::tests::shift;
    use crate::{Owner, Vault};

    /// As a first version of an app wrote it.
    #[derive(Debug, Serialize, Deserialize)]
    struct Amount(u32);

    impl Record for Amount {
        const KIND: &'static str = "amount";
        const FORMAT: u8 = 1;
    }

    /// As a second version has it.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Money {
        amount: u32,
        currency: String,
    }

    impl Record for Money {
        const KIND: &'static str = "amount";
        const FORMAT: u8 = 3;

        fn upgrade(from: u8, bytes: &[u8]) -> Result<Self, StoreError> {
            match from {
                1 => {
                    let Amount(amount) = serde_json::from_slice(bytes)?;
                    Ok(Self { amount, currency: "CNY".to_owned() })
                }
                _ => Err(StoreError::RecordTooOld { kind: Self::KIND, format: from }),
            }
        }
    }

    fn money(amount: u32) -> Money {
        Money { amount, currency: "CNY".to_owned() }
    }

    #[test]
    fn a_record_of_an_older_format_is_read_in_the_new_shape_and_written_in_it_the_next_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(&folder.path().join("vault.sqlite"), shift(1)).expect("new");
        vault.put(&Owner::Phone, "a", &Amount(5)).expect("kept");
        vault.put(&Owner::Phone, "b", &money(6)).expect("kept");
        let mut all = vault.list::<Money>(&Owner::Phone).expect("listed");
        all.records.sort_by_key(|own| own.amount);
        assert_eq!(all, Listed { records: vec![money(5), money(6)], unreadable: 0 });
        vault.put(&Owner::Phone, "a", &money(7)).expect("kept");
        assert_eq!(vault.get(&Owner::Phone, "a").expect("read"), Some(money(7)));
        let refused = vault.get::<Amount>(&Owner::Phone, "a").expect_err("the app was downgraded");
        assert!(matches!(refused, StoreError::RecordTooNew { kind: "amount", found: 3, known: 1 }));
    }

    #[test]
    fn what_can_not_be_read_is_counted_and_hides_nothing_else() {
        #[derive(Serialize, Deserialize)]
        struct Between(String);
        impl Record for Between {
            const KIND: &'static str = "amount";
            const FORMAT: u8 = 2;
        }
        #[derive(Serialize, Deserialize)]
        struct Words(String);
        impl Record for Words {
            const KIND: &'static str = "amount";
            const FORMAT: u8 = 3;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(&folder.path().join("vault.sqlite"), shift(1)).expect("new");
        vault.put(&Owner::Phone, "a", &money(5)).expect("kept");
        vault.put(&Owner::Phone, "b", &Between("a format that nobody upgrades".to_owned())).expect("kept");
        vault.put(&Owner::Phone, "c", &Words("another shape under the same number".to_owned())).expect("kept");
        let all = vault.list::<Money>(&Owner::Phone).expect("listed");
        assert_eq!(all, Listed { records: vec![money(5)], unreadable: 2 });
        let still: Option<Between> = vault.get(&Owner::Phone, "b").expect("read");
        assert!(still.is_some(), "nothing was deleted");
    }
}
