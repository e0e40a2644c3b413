//! The sessions of one account on other phones: listed, and ended.

use std::sync::Arc;

use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::session::{Access, Sessions};
use crate::device::http::Outgoing;
use crate::error::{Error, Refusal};
use crate::views::SessionView;

/// Most sessions that are read from a provider's list.
const MAX_SESSIONS: usize = 100;

impl Sessions {
    /// The active account's sessions, on this phone and on others.
    pub(crate) async fn elsewhere(self: &Arc<Self>) -> Result<Vec<SessionView>, Error> {
        #[derive(Deserialize)]
        struct Listed {
            sessions: Vec<SessionView>,
        }
        let (access, endpoint) = self.sessions_endpoint().await?;
        let answer = self.send(Outgoing::get(endpoint), access).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            return Err(not_taken());
        }
        let mut sessions = answer.json::<Listed>()?.sessions;
        sessions.truncate(MAX_SESSIONS);
        Ok(sessions)
    }

    /// Ends a session on another phone, for example one that was lost.
    pub(crate) async fn end_elsewhere(self: &Arc<Self>, id: &str) -> Result<(), Error> {
        let (access, mut endpoint) = self.sessions_endpoint().await?;
        match endpoint.path_segments_mut() {
            Ok(mut path) => drop(path.pop_if_empty().push(id)),
            Err(()) => return Err(Error::internal("the address of the sessions")),
        }
        let answer = self.send(Outgoing::method(Method::DELETE, endpoint), access).await?;
        match answer.status {
            status if status.is_success() => Ok(()),
            StatusCode::NOT_FOUND => Err(Error::refused(Refusal::NotFound, "this session has ended already")),
            StatusCode::UNAUTHORIZED => Err(not_taken()),
            status => Err(Error::network(format!("the identity provider answered {}", status.as_u16()))),
        }
    }

    async fn sessions_endpoint(self: &Arc<Self>) -> Result<(Access, url::Url), Error> {
        let access = self.access(None).await?;
        let endpoint = access.sessions_endpoint.clone().ok_or_else(|| {
            Error::refused(Refusal::NotOffered, "this identity provider does not list sessions; ask it directly")
        })?;
        let url = self.device.http.url(&endpoint)?;
        Ok((access, url))
    }
}

fn not_taken() -> Error {
    Error::login_required("the identity provider does not take this session any more")
}
