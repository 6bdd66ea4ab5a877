//! Rows of the outbox. What becomes of a row is the caller's decision.

use aicp_store::{
    Error, Face, Library, OutboxAction, OutboxCount, OutboxFilter, OutboxRow, OutboxState, Page, Person, Solution,
};
use aicp_types::{FaceId, LibraryId, OutboxId, UnixMillis};

use crate::Harness;
use crate::fixture::{APP, Fixture, bytes, key, new_face, new_outbox_row, new_person};

impl Fixture {
    /// Inserts a person with a pending face, and a row of it.
    async fn pending(
        &self,
        library: &Library,
        picture: &str,
        change: impl FnOnce(&mut OutboxRow) + Send + 'static,
    ) -> (Person, Face, OutboxRow) {
        let of = library.clone();
        let insert = self.store.write_with_picture::<_, Error, _>(bytes(picture), move |tx, picture| {
            Box::pin(async move {
                let person = tx.insert_person(of.id, new_person()).await?;
                let face = tx.insert_face(person.id, new_face(), picture, true).await?;
                let mut row = new_outbox_row(&of, &person, &face);
                change(&mut row);
                tx.insert_outbox(row.clone()).await?;
                Ok((person, face, row))
            })
        });
        insert.await.expect("insert")
    }
}

const ACTIONS: [OutboxAction; 5] = [
    OutboxAction::AddFace,
    OutboxAction::RemoveFace,
    OutboxAction::CreateLibrary,
    OutboxAction::DeleteLibrary,
    OutboxAction::UndoAdd,
];

pub async fn rows_round_trip(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let (_, face, row) = f.pending(&library, "p", |_| ()).await;
    assert!(face.pending);
    assert_eq!(f.store.outbox_row(row.id).await.expect("read"), Some(row.clone()));
    assert_eq!(f.store.last_ids().await.expect("read").outbox, Some(row.id));
    let taken = f.store.insert_outbox(row.clone()).await;
    assert!(matches!(taken, Err(Error::Database(_))), "{taken:?}");

    for action in ACTIONS {
        let changed = OutboxRow {
            action,
            engine_ref: Some("r".into()),
            endpoint: "other url".into(),
            operation: "other".into(),
            in_doubt: true,
            was_in_doubt: true,
            listed: true,
            rejected: true,
            attempts: 7,
            last_error: Some("e".into()),
            solved_at: Some(UnixMillis::new(77)),
            solved_by: Some("ann".into()),
            ..row.clone()
        };
        f.store.update_outbox(changed.clone()).await.expect("update");
        assert_eq!(f.store.outbox_row(row.id).await.expect("read"), Some(changed));
    }
    f.store.update_outbox(row.clone()).await.expect("update");
    let f = f.reopen().await;
    assert_eq!(f.store.outbox_row(row.id).await.expect("read"), Some(row.clone()));

    f.store.delete_outbox(row.id).await.expect("delete");
    f.store.delete_outbox(row.id).await.expect("again");
    assert_eq!(f.store.outbox_row(row.id).await.expect("read"), None);
    let gone = f.store.update_outbox(row.clone()).await;
    assert!(matches!(gone, Err(Error::NotFound)), "{gone:?}");
    let gone = f.store.update_outbox_and_release_picture(row).await;
    assert!(matches!(gone, Err(Error::NotFound)), "{gone:?}");
    assert_eq!(f.store.last_ids().await.expect("read").outbox, None);
}

pub async fn heads_are_the_oldest_rows_of_each_library(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (library, other) = (f.library("g").await, f.library("h").await);
    let first = f.pending(&library, "p", |_| ()).await.2;
    let second = f.pending(&library, "q", |_| ()).await.2;
    // The order is by id, not by creation time or order of insertion.
    f.pending(&other, "r", |_| ()).await;
    let early = |row: &mut OutboxRow| {
        (row.id, row.engine, row.created_at) = (OutboxId::new(5), "other".into(), UnixMillis::new(99));
    };
    f.pending(&other, "r", early).await;
    let head = async |library: &Library| f.store.outbox_head(library.id).await.expect("read").map(|row| row.id);
    let libraries = async |engine| f.store.outbox_libraries(engine).await.expect("read");
    assert_eq!((head(&library).await, head(&other).await), (Some(first.id), Some(OutboxId::new(5))));
    assert_eq!(libraries(None).await, [library.id, other.id]);
    assert_eq!(libraries(Some("remote")).await, [library.id, other.id]);
    assert_eq!(libraries(Some("other")).await, [other.id]);
    assert_eq!(libraries(Some("none")).await, []);

    f.store.update_outbox(OutboxRow { rejected: true, ..first }).await.expect("update");
    assert_eq!(head(&library).await, Some(second.id), "what is rejected holds up nothing");
    f.store.update_outbox(OutboxRow { solved_at: Some(UnixMillis::new(1)), ..second }).await.expect("update");
    assert_eq!(head(&library).await, None);
    assert_eq!(libraries(None).await, [other.id]);
    assert_eq!(f.store.outbox_head(LibraryId::new(99)).await.expect("read"), None);
}

pub async fn unsolved_rows_are_found_by_face_and_by_library(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let (_, face, row) = f.pending(&library, "p", |_| ()).await;
    let creation = OutboxRow {
        id: OutboxId::new(3),
        action: OutboxAction::CreateLibrary,
        face_id: None,
        picture_key: None,
        engine_ref: Some("r".into()),
        ..row.clone()
    };
    f.store.insert_outbox(creation.clone()).await.expect("insert");
    let solved = |row: &OutboxRow| OutboxRow { solved_at: Some(UnixMillis::new(1)), ..row.clone() };
    assert_eq!(f.store.unsolved_outbox_of_face(face.id).await.expect("read"), std::slice::from_ref(&row));
    assert_eq!(f.store.unsolved_outbox_of_face(FaceId::new(99)).await.expect("read"), []);
    let of_library = async |action| f.store.unsolved_outbox_of_library(library.id, action).await.expect("read");
    assert_eq!(of_library(OutboxAction::AddFace).await, std::slice::from_ref(&row));
    assert_eq!(of_library(OutboxAction::CreateLibrary).await, std::slice::from_ref(&creation));
    assert_eq!(of_library(OutboxAction::DeleteLibrary).await, []);
    let claimed = async || f.store.claimed_engine_refs(library.id, &["r".into(), "s".into()]).await.expect("read");
    assert_eq!(claimed().await, ["r".to_owned()].into());
    for row in [&row, &creation] {
        f.store.update_outbox(solved(row)).await.expect("update");
    }
    assert_eq!(f.store.unsolved_outbox_of_face(face.id).await.expect("read"), []);
    assert_eq!(of_library(OutboxAction::CreateLibrary).await, []);
    assert!(claimed().await.is_empty(), "nothing is owed any more");
}

pub async fn rows_are_listed_latest_first(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let mut ids = Vec::new();
    for (n, created_at) in [30, 10, 20, 20, 40].into_iter().enumerate() {
        let change = move |row: &mut OutboxRow| {
            (row.created_at, row.listed) = (UnixMillis::new(created_at), n < 4);
            row.solved_at = (n == 2).then_some(UnixMillis::new(77));
            row.rejected = n == 0;
        };
        ids.push(f.pending(&library, "p", change).await.2.id);
    }
    let page = async |filter, page| {
        let (count, rows) = f.store.outbox_page(filter, page).await.expect("page");
        (count, rows.into_iter().map(|row| row.id).collect::<Vec<_>>())
    };
    let all = OutboxFilter::default();
    assert_eq!(page(all, Page::first(9)).await, (4, vec![ids[0], ids[3], ids[2], ids[1]]));
    assert_eq!(page(all, Page { offset: 1, limit: 2 }).await, (4, vec![ids[3], ids[2]]));
    assert_eq!(page(all, Page::first(0)).await, (4, Vec::new()));
    assert_eq!(page(OutboxFilter { solved: Some(true), ..all }, Page::first(9)).await, (1, vec![ids[2]]));
    let unsolved = OutboxFilter { solved: Some(false), ..all };
    assert_eq!(page(unsolved, Page::first(9)).await, (3, vec![ids[0], ids[3], ids[1]]));
    let range = OutboxFilter { from: Some(UnixMillis::new(20)), to: Some(UnixMillis::new(30)), ..all };
    assert_eq!(page(range, Page::first(9)).await, (2, vec![ids[3], ids[2]]));
    assert_eq!(page(OutboxFilter { solved: Some(false), ..range }, Page::first(9)).await, (1, vec![ids[3]]));

    assert_eq!(page(OutboxFilter { below: Some(ids[2]), ..all }, Page::first(9)).await, (2, vec![ids[0], ids[1]]));

    let latest = async |filter: OutboxFilter<'_>, limit| {
        let rows = f.store.latest_outbox(filter, limit).await.expect("read");
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    let newest: Vec<_> = ids[..4].iter().rev().copied().collect();
    let of_library = OutboxFilter { library_id: Some(library.id), ..all };
    for filter in [all, of_library, OutboxFilter { app_id: Some(APP), ..all }] {
        assert_eq!(latest(filter, 9).await, newest, "{filter:?}");
    }
    assert_eq!(latest(all, 2).await, newest[..2]);
    assert_eq!(latest(OutboxFilter { below: Some(ids[2]), ..of_library }, 9).await, newest[2..]);
    for (state, expected) in [
        (OutboxState::Waiting, &[ids[3], ids[1]][..]),
        (OutboxState::Refused, &[ids[0]][..]),
        (OutboxState::Done, &[ids[2]][..]),
        (OutboxState::Dropped, &[][..]),
    ] {
        assert_eq!(latest(OutboxFilter { state: Some(state), ..all }, 9).await, expected, "{state:?}");
    }
    for none in [OutboxFilter { engine: Some("none"), ..all }, OutboxFilter { app_id: Some("none"), ..all }] {
        assert_eq!(latest(none, 9).await, [], "{none:?}");
    }
    assert_eq!(f.store.unsolved_outbox_count(all).await.expect("read"), 3);
    let unsolved = f.store.unsolved_outbox_after(all, ids[0], 9).await.expect("read");
    assert_eq!(unsolved, [(ids[1], library.id, false), (ids[3], library.id, false)]);

    f.store.list_interrupted_outbox(UnixMillis::new(i64::MAX)).await.expect("list");
    assert_eq!(page(all, Page::first(1)).await, (5, vec![ids[4]]));
}

pub async fn a_confirmed_face_takes_what_the_engine_said(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let (_, face, _) = f.pending(&library, "p", |_| ()).await;
    f.store.confirm_face(face.id, Solution::default()).await.expect("confirm");
    let confirmed = Face { pending: false, ..face.clone() };
    assert_eq!(f.store.face(face.id).await.expect("read"), Some(confirmed));
    let said = Solution {
        engine_ref: Some("r".into()),
        bounding_box: Some([5.0, 6.0, 7.0, 8.0]),
        confidence: Some(0.75),
        quality: Some(0.5),
    };
    f.store.confirm_face(face.id, said).await.expect("confirm");
    f.store.confirm_face(FaceId::new(99), Solution::default()).await.expect("one that is gone is fine");
    let expected = Face {
        engine_ref: Some("r".into()),
        bounding_box: [5.0, 6.0, 7.0, 8.0],
        confidence: 0.75,
        quality: Some(0.5),
        pending: false,
        ..face
    };
    assert_eq!(f.store.face(expected.id).await.expect("read"), Some(expected));
}

pub async fn an_unsolved_row_keeps_its_picture(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    // A face and a row have the picture.
    let (person, _, row) = f.pending(&library, "p", |_| ()).await;
    f.store.remove_person(person.id).await.expect("remove");
    assert_eq!(f.store.picture(&key("p")).await.expect("the row still needs it"), "p");
    let f = f.reopen().await;
    let (other, _) = f.enrol(&library, "p").await;
    f.store.remove_person(other.id).await.expect("remove");
    assert_eq!(f.store.picture(&key("p")).await.expect("the row still needs it"), "p");
    let (other, _) = f.enrol(&library, "p").await;
    f.store.delete_outbox(row.id).await.expect("delete");
    assert_eq!(f.store.picture(&key("p")).await.expect("the face still needs it"), "p");
    f.store.remove_person(other.id).await.expect("remove");
    assert!(f.pictures().await.is_empty());

    // A solved row needs no picture.
    let (person, _, row) = f.pending(&library, "q", |_| ()).await;
    f.store.update_outbox(OutboxRow { solved_at: Some(UnixMillis::new(1)), ..row }).await.expect("update");
    assert_eq!(f.store.picture(&key("q")).await.expect("the face still needs it"), "q");
    f.store.remove_person(person.id).await.expect("remove");
    assert!(f.pictures().await.is_empty());

    // A row may release its picture, and have it without a face.
    let (person, _, row) = f.pending(&library, "r", |_| ()).await;
    f.store.remove_person(person.id).await.expect("remove");
    let released = OutboxRow { picture_key: None, ..row.clone() };
    f.store.update_outbox_and_release_picture(released.clone()).await.expect("update");
    assert_eq!(f.store.outbox_row(row.id).await.expect("read"), Some(released));
    assert!(f.pictures().await.is_empty());

    // The library takes its unsolved rows along, and their pictures.
    let (person, _, row) = f.pending(&library, "s", |_| ()).await;
    f.store.remove_person(person.id).await.expect("remove");
    let solved = f.pending(&library, "t", |row| row.solved_at = Some(UnixMillis::new(1))).await.2;
    f.store.delete_library(library.id).await.expect("delete");
    assert_eq!(f.store.outbox_row(row.id).await.expect("read"), None);
    assert_eq!(f.store.outbox_row(solved.id).await.expect("read"), Some(solved));
    assert!(f.pictures().await.is_empty());
}

pub async fn unsolved_rows_are_counted_by_engine(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    assert_eq!(f.store.outbox_counts().await.expect("read"), []);
    let library = f.library("g").await;
    f.pending(&library, "p", |row| (row.listed, row.created_at) = (true, UnixMillis::new(7))).await;
    f.pending(&library, "q", |row| (row.listed, row.rejected, row.created_at) = (true, true, UnixMillis::new(5))).await;
    f.pending(&library, "r", |row| (row.listed, row.solved_at) = (true, Some(UnixMillis::new(1)))).await;
    f.pending(&library, "s", |_| ()).await;
    f.pending(&library, "t", |row| {
        (row.listed, row.engine, row.created_at) = (true, "another".into(), UnixMillis::new(9))
    })
    .await;
    let count =
        |engine: &str, waiting, refused, oldest| OutboxCount { engine: engine.into(), waiting, refused, oldest };
    let expected = [count("another", 1, 0, UnixMillis::new(9)), count("remote", 1, 1, UnixMillis::new(5))];
    assert_eq!(f.store.outbox_counts().await.expect("read"), expected);
}
