//! The most that a publisher may use of a phone and of a registry that others share. One table: the publisher's tool,
//! the registry and the phone refuse by the same numbers, and `docs/limits.md` is made from it.
//!
//! A **publisher** is a unit directly below a first-level region, with all that is below it ([`UnitId::publisher`]): a
//! city with its districts and departments, an office of the province, a circle.
//!
//! [`UnitId::publisher`]: crate::region::UnitId::publisher

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// What it is about.
    pub of: &'static str,
    /// What is bounded.
    pub what: &'static str,
    /// How much of it there may be.
    pub most: u64,
}

macro_rules! limits {
    ($($of:literal { $($(#[doc = $what:literal])+ $name:ident: $kind:ty = $most:expr;)+ })+) => {
        $($($(#[doc = $what])+ pub const $name: $kind = $most;)+)+
        /// Every limit, in the order of `docs/limits.md`.
        pub const TABLE: &[Limit] = &[$($(Limit { of: $of, what: concat!($($what),+), most: $most as u64 },)+)+];
    };
}

limits! {
    "package" {
        /// Bytes of a package.
        PACKAGE_BYTES: usize = 20 << 20;
        /// Files in it.
        PACKAGE_FILES: usize = 2_000;
        /// Bytes of one file.
        FILE_BYTES: u64 = 10 << 20;
        /// Bytes of all files together, unpacked.
        UNPACKED_BYTES: u64 = 50 << 20;
        /// How many times smaller than itself a file of more than 64 KiB may be packed.
        PACKING_RATIO: u64 = 200;
        /// Bytes of an icon.
        ICON_BYTES: usize = 64 << 10;
    }
    "manifest" {
        /// Bytes of `manifest.json`.
        MANIFEST_BYTES: usize = 256 << 10;
        /// Pages.
        PAGES: usize = 200;
        /// Icons.
        ICONS: usize = 16;
        /// Claims of a resident that it may ask for.
        CLAIMS: usize = 16;
    }
    "catalogue entry" {
        /// Languages of a text.
        LANGUAGES: usize = 32;
        /// Characters of a name or a keyword.
        NAME_CHARS: usize = 64;
        /// Characters of a description, and of the reason of a withdrawal or takedown.
        TEXT_CHARS: usize = 300;
        /// Keywords.
        KEYWORDS: usize = 64;
        /// Origins.
        ORIGINS: usize = 16;
        /// Bytes of an origin.
        ORIGIN_BYTES: usize = 256;
        /// Permissions.
        PERMISSIONS: usize = 64;
        /// Bytes of a category.
        CATEGORY_BYTES: usize = 32;
        /// Bytes of a version's name.
        VERSION_BYTES: usize = 128;
        /// Invitations of a staged rollout.
        INVITATIONS: usize = 64;
        /// Bytes of all names, descriptions, keywords and origins together.
        ENTRY_TEXT_BYTES: usize = 8 << 10;
        /// Bytes that its names take in a phone's search index; the rest is not indexed.
        INDEXED_NAME_BYTES: usize = 2 << 10;
        /// Bytes that its keywords, category and descriptions take there; the rest is not indexed.
        INDEXED_TEXT_BYTES: usize = 4 << 10;
    }
    "unit's role" {
        /// Bytes of its metadata.
        ROLE_BYTES: usize = 4 << 20;
        /// Services.
        UNIT_SERVICES: usize = 1_024;
        /// Releases of all its services.
        UNIT_RELEASES: usize = 3_072;
        /// Units that it delegates to.
        UNIT_DELEGATIONS: usize = 256;
        /// Path patterns of a delegation.
        PATTERNS: usize = 16;
        /// Bytes of a target's path.
        PATH_BYTES: usize = 512;
    }
    "publisher" {
        /// Roles, those too that were withdrawn.
        PUBLISHER_ROLES: usize = 512;
        /// Services.
        PUBLISHER_SERVICES: usize = 4_096;
        /// Bytes of the metadata of all its roles.
        PUBLISHER_BYTES: usize = 8 << 20;
        /// Bytes of files that may wait for the rest of their release, before an upload is complete.
        PUBLISHER_WAITING_BYTES: usize = 128 << 20;
    }
    "registry" {
        /// Units that the first-level region's own role delegates to.
        REGISTRY_DELEGATIONS: usize = 1_024;
        /// Roles, those too that were withdrawn.
        REGISTRY_ROLES: usize = 10_000;
        /// Delegations on the way to a role.
        REGISTRY_DEPTH: usize = 8;
        /// Bytes of a root.
        ROOT_BYTES: usize = 512 << 10;
        /// Bytes of a timestamp.
        TIMESTAMP_BYTES: usize = 16 << 10;
        /// Bytes of what it announces to all residents.
        ANNOUNCEMENT_BYTES: usize = 64 << 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    fn page() -> String {
        let mut page = "# Limits\n\nThe most that a publisher may use of a phone and of a registry that others share. The \
            publisher's tool, the\nregistry and the phone refuse by the same numbers (`core/protocol/src/limits.rs`, \
            which this page is made from).\n\nA **publisher** is a unit directly below a first-level region, with all \
            that is below it: a city with its districts and\ndepartments, an office of the province, a circle. What goes \
            beyond a limit is refused where it is signed, where it is\ntaken in, in the next snapshot and on the phone, \
            each time with the name of who and how much; what was published before\nstays, and nobody else's release \
            is affected. What a page may use while it runs is in [page-api.md](page-api.md).\n\n\
            | of a | at most | what |\n| --- | ---: | --- |\n"
            .to_owned();
        for Limit { of, what, most } in TABLE {
            let what = what.trim();
            writeln!(page, "| {of} | {} | {what} |", amount(what, *most)).expect("a string");
        }
        page
    }

    fn amount(what: &str, most: u64) -> String {
        match most {
            _ if !what.starts_with("Bytes") => thousands(most),
            _ if most.is_multiple_of(1 << 20) => format!("{} MiB", most >> 20),
            _ if most.is_multiple_of(1 << 10) => format!("{} KiB", most >> 10),
            _ => most.to_string(),
        }
    }

    fn thousands(most: u64) -> String {
        if most < 1_000 { most.to_string() } else { format!("{},{:03}", thousands(most / 1_000), most % 1_000) }
    }

    #[test]
    fn the_page_in_docs_is_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/limits.md");
        if std::env::var_os("ONECITY_WRITE_DOCS").is_some() {
            std::fs::write(path, page()).expect("written");
        }
        let kept = std::fs::read_to_string(path).expect("docs/limits.md");
        assert!(kept == page(), "run ONECITY_WRITE_DOCS=1 cargo test -p onecity-protocol to write it again");
    }

    #[test]
    fn a_registry_with_all_its_roles_fits_into_one_snapshot() {
        let longest = format!("cn-sd.{}.json", "d".repeat(200));
        let line = format!("\"{longest}\":{{\"version\":4294967295}},");
        assert!(REGISTRY_ROLES * line.len() < ROLE_BYTES, "{}", line.len());
    }
}
