//! The dashboard and the alerts that are shipped ask for figures that there are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::harness::{Harness, certified, create, read};

fn packaged(file: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("../../packaging").join(file)
}

/// The names of all samples that a server tells.
async fn samples() -> BTreeSet<String> {
    let certificate = tempfile::tempdir().unwrap();
    let tls = certified(certificate.path());
    let harness = Harness::start_with(|options| {
        options.tcp.address = Some(([127, 0, 0, 1], 0).into());
        options.tcp.tls = Some(tls);
    })
    .await;
    let (mut client, db) = harness.client_of("a").await;
    client.one(db, create(1, "1")).await.unwrap();
    client.one(db, read(2)).await.unwrap_err();
    let text = harness.service.metrics();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| line.split(['{', ' ']).next().unwrap().to_owned())
        .collect()
}

/// The figures of docdb that an expression names.
fn named(expression: &str) -> Vec<&str> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("docdb_")).collect()
}

fn is_balanced(expression: &str) -> bool {
    let mut open = Vec::new();
    for c in expression.chars() {
        let opener = match c {
            '(' | '[' | '{' => {
                open.push(c);
                continue;
            }
            ')' => '(',
            ']' => '[',
            '}' => '{',
            _ => continue,
        };
        if open.pop() != Some(opener) {
            return false;
        }
    }
    open.is_empty()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_panel_of_the_dashboard_asks_for_figures_that_there_are() {
    let samples = samples().await;
    let text = std::fs::read_to_string(packaged("grafana/docdb.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(panels.len() >= 15);
    for panel in panels {
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            assert!(is_balanced(expression), "{expression}");
            assert!(!named(expression).is_empty(), "{expression}");
            for name in named(expression) {
                assert!(samples.contains(name), "{name} in {}", panel["title"]);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_alert_asks_for_figures_that_there_are_and_is_explained() {
    let samples = samples().await;
    let text = std::fs::read_to_string(packaged("prometheus/alerts.yaml")).unwrap();
    let rules: Value = serde_saphyr::from_str(&text).unwrap();
    let manual = packaged("../docs/operations.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    let mut names = BTreeSet::new();
    for rule in rules["groups"][0]["rules"].as_array().unwrap() {
        let name = rule["alert"].as_str().unwrap();
        let expression = rule["expr"].as_str().unwrap();
        assert!(is_balanced(expression), "{expression}");
        for figure in named(expression) {
            assert!(samples.contains(figure), "{figure} in {name}");
        }
        assert!(rule["annotations"]["summary"].is_string(), "{name}");
        assert!(rule["labels"]["severity"].is_string(), "{name}");
        assert!(
            manual.contains(&format!("| `{name}` |")),
            "{name} is not explained"
        );
        assert!(names.insert(name), "{name} stands there twice");
    }
    assert!(names.len() >= 10);
}
