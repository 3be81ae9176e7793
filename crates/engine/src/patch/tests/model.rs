//! Random steps against the same steps on a tree of values.

use docdb_types::json::{JsonLimits, check};
use docdb_types::{Limits, PatchStep};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value};

fn segments(path: &str) -> Vec<String> {
    path.split('/')
        .skip(1)
        .map(|part| part.replace("~1", "/").replace("~0", "~"))
        .collect()
}

fn index(segment: &str, len: usize) -> Option<usize> {
    if segment == "-" {
        return Some(len);
    }
    let index: usize = segment.parse().ok()?;
    (index.to_string() == segment).then_some(index)
}

fn child<'v>(parent: &'v mut Value, segment: &str) -> Option<&'v mut Value> {
    match parent {
        Value::Object(members) => members.get_mut(segment),
        Value::Array(elements) => {
            let index = index(segment, elements.len())?;
            elements.get_mut(index)
        }
        _ => None,
    }
}

fn find<'v>(document: &'v mut Value, segments: &[String]) -> Option<&'v mut Value> {
    segments
        .iter()
        .try_fold(document, |value, segment| child(value, segment))
}

fn add(document: &mut Value, path: &str, value: Value) -> Option<()> {
    let segments = segments(path);
    let Some((last, parents)) = segments.split_last() else {
        *document = value;
        return Some(());
    };
    match find(document, parents)? {
        Value::Object(members) => drop(members.insert(last.clone(), value)),
        Value::Array(elements) => {
            let index = index(last, elements.len()).filter(|index| *index <= elements.len())?;
            elements.insert(index, value);
        }
        _ => return None,
    }
    Some(())
}

fn remove(document: &mut Value, path: &str) -> Option<Value> {
    let segments = segments(path);
    let (last, parents) = segments.split_last()?;
    match find(document, parents)? {
        Value::Object(members) => members.shift_remove(last),
        Value::Array(elements) => {
            let index = index(last, elements.len()).filter(|index| *index < elements.len())?;
            Some(elements.remove(index))
        }
        _ => None,
    }
}

fn set(document: &mut Value, path: &str, value: Value) -> Option<()> {
    let mut place = document;
    for segment in segments(path) {
        place = match place {
            Value::Object(members) => members.entry(segment).or_insert(Value::Object(Map::new())),
            other => child(other, &segment)?,
        };
    }
    *place = value;
    Some(())
}

/// What one step does; `None` where it is refused.
fn model(document: &mut Value, step: &PatchStep) -> Option<()> {
    let value = || serde_json::from_slice(step.value().unwrap()).unwrap();
    let scalar = !document.is_object() && !document.is_array();
    match step {
        PatchStep::Set { path, .. } if !scalar => set(document, path, value()),
        PatchStep::Delete { path } if !scalar => remove(document, path).map(drop),
        PatchStep::Insert { path, .. } if !scalar => {
            let segments = segments(path);
            let (_, parents) = segments.split_last()?;
            find(document, parents).filter(|parent| parent.is_array())?;
            add(document, path, value())
        }
        PatchStep::Set { .. } | PatchStep::Delete { .. } | PatchStep::Insert { .. } => None,
        PatchStep::Add { path, .. } => add(document, path, value()),
        PatchStep::Remove { path } => remove(document, path).map(drop),
        PatchStep::Replace { path, .. } => {
            *find(document, &segments(path))? = value();
            Some(())
        }
        PatchStep::Move { from, path } if from == path => find(document, &segments(from)).map(drop),
        PatchStep::Move { from, path } if path.starts_with(&format!("{from}/")) => None,
        PatchStep::Move { from, path } => {
            let value = remove(document, from)?;
            add(document, path, value)
        }
        PatchStep::Copy { from, path } => {
            let value = find(document, &segments(from))?.clone();
            add(document, path, value)
        }
        PatchStep::Test { path, .. } => {
            equal(find(document, &segments(path))?, &value()).then_some(())
        }
    }
}

/// Equality of RFC 6902, section 4.6: numbers by what they are worth. The numbers of these tests
/// differ as floating point too.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && (one.iter()).all(|(name, value)| {
                    other
                        .get(name)
                        .is_some_and(|of_other| equal(value, of_other))
                })
        }
        (one, other) => one == other,
    }
}

fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let members = target.as_object_mut().unwrap();
    for (name, value) in patch {
        if value.is_null() {
            members.shift_remove(&name);
        } else {
            merge(members.entry(name).or_insert(Value::Null), value);
        }
    }
}

/// Few names, so that paths meet.
const NAMES: [&str; 6] = ["a", "b", "c", "a/b", "~", "é\""];

fn value() -> impl Strategy<Value = Value> {
    let leaf = select(vec![
        "0",
        "1",
        "1.0",
        "9007199254740993",
        "-0.50e+3",
        "null",
        "true",
        r#""""#,
        r#""é\"\\""#,
    ])
    .prop_map(|text| serde_json::from_str(text).unwrap());
    leaf.prop_recursive(4, 40, 5, |inner| {
        let members = prop::collection::vec((select(&NAMES[..]), inner.clone()), 0..5);
        let elements = prop::collection::vec(inner, 0..5);
        prop_oneof![
            2 => members.prop_map(|members| {
                Value::Object(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
            }),
            1 => elements.prop_map(Value::Array),
        ]
    })
}

fn path() -> impl Strategy<Value = String> {
    let segment = select(vec![
        "a", "b", "c", "a~1b", "~0", "é\"", "0", "1", "2", "-", "01",
    ]);
    prop::collection::vec(segment, 0..4).prop_map(|segments| {
        segments
            .iter()
            .map(|segment| format!("/{segment}"))
            .collect()
    })
}

fn step() -> impl Strategy<Value = PatchStep> {
    let text = value().prop_map(|value| value.to_string().into_bytes());
    (0..9, path(), path(), text).prop_map(|(op, path, from, value)| match op {
        0 => PatchStep::Set { path, value },
        1 => PatchStep::Delete { path },
        2 => PatchStep::Insert { path, value },
        3 => PatchStep::Add { path, value },
        4 => PatchStep::Remove { path },
        5 => PatchStep::Replace { path, value },
        6 => PatchStep::Move { from, path },
        7 => PatchStep::Copy { from, path },
        _ => PatchStep::Test { path, value },
    })
}

/// The value in the layout of a person or of a machine, some names with escapes.
fn written(value: &Value, layout: bool) -> String {
    let text = if layout {
        serde_json::to_string_pretty(value)
    } else {
        serde_json::to_string(value)
    };
    text.unwrap().replace("\"a\"", "\"\\u0061\"")
}

/// The text without white space and needless escapes, in its order.
fn compact(text: &[u8]) -> String {
    serde_json::from_slice::<Value>(text).unwrap().to_string()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_list_of_steps_does_what_it_does_to_a_tree(
        document in value(),
        layout in any::<bool>(),
        steps in prop::collection::vec(step(), 0..30),
    ) {
        let mut expected = document.clone();
        let text = written(&document, layout);
        // A step that the model refuses must be refused, and is then left out.
        let mut applied = Vec::new();
        for step in steps {
            let mut next = expected.clone();
            let accepted = model(&mut next, &step).is_some();
            applied.push(step);
            let patched = crate::patch::apply(text.as_bytes(), &applied, &Limits::DEFAULT);
            prop_assert_eq!(patched.is_ok(), accepted, "{} {:?} {:?}", text, applied, patched);
            if let Ok(patched) = patched {
                prop_assert!(check(&patched, JsonLimits::default()).is_ok());
                prop_assert_eq!(compact(&patched), next.to_string(), "{} {:?}", text, applied);
                expected = next;
            } else {
                applied.pop();
            }
        }
    }

    #[test]
    fn any_merge_does_what_it_does_to_a_tree(
        document in value(),
        patch in value(),
        layout in any::<bool>(),
    ) {
        let (text, patch_text) = (written(&document, layout), written(&patch, !layout));
        let mut expected = document;
        merge(&mut expected, patch);
        let merged = crate::patch::merge(text.as_bytes(), patch_text.as_bytes(), &Limits::DEFAULT);
        prop_assert_eq!(compact(&merged.unwrap()), expected.to_string(), "{} {}", text, patch_text);
    }

    #[test]
    fn any_value_equals_itself_however_it_is_written(value in value(), steps in prop::collection::vec(step(), 0..6)) {
        let mut changed = value.clone();
        let mut applied: Vec<_> = steps.into_iter().filter(|step| model(&mut changed, step).is_some()).collect();
        // Filtering applied the steps that a refused one had half done; only whole ones count here.
        changed = value.clone();
        applied.retain(|step| {
            let mut next = changed.clone();
            let accepted = model(&mut next, step).is_some();
            if accepted {
                changed = next;
            }
            accepted
        });
        let sorted = serde_json::to_string(&sorted(&changed)).unwrap();
        applied.push(PatchStep::Test { path: String::new(), value: sorted.into_bytes() });
        let text = written(&value, true);
        let patched = crate::patch::apply(text.as_bytes(), &applied, &Limits::DEFAULT);
        prop_assert!(patched.is_ok(), "{} {:?} {:?}", text, applied, patched);
    }

    #[test]
    fn whatever_the_bytes_are_nothing_panics(
        document in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            "[\\[\\]{}\",:0-9a\\\\ -]{0,40}".prop_map(String::into_bytes),
        ],
        mut steps in prop::collection::vec(step(), 0..8),
        path in any::<String>(),
        patch in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        steps.push(PatchStep::Set { path, value: patch.clone() });
        for len in 0..=steps.len() {
            if let Ok(text) = crate::patch::apply(&document, &steps[..len], &Limits::DEFAULT) {
                prop_assert!(check(&text, JsonLimits::default()).is_ok());
            }
        }
        if let Ok(text) = crate::patch::merge(&document, &patch, &Limits::DEFAULT) {
            prop_assert!(check(&text, JsonLimits::default()).is_ok());
        }
    }
}

/// The value with the members of every object in another order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|a, b| b.0.cmp(a.0));
            Value::Object(
                members
                    .into_iter()
                    .map(|(name, value)| (name.clone(), sorted(value)))
                    .collect(),
            )
        }
        Value::Array(elements) => Value::Array(elements.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
