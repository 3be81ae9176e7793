use docdb_types::Code;

#[test]
fn the_table_of_errors_in_the_documentation_is_the_one_of_types() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.md");
    let page = std::fs::read_to_string(path).unwrap();
    let documented: Vec<_> = page.lines().filter(|line| line.contains("| `")).collect();
    for (code, number) in Code::all().zip(1..) {
        let status = format!("{:?}", code.status());
        let status: String = status
            .char_indices()
            .flat_map(|(at, c)| {
                (at > 0 && c.is_uppercase())
                    .then_some(' ')
                    .into_iter()
                    .chain([c])
            })
            .collect();
        let row = format!(
            "| {number} | `{code}` | {} | {} | {} |",
            status.to_lowercase(),
            code.category().as_str(),
            if code.is_retryable() { "yes" } else { "no" },
        );
        assert!(documented.contains(&row.as_str()), "{row}");
    }
}
