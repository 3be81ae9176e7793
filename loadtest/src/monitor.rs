use std::path::{Path, PathBuf};
use std::time::Duration;

use docdb_client::{
    Client, ClientOptions, CreateMode, Database, DatabaseStatistics, Endpoint, MaintenanceRun,
    RetryPolicy, ServerHello,
};
use docdb_types::Error;

use crate::config::{DatabasePlan, Plan};

/// A server that is asked for its figures may take so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// The size of a log at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// From the beginning of the run.
    pub at: Duration,
    /// All segments together.
    pub log_bytes: u64,
}

/// Looks at the databases of a run from outside.
#[derive(Debug)]
pub(crate) struct Monitor {
    client: Client,
    gauges: Vec<Gauge>,
}

/// What is seen of one database.
#[derive(Debug)]
pub(crate) struct Gauge {
    database: Database,
    wal_dir: PathBuf,
    pub(crate) log: Vec<Sample>,
    /// Healings that finished during the run, and when they were noticed.
    pub(crate) healings: Vec<(Duration, MaintenanceRun)>,
    /// The figures before the run.
    pub(crate) first: Option<DatabaseStatistics>,
    /// The newest figures.
    pub(crate) last: Option<DatabaseStatistics>,
}

impl Monitor {
    /// Connects and opens the databases, which creates those that are missing.
    pub(crate) async fn connect(endpoint: &Endpoint, plan: &Plan) -> Result<Self, Error> {
        let options = ClientOptions {
            name: env!("CARGO_PKG_NAME").to_owned(),
            request_timeout: PATIENCE,
            retry: RetryPolicy::NONE,
            ..ClientOptions::default()
        };
        let client = Client::connect(endpoint, options).await?;
        let mut gauges = Vec::with_capacity(plan.databases.len());
        for database in &plan.databases {
            gauges.push(Gauge::open(&client, database).await?);
        }
        Ok(Self { client, gauges })
    }

    pub(crate) fn server(&self) -> &ServerHello {
        self.client.server()
    }

    /// Looks at every database once.
    pub(crate) async fn look(&mut self, at: Duration) {
        for gauge in &mut self.gauges {
            gauge.look(at).await;
        }
    }

    pub(crate) fn into_gauges(self) -> Vec<Gauge> {
        self.gauges
    }
}

impl Gauge {
    async fn open(client: &Client, plan: &DatabasePlan) -> Result<Self, Error> {
        Ok(Self {
            database: client
                .open(plan.name.as_str(), CreateMode::IfMissing)
                .await?,
            wal_dir: plan.wal_dir.clone(),
            log: Vec::new(),
            healings: Vec::new(),
            first: None,
            last: None,
        })
    }

    async fn look(&mut self, at: Duration) {
        let figures = self.database.statistics().await.ok().map(|s| s.database);
        let told = figures.as_ref().and_then(|figures| figures.log_bytes);
        let name = self.database.name().as_str();
        if let Some(log_bytes) = told.or_else(|| log_bytes_in(&self.wal_dir, name)) {
            self.log.push(Sample { at, log_bytes });
        }
        let Some(figures) = figures else {
            return;
        };
        let before = self.last.as_ref().and_then(|last| last.last_healing);
        if let Some(healing) = figures.last_healing
            && self.first.is_some()
            && before != Some(healing)
        {
            self.healings.push((at, healing));
        }
        self.first.get_or_insert_with(|| figures.clone());
        self.last = Some(figures);
    }
}

/// Bytes of the files `<name>.wal` and `<name>.wal.<n>`; `None` where there are none to be seen.
fn log_bytes_in(directory: &Path, database: &str) -> Option<u64> {
    let active = format!("{database}.wal");
    let mut found = None;
    for entry in std::fs::read_dir(directory).ok()?.flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(&active)) else {
            continue;
        };
        let number = rest.strip_prefix('.');
        let sealed = number
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()));
        if (rest.is_empty() || sealed)
            && let Ok(metadata) = entry.metadata()
        {
            *found.get_or_insert(0) += metadata.len();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_files_are_those_of_the_database_alone() {
        let directory = tempfile::tempdir().unwrap();
        for (name, bytes) in [
            ("db.wal", 10),
            ("db.wal.1", 100),
            ("db.wal.12", 1000),
            ("db.wal.bak", 1),
            ("db.wal.", 1),
            ("db2.wal", 1),
            ("db.data.1", 1),
        ] {
            std::fs::write(directory.path().join(name), vec![0; bytes]).unwrap();
        }
        assert_eq!(log_bytes_in(directory.path(), "db"), Some(1110));
        assert_eq!(log_bytes_in(directory.path(), "other"), None);
        assert_eq!(log_bytes_in(&directory.path().join("missing"), "db"), None);
    }
}
