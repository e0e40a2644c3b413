//! How a screen is opened again after the app was ended. Sheets, and what a page had opened, are not.

use onecity_core::{RegionId, ServiceId};
use serde::{Deserialize, Serialize};

use crate::face::Face;
use crate::screens::{
    About, AddPass, Code, Consents, Home, Languages, Licences, Login, Me, Passes, Places, PlacesFor, Search, Service,
    ShownTo, Travel,
};
use crate::shared::Shared;

/// A screen with what it needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "screen", rename_all = "snake_case")]
pub(crate) enum Route {
    Home,
    Passes,
    Me,
    Places,
    Search { text: String },
    Service { service: ServiceId, place: RegionId },
    Travel { place: RegionId },
    AddPass,
    Code { pass: String },
    ShownTo { pass: String },
    Login,
    Languages,
    Consents,
    About,
    Licences,
}

impl Route {
    fn face(self) -> Box<dyn Face> {
        match self {
            Self::Home => Box::new(Home::default()),
            Self::Passes => Box::new(Passes::default()),
            Self::Me => Box::new(Me::default()),
            Self::Places => Box::new(Places::new(PlacesFor::Switching)),
            Self::Search { text } => Box::new(Search::with(text)),
            Self::Service { service, place } => Box::new(Service::new(service, place)),
            Self::Travel { place } => Box::new(Travel::new(place)),
            Self::AddPass => Box::new(AddPass::default()),
            Self::Code { pass } => Box::new(Code::of(pass)),
            Self::ShownTo { pass } => Box::new(ShownTo::of(pass)),
            Self::Login => Box::new(Login::default()),
            Self::Languages => Box::new(Languages),
            Self::Consents => Box::new(Consents::default()),
            Self::About => Box::new(About),
            Self::Licences => Box::new(Licences),
        }
    }
}

/// The screens of where the resident was, from a tab on; home if that can't be.
pub(crate) fn restored(routes: Vec<Route>, shared: &Shared) -> Vec<Box<dyn Face>> {
    if shared.place().is_none() {
        return vec![Box::new(Places::new(PlacesFor::Starting))];
    }
    let mut faces: Vec<Box<dyn Face>> = routes.into_iter().map(Route::face).collect();
    if faces.first().is_none_or(|first| first.tab().is_none()) {
        faces.clear();
        faces.push(Box::new(Home::default()));
    }
    faces
}
