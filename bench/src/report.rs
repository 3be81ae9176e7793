//! Medians over the turns, and ratios within them.

use std::fmt;

use serde::Serialize;

use crate::limits::Limits;
use crate::stores::Kind;
use crate::work::Figures;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// By turn.
    pub(crate) limits: Vec<Limits>,
    engines: Vec<Engine>,
}

#[derive(Debug, Serialize)]
struct Engine {
    name: &'static str,
    #[serde(skip)]
    kind: Kind,
    /// By turn.
    figures: Vec<Figures>,
}

/// A column of the table.
struct Column {
    name: &'static str,
    of: fn(&Figures) -> f64,
    /// Whether more is better, so that docdb is held against the best of the others.
    is_rate: bool,
}

static COLUMNS: [Column; 7] = [
    Column {
        name: "load/s",
        of: |figures| figures.load,
        is_rate: true,
    },
    Column {
        name: "put/s, 1",
        of: |figures| figures.put_of_one,
        is_rate: true,
    },
    Column {
        name: "put/s, 16",
        of: |figures| figures.put_of_sixteen,
        is_rate: true,
    },
    Column {
        name: "get/s, 2",
        of: |figures| figures.get_of_two,
        is_rate: true,
    },
    Column {
        name: "mix/s, 16",
        of: |figures| figures.mix_of_sixteen,
        is_rate: true,
    },
    Column {
        name: "reopen ms",
        of: |figures| figures.reopen_ms,
        is_rate: false,
    },
    Column {
        name: "disk MB",
        of: |figures| figures.disk_mb,
        is_rate: false,
    },
];

impl Report {
    pub(crate) fn new(kinds: &[Kind]) -> Self {
        let engines = kinds.iter().map(|kind| Engine {
            name: kind.name(),
            kind: *kind,
            figures: Vec::new(),
        });
        Self {
            limits: Vec::new(),
            engines: engines.collect(),
        }
    }

    pub(crate) fn add(&mut self, kind: Kind, figures: Figures) {
        let mut engines = self.engines.iter_mut();
        if let Some(engine) = engines.find(|engine| engine.kind == kind) {
            engine.figures.push(figures);
        }
    }

    /// docdb in terms of the best other engine of the same turn.
    fn ratio(&self, column: &Column) -> Option<f64> {
        let (ours, others): (Vec<_>, Vec<_>) = self
            .engines
            .iter()
            .partition(|engine| engine.kind == Kind::Docdb);
        let ours = ours.first()?;
        let ratios = ours.figures.iter().enumerate().map(|(turn, figures)| {
            let rates = others.iter().filter_map(|engine| engine.figures.get(turn));
            (column.of)(figures) / rates.map(column.of).fold(0.0, f64::max)
        });
        median(ratios)
    }

    /// docdb from one thread in terms of the fdatasync rate of the same turn.
    fn of_sync_rate(&self) -> Option<f64> {
        let mut engines = self.engines.iter();
        let ours = engines.find(|engine| engine.kind == Kind::Docdb)?;
        let turns = ours.figures.iter().zip(&self.limits);
        median(turns.map(|(figures, limits)| figures.put_of_one / limits.syncs_of_one))
    }
}

fn median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<_> = figures.filter(|figure| figure.is_finite()).collect();
    figures.sort_by(f64::total_cmp);
    let last = figures.len().checked_sub(1)?;
    Some(f64::midpoint(
        *figures.get(last / 2)?,
        *figures.get(last.div_ceil(2))?,
    ))
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = |of: fn(&Limits) -> f64| median(self.limits.iter().map(of)).unwrap_or(0.0);
        writeln!(
            formatter,
            "1 KiB and fdatasync: {:.0}/s on one file, {:.0}/s on sixteen; long writes: {:.0} MB/s; \
             empty exchanges over a socket: {:.0}/s",
            limit(|limits| limits.syncs_of_one),
            limit(|limits| limits.syncs_of_sixteen),
            limit(|limits| limits.sequential_bytes) / 1e6,
            limit(|limits| limits.exchanges)
        )?;
        write!(formatter, "{:<8}", "")?;
        for column in &COLUMNS {
            write!(formatter, "{:>11}", column.name)?;
        }
        writeln!(formatter)?;
        for engine in &self.engines {
            write!(formatter, "{:<8}", engine.name)?;
            for column in &COLUMNS {
                let figure = median(engine.figures.iter().map(column.of)).unwrap_or(0.0);
                let digits = usize::from(figure < 100.0);
                write!(formatter, "{figure:>11.digits$}")?;
            }
            writeln!(formatter)?;
        }
        write!(formatter, "{:<8}", "ratio")?;
        for column in COLUMNS.iter().filter(|column| column.is_rate) {
            match self.ratio(column) {
                Some(ratio) => write!(formatter, "{ratio:>11.2}")?,
                None => write!(formatter, "{:>11}", "–")?,
            }
        }
        writeln!(formatter, "   docdb / the best other of the turn")?;
        if let Some(ratio) = self.of_sync_rate() {
            writeln!(formatter, "docdb, 1 thread / fdatasync rate: {ratio:.2}")?;
        }
        Ok(())
    }
}
