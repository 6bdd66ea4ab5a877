//! Outbox: writes to engines that store faces themselves.

mod attempts;

use aicp_types::{FaceId, LibraryId, OutboxId, PersonId, UnixMillis};

use attempts::{outbox_attempt, outbox_postpone, outbox_reject, outbox_solve};

use super::{Database, Removal, rows::action_name, writer::WriteTx, writes};
use crate::sql::{self, Connection, QueryBuilder};
use crate::{
    Error, Face, Library, NewFace, NewLibrary, NewOutboxRow, NewPerson, OutboxAction, OutboxFilter, OutboxRow, Page,
    Person, Result, Solution, objects::PictureName,
};

/// Generator of outbox ids.
pub(super) type IdGenerator = Box<dyn FnMut() -> OutboxId + Send>;

impl Database {
    pub(crate) async fn enqueue_library(&self, new: NewLibrary, row: Option<NewOutboxRow>) -> Result<Library> {
        self.writer.run(move |tx| Box::pin(enqueue_library(tx, new, row))).await
    }

    pub(crate) async fn enqueue_person(
        &self,
        library_id: LibraryId,
        person: NewPerson,
        face: NewFace,
        picture: PictureName,
        row: NewOutboxRow,
    ) -> Result<(Person, Face)> {
        self.writer.run(move |tx| Box::pin(enqueue_person(tx, library_id, person, face, picture, row))).await
    }

    pub(crate) async fn enqueue_face(
        &self,
        person_id: PersonId,
        face: NewFace,
        picture: PictureName,
        row: NewOutboxRow,
    ) -> Result<Face> {
        self.writer.run(move |tx| Box::pin(enqueue_face(tx, person_id, face, picture, row))).await
    }

    pub(crate) async fn enqueue_removal(
        &self,
        person_id: PersonId,
        template: NewOutboxRow,
        next_id: IdGenerator,
    ) -> Result<(Vec<OutboxId>, Vec<Removal>)> {
        self.writer.run(move |tx| Box::pin(enqueue_removal(tx, person_id, template, next_id))).await
    }

    pub(crate) async fn enqueue_face_removal(
        &self,
        face_id: FaceId,
        template: NewOutboxRow,
        next_id: IdGenerator,
    ) -> Result<(Vec<OutboxId>, Vec<Removal>)> {
        let mut next_id = next_id;
        self.writer
            .run(move |tx| Box::pin(async move { enqueue_face_removal(tx, face_id, template, &mut next_id).await }))
            .await
    }

    pub(crate) async fn enqueue_library_removal(
        &self,
        library_id: LibraryId,
        row: NewOutboxRow,
    ) -> Result<(Option<OutboxId>, Vec<Removal>)> {
        self.writer.run(move |tx| Box::pin(enqueue_library_removal(tx, library_id, row))).await
    }

    pub(crate) async fn outbox_row(&self, id: OutboxId) -> Result<Option<OutboxRow>> {
        let query = sql::query_as("SELECT * FROM outbox WHERE id = $1");
        Ok(query.bind(id).fetch_optional(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn outbox_head(&self, library_id: LibraryId) -> Result<Option<OutboxRow>> {
        let query = sql::query_as(
            "SELECT * FROM outbox WHERE library_id = $1 AND solved IS NULL AND rejected = 0 ORDER BY id LIMIT 1",
        );
        Ok(query.bind(library_id).fetch_optional(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn outbox_libraries(&self, engine: Option<&str>) -> Result<Vec<LibraryId>> {
        let query = match engine {
            Some(engine) => sql::query_scalar(
                "SELECT DISTINCT library_id FROM outbox
                 WHERE engine = $1 AND solved IS NULL AND rejected = 0 ORDER BY library_id",
            )
            .bind(engine),
            None => sql::query_scalar(
                "SELECT DISTINCT library_id FROM outbox WHERE solved IS NULL AND rejected = 0 ORDER BY library_id",
            ),
        };
        Ok(query.fetch_all(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn outbox_page(&self, filter: OutboxFilter, page: Page) -> Result<(u64, Vec<OutboxRow>)> {
        let mut reader = self.readers.get().await?;
        let mut snapshot = reader.begin().await?;
        let mut count = QueryBuilder::new("SELECT COUNT(*) FROM outbox");
        push_filter(&mut count, filter);
        let count = count.build_query_scalar().fetch_one(&mut *snapshot).await?;
        let mut rows = QueryBuilder::new("SELECT * FROM outbox");
        push_filter(&mut rows, filter);
        rows.push(" ORDER BY created DESC, id DESC LIMIT ").push_bind(page.limit());
        rows.push(" OFFSET ").push_bind(page.offset());
        let rows = rows.build_query_as().fetch_all(&mut *snapshot).await?;
        Ok((count, rows))
    }

    pub(crate) async fn outbox_attempt(&self, id: OutboxId) -> Result<OutboxRow> {
        self.writer.run(move |tx| Box::pin(outbox_attempt(tx, id))).await
    }

    pub(crate) async fn outbox_postpone(&self, id: OutboxId, in_doubt: bool, error: String) -> Result<()> {
        self.writer.run(move |tx| Box::pin(outbox_postpone(tx, id, in_doubt, error))).await
    }

    pub(crate) async fn outbox_solve(
        &self,
        id: OutboxId,
        solution: Solution,
        solved_by: Option<String>,
        solved_at: UnixMillis,
    ) -> Result<Vec<Removal>> {
        self.writer.run(move |tx| Box::pin(outbox_solve(tx, id, solution, solved_by, solved_at))).await
    }

    pub(crate) async fn outbox_reject(&self, id: OutboxId, error: String) -> Result<Vec<Removal>> {
        self.writer.run(move |tx| Box::pin(outbox_reject(tx, id, error))).await
    }
}

/// Lists the rows whose first attempt was interrupted by the end of the last run.
pub(super) async fn list_interrupted(db: &mut dyn Connection) -> Result<()> {
    sql::query("UPDATE outbox SET listed = 1 WHERE listed = 0").execute(db).await?;
    Ok(())
}

/// Calls [`settle_face`] for each pending face of a person.
pub(super) async fn settle_faces_of(
    db: &mut dyn Connection,
    person_id: PersonId,
    template: Option<&NewOutboxRow>,
) -> Result<()> {
    let query = sql::query_scalar("SELECT id FROM face WHERE person_id = $1 AND pending = 1");
    let face_ids: Vec<FaceId> = query.bind(person_id).fetch_all(&mut *db).await?;
    for face_id in face_ids {
        settle_face(db, face_id, template).await?;
    }
    Ok(())
}

/// Settles the outbox row of a pending face before the face is removed: a row that is not in doubt is deleted, a row in
/// doubt becomes an `UndoAdd`.
pub(super) async fn settle_face(
    db: &mut dyn Connection,
    face_id: FaceId,
    template: Option<&NewOutboxRow>,
) -> Result<()> {
    sql::query("DELETE FROM outbox WHERE face_id = $1 AND action = $2 AND solved IS NULL AND in_doubt = 0")
        .bind(face_id)
        .bind(action_name(OutboxAction::AddFace))
        .execute(&mut *db)
        .await?;
    sql::query(
        "UPDATE outbox SET
            action = $3, rejected = 0, endpoint = COALESCE($4, endpoint), operation = COALESCE($5, operation)
         WHERE face_id = $1 AND action = $2 AND solved IS NULL",
    )
    .bind(face_id)
    .bind(action_name(OutboxAction::AddFace))
    .bind(action_name(OutboxAction::UndoAdd))
    .bind(template.map(|template| &template.endpoint))
    .bind(template.map(|template| &template.operation))
    .execute(db)
    .await?;
    Ok(())
}

async fn enqueue_library(tx: &mut WriteTx, new: NewLibrary, row: Option<NewOutboxRow>) -> Result<Library> {
    let library = writes::create_library(tx, new).await?;
    if let Some(row) = row {
        insert(&mut tx.connection, row, OutboxAction::CreateLibrary, &library, Subject::default()).await?;
    }
    Ok(library)
}

async fn enqueue_person(
    tx: &mut WriteTx,
    library_id: LibraryId,
    person: NewPerson,
    face: NewFace,
    picture: PictureName,
    row: NewOutboxRow,
) -> Result<(Person, Face)> {
    let person = writes::insert_person(&mut tx.connection, library_id, person).await?;
    let face = insert_pending_face(tx, &person, true, face, picture, row).await?;
    Ok((person, face))
}

async fn enqueue_face(
    tx: &mut WriteTx,
    person_id: PersonId,
    face: NewFace,
    picture: PictureName,
    row: NewOutboxRow,
) -> Result<Face> {
    let person = person_of(&mut tx.connection, person_id).await?;
    let face = insert_pending_face(tx, &person, false, face, picture, row).await?;
    writes::touch_person(tx, person_id).await?;
    Ok(face)
}

async fn insert_pending_face(
    tx: &mut WriteTx,
    person: &Person,
    made_person: bool,
    face: NewFace,
    picture: PictureName,
    row: NewOutboxRow,
) -> Result<Face> {
    let face = writes::insert_face(tx, person.library_id, person.id, face, picture, true).await?;
    let library = library_of(&mut tx.connection, person.library_id).await?;
    let about = Subject {
        person: Some(person),
        made_person,
        face_id: Some(face.id),
        engine_ref: face.engine_ref.as_deref(),
        picture_key: Some(&face.picture_key),
    };
    insert(&mut tx.connection, row, OutboxAction::AddFace, &library, about).await?;
    Ok(face)
}

async fn enqueue_removal(
    tx: &mut WriteTx,
    person_id: PersonId,
    template: NewOutboxRow,
    mut next_id: IdGenerator,
) -> Result<(Vec<OutboxId>, Vec<Removal>)> {
    let person = person_of(&mut tx.connection, person_id).await?;
    settle_faces_of(&mut tx.connection, person_id, Some(&template)).await?;
    let faces: Vec<Face> = sql::query_as("SELECT * FROM face WHERE person_id = $1 AND pending = 0 ORDER BY id")
        .bind(person_id)
        .fetch_all(&mut tx.connection)
        .await?;
    let mut ids = Vec::with_capacity(faces.len());
    for face in faces {
        ids.push(next_id());
        insert_face_removal(&mut tx.connection, &person, &face, &template, ids.last().copied()).await?;
    }
    Ok((ids, writes::remove_person(tx, person_id).await?))
}

pub(super) async fn enqueue_face_removal(
    tx: &mut WriteTx,
    face_id: FaceId,
    template: NewOutboxRow,
    next_id: &mut IdGenerator,
) -> Result<(Vec<OutboxId>, Vec<Removal>)> {
    let face: Option<Face> =
        sql::query_as("SELECT * FROM face WHERE id = $1").bind(face_id).fetch_optional(&mut tx.connection).await?;
    let face = face.ok_or(Error::NotFound)?;
    let mut ids = Vec::new();
    if face.pending {
        settle_face(&mut tx.connection, face_id, Some(&template)).await?;
    } else {
        let person = person_of(&mut tx.connection, face.person_id).await?;
        ids.push(next_id());
        insert_face_removal(&mut tx.connection, &person, &face, &template, ids.last().copied()).await?;
    }
    Ok((ids, writes::remove_face(tx, face_id).await?))
}

async fn insert_face_removal(
    db: &mut dyn Connection,
    person: &Person,
    face: &Face,
    template: &NewOutboxRow,
    id: Option<OutboxId>,
) -> Result<()> {
    let library = library_of(db, person.library_id).await?;
    let row = NewOutboxRow { id: id.unwrap_or(template.id), ..template.clone() };
    let engine_ref = face.engine_ref.as_deref();
    let about = Subject { person: Some(person), face_id: Some(face.id), engine_ref, ..Subject::default() };
    insert(db, row, OutboxAction::RemoveFace, &library, about).await
}

async fn enqueue_library_removal(
    tx: &mut WriteTx,
    library_id: LibraryId,
    row: NewOutboxRow,
) -> Result<(Option<OutboxId>, Vec<Removal>)> {
    let library = library_of(&mut tx.connection, library_id).await?;
    let never_asked: bool = sql::query_scalar(
        "SELECT EXISTS (
            SELECT 1 FROM outbox
            WHERE library_id = $1 AND action = $2 AND solved IS NULL AND in_doubt = 0 AND attempts = 0)",
    )
    .bind(library_id)
    .bind(action_name(OutboxAction::CreateLibrary))
    .fetch_one(&mut tx.connection)
    .await?;
    let removals = writes::delete_library(tx, library_id).await?;
    if never_asked {
        return Ok((None, removals));
    }
    let id = row.id;
    insert(&mut tx.connection, row, OutboxAction::DeleteLibrary, &library, Subject::default()).await?;
    Ok((Some(id), removals))
}

/// Subject of an outbox row, besides its library.
#[derive(Default)]
struct Subject<'a> {
    person: Option<&'a Person>,
    /// The person was created together with the row.
    made_person: bool,
    face_id: Option<FaceId>,
    engine_ref: Option<&'a str>,
    picture_key: Option<&'a str>,
}

async fn insert(
    db: &mut dyn Connection,
    row: NewOutboxRow,
    action: OutboxAction,
    library: &Library,
    about: Subject<'_>,
) -> Result<()> {
    sql::query(
        "INSERT INTO outbox (
            id, library_id, app_id, engine, action, engine_key, public_id, number, face_id, engine_ref,
            picture_key, endpoint, operation, created, made_person)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(row.id)
    .bind(library.id)
    .bind(&library.app_id)
    .bind(row.engine)
    .bind(action_name(action))
    .bind(&library.engine_key)
    .bind(about.person.map(|person| person.public_id))
    .bind(about.person.map(|person| &person.number))
    .bind(about.face_id)
    .bind(about.engine_ref)
    .bind(about.picture_key)
    .bind(row.endpoint)
    .bind(row.operation)
    .bind(row.created_at)
    .bind(about.made_person)
    .execute(&mut *db)
    .await?;
    Ok(())
}

async fn require_unsolved(db: &mut dyn Connection, id: OutboxId) -> Result<OutboxRow> {
    let query = sql::query_as("SELECT * FROM outbox WHERE id = $1 AND solved IS NULL");
    query.bind(id).fetch_optional(db).await?.ok_or(Error::NotFound)
}

async fn delete(db: &mut dyn Connection, id: OutboxId) -> Result<()> {
    sql::query("DELETE FROM outbox WHERE id = $1").bind(id).execute(db).await?;
    Ok(())
}

/// Releases the picture and the link of a row that is about to be solved or deleted.
async fn release_picture(db: &mut dyn Connection, id: OutboxId) -> Result<Vec<Removal>> {
    sql::query("UPDATE outbox_link SET row_id = NULL WHERE row_id = $1").bind(id).execute(&mut *db).await?;
    let query = sql::query_as(
        "INSERT INTO removed_picture (picture_key)
         SELECT picture_key FROM outbox WHERE id = $1 AND picture_key IS NOT NULL
         RETURNING id, picture_key",
    );
    Ok(query.bind(id).fetch_all(db).await?)
}

async fn person_of(db: &mut dyn Connection, person_id: PersonId) -> Result<Person> {
    let query = sql::query_as("SELECT * FROM person WHERE id = $1");
    query.bind(person_id).fetch_optional(db).await?.ok_or(Error::NotFound)
}

async fn library_of(db: &mut dyn Connection, library_id: LibraryId) -> Result<Library> {
    let query = sql::query_as("SELECT * FROM library WHERE id = $1");
    query.bind(library_id).fetch_optional(db).await?.ok_or(Error::NotFound)
}

fn push_filter(query: &mut QueryBuilder, filter: OutboxFilter) {
    query.push(" WHERE listed = 1");
    match filter.solved {
        Some(true) => query.push(" AND solved IS NOT NULL"),
        Some(false) => query.push(" AND solved IS NULL"),
        None => query,
    };
    if let Some(from) = filter.from {
        query.push(" AND created >= ").push_bind(from);
    }
    if let Some(to) = filter.to {
        query.push(" AND created < ").push_bind(to);
    }
}
