//! A world, and a resident of it with a phone.

use std::sync::Arc;

use mock_server::{Resident, Server, Unseen, World, WorldOptions};

pub(crate) type Outcome = Result<(), Unseen>;

/// A world that is served, and somebody in it.
pub(crate) struct Town {
    server: Server,
    pub world: Arc<World>,
}

impl Town {
    pub(crate) async fn new() -> Self {
        Self::with(WorldOptions::default()).await
    }

    /// How many worlds its server has.
    pub(crate) fn worlds(&self) -> usize {
        self.server.worlds().all().len()
    }

    /// One that other machines of the network reach, too.
    pub(crate) async fn in_network() -> Self {
        Self::with(WorldOptions { network: true, ..WorldOptions::default() }).await
    }

    async fn with(options: WorldOptions) -> Self {
        let server = Server::start(options).await.expect("a world");
        let world = server.world();
        Self { server, world }
    }

    /// Where somebody at another machine of the network finds it; on a machine without a network, another address of its own.
    pub(crate) fn afar(&self) -> String {
        let address = mock_server::network_address().unwrap_or([127, 0, 0, 2].into());
        let port = self.world.origin().rsplit_once(':').map(|(_, port)| port).expect("a port");
        format!("http://{address}:{port}")
    }

    /// Somebody with a new phone in simplified Chinese.
    pub(crate) fn resident(&self) -> Resident {
        self.speaking(&["zh-Hans-CN"])
    }

    /// Somebody whose phone speaks these languages.
    pub(crate) fn speaking(&self, languages: &[&str]) -> Resident {
        Resident::new(&self.world, languages).expect("a phone")
    }

    /// Somebody who lives in Jinan and has the app on its home screen.
    pub(crate) async fn of_jinan(&self) -> Result<Resident, Unseen> {
        let mut resident = self.resident();
        settles(&mut resident, "山东省", "济南市").await?;
        Ok(resident)
    }

    /// The same after logging in as Lan.
    pub(crate) async fn lan_of_jinan(&self) -> Result<Resident, Unseen> {
        let mut resident = self.of_jinan().await?;
        logs_in(&mut resident, "lan").await?;
        Ok(resident)
    }
}

/// Goes through the first start to a home city.
pub(crate) async fn settles(resident: &mut Resident, province: &str, city: &str) -> Outcome {
    resident.tap("同意并继续").await?;
    resident.tap(province).await?;
    resident.tap(city).await?;
    resident.sees("问题上报").await
}

/// Logs in with Shandong's provider, from Me, and comes back home.
pub(crate) async fn logs_in(resident: &mut Resident, persona: &'static str) -> Outcome {
    resident.is(Some(persona));
    resident.goes_to(onecity_app::Tab::Me).await;
    resident.tap("登录").await?;
    resident.tap("山东").await?;
    resident.sees("已登录").await?;
    // All screens know by then who it is: a page that is opened before is opened again as theirs.
    resident.sees_that("a way to log out", |me| me.blocks.iter().any(|block| block.key == "log-out")).await?;
    resident.goes_to(onecity_app::Tab::Home).await;
    resident.sees("问题上报").await
}
