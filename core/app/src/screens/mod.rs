//! The screens and sheets, a file for each subject. A shell knows none of them: it paints blocks.

mod add_pass;
mod blocked;
mod code;
mod consents;
mod grant;
mod home;
mod licences;
pub(crate) mod links;
mod login;
mod me;
mod passes;
pub(crate) mod permit;
mod places;
mod search;
mod service;
mod sheets;
mod shown;
mod travel;
mod welcome;

pub(crate) use add_pass::AddPass;
pub(crate) use blocked::{Blocked, Opening};
pub(crate) use code::Code;
pub(crate) use consents::Consents;
pub(crate) use grant::Grant;
pub(crate) use home::Home;
pub(crate) use licences::Licences;
pub(crate) use login::Login;
pub(crate) use me::{About, Languages, Me};
pub(crate) use passes::Passes;
pub(crate) use places::{Places, PlacesFor};
pub(crate) use search::Search;
pub(crate) use service::Service;
pub(crate) use sheets::{AskConsent, HandOver, Leaving, Paying};
pub(crate) use shown::ShownTo;
pub(crate) use travel::Travel;
pub(crate) use welcome::Welcome;
