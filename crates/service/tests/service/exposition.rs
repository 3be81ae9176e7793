//! Reads OpenMetrics text strictly: what a scraper would refuse fails the test.

use std::collections::BTreeMap;

/// The samples of an exposition by their name and labels, as they stand there.
#[derive(Debug, PartialEq)]
pub(crate) struct Exposition {
    samples: BTreeMap<String, f64>,
    types: BTreeMap<String, String>,
}

impl Exposition {
    pub(crate) fn parse(text: &str) -> Self {
        let mut lines = text.lines().peekable();
        let (mut samples, mut types) = (BTreeMap::new(), BTreeMap::new());
        let mut family = String::new();
        while let Some(line) = lines.next() {
            if line == "# EOF" {
                assert_eq!(lines.next(), None, "something stands behind the end");
                let exposition = Self { samples, types };
                exposition.check_histograms();
                return exposition;
            }
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap();
                assert!(help.ends_with('.') && !help.ends_with(".."), "{line}");
                name.clone_into(&mut family);
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert_eq!(name, family, "a type without its help");
                let before = types.insert(name.to_owned(), kind.to_owned());
                assert_eq!(before, None, "{name} stands there twice");
            } else if let Some(rest) = line.strip_prefix("# UNIT ") {
                let (name, unit) = rest.split_once(' ').unwrap();
                assert!(
                    name == family && name.ends_with(&format!("_{unit}")),
                    "{line}"
                );
            } else {
                let (sample, value) = line.rsplit_once(' ').unwrap();
                let name = sample.split('{').next().unwrap();
                let suffixes = match types[&family].as_str() {
                    "counter" => &["_total"][..],
                    "gauge" => &[""],
                    "histogram" => &["_bucket", "_count", "_sum"],
                    other => panic!("{family} is a {other}"),
                };
                let belongs = suffixes
                    .iter()
                    .any(|suffix| name == format!("{family}{suffix}"));
                assert!(belongs, "{line} is not of {family}");
                let before = samples.insert(sample.to_owned(), value.parse().unwrap());
                assert_eq!(before, None, "{sample} stands there twice");
            }
        }
        panic!("no end");
    }

    /// Buckets only grow, and the last one is the count.
    fn check_histograms(&self) {
        for (family, _) in self.types.iter().filter(|(_, kind)| *kind == "histogram") {
            let counts = format!("{family}_count");
            for (sample, count) in self.samples.range(counts.clone()..) {
                let Some(labels) = sample.strip_prefix(&counts) else {
                    break;
                };
                let labels = labels.trim_matches(['{', '}']);
                let mut buckets: Vec<(f64, f64)> = Vec::new();
                for (bucket, value) in &self.samples {
                    let inside = bucket
                        .strip_prefix(&format!("{family}_bucket{{"))
                        .and_then(|rest| rest.strip_suffix('}'));
                    let Some((bound, others)) = inside.map(bound_of) else {
                        continue;
                    };
                    if others == labels {
                        buckets.push((bound, *value));
                    }
                }
                buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
                assert!(
                    buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1),
                    "{family}"
                );
                assert_eq!(buckets.last(), Some(&(f64::INFINITY, *count)), "{family}");
            }
        }
    }

    /// A sample that must be there.
    pub(crate) fn get(&self, sample: &str) -> f64 {
        let found = self.samples.get(sample);
        *found.unwrap_or_else(|| panic!("{sample} is not in {:?}", self.samples.keys()))
    }

    /// Whether there is a sample.
    pub(crate) fn has(&self, sample: &str) -> bool {
        self.samples.contains_key(sample)
    }

    /// How many samples have a text in their name and labels.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.samples
            .keys()
            .filter(|sample| sample.contains(text))
            .count()
    }

    /// The names of all families.
    pub(crate) fn families(&self) -> impl Iterator<Item = &str> {
        self.types.keys().map(String::as_str)
    }

    /// What changed from one exposition to another.
    pub(crate) fn changes(&self, later: &Self) -> Vec<String> {
        let changed = later.samples.iter();
        changed
            .filter(|(sample, value)| self.samples.get(*sample) != Some(*value))
            .map(|(sample, value)| format!("{sample} {value}"))
            .collect()
    }
}

/// The bound of a bucket, and its other labels.
fn bound_of(labels: &str) -> (f64, String) {
    let (mut bound, mut others) = (None, Vec::new());
    for label in labels.split(',') {
        match label.strip_prefix("le=\"") {
            Some(text) => {
                let text = text.trim_end_matches('"');
                bound = Some(text.parse::<f64>().unwrap());
            }
            None => others.push(label),
        }
    }
    (bound.unwrap(), others.join(","))
}
