use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use docdb_ipc::{Command, CreateMode, Reply};
use docdb_types::{DatabaseName, Error};
use tokio::sync::Mutex;

use crate::source::Source;
use crate::{Client, ClientOptions, Database, Endpoint};

/// Several connections that take turns. One that broke is connected anew when its turn comes.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    endpoint: Endpoint,
    options: ClientOptions,
    /// Held while a connection is made, so that all who need it wait for one.
    places: Box<[Mutex<Option<Client>>]>,
    turn: AtomicUsize,
}

impl Pool {
    /// A pool of this many connections. The first is made now, the others when their turn comes.
    ///
    /// # Errors
    /// Those of [`Client::connect`].
    pub async fn connect(
        endpoint: Endpoint,
        options: ClientOptions,
        connections: NonZeroUsize,
    ) -> Result<Self, Error> {
        let first = Client::connect(&endpoint, options.clone()).await?;
        let mut places = vec![Mutex::new(Some(first))];
        places.resize_with(connections.get(), Mutex::default);
        let places = places.into_boxed_slice();
        let turn = AtomicUsize::new(0);
        Ok(Self {
            shared: Arc::new(Shared {
                endpoint,
                options,
                places,
                turn,
            }),
        })
    }

    /// The connection whose turn it is, connected anew if it broke.
    ///
    /// # Errors
    /// Those of [`Client::connect`].
    pub async fn client(&self) -> Result<Client, Error> {
        let shared = &*self.shared;
        let turn = shared.turn.fetch_add(1, Ordering::Relaxed) % shared.places.len();
        #[expect(clippy::indexing_slicing, reason = "a remainder of the length")]
        let mut place = shared.places[turn].lock().await;
        match &*place {
            Some(client) if !client.is_closed() => Ok(client.clone()),
            _ => {
                *place = None;
                let client = Client::connect(&shared.endpoint, shared.options.clone()).await?;
                *place = Some(client.clone());
                Ok(client)
            }
        }
    }

    pub(crate) fn options(&self) -> &ClientOptions {
        &self.shared.options
    }

    /// Sends a request over the connection whose turn it is, and again where its error allows.
    ///
    /// # Errors
    /// Those of [`Client::request`], of the last try.
    pub async fn request(&self, command: &Command) -> Result<Reply, Error> {
        Source::Pool(self.clone()).request(command).await
    }

    /// Opens a database, for use over all connections.
    ///
    /// # Errors
    /// Those of [`Client::open`].
    pub async fn open(&self, name: &str, create: CreateMode) -> Result<Database, Error> {
        Database::open(Source::Pool(self.clone()), DatabaseName::new(name)?, create).await
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pool")
            .field("endpoint", &self.shared.endpoint)
            .field("connections", &self.shared.places.len())
            .finish()
    }
}
