//! A reader of pages that refuses what browsers would forgive.

#![allow(dead_code, reason = "each test uses a part of it")]

/// Elements that have no end.
const VOID: [&str; 2] = ["meta", "br"];

/// One element: its name, its attributes as they are written, and the text right behind it.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: String,
    pub(crate) text: String,
}

/// Every element of a page, in order. Panics where one is not closed, or closed in the wrong place.
pub(crate) fn elements(page: &str) -> Vec<Element> {
    let mut elements = Vec::new();
    let mut open: Vec<String> = Vec::new();
    for part in page.split('<').skip(1) {
        let (tag, text) = part.split_once('>').expect("every < begins a tag");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(
                open.pop().as_deref(),
                Some(name),
                "closed in the wrong place"
            );
            continue;
        }
        if tag.starts_with('!') {
            continue;
        }
        let is_whole = tag.ends_with('/');
        let tag = tag.trim_end_matches('/');
        let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        assert_eq!(attributes.matches('"').count() % 2, 0, "{tag}");
        if !is_whole && !VOID.contains(&name) {
            open.push(name.to_owned());
        }
        elements.push(Element {
            name: name.to_owned(),
            attributes: attributes.to_owned(),
            text: text.to_owned(),
        });
    }
    assert!(open.is_empty(), "never closed: {open:?}");
    elements
}

/// Panics unless a page is whole, needs nothing from elsewhere, and has numbers for coordinates.
pub(crate) fn check(page: &str) -> Vec<Element> {
    let elements = elements(page);
    for foreign in [
        "http:", "https:", "//", "<script", "<link", "<img", "@import", "url(",
    ] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("prefers-color-scheme: dark"));
    for element in &elements {
        for word in ["NaN", "inf\""] {
            assert!(!element.attributes.contains(word), "{element:?}");
        }
    }
    elements
}

/// How many elements have this name, and this among their attributes.
pub(crate) fn count(elements: &[Element], name: &str, attribute: &str) -> usize {
    let is_one = |e: &&Element| e.name == name && e.attributes.contains(attribute);
    elements.iter().filter(is_one).count()
}
