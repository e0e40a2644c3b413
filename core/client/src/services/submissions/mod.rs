//! Handed in once, delivered once: a submission is sealed on disk before the call returns, and sent with the same
//! idempotency key (draft-ietf-httpapi-idempotency-key-header) until the city has answered.
//!
//! ```text
//!   queue        storing, sending in order within a service, taking back, asking what became of it
//!   lanes        who may send when
//!   delivering   one try, and what an answer means
//!   upload       what goes with a submission, before it
//! ```

mod delivering;
mod lanes;
mod queue;
mod upload;

pub(crate) use queue::{NewSubmission, Submissions};
