use super::keys::KEYS;
use super::layers::Configured;

/// Width of the column that origins stand behind.
const COLUMN: usize = 44;

/// A configuration as a file that says the same, with the origin of each value.
pub(crate) fn printed(configured: &Configured) -> String {
    let mut out = String::new();
    let mut open: Vec<&str> = Vec::new();
    for key in KEYS {
        let (sections, name) = split(key.path);
        open_sections(&mut out, &mut open, &sections, false);
        let indent = "  ".repeat(sections.len());
        let value = key.field.show(&configured.settings);
        let line = format!("{indent}{name}: {value}");
        out.push_str(&format!("{line:COLUMN$} # {}\n", configured.origin(key)));
    }
    out
}

/// The sections of a path, and the name in the innermost of them.
pub(super) fn split(path: &'static str) -> (Vec<&'static str>, &'static str) {
    let mut parts: Vec<_> = path.split('.').collect();
    let name = parts.pop().unwrap_or(path);
    (parts, name)
}

/// Writes the headings of the sections that are not open yet, and leaves the others.
pub(super) fn open_sections(
    out: &mut String,
    open: &mut Vec<&'static str>,
    sections: &[&'static str],
    is_spaced: bool,
) {
    let common = open
        .iter()
        .zip(sections)
        .take_while(|(open, wanted)| open == wanted)
        .count();
    open.truncate(common);
    for (depth, section) in sections.iter().enumerate().skip(common) {
        if is_spaced && depth == 0 {
            out.push('\n');
        }
        out.push_str(&format!("{}{section}:\n", "  ".repeat(depth)));
        open.push(section);
    }
}
