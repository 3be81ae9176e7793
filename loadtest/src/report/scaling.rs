//! What a matrix says: how throughput and latency go with each of its dimensions, and where more load
//! brings no more.

use crate::matrix::{Cell, Matrix};

/// Throughput of at least this share of the best counts as all there is.
const NEARLY_ALL: f64 = 0.9;

/// A dimension of a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dimension {
    Databases,
    Connections,
    Workers,
}

/// What going from one count to the next does, everything else being the same.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Growth {
    pub(super) dimension: Dimension,
    pub(super) from: usize,
    pub(super) to: usize,
    /// Pairs of cells that differ in nothing else.
    pub(super) pairs: usize,
    /// Geometric mean, least and greatest of the ratios of throughput.
    pub(super) throughput: [f64; 3],
    /// The same of p99.
    pub(super) p99: [f64; 3],
}

/// Where a number of databases has nearly all of its throughput.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Saturation {
    /// The least load that has nearly all.
    pub(super) enough: Cell,
    /// The load with the greatest throughput.
    pub(super) best: Cell,
    /// The greatest load.
    pub(super) most: Cell,
}

impl Dimension {
    pub(super) const ALL: [Self; 3] = [Self::Databases, Self::Connections, Self::Workers];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Databases => "databases",
            Self::Connections => "connections per database",
            Self::Workers => "workers per database",
        }
    }

    pub(super) const fn of(self, cell: &Cell) -> usize {
        match self {
            Self::Databases => cell.databases,
            Self::Connections => cell.connections,
            Self::Workers => cell.workers,
        }
    }

    /// The counts of the other two.
    pub(super) const fn others(self, cell: &Cell) -> (usize, usize) {
        match self {
            Self::Databases => (cell.connections, cell.workers),
            Self::Connections => (cell.databases, cell.workers),
            Self::Workers => (cell.databases, cell.connections),
        }
    }
}

/// Every step along every dimension.
pub(super) fn growths(matrix: &Matrix) -> Vec<Growth> {
    let mut growths = Vec::new();
    for dimension in Dimension::ALL {
        let mut counts: Vec<_> = matrix.cells.iter().map(|cell| dimension.of(cell)).collect();
        counts.sort_unstable();
        counts.dedup();
        for pair in counts.windows(2) {
            if let [from, to] = *pair {
                growths.extend(growth(matrix, dimension, from, to));
            }
        }
    }
    growths
}

fn growth(matrix: &Matrix, dimension: Dimension, from: usize, to: usize) -> Option<Growth> {
    let cells = |count| {
        let cells = matrix.cells.iter();
        cells.filter(move |cell| dimension.of(cell) == count)
    };
    let mut throughput = Vec::new();
    let mut p99 = Vec::new();
    for before in cells(from) {
        let others = dimension.others(before);
        if let Some(after) = cells(to).find(|cell| dimension.others(cell) == others) {
            throughput.push(after.ops_per_second / before.ops_per_second);
            p99.push(after.latency.p99 / before.latency.p99);
        }
    }
    (!throughput.is_empty()).then(|| Growth {
        dimension,
        from,
        to,
        pairs: throughput.len(),
        throughput: middle(&throughput),
        p99: middle(&p99),
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts of cells")]
fn middle(ratios: &[f64]) -> [f64; 3] {
    let ratios: Vec<_> = ratios
        .iter()
        .copied()
        .filter(|r| r.is_finite() && *r > 0.0)
        .collect();
    let sum: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let most = ratios.iter().copied().fold(0.0, f64::max);
    [(sum / ratios.len() as f64).exp(), least, most]
}

/// For every number of databases, from the fewest.
pub(super) fn saturations(matrix: &Matrix) -> Vec<Saturation> {
    let mut counts: Vec<_> = matrix.cells.iter().map(|cell| cell.databases).collect();
    counts.sort_unstable();
    counts.dedup();
    counts
        .into_iter()
        .filter_map(|count| saturation(matrix, count))
        .collect()
}

fn saturation(matrix: &Matrix, databases: usize) -> Option<Saturation> {
    let mut cells: Vec<_> = matrix
        .cells
        .iter()
        .filter(|cell| cell.databases == databases)
        .collect();
    cells.sort_by_key(|cell| (cell.workers, cell.connections));
    let faster = |a: &&&Cell, b: &&&Cell| a.ops_per_second.total_cmp(&b.ops_per_second);
    let best = cells.iter().max_by(faster)?;
    let is_enough = |cell: &&&Cell| cell.ops_per_second >= best.ops_per_second * NEARLY_ALL;
    Some(Saturation {
        enough: (*cells.iter().find(is_enough)?).clone(),
        best: (*best).clone(),
        most: (*cells.last()?).clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::LatencySummary;

    /// A server that makes 1000 operations a second per worker, up to 6000.
    fn matrix() -> Matrix {
        let mut cells = Vec::new();
        for databases in [1, 2] {
            for workers in [1, 2, 4, 8] {
                let load = f64::from(databases * workers);
                cells.push(Cell {
                    databases: databases as usize,
                    connections: 1,
                    workers: workers as usize,
                    ops_per_second: (load * 1000.0).min(6000.0),
                    latency: LatencySummary {
                        p99: (load / 6.0).max(1.0),
                        ..LatencySummary::default()
                    },
                    failed: 0,
                    failures: Vec::new(),
                    server_processors: None,
                    server_resident_bytes: None,
                });
            }
        }
        Matrix {
            flags: Vec::new(),
            left_out: 0,
            cells,
        }
    }

    #[test]
    fn growth_is_told_by_dimension() {
        let growths = growths(&matrix());
        let steps: Vec<_> = growths
            .iter()
            .map(|g| (g.dimension, g.from, g.to, g.pairs))
            .collect();
        assert_eq!(
            steps,
            [
                (Dimension::Databases, 1, 2, 4),
                (Dimension::Workers, 1, 2, 2),
                (Dimension::Workers, 2, 4, 2),
                (Dimension::Workers, 4, 8, 2),
            ]
        );
        let [middle, least, most] = growths[0].throughput;
        assert!((least - 1.0).abs() < 1e-9 && (most - 2.0).abs() < 1e-9);
        // 2, 2, 1.5 and 1: the fourth root of 6.
        assert!((middle - 6.0_f64.powf(0.25)).abs() < 1e-9, "{middle}");
        assert!((growths[1].throughput[0] - 2.0).abs() < 1e-9);
    }

    #[test]
    fn saturation_is_the_least_load_with_nearly_all() {
        let saturations = saturations(&matrix());
        let loads: Vec<_> = saturations
            .iter()
            .map(|s| (s.enough.databases, s.enough.workers, s.most.workers))
            .collect();
        assert_eq!(loads, [(1, 8, 8), (2, 4, 8)]);
        assert!((saturations[1].best.ops_per_second - 6000.0).abs() < 1e-9);
    }
}
