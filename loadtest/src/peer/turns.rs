use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use docdb_client::Endpoint;
use serde::{Deserialize, Serialize};

use super::address::Address;
use super::own::{Own, Programs};
use super::round::Round;
use crate::ceiling::ceiling;
use crate::config::{Plan, Target};
use crate::halt::Halt;
use crate::run::{Glance, RunError, run_at};
use crate::server::{OwnServer, OwnServerError, listens};

/// What the same load in turns has shown of every target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Peers {
    /// The load, in words.
    pub load: String,
    /// Where the files of servers were that were started for it.
    pub directory: String,
    /// Every target that was loaded, in the order in which they were named.
    pub sides: Vec<Side>,
    /// Those that were not.
    pub skipped: Vec<Skipped>,
    /// Operations a second that the generator makes against a server that does nothing, by turn.
    pub ceiling: Vec<f64>,
}

/// What was measured of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Side {
    /// Its name.
    pub target: String,
    /// By turn.
    pub rounds: Vec<Round>,
}

/// A target that cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Skipped {
    /// Its name.
    pub target: String,
    /// Why.
    pub reason: String,
}

/// Why targets cannot be held against each other.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeersError {
    /// There is no directory or process for a peer.
    #[error("no place for a peer: {0}")]
    Place(#[from] std::io::Error),
    /// A peer was started and does not answer.
    #[error("a peer does not come up: {said}")]
    Silent {
        /// What it wrote about it.
        said: String,
    },
    /// There is no docdb server.
    #[error(transparent)]
    Server(#[from] OwnServerError),
    /// A run does not begin.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// How a target is reached.
#[derive(Debug)]
enum Way {
    /// It is there.
    There(Address),
    /// A docdb server is started for every turn.
    OwnDocdb,
    /// A peer is started for every turn.
    OwnPeer(Programs),
}

/// Loads every target of a plan as often as it says, in turns: in each of them every target is
/// loaded once, and another one comes first. A target that is neither named by a URL nor installed
/// is skipped. `program` is the load generator's, to be a docdb server; `begun` is called before
/// every round and `glance` a few times a second while it runs.
///
/// # Errors
/// [`PeersError`].
pub async fn load_in_turns(
    plan: &Plan,
    program: &Path,
    halt: &Arc<Halt>,
    mut begun: impl FnMut(usize, Target),
    mut glance: impl FnMut(Glance),
) -> Result<Peers, PeersError> {
    let mut ways = Vec::new();
    let mut skipped = Vec::new();
    for &target in &plan.targets {
        match way_to(target, plan).await? {
            Ok(way) => ways.push((target, way)),
            Err(reason) => skipped.push(Skipped {
                target: target.name().to_owned(),
                reason,
            }),
        }
    }
    let side = |(target, _): &(Target, Way)| Side {
        target: target.name().to_owned(),
        rounds: Vec::new(),
    };
    let mut sides: Vec<_> = ways.iter().map(side).collect();
    let mut ceilings = Vec::new();
    for turn in 0..plan.turns {
        if !plan.ceiling.is_zero() && !halt.is_stopped() {
            ceilings.push(ceiling(plan).await?.exchange);
        }
        for step in 0..ways.len() {
            let place = (turn + step) % ways.len();
            let (Some((target, way)), Some(side)) = (ways.get(place), sides.get_mut(place)) else {
                continue;
            };
            if halt.is_stopped() {
                break;
            }
            begun(turn, *target);
            let round = play(way, plan, program, halt, &mut glance).await?;
            side.rounds.push(round);
        }
    }
    Ok(Peers {
        load: load_of(plan),
        directory: std::env::temp_dir().display().to_string(),
        sides,
        skipped,
        ceiling: ceilings,
    })
}

/// One round, on a server that is started for it where none is there.
async fn play(
    way: &Way,
    plan: &Plan,
    program: &Path,
    halt: &Arc<Halt>,
    glance: &mut impl FnMut(Glance),
) -> Result<Round, PeersError> {
    let mut plan = plan.clone();
    let (address, own) = match way {
        Way::There(address) => (address.clone(), None),
        Way::OwnDocdb => {
            let own = OwnServer::start(program).await?;
            plan.move_to(own.socket(), &own.wal_dir());
            let address = Address::Docdb(Endpoint::Unix(own.socket()), Bytes::new());
            (address, Some(Own::Docdb(own)))
        }
        Way::OwnPeer(programs) => {
            let own = programs.start(plan.connections()).await?;
            (own.address().clone(), Some(Own::Peer(own)))
        }
    };
    let measured = run_at(&plan, &address, halt, None, glance).await;
    let round = measured.map(|measured| {
        let files = own.as_ref().map(Own::directory);
        Round::new(&plan, &measured, files)
    });
    if let Some(own) = own {
        own.stop().await?;
    }
    Ok(round?)
}

/// How a target is reached, or why it is not.
async fn way_to(target: Target, plan: &Plan) -> Result<Result<Way, String>, PeersError> {
    Ok(match target {
        Target::Docdb if plan.remote.is_some() || listens(&plan.socket).await? => Ok(Way::There(
            Address::Docdb(plan.endpoint(), plan.token.clone()),
        )),
        Target::Docdb => Ok(Way::OwnDocdb),
        Target::Postgres => match &plan.postgres_url {
            Some(url) => Ok(Way::There(Address::Postgres(url.clone()))),
            None => Programs::of_postgres().map(Way::OwnPeer),
        },
        Target::Redis => match &plan.redis_url {
            Some(url) => Ok(Way::There(Address::Redis(url.clone()))),
            None => Programs::of_redis().map(Way::OwnPeer),
        },
    })
}

fn load_of(plan: &Plan) -> String {
    format!(
        "{} databases, {} connections, {}, documents of {} bytes, {} ids each, {} in a request, {} \
         under way per connection",
        plan.databases.len(),
        plan.connections(),
        plan.mix,
        plan.sizes,
        plan.document_count,
        plan.batch,
        plan.pipeline
    )
}
