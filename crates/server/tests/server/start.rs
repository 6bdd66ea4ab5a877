//! State of a server that starts on a filled data folder.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;

use aicp_store::{
    Algorithm, BulkPerson, Bytes, Library, NewFace, NewLibrary, NewPerson, NewTemplate, Page, Profile, Store,
    TemplateRow,
};
use aicp_types::{FileId, PublicId, SystemClock, UnixMillis};
use serde_json::json;

use crate::fixture::{Server, Setup, wait_until};
use crate::http::Api;
use crate::pictures::{base64, biden, decode, jpeg, obama, obama2};

/// More people than are read or added to a gallery in one batch.
const STRANGERS: usize = 5000;

async fn library(store: &Store, group_id: &str, number: u8) -> Library {
    let new = NewLibrary {
        app_id: "admin".to_owned(),
        external_id: group_id.to_owned(),
        name: group_id.to_owned(),
        description: None,
        engine_key: format!("{number:032x}"),
        engine: "builtin".to_owned(),
        created_at: UnixMillis::new(1),
        slot: None,
        hidden: false,
    };
    let made: aicp_store::Result<Library> =
        store.write(move |tx| Box::pin(async move { tx.insert_library(new).await })).await;
    made.expect("a library")
}

/// Builds people with these numbers, each with one template.
fn people(templates: impl IntoIterator<Item = (u16, NewTemplate)>) -> Vec<BulkPerson> {
    let people = templates.into_iter().map(|(number, template)| {
        let id = i64::from(number) + 1;
        let person = NewPerson {
            public_id: PublicId::new(id),
            number: format!("{number:032x}"),
            external_id: None,
            info: None,
            profile: Profile::default(),
            tags: Vec::new(),
            created_at: UnixMillis::new(1),
        };
        let face = NewFace {
            file_id: FileId::new(id),
            bounding_box: [0.0; 4],
            confidence: 1.0,
            quality: None,
            template: Some(template),
            engine_ref: None,
        };
        BulkPerson { person, faces: vec![(face, 0)] }
    });
    people.collect()
}

/// Returns a unit vector that resembles no other, different for each number.
fn stranger(number: usize) -> Vec<f32> {
    let mut vector = vec![0.0; 512];
    vector[number % 512] = 0.6;
    vector[(number / 512 + number % 512 + 1) % 512] = 0.8;
    vector
}

/// Returns the only template of a store.
async fn only_template(store: &Store, library: &Library) -> NewTemplate {
    let mut rows = store.rows().await.expect("a connection");
    let person = rows.people(library.id, Page::first(1)).await.expect("a read").remove(0);
    let mut entry = rows.directory_entries(library.id, &[person.public_id]).await.expect("a read").remove(0).1;
    let algorithm = entry.faces.remove(0).template.expect("a template").algorithm;
    let (sender, vectors) = mpsc::channel();
    let take = move |rows: Vec<TemplateRow>| {
        rows.into_iter().for_each(|row| sender.send(row.vector).expect("somebody listens"));
        Ok::<_, Infallible>(())
    };
    let Ok(read) = store.read_templates(&algorithm, &[], take).await.expect("a read");
    assert_eq!(read.templates, 1);
    NewTemplate { algorithm, vector: vectors.recv().expect("a template"), recognisability: None }
}

/// Adds the folder's only template among those of many people, in two libraries with two algorithms.
async fn fill(data_dir: &Path) {
    let store = aicp_store_sqlite::open(data_dir, Arc::new(SystemClock)).await.expect("the store opens");
    let enrolled = store
        .rows()
        .await
        .expect("a connection")
        .library("admin", "enrolled")
        .await
        .expect("a read")
        .expect("the library");
    let NewTemplate { algorithm, vector, .. } = only_template(&store, &enrolled).await;

    let template =
        |vector: &[f32]| NewTemplate { algorithm: algorithm.clone(), vector: vector.to_vec(), recognisability: None };
    let filled = library(&store, "filled", 1).await;
    let strangers = (0..STRANGERS).map(|number| (number as u16 + 100, template(&stranger(number))));
    let known = [(7, template(&vector))];
    let picture = vec![Bytes::from_static(b"a picture")];
    store.add_people(filled.id, people(known.into_iter().chain(strangers)), picture.clone()).await.expect("people");
    let other = library(&store, "other", 2).await;
    let foreign = Algorithm { version: "another".to_owned(), ..algorithm.clone() };
    let foreign = NewTemplate { algorithm: foreign, vector, recognisability: None };
    store.add_people(other.id, people([(8, foreign)]), picture).await.expect("people");
    store.close().await.expect("the store closes");
}

fn recognise(api: &Api, group: &str, picture: &[u8]) -> Vec<String> {
    let request = json!({"groupId": group, "image": base64(picture)});
    let data = api.post("/aicp/face/recognition", &request).data();
    let hits = data["records"].as_array().expect("a list of hits");
    hits.iter().map(|hit| hit["personNo"].as_str().expect("a personNo").to_owned()).collect()
}

#[test]
fn every_stored_template_of_its_algorithm_is_found_after_a_start() {
    let server = Server::auto();
    let api = server.admin(0);
    api.post("/aicp/face/addBase", &json!({"groupId": "enrolled", "dbName": "enrolled"})).data();
    let enrolled =
        api.post("/aicp/face/add", &json!({"groupId": "enrolled", "image": base64(&obama())})).data_text("personNo");
    server.stop();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(fill(server.data_dir()));

    let full = Setup::new(&["auto"]).env("AICP_RECOGNITION__TOP_N", "5").data_dir(server.data_dir()).start();
    let api = full.admin(0);
    for picture in [obama(), obama2()] {
        assert_eq!(recognise(&api, "enrolled", &picture), std::slice::from_ref(&enrolled));
        assert_eq!(recognise(&api, "filled", &picture), [format!("{:032x}", 7)], "once, and none of the strangers");
        assert_eq!(recognise(&api, "other", &picture), Vec::<String>::new(), "templates of two algorithms never meet");
    }
    assert_eq!(recognise(&api, "filled", &biden()), Vec::<String>::new());
    assert!(full.has_logged("faces of another algorithm or without a template can't be found"));

    // Such people can be removed, and later ones get ids of their own.
    let gone = json!({"groupId": "filled", "userId": format!("{:032x}", 7)});
    api.post("/aicp/face/remove", &gone).data();
    assert_eq!(recognise(&api, "filled", &obama()), Vec::<String>::new());
    let again =
        api.post("/aicp/face/add", &json!({"groupId": "filled", "image": base64(&obama())})).data_text("personNo");
    assert_eq!(recognise(&api, "filled", &obama2()), [again]);
}

/// Writes three faces with the same template, enrolled before recognisability was stored: with a good, a bad and no
/// picture.
async fn fill_unjudged(data_dir: &Path) {
    let store = aicp_store_sqlite::open(data_dir, Arc::new(SystemClock)).await.expect("the store opens");
    let enrolled = store
        .rows()
        .await
        .expect("a connection")
        .library("admin", "enrolled")
        .await
        .expect("a read")
        .expect("the library");
    let template = NewTemplate { recognisability: None, ..only_template(&store, &enrolled).await };
    let old = library(&store, "old", 1).await;
    let mut spoilt = decode(&obama());
    spoilt.iter_mut().for_each(|value| *value = (f32::from(*value) * 0.045) as u8);
    for (number, picture) in [(1, obama()), (2, jpeg(&spoilt)), (3, b"no picture".to_vec())] {
        let people = people([(number, template.clone())]);
        store.add_people(old.id, people, vec![picture.into()]).await.expect("people");
    }
    store.close().await.expect("the store closes");
}

#[test]
fn faces_from_before_they_were_judged_are_judged_by_their_pictures_once() {
    let server = Server::auto();
    let api = server.admin(0);
    api.post("/aicp/face/addBase", &json!({"groupId": "enrolled", "dbName": "enrolled"})).data();
    api.post("/aicp/face/add", &json!({"groupId": "enrolled", "image": base64(&obama())})).data();
    server.stop();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(fill_unjudged(server.data_dir()));

    let numbered = |number: u8| format!("{number:032x}");
    let judged = "faces enrolled before they were judged have been judged";
    let start = || Setup::new(&["auto"]).env("AICP_RECOGNITION__TOP_N", "5").data_dir(server.data_dir()).start();
    let first = start();
    wait_until("the faces are judged", || first.has_logged(judged));
    // A face without a picture is judged by its template.
    assert_eq!(recognise(&first.admin(0), "old", &obama2()), [numbered(1), numbered(3)]);
    first.stop();
    let second = start();
    assert_eq!(recognise(&second.admin(0), "old", &obama2()), [numbered(1), numbered(3)]);
    assert!(second.has_logged("enrolled faces that are not recognisable match nobody"));
}
