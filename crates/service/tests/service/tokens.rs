use std::collections::BTreeSet;
use std::time::Duration;

use docdb_service::{Role, Scope, TokenError, TokenRequest, Tokens};
use docdb_types::DatabaseName;

fn request(role: Role, databases: &[&str]) -> TokenRequest {
    let names = databases
        .iter()
        .map(|name| DatabaseName::new(name).unwrap());
    let names: BTreeSet<_> = names.collect();
    TokenRequest {
        label: "a test".to_owned(),
        role,
        scope: if names.is_empty() {
            Scope::All
        } else {
            Scope::Named(names)
        },
        lifetime: None,
    }
}

#[test]
fn tokens_are_created_listed_and_revoked_and_never_written_down() {
    let directory = tempfile::tempdir().unwrap();
    let tokens = Tokens::in_directory(directory.path());
    assert_eq!(tokens.list().unwrap(), []);
    let (first, secret) = tokens.create(request(Role::Read, &["a", "b"])).unwrap();
    let (second, _) = tokens.create(request(Role::Admin, &[])).unwrap();
    assert_eq!(tokens.list().unwrap(), [first.clone(), second.clone()]);
    assert_eq!(second.scope, Scope::All);

    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(&secret.reveal()["docdb_".len()..]));
    }

    tokens.revoke(&first.id).unwrap();
    assert_eq!(tokens.list().unwrap(), [second]);
    let again = tokens.revoke(&first.id).unwrap_err();
    assert!(matches!(again, TokenError::Unknown { .. }), "{again}");
}

#[test]
fn a_file_of_tokens_that_is_damaged_or_newer_is_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let tokens = Tokens::in_directory(directory.path());
    tokens.create(request(Role::Read, &[])).unwrap();
    let path = directory.path().join(".tokens");
    let good = std::fs::read_to_string(&path).unwrap();
    for bad in [
        good.replace("\"format\": 1", "\"format\": 2"),
        good.replace("\"read\"", "\"root\""),
        good[..good.len() / 2].to_owned(),
        String::new(),
    ] {
        std::fs::write(&path, &bad).unwrap();
        assert!(tokens.list().is_err(), "{bad}");
        assert!(tokens.create(request(Role::Read, &[])).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), bad);
    }
}

#[test]
fn a_token_ends_when_its_time_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let tokens = Tokens::in_directory(directory.path());
    let mut short = request(Role::Read, &[]);
    short.lifetime = Some(Duration::ZERO);
    assert!(tokens.create(short).unwrap().0.is_expired);
    let mut long = request(Role::Read, &[]);
    long.lifetime = Some(Duration::MAX);
    assert!(!tokens.create(long).unwrap().0.is_expired);
}
