//! What the phone keeps and runs, as a resident, a page and an attacker see it.

mod accounts;
mod altered;
mod cache;
#[cfg(target_os = "linux")]
mod contained;
mod documents;
mod everything;
mod files;
mod helper;
mod hostile;
mod kit;
mod network;
mod old_phone;
mod outbox;
mod payment;
mod runtime;
mod stale;
mod tokens;
