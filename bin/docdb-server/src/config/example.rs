use super::key::Effect;
use super::keys::KEYS;
use super::printed::{open_sections, split};
use super::settings::Settings;

const HEAD: &str = "\
# Configuration of docdb-server. Every key stands here with its default value; what is left out of a
# file keeps it. A flag wins over the environment, the environment over the file.
#
# Sizes are whole numbers of MiB, or have a unit: 64KiB, 64MiB, 2GiB. Times have a unit: 5ms, 1m30s,
# 1h. Relative paths start where the server was started. Keys marked \"reload\" are taken up when the
# server receives SIGHUP; a change of any other takes a restart.
#
#     docdb-server --config docdb.yaml --check-config      is it right?
#     docdb-server --config docdb.yaml --print-config      what is in force, and why?

";

/// The commented example file: every key with its default value.
pub(crate) fn example() -> String {
    let settings = Settings::default();
    let mut out = HEAD.to_owned();
    let mut open: Vec<&str> = Vec::new();
    for key in KEYS {
        let (sections, name) = split(key.path);
        open_sections(&mut out, &mut open, &sections, true);
        let indent = "  ".repeat(sections.len());
        for line in key.about.lines() {
            out.push_str(&format!("{indent}# {line}\n"));
        }
        let mut notes = vec![key.variable()];
        notes.extend(key.flag.map(|flag| format!("--{flag}")));
        if key.effect == Effect::Reload {
            notes.push("reload".to_owned());
        }
        out.push_str(&format!(
            "{indent}# {}; {}\n",
            key.allowed(),
            notes.join(", ")
        ));
        let value = match key.path {
            // Said out loud it would not follow data_dir.
            "wal.dir" => "null".to_owned(),
            _ => key.field.show(&settings),
        };
        out.push_str(&format!("{indent}{name}: {value}\n"));
    }
    out
}
