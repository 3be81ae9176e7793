use serde::Deserialize;

use super::{Inserts, KeyDistribution, Mix};
use crate::operation::OperationKind::{
    Create, Delete, Modify, Patch, Read, Scan, Transaction, Update,
};

/// A load that is known by name. Flags and files override any part of it.
///
/// `YcsbA` to `YcsbF` are the core workloads of the Yahoo! Cloud Serving Benchmark (Cooper and
/// others, "Benchmarking Cloud Serving Systems with YCSB", 2010, table 2, and the files
/// `workloads/workloada` to `workloadf` of its program): records of ten fields of 100 bytes, about
/// 1 KiB, loaded beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Workload {
    /// Session store: half reads, half updates, zipfian.
    YcsbA,
    /// Photo tags: 95 reads, 5 updates, zipfian.
    YcsbB,
    /// Profile cache: reads only, zipfian.
    YcsbC,
    /// Status updates: 95 reads of the latest, 5 inserts.
    YcsbD,
    /// Threaded conversations: 95 scans of 1 to 100 documents, 5 inserts, zipfian.
    YcsbE,
    /// User records: half reads, half read-modify-writes, zipfian.
    YcsbF,
    /// 90 reads, 5 creates, 4 updates, 1 delete.
    ReadHeavy,
    /// 10 reads, 50 creates, 35 updates, 5 deletes.
    WriteHeavy,
    /// Updates, 100 in a request.
    Batch,
    /// Half reads, half patches of one member.
    Patch,
    /// Half reads, half transactions of several documents.
    Transaction,
    /// 90 scans, 10 updates.
    Scan,
}

/// What a named load consists of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Recipe {
    pub(super) mix: Mix,
    pub(super) keys: KeyDistribution,
    pub(super) inserts: Inserts,
    pub(super) batch: usize,
    /// Whether every id gets a document before the run.
    pub(super) preload: bool,
}

impl Workload {
    /// The name on the command line and in files.
    #[must_use]
    pub fn name(self) -> String {
        use clap::ValueEnum;
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }

    pub(super) fn recipe(self) -> Recipe {
        let loaded = |keys, mix: &[_]| Recipe {
            mix: Mix::of(mix),
            keys,
            inserts: Inserts::New,
            batch: 1,
            preload: true,
        };
        let zipfian = KeyDistribution::Zipfian { skew: 0.99 };
        let latest = KeyDistribution::Latest { skew: 0.99 };
        let uniform = KeyDistribution::Uniform;
        let drawn = |mix: &[_]| Recipe {
            inserts: Inserts::Drawn,
            ..loaded(uniform, mix)
        };
        match self {
            Self::YcsbA => loaded(zipfian, &[(Read, 50), (Update, 50)]),
            Self::YcsbB => loaded(zipfian, &[(Read, 95), (Update, 5)]),
            Self::YcsbC => loaded(zipfian, &[(Read, 100)]),
            Self::YcsbD => loaded(latest, &[(Read, 95), (Create, 5)]),
            Self::YcsbE => loaded(zipfian, &[(Scan, 95), (Create, 5)]),
            Self::YcsbF => loaded(zipfian, &[(Read, 50), (Modify, 50)]),
            Self::ReadHeavy => drawn(&[(Read, 90), (Create, 5), (Update, 4), (Delete, 1)]),
            Self::WriteHeavy => drawn(&[(Read, 10), (Create, 50), (Update, 35), (Delete, 5)]),
            Self::Batch => Recipe {
                batch: 100,
                ..drawn(&[(Update, 100)])
            },
            Self::Patch => drawn(&[(Read, 50), (Patch, 50)]),
            Self::Transaction => drawn(&[(Read, 50), (Transaction, 50)]),
            Self::Scan => drawn(&[(Scan, 90), (Update, 10)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn the_mixes_of_all_workloads_sum_to_100() {
        for workload in Workload::value_variants() {
            assert_eq!(workload.recipe().mix.sum(), 100, "{workload:?}");
        }
    }

    #[test]
    fn the_ycsb_workloads_are_those_of_their_definition() {
        let names: Vec<_> = Workload::value_variants()
            .iter()
            .map(|workload| workload.name())
            .filter(|name| name.starts_with("ycsb"))
            .collect();
        assert_eq!(
            names,
            ["ycsb-a", "ycsb-b", "ycsb-c", "ycsb-d", "ycsb-e", "ycsb-f"]
        );
        let described = |workload: Workload| {
            let recipe = workload.recipe();
            format!("{}; {}; {:?}", recipe.mix, recipe.keys, recipe.inserts)
        };
        for (workload, definition) in [
            (Workload::YcsbA, "50 % read, 50 % update; zipfian:0.99; New"),
            (Workload::YcsbB, "95 % read, 5 % update; zipfian:0.99; New"),
            (Workload::YcsbC, "100 % read; zipfian:0.99; New"),
            (Workload::YcsbD, "95 % read, 5 % create; latest:0.99; New"),
            (Workload::YcsbE, "95 % scan, 5 % create; zipfian:0.99; New"),
            (Workload::YcsbF, "50 % read, 50 % modify; zipfian:0.99; New"),
        ] {
            assert_eq!(described(workload), definition);
        }
    }
}
