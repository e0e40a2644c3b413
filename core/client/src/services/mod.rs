//! Mini-services: opened, served and called; what they ask their cities, what residents hand in through them and begin
//! in them, and what all of that takes on the phone.

mod drafts;
mod http_cache;
mod mini_service;
mod storage;
mod submissions;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use drafts::Drafts;
pub(crate) use http_cache::{HttpCache, forget_all};
pub(crate) use mini_service::MiniServices;
pub use mini_service::{Header, Launch, Lifecycle, Resource, ResourceRequest, ServiceSession};
pub(crate) use storage::Storage;
pub(crate) use submissions::Submissions;
