//! A tester's controls over HTTP, described by OpenAPI 3.1 at `/openapi.json`: everything that the pages and the command line do is a
//! call here.
//!
//! ```text
//!   access.rs    who may call, and how a call is refused
//!   worlds.rs    worlds: one more, one less, as it was at first
//!   clock.rs     what time it is
//!   faults.rs    what goes wrong
//!   journal.rs   what has arrived: read, watched, verified, exported
//!   capsule.rs   all that has happened, in one file
//!   residents.rs personas, sessions, tokens
//!   gates.rs     gates: what they are like, and what they decide
//!   places.rs    regions with what runs there; virtual phones
//!   stubs.rs     answers in the place of back ends
//!   state.rs     passes, submissions, registries, announcements
//! ```

mod access;
mod capsule;
mod clock;
mod faults;
mod gates;
mod journal;
mod places;
mod residents;
mod state;
mod stubs;
mod worlds;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Router, middleware};
use tokio::sync::watch;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use access::Access;
pub(crate) use residents::SessionView;

use crate::phone::browser::BrowserPhones;
use crate::worlds::Worlds;

/// What the controls work on.
#[derive(Clone)]
pub(crate) struct Controls {
    worlds: Arc<Worlds>,
    phones: Arc<BrowserPhones>,
    /// Tells those who watch that the server stops.
    stopping: watch::Receiver<bool>,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "OneCity: a tester's controls",
        description = "Worlds, their clocks, faults and journals. Every call has the header `OneCity-Admin` \
                       (with any value) and, if it says something, JSON. From another machine each call has the admin token that \
                       the server prints at start, as a bearer token.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    components(schemas(access::Refused, crate::faults::Preset)),
    tags(
        (name = "worlds", description = "Isolated worlds of one server: `default`, and those that were added."),
        (name = "clock", description = "What time it is in a world, for its servers, gates and phones."),
        (name = "faults", description = "What goes wrong."),
        (name = "journal", description = "What has arrived and what was answered."),
        (name = "residents", description = "Personas with their sessions and tokens."),
        (name = "stubs", description = "Answers in the place of cities' back ends."),
        (name = "gates", description = "Gates, and what they decide."),
        (name = "state", description = "Regions, phones, passes, submissions, registries, announcements.")
    )
)]
struct Description;

fn router() -> OpenApiRouter<Controls> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(worlds::list, worlds::add))
        .routes(routes!(worlds::look, worlds::remove))
        .routes(routes!(worlds::reset))
        .routes(routes!(clock::look, clock::change))
        .routes(routes!(faults::presets))
        .routes(routes!(faults::list, faults::begin, faults::end_all))
        .routes(routes!(faults::look, faults::end))
        .routes(routes!(faults::begin_preset, faults::end_preset))
        .routes(routes!(journal::read, journal::clear))
        .routes(routes!(journal::har))
        .routes(routes!(capsule::tell))
        .routes(routes!(journal::live))
        .routes(routes!(journal::verify))
        .routes(routes!(residents::personas))
        .routes(routes!(residents::sessions, residents::end_sessions))
        .routes(routes!(residents::expire_tokens))
        .routes(routes!(residents::rotate_key))
        .routes(routes!(stubs::list, stubs::add, stubs::clear))
        .routes(routes!(stubs::look, stubs::remove))
        .routes(routes!(gates::list))
        .routes(routes!(gates::look, gates::put, gates::remove))
        .routes(routes!(gates::fetch))
        .routes(routes!(gates::challenge))
        .routes(routes!(gates::check))
        .routes(routes!(places::regions))
        .routes(routes!(places::phones))
        .routes(routes!(state::passes))
        .routes(routes!(state::set_pass))
        .routes(routes!(state::submissions))
        .routes(routes!(state::progress))
        .routes(routes!(state::attachment))
        .routes(routes!(state::sign_again))
        .routes(routes!(state::announce, state::end_announcement))
}

/// The description of all controls (OpenAPI 3.1).
pub fn openapi() -> utoipa::openapi::OpenApi {
    router().into_openapi()
}

pub(crate) fn routes(
    worlds: Arc<Worlds>,
    phones: Arc<BrowserPhones>,
    access: Arc<Access>,
    stopping: watch::Receiver<bool>,
) -> Router {
    let (router, description) = router().split_for_parts();
    let settles = Arc::clone(&worlds);
    let guarded = router
        .method_not_allowed_fallback(access::no_such_method)
        .with_state(Controls { worlds, phones, stopping })
        // A picture of 4 MiB in base64, and a little.
        .layer(DefaultBodyLimit::max(6 << 20))
        .layer(middleware::from_fn_with_state(settles, access::settle))
        .layer(middleware::from_fn_with_state(Arc::clone(&access), access::guard));
    // Without a list there is nothing to tell, and no answer to a question.
    let guarded = if access.has_origins() { guarded.layer(access.cors()) } else { guarded };
    let described = Arc::new(serde_json::to_string_pretty(&description).unwrap_or_default());
    let document = move || {
        let described = Arc::clone(&described);
        async move { ([(header::CONTENT_TYPE, "application/json")], described.as_str().to_owned()).into_response() }
    };
    guarded.route("/openapi.json", get(document))
}
