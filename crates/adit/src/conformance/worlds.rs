//! One store after the other, each fresh and seeded.

use std::{
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use adit_api::{ApiState, Limits, QuickTunnelService, Worlds};
use adit_core::{port::Catalog, reserved_hosts::ReservedHosts};
use adit_model::Hostname;
use adit_store::{Ids, Store, StoreKeys, StoreOptions};
use adit_wire::management_token::ManagementKeys;
use anyhow::Context;
use tokio::sync::Mutex;

use super::{
    edges::{NoEdges, SeededSites},
    seed,
};
use crate::{config::Settings, data_dir::DataDir, logging::Logging};

/// Makes worlds in a directory, and removes each when the next one is there.
pub(super) struct SuiteWorlds {
    place: PathBuf,
    domain: Hostname,
    management_keys: Arc<ManagementKeys>,
    reserved: ReservedHosts,
    log: Arc<Logging>,
    made: AtomicU64,
    current: Mutex<Option<World>>,
}

struct World {
    store: Arc<Store>,
    place: PathBuf,
}

impl World {
    async fn end(self) {
        self.store.close().await;
        if let Err(error) = fs::remove_dir_all(&self.place) {
            tracing::warn!(%error, place = %self.place.display(), "a world was not removed");
        }
    }
}

impl SuiteWorlds {
    /// Empties the place for worlds.
    pub(super) fn new(dir: &DataDir, settings: &Settings, log: Arc<Logging>) -> anyhow::Result<Self> {
        let place = dir.path().join("worlds");
        match fs::remove_dir_all(&place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot empty {}", place.display()));
            }
            _ => {}
        }
        Ok(Self {
            place,
            domain: settings.domain.clone(),
            management_keys: Arc::new(dir.management_keys()?),
            reserved: ReservedHosts::of_domain(&settings.domain).context("the base domain is too long")?,
            log,
            made: AtomicU64::new(0),
            current: Mutex::new(None),
        })
    }

    /// A fresh world for a test.
    pub(super) async fn make(&self, suite: &str) -> anyhow::Result<ApiState> {
        let place = self
            .place
            .join(self.made.fetch_add(1, Ordering::Relaxed).to_string());
        let store = Arc::new(self.store(&place, suite).await?);
        let world = World {
            store: Arc::clone(&store),
            place,
        };
        let before = self.current.lock().await.replace(world);
        if let Some(before) = before {
            before.end().await;
        }
        Ok(ApiState {
            catalog: Arc::clone(&store) as Arc<dyn Catalog>,
            edges: Arc::new(NoEdges),
            sites: Arc::new(SeededSites(store)),
            mesh: None,
            log: Arc::clone(&self.log) as _,
            management_keys: Arc::clone(&self.management_keys),
            quick_tunnels: Some(Arc::new(QuickTunnelService::new(self.domain.clone()))),
            reserved: self.reserved.clone(),
            limits: Limits::default(),
        })
    }

    async fn store(&self, place: &Path, suite: &str) -> anyhow::Result<Store> {
        fs::create_dir_all(place).with_context(|| format!("cannot make {}", place.display()))?;
        let ids = Ids::announced();
        let options = StoreOptions {
            ids: ids.clone(),
            ..StoreOptions::default()
        };
        let address = format!("sqlite:{}", place.join("adit.db").display());
        let store = Store::open(&address, &StoreKeys::new(rand::random()), options).await?;
        seed::fill(&store, &ids, &self.domain, suite).await?;
        Ok(store)
    }

    /// Closes the present world's store and removes it.
    pub(super) async fn end(&self) {
        if let Some(world) = self.current.lock().await.take() {
            world.end().await;
        }
    }
}

#[async_trait::async_trait]
impl Worlds for SuiteWorlds {
    async fn fresh(&self, suite: &str) -> Result<ApiState, Box<dyn Error + Send + Sync>> {
        Ok(self.make(suite).await?)
    }
}
