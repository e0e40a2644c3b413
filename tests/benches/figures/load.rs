//! What a resident at a gate notices of the phone's other work.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use mock_server::{Phone, Server, WorldOptions};
use onecity_core::platform::{Photo, Platform, Position, ServiceHost, Shared, software};
use onecity_core::{HandOverView, ServiceId};
use onecity_protocol::credential::Audience;
use onecity_protocol::region::RegionId;
use onecity_store::MAX_ATTACHMENT;
use serde_json::Value;

use crate::kept::package;
use crate::{Figure, against, p99};

/// How many codes are shown on the idle phone, before the photos and again after them.
const IDLE: usize = 500;
/// As many of the largest photos as may wait on a phone.
const PHOTOS: usize = 9;

/// A resident who picks one large photo after another. Taking them is the camera's work, and done before.
struct Photographer(Mutex<Vec<Photo>>);

impl Photographer {
    fn new() -> Self {
        let bytes: Vec<u8> = (0..MAX_ATTACHMENT).map(|at| (at * 7 % 251) as u8).collect();
        let photo = Photo { name: "lamp.jpg".to_owned(), media_type: "image/jpeg".to_owned(), bytes };
        Self(Mutex::new(vec![photo; PHOTOS]))
    }
}

#[async_trait]
impl ServiceHost for Photographer {
    async fn show_pass(&self, _: String) {}
    async fn show_hand_over(&self, _: HandOverView) {}
    async fn scan(&self) -> Option<String> {
        None
    }
    async fn locate(&self) -> Option<Position> {
        None
    }
    async fn pick_photo(&self) -> Option<Photo> {
        self.0.lock().expect("held").pop()
    }
    async fn share(&self, _: Shared) -> bool {
        false
    }
    async fn open_browser(&self, _: String) -> bool {
        false
    }
    async fn open_service(&self, _: String, _: String, _: ServiceId) -> Option<String> {
        None
    }
    async fn finish_service(&self, _: ServiceId, _: String) {}
}

/// The slowest of a hundred codes while photos of 20 MiB are sealed, against the slowest of a hundred on an idle phone.
/// Each code is for one gate, so that none was signed ahead.
pub(crate) fn code_under_load() -> Figure {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (loaded, idle) = runtime.block_on(async {
        let server = Server::start(WorldOptions::default()).await.expect("a world");
        let (world, province) = (server.world(), "cn-sd".parse::<RegionId>().expect("a region"));
        let jinan: RegionId = "cn-sd/jinan".parse().expect("a region");
        let photos = package("photos", "\"\"", &[("photos", "to show what is broken")]);
        world
            .registry_mut(|registry| {
                registry.change(&province, world.now(), |repository, _| {
                    repository.publish(&jinan.clone().into(), photos, 100).map(drop)
                })
            })
            .expect("published");
        let platform = Platform { host: Arc::new(Photographer::new()), ..software::platform() };
        let phone = Phone::with_platform(&world, &["zh"], platform).expect("a phone");
        phone.client().sync(&jinan).await.expect("synced");
        phone.log_in("shandong", "lan").await.expect("logged in");
        let pass = phone.client().add_pass(&province, "transit", None).await.expect("a pass").id;
        let service = ServiceId { unit: jinan.clone().into(), app_id: "photos".to_owned() };
        let page = phone.client().open_service(&service, &jinan).await.expect("opened");
        let code = async || {
            let began = Instant::now();
            phone.client().code(&pass, Audience::gate(9)).await.expect("a code");
            began.elapsed()
        };
        let mut idle: Vec<Duration> = Vec::with_capacity(IDLE * 2);
        for _ in 0..IDLE {
            idle.push(code().await);
        }
        let sealing = async {
            for _ in 0..PHOTOS {
                let answer = phone.client().bridge(&page, r#"{"method":"pick_photo","params":{}}"#).await;
                let answer: Value = serde_json::from_str(&answer.expect("an answer")).expect("JSON");
                assert_eq!(answer["result"]["size"], MAX_ATTACHMENT, "{}", answer["error"]);
            }
        };
        let mut sealing = Box::pin(sealing);
        let mut loaded: Vec<Duration> = Vec::new();
        loop {
            let mut shown = std::pin::pin!(code());
            tokio::select! {
                took = &mut shown => loaded.push(took),
                () = &mut sealing => break loaded.push(shown.await),
            }
        }
        for _ in 0..IDLE {
            idle.push(code().await);
        }
        server.stop().await;
        (loaded, idle)
    });
    against("code_under_load", "the idle phone", 2.0, (p99(loaded), p99(idle)))
}
