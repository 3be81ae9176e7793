//! The pages that a browser opens.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod markup;
mod program;

use program::{Folder, text};

const PROFILE: &str = r#"
databases:
  - { name: orders, doc_count: 100, doc_size: 200 }
  - { name: "a<b>&\"c\"", doc_count: 100, doc_size: "lognormal:300:0.4", distribution: zipfian }
workload_profile:
  phases:
    - { name: calm, duration: 600ms, workers: 2, operation_rate: 200, warmup: true }
    - { name: spike, duration: 1200ms, workers: 8 }
    - { name: after & later, duration: 1200ms, workers: 2, operation_rate: 200 }
test: { metrics_interval: 200ms, seed: 3 }
"#;

#[test]
fn the_report_of_a_profile_is_whole_and_shows_every_part() {
    let folder = Folder::new();
    std::fs::write(folder.join("profile.yaml"), PROFILE).unwrap();
    let output = folder.plain(
        "--config profile.yaml --socket nobody.sock --ceiling 100ms --assert errors=0,p99<1us \
         --csv",
    );
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let page = folder.read("multidb_results.html");
    let elements = markup::check(&page);
    assert!(page.len() < 500_000, "{} bytes", page.len());
    // Latency, throughput, histogram, operations; four by database; processor and memory.
    assert_eq!(markup::count(&elements, "svg", ""), 10);
    // Nine charts over time have the three phases, the first of them apart.
    assert_eq!(markup::count(&elements, "rect", "class=\"warm\""), 9);
    for name in [
        "calm",
        "spike",
        "after &amp; later",
        "a&lt;b&gt;&amp;&quot;c&quot;",
    ] {
        assert!(page.contains(name), "{name}");
    }
    assert!(!page.contains("a<b>"));
    // Five percentiles in the first chart; two lines in each chart by database.
    let paths = markup::count(&elements, "path", "class=\"line\"");
    assert!(paths >= 5 + 1 + 4 + 4 * 2, "{paths} lines");
    assert!(page.contains("This run failed"));
    assert!(page.contains("the generator alone makes"));
    let titles = elements.iter().filter(|e| e.name == "title");
    assert!(
        titles.clone().any(|title| title.text.contains("p99.9 ")),
        "{:?}",
        titles.count()
    );

    let results = folder.json("multidb_results.json");
    let phases = results["Details"]["Phases"].as_array().unwrap();
    assert_eq!(phases.len(), 3);
    assert_eq!(phases[0]["WarmUp"], true);
    for phase in phases {
        assert_eq!(phase["Databases"].as_object().unwrap().len(), 2);
    }
    let measured: u64 = phases[1..]
        .iter()
        .map(|phase| phase["All"]["Operations"].as_u64().unwrap())
        .sum();
    assert_eq!(results["TotalOperations"].as_u64(), Some(measured));
    let histogram = results["Details"]["Histogram"].as_array().unwrap();
    let counted: u64 = histogram
        .iter()
        .map(|class| class[1].as_u64().unwrap())
        .sum();
    assert_eq!(counted, measured);
    let server = results["Details"]["Server"].as_array().unwrap();
    assert!(
        server
            .iter()
            .all(|point| point["ServerResidentBytes"].as_u64() > Some(0))
    );
    let over_time = folder.read("latency_over_time.csv");
    assert!(over_time.starts_with("database,operation,second,"));
    assert!(over_time.contains("\norders,read,0,"));
    assert!(folder.read("server_metrics.csv").lines().count() > 5);
}

#[test]
fn a_comparison_has_a_table_a_page_and_a_verdict() {
    let folder = Folder::new();
    for (name, flags) in [("one", ""), ("two", ""), ("many", "--batch 20")] {
        let line = format!(
            "--duration 700ms --doc-count 100 --workers 2 --no-html --output {name}.json {flags}"
        );
        assert_eq!(folder.run(&line).status.code(), Some(0));
    }
    let output = folder.plain("compare one.json,two.json many.json,many.json --output-dir out");
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for line in said.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(said.contains("many against one"), "{said}");
    let row = said.lines().find(|line| line.contains("ops/s")).unwrap();
    assert!(row.contains("better"), "{said}");
    assert!(
        said.contains("not the same: operations in a request: 1 | 20"),
        "{said}"
    );
    let page = folder.read("out/comparison.html");
    let elements = markup::check(&page);
    assert_eq!(markup::count(&elements, "svg", ""), 5);
    assert_eq!(markup::count(&elements, "line", "class=\"whisker\""), 5);

    let output = folder.plain("compare many.json,many.json one.json,two.json --fail-if-worse");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    let output = folder.plain("compare one.json two.json");
    let said = text(&output.stdout);
    assert!(said.contains("too little to tell"), "{said}");
    let output = folder.plain("compare one.json none.json");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("none.json"));
    assert_eq!(folder.plain("compare one.json").status.code(), Some(2));
}
