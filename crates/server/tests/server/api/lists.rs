//! Lists: their pages while others write, and their rows against a model.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::json;

use super::{Rest, assert_problem, text};
use crate::fixture::Server;
use crate::pictures::obama;
use crate::random::Random;

/// Reads a list to its end, in pages of `limit` rows, and returns the ids.
fn all_ids(rest: &Rest, path: &str, limit: usize) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = rest.get(&format!("{path}?limit={limit}{cursor}"));
        assert_eq!(page.status, 200, "{}", page.text());
        let page = page.json();
        let items = page["items"].as_array().expect("items");
        assert!(items.len() <= limit);
        ids.extend(items.iter().map(|item| text(&item["id"])));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

#[test]
fn pages_neither_lose_nor_repeat_what_is_there_all_along() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let stays: Vec<String> = (0..20).map(|number| admin.library(&format!("stays {number}"))).collect();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let admin = Rest::admin(&server);
            for number in 0.. {
                let id = admin.library(&format!("goes {number}"));
                if number % 3 > 0 {
                    assert_eq!(admin.delete(&format!("/libraries/{id}")).status, 204);
                }
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        for limit in [1, 2, 3, 7, 50, 1000] {
            let ids = all_ids(&admin, "/libraries", limit);
            let kept: Vec<&String> = ids.iter().filter(|id| stays.contains(id)).collect();
            assert_eq!(kept, stays.iter().collect::<Vec<_>>(), "in order and once");
        }
        is_over.store(true, Ordering::Relaxed);
    });
    for query in ["limit=0", "limit=1001", "limit=x", "cursor=x", "cursor=", "limit=1&limit=2"] {
        assert_problem(&admin.get(&format!("/libraries?{query}")), 400, "badField");
    }
}

/// A person of the model.
#[derive(Clone)]
struct Row {
    /// Order of the creation, which a move does not change.
    order: usize,
    id: String,
    external: String,
    name: String,
}

#[test]
fn lists_are_as_a_model_says_after_any_calls() {
    let mut random = Random::new();
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let source = admin.library("source");
    let first = text(&admin.person(&source, &[("externalId", "p"), ("name", "P")], &obama())["id"]);
    // Per library, the people in the order of their creation.
    let mut model: BTreeMap<u64, Vec<Row>> = BTreeMap::new();
    let number = |id: &str| id.parse::<u64>().expect("a number");
    let row = |order, id: String, name: &str| Row { order, id, external: "p".to_owned(), name: name.to_owned() };
    model.insert(number(&source), vec![row(0, first.clone(), "P")]);
    for step in 1..=100 {
        let libraries: Vec<u64> = model.keys().copied().collect();
        let library = libraries[random.index(libraries.len())];
        let people = format!("/libraries/{library}/people");
        match random.below(7) {
            0 if libraries.len() < 5 => {
                model.insert(number(&admin.library(&format!("library {step}"))), Vec::new());
            }
            1 if library.to_string() != source => {
                assert_eq!(admin.delete(&format!("/libraries/{library}")).status, 204);
                model.remove(&library);
            }
            2 => {
                let copied = admin.json(
                    "POST",
                    &format!("/libraries/{source}/people/{first}/copy"),
                    &json!({"libraryId": library.to_string()}),
                );
                let name = model[&number(&source)].iter().find(|row| row.id == first).expect("it stays").name.clone();
                let rows = model.get_mut(&library).expect("known");
                // The copy has the user id of the original, which may be taken.
                if rows.iter().any(|row| row.external == "p") {
                    assert_problem(&copied, 409, "personExists");
                } else {
                    assert_eq!(copied.status, 201, "{}", copied.text());
                    rows.push(row(step, text(&copied.json()["id"]), &name));
                }
            }
            3 => {
                let rows = model.get_mut(&library).expect("known");
                let Some(index) = (!rows.is_empty()).then(|| random.index(rows.len())) else { continue };
                // The original keeps its id, by which it is copied.
                let external = if rows[index].id == first { "p".to_owned() } else { format!("u{}", random.below(6)) };
                let change = json!({"name": format!("N{step}"), "externalId": external});
                let changed = admin.json("PATCH", &format!("{people}/{}", rows[index].id), &change);
                let is_taken = rows.iter().enumerate().any(|(other, row)| other != index && row.external == external);
                if is_taken {
                    assert_problem(&changed, 409, "personExists");
                } else {
                    assert_eq!(changed.status, 200, "{}", changed.text());
                    (rows[index].external, rows[index].name) = (external, format!("N{step}"));
                }
            }
            4 => {
                let Some(index) = model[&library].iter().position(|row| row.id != first) else { continue };
                let target = libraries[random.index(libraries.len())];
                if target == library {
                    continue;
                }
                let person = model[&library][index].clone();
                let to = json!({"libraryId": target.to_string()});
                let moved = admin.json("POST", &format!("{people}/{}/move", person.id), &to);
                if model[&target].iter().any(|row| row.external == person.external) {
                    assert_problem(&moved, 409, "personExists");
                } else {
                    assert_eq!(moved.status, 200, "{}", moved.text());
                    model.get_mut(&library).expect("known").remove(index);
                    let rows = model.get_mut(&target).expect("known");
                    rows.push(person);
                    rows.sort_by_key(|row| row.order);
                }
            }
            5 => {
                let rows = model.get_mut(&library).expect("known");
                let Some(other) = rows.iter().position(|row| row.id != first) else { continue };
                let Some(person) = (0..rows.len()).find(|index| *index != other) else { continue };
                let body = json!({"personId": rows[other].id});
                let merged = admin.json("POST", &format!("{people}/{}/merge", rows[person].id), &body);
                assert_eq!(merged.status, 200, "{}", merged.text());
                rows.remove(other);
            }
            _ => {
                let rows = model.get_mut(&library).expect("known");
                let others = rows.iter().position(|row| row.id != first);
                let Some(index) = others else { continue };
                assert_eq!(admin.delete(&format!("{people}/{}", rows[index].id)).status, 204);
                rows.remove(index);
            }
        }
        assert_eq!(all_ids(&admin, "/libraries", 2), model.keys().map(u64::to_string).collect::<Vec<_>>());
        for (library, rows) in &model {
            let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
            let path = format!("/libraries/{library}/people");
            assert_eq!(all_ids(&admin, &path, 1 + random.index(3)), ids);
            for Row { id, external, name, .. } in rows {
                let found = admin.get(&format!("{path}?externalId={external}")).json();
                assert_eq!((&found["items"][0]["id"], &found["items"][0]["name"]), (&json!(id), &json!(name)));
            }
        }
    }
}
