//! What all screens share: the client, the language, the settings, and who is logged in.

use std::sync::Arc;

use onecity_core::platform::{Clock, Photo};
use onecity_core::{AccountView, Client, RegionId, ServiceId};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedSender;

use crate::block::Action;
use crate::event::Environment;
use crate::face::Message;
use crate::frame::Scheme;
use crate::icon::Icon;
use crate::messages::{Language, Messages};

/// What the phone keeps of the app's: it outlives a logout.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    /// Whether the resident has read what happens to their data, and gone on.
    pub started: bool,
    /// The language that was chosen; none for the platform's.
    pub language: Option<Language>,
    /// The home city.
    pub home: Option<RegionId>,
    /// Where the resident is now.
    pub place: Option<RegionId>,
    /// The elder mode.
    pub elder: bool,
    /// Light or dark.
    pub scheme: Scheme,
    /// Of what the platform asks for, what the app has explained.
    pub explained: Explained,
}

/// What the app has said before the platform asks the resident for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Explained {
    pub scan: bool,
    pub locate: bool,
}

/// Most favourites that are kept.
pub(crate) const MAX_FAVOURITES: usize = 60;
/// Most services that were opened last.
const MAX_RECENT: usize = 8;

/// What an account has of the app's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Own {
    /// In the resident's own order.
    pub favourites: Vec<Opened>,
    /// The newest first.
    pub recent: Vec<Opened>,
    /// The passes that the resident has put first, by what they are: a pass that is issued again keeps its place.
    pub passes: Vec<String>,
}

/// A service in a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Opened {
    pub service: ServiceId,
    pub place: RegionId,
}

impl Own {
    pub(crate) fn is_favourite(&self, service: &ServiceId) -> bool {
        self.favourites.iter().any(|own| own.service == *service)
    }

    /// Adds a favourite, or takes it away. False if there are as many as are kept.
    pub(crate) fn turn_favourite(&mut self, own: Opened) -> bool {
        if self.is_favourite(&own.service) {
            self.favourites.retain(|favourite| favourite.service != own.service);
        } else if self.favourites.len() == MAX_FAVOURITES {
            return false;
        } else {
            self.favourites.push(own);
        }
        true
    }

    /// Puts a pass before all others.
    pub(crate) fn put_first(&mut self, pass: String) {
        self.passes.retain(|own| *own != pass);
        self.passes.insert(0, pass);
        self.passes.truncate(MAX_FAVOURITES);
    }

    pub(crate) fn has_opened(&mut self, own: Opened) {
        self.recent.retain(|recent| recent.service != own.service);
        self.recent.insert(0, own);
        self.recent.truncate(MAX_RECENT);
    }
}

/// What all screens share.
pub(crate) struct Shared {
    /// None until the phone's files are open.
    pub client: Option<Arc<Client>>,
    pub messages: Messages,
    pub environment: Environment,
    pub settings: Settings,
    pub own: Own,
    /// Who is logged in.
    pub account: Option<AccountView>,
    /// The nations that the app knows.
    pub nations: Vec<RegionId>,
    /// The outage that the resident has read and gone past.
    pub passed: Option<String>,
    /// A photo that came after the app was ended for which it was taken.
    pub photo: Option<Photo>,
    /// As the platform says.
    pub online: bool,
    pub clock: Arc<dyn Clock>,
    pub loopback: UnboundedSender<Message>,
}

impl Shared {
    pub(crate) fn say(&self, id: &str) -> String {
        self.messages.say(id)
    }

    /// Something that can be done, by the id of its message.
    pub(crate) fn action(&self, key: impl Into<String>, id: &str, icon: Option<Icon>) -> Action {
        Action { key: key.into(), label: self.say(id), icon }
    }

    /// Seconds since 1970 by the device's own clock: good enough to say how long ago something was.
    pub(crate) fn now(&self) -> i64 {
        self.clock.wall() / 1000
    }

    /// The language that the resident chose, or else the platform's.
    pub(crate) fn language(&self) -> Language {
        self.settings.language.unwrap_or_else(|| Language::of(&self.environment.languages))
    }

    /// Speaks the language that is wanted now.
    pub(crate) fn speak(&mut self) {
        let language = self.language();
        if self.messages.language() != language {
            self.messages = Messages::of(language);
        }
        if let Some(client) = &self.client {
            client.set_languages(&language.wanted());
        }
    }

    /// The place whose services are shown.
    pub(crate) fn place(&self) -> Option<&RegionId> {
        self.settings.place.as_ref().or(self.settings.home.as_ref())
    }
}
