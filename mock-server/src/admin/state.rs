//! Passes, submissions, registries and announcements.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use onecity_protocol::region::RegionId;
use onecity_protocol::trust::Announcement;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Controls;
use super::access::{Refusals, Refused, Said};
use super::clock::no_time;
use crate::city::{CityAnswer, TakenView, Unanswered, media_type};
use crate::clock::read_time;
use crate::issuer::{PassStatus, PassView};
use crate::named::named_if_any;

/// What a pass is from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PassChange {
    /// `valid`, `revoked` or `suspended`.
    status: PassStatus,
}

/// The passes that were issued.
#[utoipa::path(get, path = "/worlds/{world}/passes", tag = "state", operation_id = "list_passes",
    params(("world" = String, Path, description = "The world's name.")),
    responses((status = 200, description = "All of them.", body = Vec<PassView>), Refusals))]
pub(super) async fn passes(
    State(controls): State<Controls>,
    Path(world): Path<String>,
) -> Result<Json<Vec<PassView>>, Refused> {
    Ok(Json(controls.worlds.get(&world)?.issuers.passes()))
}

/// Revokes, suspends or reinstates a pass. Gates learn it with their next status list.
#[utoipa::path(put, path = "/worlds/{world}/passes/{pass}", tag = "state", operation_id = "set_pass",
    params(("world" = String, Path, description = "The world's name."), ("pass" = String, Path, description = "Its id.")),
    request_body = PassChange,
    responses((status = 204, description = "It is."), Refusals))]
pub(super) async fn set_pass(
    State(controls): State<Controls>,
    Path((world, pass)): Path<(String, String)>,
    Said(change): Said<PassChange>,
) -> Result<StatusCode, Refused> {
    match controls.worlds.get(&world)?.set_pass_status(&pass, change.status.value()) {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Refused::unknown("no issuer knows a pass of this id")),
    }
}

/// What residents have handed in.
#[utoipa::path(get, path = "/worlds/{world}/submissions", tag = "state", operation_id = "list_submissions",
    params(("world" = String, Path, description = "The world's name.")),
    responses((status = 200, description = "All of it that the cities remember.", body = Vec<TakenView>), Refusals))]
pub(super) async fn submissions(
    State(controls): State<Controls>,
    Path(world): Path<String>,
) -> Result<Json<Vec<TakenView>>, Refused> {
    Ok(Json(controls.worlds.get(&world)?.lock_cities().list()))
}

/// What was attached to a submission.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AttachmentView {
    /// Its type, as it begins; none where it is no PNG, JPEG or WebP.
    #[schema(example = "image/jpeg")]
    media_type: Option<&'static str>,
    /// Its bytes.
    #[schema(content_encoding = "base64")]
    base64: String,
}

/// An attachment that has come whole, by the id that its submission names.
#[utoipa::path(get, path = "/worlds/{world}/attachments/{attachment}", tag = "state", operation_id = "look_at_attachment",
    params(("world" = String, Path, description = "The world's name."),
           ("attachment" = String, Path, description = "Its id.")),
    responses((status = 200, description = "It.", body = AttachmentView), Refusals))]
pub(super) async fn attachment(
    State(controls): State<Controls>,
    Path((world, attachment)): Path<(String, String)>,
) -> Result<Json<AttachmentView>, Refused> {
    let bytes = controls.worlds.get(&world)?.attachment(&attachment);
    let bytes = bytes.ok_or_else(|| Refused::unknown("no attachment of this id has come whole"))?;
    Ok(Json(AttachmentView { media_type: media_type(&bytes), base64: STANDARD.encode(&bytes) }))
}

/// What a city says of a submission.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Progress {
    /// Where it stands, in a word of the city's.
    #[schema(max_length = 64, example = "in_progress")]
    status: String,
    /// What the resident reads.
    #[serde(default)]
    #[schema(max_length = 4096)]
    text: String,
    /// A picture of what was done, for a report: a PNG, JPEG or WebP of at most 512 KiB, in base64.
    #[serde(default)]
    #[schema(max_length = 699052, content_encoding = "base64")]
    picture: Option<String>,
    /// Whether the city signs its words, for a report.
    #[serde(default)]
    signed: bool,
}

/// A city goes on with a submission: it stands in its timeline from now on. A report is closed (`done`, `closed`) with words and a
/// picture or a signature, and rejected with words.
#[utoipa::path(post, path = "/worlds/{world}/submissions/{number}/progress", tag = "state", operation_id = "progress",
    params(("world" = String, Path, description = "The world's name."),
           ("number" = String, Path, description = "Its number, as the phone gave it.")),
    request_body = Progress, responses((status = 204, description = "It is written down."), Refusals))]
pub(super) async fn progress(
    State(controls): State<Controls>,
    Path((world, number)): Path<(String, String)>,
    Said(progress): Said<Progress>,
) -> Result<StatusCode, Refused> {
    let Progress { status, text, picture, signed } = progress;
    let decoded = picture.map(|text| STANDARD.decode(text)).transpose();
    let picture = decoded.map_err(|_| Refused::wrong("a picture is in base64 (RFC 4648 §4)"))?;
    let answer = CityAnswer { status, text, picture, signed };
    controls.worlds.get(&world)?.answer(&number, &answer).map_err(|refused| match refused {
        Unanswered::Unknown => Refused::unknown(refused.to_string()),
        _ => Refused::wrong(refused.to_string()),
    })?;
    Ok(StatusCode::NO_CONTENT)
}

fn region(text: &str) -> Result<RegionId, Refused> {
    text.parse().map_err(|_| Refused::unknown("there is no such region"))
}

/// Signs a registry again, so that its versions go up.
#[utoipa::path(post, path = "/worlds/{world}/registries/{region}/sign", tag = "state", operation_id = "sign_registry",
    params(("world" = String, Path, description = "The world's name."),
           ("region" = String, Path, description = "A nation or first-level region, for example `cn-sd`.")),
    responses((status = 204, description = "It is."), Refusals))]
pub(super) async fn sign_again(
    State(controls): State<Controls>,
    Path((world, of)): Path<(String, String)>,
) -> Result<StatusCode, Refused> {
    let world = controls.worlds.get(&world)?;
    world.sign_again(&region(&of)?).map_err(|error| Refused::unknown(error.to_string()))?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a region announces to all of its residents.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AnnouncementWanted {
    /// Its services do not work for now.
    #[serde(default, deserialize_with = "named_if_any")]
    outage: Option<OutageWanted>,
    /// An app that is too old opens none of its services.
    #[serde(default, deserialize_with = "named_if_any")]
    update: Option<UpdateWanted>,
}

/// An outage.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OutageWanted {
    /// Why, by language.
    #[schema(example = json!({ "zh": "系统升级", "en": "The system is being updated" }))]
    reason: BTreeMap<String, String>,
    /// When it is over (RFC 3339).
    #[serde(default)]
    #[schema(format = DateTime)]
    until: Option<String>,
}

/// Apps that must be updated.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateWanted {
    /// The oldest version of the platform that goes on working.
    platform: u32,
    /// Why, by language.
    reason: BTreeMap<String, String>,
}

impl AnnouncementWanted {
    /// The file that a region signs.
    fn file(&self) -> Result<Value, Refused> {
        let mut file = json!({});
        if let Some(OutageWanted { reason, until }) = &self.outage {
            file["outage"] = json!({ "reason": reason });
            if let Some(until) = until {
                file["outage"]["until"] = read_time(until).ok_or_else(no_time)?.div_euclid(1000).into();
            }
        }
        if let Some(UpdateWanted { platform, reason }) = &self.update {
            file["update"] = json!({ "platform": platform, "reason": reason });
        }
        Ok(file)
    }
}

/// Announces something, in the place of what is announced already.
#[utoipa::path(put, path = "/worlds/{world}/announcements/{region}", tag = "state", operation_id = "announce",
    params(("world" = String, Path, description = "The world's name."),
           ("region" = String, Path, description = "A nation or first-level region, for example `cn-sd`.")),
    request_body = AnnouncementWanted,
    responses((status = 204, description = "It is signed and served."), Refusals))]
pub(super) async fn announce(
    State(controls): State<Controls>,
    Path((world, of)): Path<(String, String)>,
    Said(wanted): Said<AnnouncementWanted>,
) -> Result<StatusCode, Refused> {
    let (world, region) = (controls.worlds.get(&world)?, region(&of)?);
    let bytes = wanted.file()?.to_string().into_bytes();
    let announcement = Announcement::parse(&bytes).map_err(|error| Refused::wrong(error.to_string()))?;
    world.announce(&region, Some(&announcement)).map_err(|error| Refused::unknown(error.to_string()))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends what is announced.
#[utoipa::path(delete, path = "/worlds/{world}/announcements/{region}", tag = "state", operation_id = "end_announcement",
    params(("world" = String, Path, description = "The world's name."),
           ("region" = String, Path, description = "A nation or first-level region.")),
    responses((status = 204, description = "Nothing is announced."), Refusals))]
pub(super) async fn end_announcement(
    State(controls): State<Controls>,
    Path((world, of)): Path<(String, String)>,
) -> Result<StatusCode, Refused> {
    let (world, region) = (controls.worlds.get(&world)?, region(&of)?);
    world.announce(&region, None).map_err(|error| Refused::unknown(error.to_string()))?;
    Ok(StatusCode::NO_CONTENT)
}
