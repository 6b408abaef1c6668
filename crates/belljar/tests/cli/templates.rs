//! `belljar template` without building anything.

use crate::program::{Seen, belljar, call};

#[test]
fn templates_are_listed_smallest_first() {
    let json = call(["template", "list", "--json"]).json();
    let names: Vec<&str> = json.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names.first(), Some(&"python"));
    let person = call(["template", "list"]);
    for name in names {
        assert!(person.stdout.contains(name), "{person:?}");
        let shown = call(["template", "show", name]);
        assert!(shown.exit == Some(0) && shown.stdout.contains("ipython"), "{shown:?}");
    }
}

#[test]
fn what_is_not_there_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let seen = call(["template", "show", "nope", "--json"]);
    assert_eq!(
        (seen.exit, seen.json()["error"]["code"].as_str()),
        (Some(2), Some("template_unknown")),
        "{seen:?}"
    );
    let mut remove = belljar();
    remove.args(["template", "remove", "python", "--data-dir"]).arg(dir.path());
    let seen = Seen::from(remove.output().unwrap());
    assert!(seen.exit == Some(125) && seen.stderr.contains("it is not built"), "{seen:?}");
}
