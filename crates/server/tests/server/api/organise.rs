//! Tags, orders, searches among some people, moves, merges, and changes of many people.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use super::{Rest, assert_problem, text};
use crate::fixture::Server;
use crate::pictures::{base64, biden, decode, obama, obama2};
use crate::random::Random;

/// Reads a list of people to its end, in pages of `limit`, and returns the ids.
fn ids(rest: &Rest, path: &str, query: &str, limit: usize) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = rest.get(&format!("{path}?limit={limit}{query}{cursor}"));
        assert_eq!(page.status, 200, "{}", page.text());
        let page = page.json();
        ids.extend(page["items"].as_array().expect("items").iter().map(|item| text(&item["id"])));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

/// Returns the ids of those whom a search finds, whatever their similarity, in their order.
fn found(rest: &Rest, library: &str, search: &Value) -> Vec<String> {
    let mut body = json!({"image": base64(&obama2()), "threshold": 0, "top": 100});
    body.as_object_mut().expect("an object").extend(search.as_object().expect("an object").clone());
    let answer = rest.json("POST", &format!("/libraries/{library}/identify"), &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let matches = answer.json()["faces"][0]["matches"].as_array().expect("matches").clone();
    matches.iter().map(|found| text(&found["person"]["id"])).collect()
}

#[test]
fn people_have_tags_by_which_they_are_listed_and_found() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    let people = format!("/libraries/{library}/people");
    let texts = [("name", "Barack"), ("tags", "VIP"), ("tags", " night  Shift")];
    let barack = admin.person(&library, &texts, &obama());
    assert_eq!(barack["tags"], json!(["night shift", "vip"]));
    let barack = text(&barack["id"]);
    let body = json!({"name": "Joe", "tags": ["vip"], "image": base64(&biden())});
    let joe = text(&admin.json("POST", &people, &body).json()["id"]);
    let nobody = text(&admin.person(&library, &[("name", "Ada")], &biden())["id"]);

    assert_eq!(ids(&admin, &people, "&tag=vip", 1), [barack.clone(), joe.clone()]);
    assert_eq!(ids(&admin, &people, "&tag=Vip&tag=NIGHT+shift", 1), std::slice::from_ref(&barack));
    assert_eq!(ids(&admin, &people, "&tag=vip&sort=newest", 1), [joe.clone(), barack.clone()]);
    assert_eq!(ids(&admin, &people, "&sort=name", 1), [nobody.clone(), barack.clone(), joe.clone()]);
    assert_eq!(ids(&admin, &people, "&tag=none", 9), Vec::<String>::new());
    // One text is looked for in names, ids of the app and tags.
    assert_eq!(admin.json("PATCH", &format!("{people}/{joe}"), &json!({"externalId": "Ada-7_%"})).status, 200);
    for (text, expected) in [
        ("ADA", vec![&joe, &nobody]),
        ("rac", vec![&barack]),
        ("Night", vec![&barack]),
        // As full-width letters.
        ("%EF%BC%B6%EF%BC%A9%EF%BC%B0", vec![&barack, &joe]),
        ("_%25", vec![&joe]),
        ("%25%25", vec![]),
        ("nobody", vec![]),
    ] {
        let expected: Vec<String> = expected.into_iter().cloned().collect();
        let path = format!("&text={text}");
        assert_eq!(ids(&admin, &people, &path, 1), expected, "{text}");
        let count = admin.get(&format!("{people}/count?text={text}")).json();
        assert_eq!(count, json!({"people": expected.len(), "isMore": false}), "{text}");
    }
    assert_eq!(admin.get(&format!("{people}/count")).json()["people"], 3);
    assert_eq!(admin.get(&format!("{people}/count?tag=vip&name=joe")).json()["people"], 1);
    assert_eq!(ids(&admin, &people, "&text=a&tag=vip&sort=name", 1), [barack.clone(), joe.clone()]);
    for wrong in ["text=", "text=%00", &format!("text={}", "a".repeat(257))] {
        assert_problem(&admin.get(&format!("{people}?{wrong}")), 400, "badField");
        assert_problem(&admin.get(&format!("{people}/count?{wrong}")), 400, "badField");
    }
    assert_problem(&admin.get(&format!("{people}/count?sort=name")), 400, "badField");
    // Lists tell the newest face.
    let more = admin.form("POST", &format!("{people}/{barack}/faces"), &[], &[("file", &obama2())]);
    assert_eq!(more.status, 201, "{}", more.text());
    let shown = admin.get(&format!("{people}?text=rac")).json()["items"][0].clone();
    let newest = text(&more.json()["id"]);
    let thumbnail = format!("/api/v1{people}/{barack}/faces/{newest}/thumbnail");
    assert_eq!(shown["newestFace"], json!({"id": newest, "thumbnail": thumbnail}), "{shown}");
    assert_eq!(admin.get(thumbnail.strip_prefix("/api/v1").expect("below")).status, 200);
    assert_eq!(admin.get(&format!("{people}/{barack}")).json()["newestFace"], shown["newestFace"]);
    assert_eq!(admin.delete(&format!("{people}/{barack}/faces/{newest}")).status, 204);
    let counts = json!([{"tag": "night shift", "people": 1}, {"tag": "vip", "people": 2}]);
    assert_eq!(admin.get(&format!("/libraries/{library}/tags")).json()["items"], counts);
    let first = admin.get(&format!("/libraries/{library}/tags?limit=1")).json();
    let next = admin.get(&format!("/libraries/{library}/tags?cursor={}", text(&first["next"]))).json();
    assert_eq!((&first["items"][0], &next["items"]), (&counts[0], &json!([counts[1]])));

    // The best of those who are admitted, not those among the best.
    assert_eq!(found(&admin, &library, &json!({"top": 1})), std::slice::from_ref(&barack));
    assert_eq!(
        found(&admin, &library, &json!({"top": 1, "tags": ["vip"], "personIds": [joe]})),
        std::slice::from_ref(&joe)
    );
    assert_eq!(found(&admin, &library, &json!({"tags": ["vip"]})), [barack.clone(), joe.clone()]);
    assert_eq!(found(&admin, &library, &json!({"tags": ["vip", "night shift"]})), std::slice::from_ref(&barack));
    assert_eq!(found(&admin, &library, &json!({"personIds": [nobody, "7"]})), std::slice::from_ref(&nobody));
    assert_eq!(found(&admin, &library, &json!({"tags": ["none"]})), Vec::<String>::new());
    let other = admin.library("other");
    admin.person(&other, &[("tags", "vip")], &obama());
    let both = json!({"image": base64(&obama2()), "libraryIds": [library, other], "tags": ["vip"], "faces": "all",
        "threshold": 0});
    let both = admin.json("POST", "/identify", &both).json();
    assert_eq!(both["faces"][0]["matches"].as_array().map(Vec::len), Some(3), "{both}");
    let form = [("tags", "vip"), ("personIds", joe.as_str()), ("threshold", "0")];
    let form = admin.form("POST", &format!("/libraries/{library}/identify"), &form, &[("file", &obama2())]).json();
    assert_eq!(form["faces"][0]["matches"].as_array().map(Vec::len), Some(1), "{form}");

    let person = format!("{people}/{joe}");
    let tag = admin.get(&person).header("etag").expect("a tag").to_owned();
    let changed = admin.json("PATCH", &person, &json!({"tags": ["Former", "former "]})).json();
    assert_eq!((&changed["tags"], &changed["name"]), (&json!(["former"]), &json!("Joe")));
    let headers = [("If-Match", tag.as_str()), ("Content-Type", "application/json")];
    assert_problem(&admin.send("PATCH", &person, &headers, b"{\"tags\": []}"), 412, "changedMeanwhile");
    let copied = admin.json("POST", &format!("{person}/copy"), &json!({"libraryId": other})).json();
    assert_eq!(copied["tags"], json!(["former"]));
    for tags in [json!([""]), json!(["a\u{0}"]), json!(["a".repeat(65)]), json!((0..51).collect::<Vec<_>>()), json!(7)]
    {
        assert_eq!(admin.json("PATCH", &person, &json!({ "tags": tags })).status, 400, "{tags}");
    }
    let many: Vec<String> = (0..51).map(|tag| tag.to_string()).collect();
    assert_problem(&admin.json("PATCH", &person, &json!({ "tags": many })), 400, "badField");
    let name = admin.get(&format!("{people}?sort=name&limit=1")).json();
    for query in [format!("sort=newest&cursor={}", text(&name["next"])), "sort=up".to_owned(), "tag=".to_owned()] {
        assert_problem(&admin.get(&format!("{people}?{query}")), 400, "badField");
    }
    let since = text(&changed["updatedAt"]);
    assert_eq!(ids(&admin, &people, &format!("&updatedFrom={since}"), 9), [joe]);
}

#[test]
fn a_library_has_a_threshold_and_a_number_of_its_own_for_every_interface() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    let path = format!("/libraries/{library}");
    admin.person(&library, &[("name", "Barack")], &obama());
    admin.person(&library, &[("name", "Again")], &obama2());
    let joe = admin.person(&library, &[("name", "Joe")], &biden());
    let count = || {
        let answer = admin.json("POST", &format!("{path}/identify"), &json!({"image": base64(&obama2())})).json();
        answer["faces"][0]["matches"].as_array().map(Vec::len)
    };
    let manual = || {
        let body = json!({"groupId": "staff", "image": base64(&obama2())});
        server.admin(0).post("/aicp/face/recognition", &body).data()["records"].as_array().map(Vec::len)
    };
    assert_eq!((count(), manual()), (Some(2), Some(1)));
    let changed = admin.json("PATCH", &path, &json!({"threshold": 0.0, "topN": 3}));
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!((&changed.json()["threshold"], &changed.json()["topN"]), (&json!(0.0), &json!(3)));
    assert_eq!((count(), manual()), (Some(3), Some(3)));
    let verify = format!("{path}/people/{}/verify", text(&joe["id"]));
    assert_eq!(admin.form("POST", &verify, &[], &[("file", &obama2())]).json()["match"], true);
    assert_eq!(admin.form("POST", &verify, &[("fmr", "0.0001")], &[("file", &obama2())]).json()["match"], false);
    let statistics = admin.get(&format!("{path}/statistics")).json();
    assert_eq!((&statistics["threshold"], &statistics["falseMatchRate"]), (&json!(0.0), &json!(1.0)));

    let other = admin.library("other");
    admin.person(&other, &[], &biden());
    let both = json!({"image": base64(&obama2()), "libraryIds": [library, other], "top": 9});
    let both = admin.json("POST", "/identify", &both).json();
    let matches = both["faces"][0]["matches"].as_array().expect("matches").clone();
    assert_eq!(matches.len(), 3, "each library has its threshold: {both}");

    let changed = admin.json("PATCH", &path, &json!({"fmr": 1e-3, "topN": 1})).json();
    assert!(changed["threshold"].as_f64().is_some_and(|share| (share - 0.7).abs() < 1e-4), "{changed}");
    assert_eq!((count(), manual()), (Some(1), Some(1)));
    let restored = admin.json("PATCH", &path, &json!({"threshold": null, "topN": null})).json();
    assert_eq!((&restored["threshold"], &restored["topN"]), (&Value::Null, &Value::Null));
    assert_eq!(count(), Some(2));
    for (body, field) in [
        (json!({"threshold": 1.5}), "threshold"),
        (json!({"threshold": 0.5, "fmr": 0.1}), "fmr"),
        (json!({"fmr": 0.9}), "fmr"),
        (json!({"topN": 0}), "topN"),
        (json!({"topN": 101}), "topN"),
    ] {
        let refused = admin.json("PATCH", &path, &body);
        assert_problem(&refused, 400, "badField");
        assert_eq!(refused.json()["fields"][0]["name"], field);
    }
}

#[test]
fn a_person_moves_with_all_that_is_theirs() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let (from, to) = (admin.library("from"), admin.library("to"));
    let texts = [("externalId", "b1"), ("name", "Barack"), ("tags", "vip")];
    let made = admin.person(&from, &texts, &obama());
    let id = text(&made["id"]);
    let person = |library: &str| format!("/libraries/{library}/people/{id}");
    let moved = admin.json("POST", &format!("{}/move", person(&from)), &json!({"libraryId": to}));
    assert_eq!(moved.status, 200, "{}", moved.text());
    let moved = moved.json();
    for field in ["id", "externalId", "name", "tags", "createdAt"] {
        assert_eq!(moved[field], made[field], "{field}");
    }
    assert_eq!((&moved["libraryId"], &moved["faces"][0]["id"]), (&json!(to), &made["faces"][0]["id"]));
    assert_problem(&admin.get(&person(&from)), 404, "personNotFound");
    assert_problem(&admin.delete(&person(&from)), 404, "personNotFound");
    assert_eq!(found(&admin, &from, &json!({})), Vec::<String>::new());
    assert_eq!(found(&admin, &to, &json!({"tags": ["vip"]})), std::slice::from_ref(&id));
    assert_eq!(admin.get(&format!("/libraries/{from}/tags")).json()["items"], json!([]));
    let picture = admin.get(&format!("{}/faces/{}/picture", person(&to), text(&moved["faces"][0]["id"])));
    assert!(picture.body == obama());
    // The interfaces of the vendors see the same.
    let manual = |group: &str| {
        let body = json!({"groupId": group, "image": base64(&obama2())});
        server.admin(0).post("/aicp/face/recognition", &body).data()["records"].as_array().map(Vec::len)
    };
    assert_eq!((manual("from"), manual("to")), (Some(0), Some(1)));

    admin.person(&from, &[("externalId", "b1")], &biden());
    let back = admin.json("POST", &format!("{}/move", person(&to)), &json!({"libraryId": from}));
    assert_problem(&back, 409, "personExists");
    assert_eq!(found(&admin, &to, &json!({})), std::slice::from_ref(&id), "nothing has changed");
    let same = admin.json("POST", &format!("{}/move", person(&to)), &json!({"libraryId": to}));
    assert_eq!(same.status, 200, "{}", same.text());
    let shop = Rest::new(&server, &server.grant("shop", &["C10000000001"]));
    let foreign = json!({"libraryId": shop.library("hall")});
    assert_problem(&admin.json("POST", &format!("{}/move", person(&to)), &foreign), 404, "libraryNotFound");
}

#[test]
fn people_who_are_one_are_merged() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    let people = format!("/libraries/{library}/people");
    let first = admin.person(&library, &[("name", "Barack"), ("tags", "a")], &obama());
    let second = admin.person(&library, &[("name", "Barak"), ("tags", "b")], &obama2());
    let (id, other) = (text(&first["id"]), text(&second["id"]));
    let merge = |person: &str, other: &str| {
        admin.json("POST", &format!("{people}/{person}/merge"), &json!({"personId": other}))
    };
    let merged = merge(&id, &other);
    assert_eq!(merged.status, 200, "{}", merged.text());
    let merged = merged.json();
    assert_eq!((&merged["name"], &merged["tags"]), (&json!("Barack"), &json!(["a", "b"])));
    assert_eq!(merged["faces"].as_array().map(Vec::len), Some(2));
    assert_problem(&admin.get(&format!("{people}/{other}")), 404, "personNotFound");
    let answer = admin.json("POST", &format!("/libraries/{library}/identify"), &json!({"image": base64(&obama2())}));
    let matches = answer.json()["faces"][0]["matches"].clone();
    assert_eq!(matches.as_array().map(Vec::len), Some(1), "{matches}");
    assert_eq!((&matches[0]["person"]["id"], &matches[0]["faceId"]), (&json!(id), &second["faces"][0]["id"]));
    assert_problem(&merge(&id, &id), 400, "badField");
    assert_problem(&merge(&id, &other), 404, "personNotFound");
    let elsewhere = text(&admin.person(&admin.library("other"), &[], &obama())["id"]);
    assert_problem(&merge(&id, &elsewhere), 404, "personNotFound");
}

#[test]
fn many_people_are_changed_and_deleted_each_on_its_own() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    let people = format!("/libraries/{library}/people");
    let ids: Vec<String> = [("a", &obama()), ("b", &obama2()), ("c", &biden())]
        .map(|(name, picture)| text(&admin.person(&library, &[("name", name), ("tags", "old")], picture)["id"]))
        .to_vec();
    let update = |body: &Value| admin.json("POST", &format!("{people}/bulk-update"), body);
    let changed =
        update(&json!({"ids": [ids[1], "9999", "x", ids[0]], "change": {"company": "C"}, "addTags": ["New"]}));
    assert_eq!(changed.status, 200, "{}", changed.text());
    let changed = changed.json();
    let outcomes: Vec<(String, Value)> = changed["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| (text(&item["id"]), item["problem"]["code"].clone()))
        .collect();
    let missing = json!("personNotFound");
    assert_eq!(
        outcomes,
        [
            (ids[1].clone(), Value::Null),
            ("9999".to_owned(), missing.clone()),
            ("x".to_owned(), missing),
            (ids[0].clone(), Value::Null)
        ]
    );
    let seen = admin.get(&format!("{people}/{}", ids[0])).json();
    assert_eq!((&seen["company"], &seen["tags"]), (&json!("C"), &json!(["new", "old"])));
    let renamed = update(&json!({"tags": ["old", "new"], "removeTags": ["old"], "addTags": ["gone"]})).json();
    assert_eq!((renamed["items"].as_array().map(Vec::len), &renamed["next"]), (Some(2), &Value::Null));
    let taken = update(&json!({"ids": [ids[0], ids[1]], "change": {"externalId": "same"}})).json();
    let refused: Vec<&Value> =
        taken["items"].as_array().expect("items").iter().map(|i| &i["problem"]["code"]).collect();
    assert_eq!(refused.iter().filter(|code| ***code == json!("personExists")).count(), 1, "{taken}");
    let many: Vec<String> = (0..49).map(|tag| tag.to_string()).collect();
    let full = update(&json!({"ids": [ids[0]], "addTags": many})).json();
    assert_eq!(full["items"][0]["problem"]["code"], "tooManyTags", "{full}");
    for body in [
        json!({}),
        json!({"ids": []}),
        json!({"ids": vec!["1"; 1001]}),
        json!({"ids": ["1"], "tags": ["a"]}),
        json!({"ids": ["1"], "cursor": "AAAAAAAAAAA"}),
        json!({"tags": []}),
        json!({"tags": ["a"], "cursor": "x"}),
    ] {
        assert_problem(&update(&body), 400, "badField");
    }

    let delete = |body: &Value| admin.json("POST", &format!("{people}/bulk-delete"), body);
    let deleted = delete(&json!({"tags": ["gone"]})).json();
    assert_eq!(deleted["items"].as_array().map(Vec::len), Some(2), "{deleted}");
    assert_eq!(found(&admin, &library, &json!({})), [ids[2].clone()]);
    let again = delete(&json!({"ids": [ids[0], ids[2], ids[2]]})).json();
    let codes: Vec<&Value> = again["items"].as_array().expect("items").iter().map(|i| &i["problem"]["code"]).collect();
    assert_eq!(codes[0], "personNotFound");
    assert_eq!(codes.iter().filter(|code| code.is_null()).count(), 1, "of two deletions one succeeds: {again}");
    assert_eq!(admin.get(&people).json()["items"], json!([]));
}

/// A person of the model.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    id: String,
    external: String,
    name: String,
    tags: Vec<String>,
    faces: usize,
}

#[test]
fn people_are_where_a_model_says_after_any_calls() {
    let mut random = Random::new();
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let libraries: Vec<String> = (0..3).map(|number| admin.library(&format!("library {number}"))).collect();
    // Per library, the people by the order of their creation.
    let mut model: BTreeMap<String, Vec<Known>> = libraries.iter().map(|id| (id.clone(), Vec::new())).collect();
    let pictures = [obama(), obama2(), biden()];
    let number = |id: &str| id.parse::<i64>().expect("a number");
    for step in 0..45 {
        let library = &libraries[random.index(libraries.len())];
        let people = format!("/libraries/{library}/people");
        let some = |random: &mut Random, rows: &[Known]| (!rows.is_empty()).then(|| random.index(rows.len()));
        let rows = model.get_mut(library).expect("known");
        match random.below(8) {
            0..=2 => {
                let (external, name) = (format!("u{}", random.below(12)), format!("N{}", random.below(4)));
                let tags = vec![format!("t{}", random.below(3))];
                let texts = [("externalId", external.as_str()), ("name", &name), ("tags", &tags[0])];
                let picture = &pictures[random.index(pictures.len())];
                let made = admin.form("POST", &people, &texts, &[("file", picture)]);
                if rows.iter().any(|row| row.external == external) {
                    assert_problem(&made, 409, "personExists");
                } else {
                    assert_eq!(made.status, 201, "{}", made.text());
                    rows.push(Known { id: text(&made.json()["id"]), external, name, tags, faces: 1 });
                }
            }
            3 => {
                let Some(index) = some(&mut random, rows) else { continue };
                let (name, tags) = (format!("N{}", random.below(4)), vec![format!("t{}", random.below(3))]);
                let change = json!({"name": name, "tags": tags});
                let changed = admin.json("PATCH", &format!("{people}/{}", rows[index].id), &change);
                assert_eq!(changed.status, 200, "{}", changed.text());
                (rows[index].name, rows[index].tags) = (name, tags);
            }
            4 => {
                let Some(index) = some(&mut random, rows) else { continue };
                let to = &libraries[random.index(libraries.len())];
                let known = rows[index].clone();
                let moved = admin.json("POST", &format!("{people}/{}/move", known.id), &json!({"libraryId": to}));
                let is_taken = to != library && model[to].iter().any(|row| row.external == known.external);
                if is_taken {
                    assert_problem(&moved, 409, "personExists");
                } else {
                    assert_eq!(moved.status, 200, "{}", moved.text());
                    model.get_mut(library).expect("known").remove(index);
                    let target = model.get_mut(to).expect("known");
                    let place = target.partition_point(|row| number(&row.id) < number(&known.id));
                    target.insert(place, known);
                }
            }
            5 => {
                let (Some(index), Some(other)) = (some(&mut random, rows), some(&mut random, rows)) else { continue };
                let body = json!({"personId": rows[other].id});
                let merged = admin.json("POST", &format!("{people}/{}/merge", rows[index].id), &body);
                if index == other {
                    assert_problem(&merged, 400, "badField");
                    continue;
                }
                assert_eq!(merged.status, 200, "{}", merged.text());
                let gone = rows[other].clone();
                rows[index].faces += gone.faces;
                rows[index].tags.extend(gone.tags);
                rows[index].tags.sort();
                rows[index].tags.dedup();
                rows.remove(other);
            }
            6 => {
                let tag = format!("t{}", random.below(3));
                if random.below(2) == 0 {
                    let deleted = admin.json("POST", &format!("{people}/bulk-delete"), &json!({"tags": [tag]})).json();
                    let expected = rows.iter().filter(|row| row.tags.contains(&tag)).count();
                    assert_eq!(deleted["items"].as_array().map(Vec::len), Some(expected), "{deleted}");
                    rows.retain(|row| !row.tags.contains(&tag));
                } else {
                    let body = json!({"tags": [tag], "change": {"name": "bulk"}, "addTags": ["t9"]});
                    assert_eq!(admin.json("POST", &format!("{people}/bulk-update"), &body).status, 200);
                    for row in rows.iter_mut().filter(|row| row.tags.contains(&tag)) {
                        row.name = "bulk".to_owned();
                        row.tags.push("t9".to_owned());
                        row.tags.sort();
                        row.tags.dedup();
                    }
                }
            }
            _ => {
                let Some(index) = some(&mut random, rows) else { continue };
                assert_eq!(admin.delete(&format!("{people}/{}", rows[index].id)).status, 204);
                rows.remove(index);
            }
        }
        for (library, rows) in &model {
            let path = format!("/libraries/{library}/people");
            let limit = 1 + random.index(9);
            let expected = |keep: &dyn Fn(&Known) -> bool| -> Vec<String> {
                rows.iter().filter(|row| keep(row)).map(|row| row.id.clone()).collect()
            };
            let all = expected(&|_| true);
            assert_eq!(ids(&admin, &path, "", limit), all, "step {step}");
            assert_eq!(ids(&admin, &path, "&sort=newest", limit), all.iter().rev().cloned().collect::<Vec<_>>());
            let tagged = expected(&|row| row.tags.contains(&"t1".to_owned()));
            assert_eq!(ids(&admin, &path, "&tag=t1", limit), tagged, "step {step}");
            let mut by_name = rows.clone();
            by_name.sort_by(|a, b| (&a.name, number(&a.id)).cmp(&(&b.name, number(&b.id))));
            let by_name: Vec<String> = by_name.into_iter().map(|row| row.id).collect();
            assert_eq!(ids(&admin, &path, "&sort=name", limit), by_name, "step {step}");
            if step % 5 == 0 {
                let sorted = |mut ids: Vec<String>| {
                    ids.sort_by_key(|id| number(id));
                    ids
                };
                assert_eq!(sorted(found(&admin, library, &json!({}))), all, "the index of step {step}");
                assert_eq!(sorted(found(&admin, library, &json!({"tags": ["t1"]}))), tagged, "step {step}");
            }
        }
    }
    for (library, rows) in &model {
        for row in rows {
            let seen = admin.get(&format!("/libraries/{library}/people/{}", row.id)).json();
            assert_eq!((&seen["tags"], &seen["name"]), (&json!(row.tags), &json!(row.name)));
            assert_eq!(seen["faces"].as_array().map(Vec::len), Some(row.faces));
        }
    }
}

#[test]
fn pages_of_people_keep_their_place_while_others_come_move_and_go() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let (library, other) = (admin.library("staff"), admin.library("other"));
    let make = |admin: &Rest| text(&admin.person(&library, &[("name", "P"), ("tags", "t")], &obama())["id"]);
    let people = format!("/libraries/{library}/people");
    let stays: Vec<String> = (0..12).map(|_| make(&admin)).collect();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let admin = Rest::admin(&server);
            while !is_over.load(Ordering::Relaxed) {
                let id = make(&admin);
                let path = format!("{people}/{id}");
                let moved = admin.json("POST", &format!("{path}/move"), &json!({"libraryId": other}));
                assert_eq!(moved.status, 200, "{}", moved.text());
                let there = format!("/libraries/{other}/people/{id}/move");
                assert_eq!(admin.json("POST", &there, &json!({"libraryId": library})).status, 200);
                let deleted = admin.json("POST", &format!("{people}/bulk-delete"), &json!({"ids": [id]}));
                assert_eq!(deleted.json()["items"][0]["problem"], Value::Null);
            }
        });
        for query in ["", "&sort=newest", "&sort=name", "&tag=t"] {
            for limit in [1, 2, 3, 50] {
                let mut listed = ids(&admin, &people, query, limit);
                listed.retain(|id| stays.contains(id));
                if query == "&sort=newest" {
                    listed.reverse();
                }
                assert_eq!(listed, stays, "in order and once: {query}, {limit}");
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn no_update_is_lost_that_was_made_with_if_match() {
    let server = Server::auto();
    let library = Rest::admin(&server).library("staff");
    let id = text(&Rest::admin(&server).person(&library, &[("name", "0"), ("tags", "0")], &obama())["id"]);
    let person = format!("/libraries/{library}/people/{id}");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let admin = Rest::admin(&server);
                let mut done = 0;
                while done < 10 {
                    let seen = admin.get(&person);
                    let tag = seen.header("etag").expect("a tag").to_owned();
                    let next = text(&seen.json()["name"]).parse::<u32>().expect("a number") + 1;
                    let body = json!({"name": next.to_string(), "tags": [next.to_string()]}).to_string();
                    let headers = [("If-Match", tag.as_str()), ("Content-Type", "application/json")];
                    let changed = admin.send("PATCH", &person, &headers, body.as_bytes());
                    match changed.status {
                        200 => done += 1,
                        _ => assert_problem(&changed, 412, "changedMeanwhile"),
                    }
                }
            });
        }
    });
    let seen = Rest::admin(&server).get(&person).json();
    assert_eq!((&seen["name"], &seen["tags"]), (&json!("40"), &json!(["40"])));
}

#[test]
fn a_face_has_a_thumbnail_and_a_template_for_those_who_may_see_it() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let shop = Rest::new(&server, &server.grant("shop", &["C10000000001", "C10000000003"]));
    let library = shop.library("staff");
    let person = shop.person(&library, &[], &obama());
    let face = &person["faces"][0];
    let path = format!("/libraries/{library}/people/{}/faces/{}", text(&person["id"]), text(&face["id"]));

    let small = shop.get(&format!("{path}/thumbnail?size=64"));
    assert_eq!((small.status, small.header("content-type")), (200, Some("image/jpeg")), "{}", small.text());
    assert_eq!(small.header("cache-control"), Some("private, max-age=3600"));
    let decoded = decode(&small.body);
    assert!(decoded.width().max(decoded.height()) <= 64 && decoded.width() > 32, "{:?}", decoded.dimensions());
    // The face is in the middle, and large enough to be found.
    let large = shop.get(&format!("{path}/thumbnail?size=512"));
    let seen = shop.form("POST", "/detect", &[], &[("file", &large.body)]).json();
    let (seen, decoded) = (&seen["faces"][0]["box"], decode(&large.body));
    let share = seen["width"].as_f64().expect("a face") / f64::from(decoded.width());
    assert!((0.3..0.9).contains(&share), "{seen} in {:?}", decoded.dimensions());
    let tag = small.header("etag").expect("a tag");
    let known = |tag: &str, size: u32| {
        shop.send("GET", &format!("{path}/thumbnail?size={size}"), &[("If-None-Match", tag)], b"")
    };
    assert_eq!((known(tag, 64).status, known(tag, 64).body.len()), (304, 0));
    assert_eq!((known("\"a\"", 64).status, known(tag, 65).status), (200, 200));
    for size in ["15", "513", "x", "-1"] {
        assert_problem(&shop.get(&format!("{path}/thumbnail?size={size}")), 400, "badField");
    }

    assert_problem(&shop.get(&format!("{path}/template")), 403, "notGranted");
    let detect = |rest: &Rest| rest.form("POST", "/detect", &[("details", "template")], &[("file", &obama())]);
    assert_problem(&detect(&shop), 403, "notGranted");
    let more = json!({"capabilities": ["C10000000001", "C10000000003", "C10000000009"]});
    assert_eq!(admin.json("PATCH", "/apps/shop", &more).status, 200);
    let stored = shop.get(&format!("{path}/template"));
    assert_eq!(stored.status, 200, "{}", stored.text());
    let stored = stored.json();
    let probe = detect(&admin).json()["faces"][0]["template"].clone();
    for part in ["algorithm", "provider", "version"] {
        assert!(stored[part] == probe[part] && !text(&probe[part]).is_empty(), "{part}");
    }
    let (stored, probe) = (vector(&stored["vector"]), vector(&probe["vector"]));
    let cosine: f32 = stored.iter().zip(&probe).map(|(a, b)| a * b).sum();
    assert!(stored.len() == probe.len() && cosine > 0.9 && cosine < 1.01, "{cosine}");
}

fn vector(text: &Value) -> Vec<f32> {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text.as_str().expect("a text")).expect("base64");
    bytes.chunks_exact(4).map(|value| f32::from_le_bytes(value.try_into().expect("4 bytes"))).collect()
}

#[test]
fn a_person_is_erased_everywhere() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let shop = Rest::new(&server, &server.grant("shop", &["C10000000001", "C10000000002"]));
    let (first, second) = (shop.library("first"), shop.library("second"));
    let secret = [("externalId", "b1"), ("name", "Very Unusual Name")];
    let made = shop.person(&first, &secret, &obama());
    let headers = [("Idempotency-Key", "k"), ("Content-Type", "application/json")];
    let body = json!({"externalId": "b1", "name": "Very Unusual Name", "image": base64(&obama2())}).to_string();
    let again = shop.send("POST", &format!("/libraries/{second}/people"), &headers, body.as_bytes());
    assert_eq!(again.status, 201, "{}", again.text());
    let job = shop.finished_import(&second, &[("b1/1.jpg", &obama())]);
    let items = || shop.get(&format!("/jobs/{job}/items")).json()["items"][0].clone();
    assert_eq!((&items()["name"], items()["personId"].is_string()), (&json!("b1/1.jpg"), true));
    let other = text(&shop.person(&second, &[("externalId", "j1")], &biden())["id"]);
    admin.person(&admin.library("first"), &secret, &obama());

    assert_problem(&shop.json("POST", "/erasures", &json!({"externalId": "none"})), 404, "personNotFound");
    let foreign = json!({"externalId": "b1", "appId": "admin"});
    assert_problem(&shop.json("POST", "/erasures", &foreign), 404, "appNotFound");
    for body in [json!({}), json!({"externalId": "b1", "personId": made["id"]})] {
        assert_problem(&shop.json("POST", "/erasures", &body), 400, "badField");
    }
    let erased = shop.json("POST", "/erasures", &json!({"personId": made["id"]}));
    assert_eq!(erased.json(), json!({"libraries": 2, "people": 2, "faces": 3}), "{}", erased.text());
    assert_eq!(found(&shop, &first, &json!({})), Vec::<String>::new());
    assert_eq!(found(&shop, &second, &json!({})), [other], "others stay");
    assert_eq!((&items()["name"], &items()["personId"]), (&json!(""), &json!(null)), "its report does not name them");
    let repeat = shop.send("POST", &format!("/libraries/{second}/people"), &headers, body.as_bytes());
    assert_problem(&repeat, 409, "requestNotAnswered");
    let elsewhere = json!({"externalId": "b1", "appId": "admin"});
    assert_eq!(
        admin.json("POST", "/erasures", &elsewhere).json()["people"],
        1,
        "the other app keeps its own until then"
    );
    assert_problem(&admin.json("POST", "/erasures", &elsewhere), 404, "personNotFound");
}
