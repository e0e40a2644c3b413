//! All worlds of a server. The first is at its root; each other is below `/w/NAME` and has everything of its own: clock, seed, state,
//! faults, journal, keys.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::uri::{PathAndQuery, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::content::Additions;
use crate::faults::is_id;
use crate::state::{Rows, StateError, StateFile};
use crate::world::{Beginning, FIRST, PREFIX, World, WorldError};

/// What is asked where a world's registry is needed.
const NEED_REGISTRY: [&str; 3] = ["/registry/", "/world.json", "/phone/socket"];
/// Most worlds at once.
const MOST: usize = 10_000;
/// What stands before a path in well-known addresses (RFC 8414 §3.1, OpenID4VCI 1.0 §12.2.2).
const WELL_KNOWN: [&str; 2] = ["/.well-known/oauth-authorization-server", "/.well-known/openid-credential-issuer"];

/// Why there is no such world.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum WorldsError {
    #[error("a world's name has 1 to 64 characters: small letters, digits and hyphens")]
    Name,
    #[error("there is a world of this name")]
    Taken,
    #[error("there is no world of this name")]
    Unknown,
    #[error("10,000 worlds are enough: end some first")]
    TooMany,
    #[error("the first world stays as long as its server")]
    First,
    #[error(transparent)]
    World(#[from] WorldError),
}

/// All worlds of a server.
pub struct Worlds {
    first: Arc<World>,
    others: RwLock<BTreeMap<String, Arc<World>>>,
}

impl Worlds {
    /// A server's worlds, with the first.
    pub(crate) fn new(first: Arc<World>) -> Self {
        Self { first, others: RwLock::default() }
    }

    /// The same with those that a state file has beside the first.
    pub(crate) fn restore(
        first: Arc<World>,
        file: &Arc<StateFile>,
        rows: BTreeMap<String, Rows>,
    ) -> Result<Self, WorldError> {
        let mut others = BTreeMap::new();
        for (name, rows) in rows {
            let state = Some((Arc::clone(file), rows));
            let (web_origin, additions) = (first.web_origin(), Additions::default());
            let beginning =
                Beginning { web_origin, name: Some(&name), seed: 1, additions: &additions, frozen_at: None, state };
            others.insert(name.clone(), Arc::new(World::begin(beginning)?));
        }
        Ok(Self { first, others: RwLock::new(others) })
    }

    /// Comes back once all that has happened in all of them is in the state file, if there is one.
    pub async fn settle(&self) -> Result<(), StateError> {
        for world in self.all() {
            world.settle().await?;
        }
        Ok(())
    }

    /// The first.
    pub fn first(&self) -> Arc<World> {
        Arc::clone(&self.first)
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Arc<World>>> {
        self.others.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// One by its name.
    pub fn get(&self, name: &str) -> Result<Arc<World>, WorldsError> {
        if name == FIRST {
            return Ok(self.first());
        }
        self.read().get(name).cloned().ok_or(WorldsError::Unknown)
    }

    /// All of them, the first before the others.
    pub fn all(&self) -> Vec<Arc<World>> {
        std::iter::once(self.first()).chain(self.read().values().cloned()).collect()
    }

    /// Whether a world beside the first can have this name.
    pub(crate) fn could_be(name: &str) -> Result<(), WorldsError> {
        match name {
            FIRST => Err(WorldsError::Taken),
            name if is_id(name) => Ok(()),
            _ => Err(WorldsError::Name),
        }
    }

    /// One more.
    pub fn add(&self, name: &str, seed: u64, additions: &Additions) -> Result<Arc<World>, WorldsError> {
        Self::could_be(name)?;
        let has_room = |others: &BTreeMap<String, Arc<World>>| match others.contains_key(name) {
            true => Err(WorldsError::Taken),
            false if others.len() >= MOST => Err(WorldsError::TooMany),
            false => Ok(()),
        };
        has_room(&self.read())?;
        // It may take a while, in which the others are answered.
        let state = self.first.state_file().map(|file| (file, Rows::default()));
        let web_origin = self.first.web_origin();
        let world = Arc::new(World::begin(Beginning {
            web_origin,
            name: Some(name),
            seed,
            additions,
            frozen_at: None,
            state,
        })?);
        let mut others = self.others.write().unwrap_or_else(PoisonError::into_inner);
        has_room(&others)?;
        others.insert(name.to_owned(), Arc::clone(&world));
        Ok(world)
    }

    /// One less; answers which.
    pub fn remove(&self, name: &str) -> Result<Arc<World>, WorldsError> {
        if name == FIRST {
            return Err(WorldsError::First);
        }
        let mut others = self.others.write().unwrap_or_else(PoisonError::into_inner);
        let removed = others.remove(name).ok_or(WorldsError::Unknown)?;
        // While nobody can begin another of its name.
        removed.end();
        Ok(removed)
    }

    /// The world that a path is in, and the path within it.
    fn find(&self, path: &str) -> Option<(Arc<World>, Option<String>)> {
        let (before, below) = match path.strip_prefix(PREFIX) {
            Some(below) => ("", below),
            None => {
                let well_known = WELL_KNOWN.iter().find_map(|own| Some((*own, path.strip_prefix(own)?)));
                match well_known.and_then(|(own, rest)| Some((own, rest.strip_prefix(PREFIX)?))) {
                    Some(found) => found,
                    None => return Some((self.first(), None)),
                }
            }
        };
        let (name, rest) = below.split_once('/').unwrap_or((below, ""));
        let world = self.read().get(name).cloned()?;
        Some((world, Some(format!("{before}/{rest}"))))
    }
}

/// Lets a request into the world that its path is in; from there on, its path is the one within the world.
pub(crate) async fn enter(State(worlds): State<Arc<Worlds>>, mut request: Request, next: Next) -> Response {
    let Some((world, path)) = worlds.find(request.uri().path()) else {
        return (StatusCode::NOT_FOUND, WorldsError::Unknown.to_string()).into_response();
    };
    if let Some(path) = path {
        let path = match request.uri().query() {
            Some(query) => format!("{path}?{query}"),
            None => path,
        };
        let mut parts = request.uri().clone().into_parts();
        let Ok(path) = path.parse::<PathAndQuery>() else { return StatusCode::BAD_REQUEST.into_response() };
        parts.path_and_query = Some(path);
        let Ok(uri) = Uri::from_parts(parts) else { return StatusCode::BAD_REQUEST.into_response() };
        *request.uri_mut() = uri;
    }
    if !world.is_signed() && NEED_REGISTRY.iter().any(|start| request.uri().path().starts_with(start)) {
        // It takes a tenth of a second, in which others are answered.
        let world = Arc::clone(&world);
        let _ = tokio::task::spawn_blocking(move || world.registry(|registry| registry.len())).await;
    }
    request.extensions_mut().insert(world);
    next.run(request).await
}
