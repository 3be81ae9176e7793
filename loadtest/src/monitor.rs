use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use docdb_client::{
    Client, ClientOptions, CreateMode, Database, DatabaseStatistics, Endpoint, RetryPolicy,
    ServerHello, ServerStatistics,
};
use docdb_types::{Category, DatabaseName, Error};

use crate::config::{DatabasePlan, Plan};
use crate::healing::HealingTrack;
use crate::peer::Address;
use crate::process::{ProcessFigures, figures_of, figures_of_family, listener_of};

/// A server that is asked for its figures may take so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the server told about a database at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// From the beginning of the run.
    pub at: Duration,
    /// All segments of its log together.
    pub log_bytes: u64,
    /// Everything that the server measured, where it answered.
    pub figures: Option<DatabaseStatistics>,
}

/// What was seen of the server as a whole at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerSample {
    /// From the beginning of the run.
    pub at: Duration,
    /// What it measured itself, where it answered.
    pub figures: Option<ServerStatistics>,
    /// What the system tells about its process.
    pub process: Option<ProcessFigures>,
    /// What the system tells about the process of the generator.
    pub generator: Option<ProcessFigures>,
}

/// Looks at the databases of a run from outside.
#[derive(Debug)]
pub(crate) struct Monitor {
    address: Address,
    client: Option<Client>,
    /// `None`: not docdb, and so not asked for figures.
    server: Option<ServerHello>,
    process: Option<u32>,
    gauges: Vec<Gauge>,
    samples: Vec<ServerSample>,
}

/// What is seen of one database.
#[derive(Debug)]
pub(crate) struct Gauge {
    name: DatabaseName,
    database: Option<Database>,
    wal_dir: PathBuf,
    pub(crate) log: Vec<Sample>,
    pub(crate) healing: HealingTrack,
    /// The figures before the run.
    pub(crate) first: Option<DatabaseStatistics>,
    /// The newest figures.
    pub(crate) last: Option<DatabaseStatistics>,
}

impl Monitor {
    /// Connects and opens the databases, which creates those that are missing.
    pub(crate) async fn connect(address: &Address, plan: &Plan) -> Result<Self, Error> {
        let client = match address {
            Address::Docdb(endpoint, token) => Some(connect(endpoint, token).await?),
            Address::Postgres(_) | Address::Redis(_) => None,
        };
        let mut gauges = Vec::with_capacity(plan.databases.len());
        for database in &plan.databases {
            gauges.push(Gauge::open(client.as_ref(), database).await?);
        }
        Ok(Self {
            address: address.clone(),
            server: client.as_ref().map(|client| client.server().clone()),
            client,
            process: listener(address).await,
            gauges,
            samples: Vec::new(),
        })
    }

    pub(crate) const fn server(&self) -> Option<&ServerHello> {
        self.server.as_ref()
    }

    /// Looks at the server and at every database once.
    pub(crate) async fn look(&mut self, at: Duration) {
        let figures = match self.server {
            Some(_) => self.ask(at).await,
            None => None,
        };
        self.samples.push(ServerSample {
            at,
            figures,
            process: self.process.and_then(figures_of_family),
            generator: figures_of(std::process::id()),
        });
    }

    async fn ask(&mut self, at: Duration) -> Option<ServerStatistics> {
        self.connect_anew().await;
        let mut server = None;
        let mut is_broken = false;
        for gauge in &mut self.gauges {
            match gauge.look(at).await {
                Ok(figures) => server = figures.or(server),
                Err(()) => is_broken = true,
            }
        }
        if is_broken {
            self.client = None;
        }
        server
    }

    /// Connects again after the server was away.
    async fn connect_anew(&mut self) {
        if self.client.is_some() {
            return;
        }
        let Address::Docdb(endpoint, token) = &self.address else {
            return;
        };
        let Ok(client) = connect(endpoint, token).await else {
            return;
        };
        for gauge in &mut self.gauges {
            let opened = client
                .open(gauge.name.as_str(), CreateMode::IfMissing)
                .await;
            gauge.database = opened.ok();
        }
        self.process = listener(&self.address).await;
        self.client = Some(client);
    }

    pub(crate) fn into_parts(self) -> (Vec<Gauge>, Vec<ServerSample>) {
        (self.gauges, self.samples)
    }
}

async fn connect(endpoint: &Endpoint, token: &Bytes) -> Result<Client, Error> {
    let options = ClientOptions {
        name: env!("CARGO_PKG_NAME").to_owned(),
        token: token.clone(),
        request_timeout: PATIENCE,
        retry: RetryPolicy::NONE,
        ..ClientOptions::default()
    };
    Client::connect(endpoint, options).await
}

async fn listener(address: &Address) -> Option<u32> {
    listener_of(address.socket()?).await
}

impl Gauge {
    async fn open(client: Option<&Client>, plan: &DatabasePlan) -> Result<Self, Error> {
        let database = match client {
            None => None,
            Some(client) => {
                let name = plan.name.as_str();
                Some(client.open(name, CreateMode::IfMissing).await?)
            }
        };
        Ok(Self {
            name: plan.name.clone(),
            database,
            wal_dir: plan.wal_dir.clone(),
            log: Vec::new(),
            healing: HealingTrack::default(),
            first: None,
            last: None,
        })
    }

    /// Looks once; an error means that the connection is of no more use.
    async fn look(&mut self, at: Duration) -> Result<Option<ServerStatistics>, ()> {
        let Some(database) = &self.database else {
            return Err(());
        };
        let answer = database.statistics().await;
        if let Ok(counts) = database.healing().await {
            self.healing.look(at, counts);
        }
        let is_broken = answer
            .as_ref()
            .is_err_and(|error| error.category() == Category::Network);
        let (server, figures) = answer.map_or((None, None), |statistics| {
            (Some(statistics.server), Some(statistics.database))
        });
        let told = figures.as_ref().and_then(|figures| figures.log_bytes);
        if let Some(log_bytes) = told.or_else(|| log_bytes_in(&self.wal_dir, self.name.as_str())) {
            self.log.push(Sample {
                at,
                log_bytes,
                figures: figures.clone(),
            });
        }
        if is_broken {
            return Err(());
        }
        let Some(figures) = figures else {
            return Ok(server);
        };
        self.first.get_or_insert_with(|| figures.clone());
        self.last = Some(figures);
        Ok(server)
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
