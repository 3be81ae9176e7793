use crate::process::{Place, text};

fn field<'a>(said: &'a str, name: &str) -> &'a str {
    let found = said.lines().find_map(|line| line.strip_prefix(name));
    found.unwrap_or_else(|| panic!("no {name} in {said}"))
}

#[test]
fn a_token_is_created_listed_and_revoked_and_shown_once() {
    let place = Place::new();
    std::fs::create_dir(place.path("data")).unwrap();
    let create = [
        "token",
        "create",
        "data",
        "--role",
        "write",
        "--database",
        "shop",
    ];
    let created = place.run(&create);
    assert_eq!(created.status.code(), Some(0));
    let said = text(&created.stdout);
    let (id, token) = (field(&said, "id="), field(&said, "token="));
    assert_eq!(token.len(), "docdb_".len() + 64);

    let listed = text(&place.run(&["token", "list", "data"]).stdout);
    let line = listed.lines().find(|line| line.starts_with(id)).unwrap();
    assert!(line.contains("write") && line.contains("shop"), "{line}");
    assert!(!listed.contains(&token["docdb_".len()..]));

    assert_eq!(
        place.run(&["token", "revoke", "data", id]).status.code(),
        Some(0)
    );
    let again = place.run(&["token", "revoke", "data", id]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("no token has the id"));
    assert_eq!(
        text(&place.run(&["token", "list", "data"]).stdout)
            .lines()
            .count(),
        1
    );
}

#[test]
fn a_token_takes_a_role_and_databases() {
    let place = Place::new();
    for arguments in [
        &["token"][..],
        &["token", "create", "data"],
        &[
            "token",
            "create",
            "data",
            "--role",
            "root",
            "--all-databases",
        ],
        &["token", "create", "data", "--role", "read"],
        &[
            "token",
            "create",
            "data",
            "--role",
            "read",
            "--database",
            "a",
            "--all-databases",
        ],
        &[
            "token",
            "create",
            "data",
            "--role",
            "read",
            "--all-databases",
            "--lifetime",
            "5",
        ],
        &[
            "token",
            "create",
            "data",
            "--role",
            "read",
            "--all-databases",
            "--lifetime",
            "0s",
        ],
        &["token", "revoke", "data"],
        &["token", "list"],
    ] {
        assert_eq!(place.run(arguments).status.code(), Some(2), "{arguments:?}");
    }
    let name = [
        "token",
        "create",
        "data",
        "--role",
        "read",
        "--database",
        "a/b",
    ];
    assert_eq!(place.run(&name).status.code(), Some(1));
}
