//! A store with a method per statement, for short cases.

mod jobs;
mod operators;

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::ops::Deref;

use aicp_store::{
    Account, AccountGraph, Act, Algorithm, AppFilter, AppQuota, AuditEntry, AuditFilter, Bytes, CallDurations,
    CallGroup, CallKind, CallScope, CallTotal, ConsoleUser, CopiedFace, Counts, DayTotal, DeviceName, DirectoryEntry,
    DirectoryFilter, Face, FriendGroups, Grant, Group, GroupKind, GroupTotal, IdOrder, JobFilter, JobItem,
    JobItemState, JobRow, Key, KeyUsage, KeyedRequest, LastIds, Library, LibraryCounts, LibraryFilter, LogFilter,
    LoggedCall, LostFriends, Members, NewAccount, NewConsoleUser, NewFace, NewJob, NewKey, NewLibrary,
    NewOperatorToken, NewPerson, OffsetPeriod, Operator, OperatorToken, OutboxAction, OutboxCount, OutboxFilter,
    OutboxRow, Page, Person, PersonChanges, PersonFilter, PersonKeys, PersonOrder, PicturedFace, Quota, RangePart,
    RelatedFilter, Result, Solution, Store, StoredApp, SumUnit, SyncRelation, UsedSignature,
};
use aicp_types::{
    AccountId, AuditId, Clock, ConsoleUserId, DeviceId, FaceId, FileId, GroupId, JobId, KeyId, LibraryId, OperatorId,
    OperatorTokenId, OutboxId, PersonId, PublicId, SyncRelationId, SystemClock, UnixMillis,
};

/// A store whose methods are single reads, and single writes in a transaction each.
#[derive(Clone)]
pub struct Handle(pub Store);

impl Deref for Handle {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.0
    }
}

macro_rules! reads {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        impl Handle {$(
            /// Reads with a connection of its own.
            pub async fn $name(&self, $($argument: $type),*) -> Result<$result> {
                self.0.rows().await?.$name($($argument),*).await
            }
        )*}
    };
}

macro_rules! writes {
    ($($job:ident $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        impl Handle {$(
            /// Writes in a transaction of its own.
            pub async fn $name(&self, $($argument: $type),*) -> Result<$result> {
                self.0.$job(move |tx| Box::pin(async move { tx.$name($($argument),*).await })).await
            }
        )*}
    };
}

reads! {
    app_ids() -> Vec<String>;
    audit_entries(filter: AuditFilter<'_>, below: Option<AuditId>, limit: u64) -> Vec<AuditEntry>;
    audit_after(after: AuditId, limit: u64) -> Vec<AuditEntry>;
    operators() -> Vec<Operator>;
    operator(id: OperatorId) -> Option<Operator>;
    operator_named(name: &str) -> Option<Operator>;
    operator_tokens(now: UnixMillis) -> Vec<OperatorToken>;
    grants() -> Vec<Grant>;
    keys() -> Vec<Key>;
    apps_with_revoked_grant() -> Vec<String>;
    used_signatures(now: UnixMillis) -> Vec<UsedSignature>;
    counts() -> Counts;
    last_ids() -> LastIds;
    library(app_id: &str, external_id: &str) -> Option<Library>;
    hidden_library(app_id: &str, external_id: &str) -> Option<Library>;
    library_by_id(id: LibraryId) -> Option<Library>;
    library_by_engine_key(app_id: &str, key: &str) -> Option<Library>;
    library_by_engine_key_prefix(app_id: &str, prefix: &str) -> Option<Library>;
    libraries(app_id: &str, page: Page) -> Vec<Library>;
    libraries_by_age(app_id: &str, page: Page) -> Vec<Library>;
    library_count(app_id: &str) -> u64;
    library_counts(id: LibraryId) -> LibraryCounts;
    lowest_free_slot(app_id: &str) -> i64;
    person(id: PersonId) -> Option<Person>;
    person_with_id(library: LibraryId, public_id: PublicId) -> Option<Person>;
    libraries_after(filter: LibraryFilter<'_>, after: Option<LibraryId>, limit: u64) -> Vec<Library>;
    people_after(library: LibraryId, filter: PersonFilter<'_>, order: PersonOrder<'_>, limit: u64) -> Vec<Person>;
    tags_of(people: &[PersonId]) -> HashMap<PersonId, Vec<String>>;
    tags_of_library(library: LibraryId, after: Option<&str>, limit: u64) -> Vec<(String, u64)>;
    people_with_tags(libraries: &[LibraryId], tags: &[String], limit: u64) -> Vec<PersonId>;
    people_with_keys(library: LibraryId, keys: PersonKeys<'_>) -> Vec<Person>;
    people_of_app_with_keys(app_id: &str, keys: PersonKeys<'_>) -> Vec<Person>;
    person_by_number_prefix(app_id: &str, prefix: &str) -> Option<Person>;
    people(library: LibraryId, page: Page) -> Vec<Person>;
    person_count(library: LibraryId) -> u64;
    face(id: FaceId) -> Option<Face>;
    face_by_file_id(id: FileId) -> Option<Face>;
    face_in_library(app_id: &str, external_id: &str, id: FaceId) -> Option<Face>;
    faces_of(person: PersonId) -> Vec<Face>;
    faces_with_md5(person: PersonId, md5: &str) -> Vec<FaceId>;
    people_with_faces(ids: &[FaceId]) -> Vec<(Face, Person)>;
    faces_by_engine_ref(library: LibraryId, refs: &[String]) -> Vec<(Face, Person)>;
    claimed_engine_refs(library: LibraryId, refs: &[String]) -> std::collections::HashSet<String>;
    face_by_token(app_id: &str, token: &str) -> Option<Face>;
    face_of_person_by_token(person: PersonId, token: &str) -> Option<Face>;
    has_picture_in_library(library: LibraryId, token: &str) -> bool;
    has_picture(person: PersonId, key: &str) -> bool;
    directory_page(library: LibraryId, filter: DirectoryFilter<'_>, page: Page) -> (u64, Vec<DirectoryEntry>);
    unjudged_faces(algorithm: &Algorithm, after: FaceId, limit: u64) -> Vec<PicturedFace>;
    group(kind: GroupKind, library: LibraryId, id: GroupId) -> Option<Group>;
    groups(kind: GroupKind, library: LibraryId, page: Page) -> (u64, Vec<Group>);
    groups_of_person(person: PersonId, page: Page) -> (u64, Vec<Group>);
    people_of_group(group: GroupId, page: Page) -> (u64, Vec<Person>);
    device(library: LibraryId, name: &DeviceName) -> Option<DeviceId>;
    groups_of_device(device: DeviceId, page: Page) -> (u64, Vec<Group>);
    is_on_device(person: PersonId, device: DeviceId) -> bool;
    sync_relation(library: LibraryId, id: SyncRelationId) -> Option<SyncRelation>;
    sync_relations(library: LibraryId, page: Page) -> (u64, Vec<SyncRelation>);
    user_count() -> u64;
    user_by_name(name: &str) -> Option<ConsoleUser>;
    user_by_person(person: PersonId) -> Option<ConsoleUser>;
    session_user(token_hash: &[u8; 32], now: UnixMillis) -> Option<ConsoleUser>;
    outbox_row(id: OutboxId) -> Option<OutboxRow>;
    outbox_head(library: LibraryId) -> Option<OutboxRow>;
    outbox_libraries(engine: Option<&str>) -> Vec<LibraryId>;
    outbox_page(filter: OutboxFilter<'_>, page: Page) -> (u64, Vec<OutboxRow>);
    unsolved_outbox_after(filter: OutboxFilter<'_>, after: OutboxId, limit: u64) -> Vec<(OutboxId, LibraryId, bool)>;
    unsolved_outbox_count(filter: OutboxFilter<'_>) -> u64;
    latest_outbox(filter: OutboxFilter<'_>, limit: u64) -> Vec<OutboxRow>;
    unsolved_outbox_of_face(face: FaceId) -> Vec<OutboxRow>;
    unsolved_outbox_of_library(library: LibraryId, action: OutboxAction) -> Vec<OutboxRow>;
    call_totals(scope: CallScope<'_>, parts: &[RangePart]) -> Vec<CallTotal>;
    call_days(scope: CallScope<'_>, parts: &[RangePart]) -> Vec<DayTotal>;
    calls(scope: CallScope<'_>, limit: u64) -> Vec<LoggedCall>;
    job(id: JobId) -> Option<JobRow>;
    jobs_after(filter: JobFilter<'_>, order: IdOrder<JobId>, limit: u64) -> Vec<JobRow>;
    due_jobs(now: UnixMillis, limit: u64) -> Vec<JobRow>;
    next_job_start(now: UnixMillis) -> Option<UnixMillis>;
    open_job_count(app_id: &str) -> u64;
    jobs_ended_before(time: UnixMillis, limit: u64) -> Vec<JobId>;
    job_items_after(id: JobId, state: Option<JobItemState>, after: i64, limit: u64) -> Vec<JobItem>;
    job_codes(id: JobId) -> Vec<(String, u64)>;
    statistics_zone() -> Option<String>;
    first_and_last_quarter() -> Option<(i64, i64)>;
    latest_calls(scope: CallScope<'_>, filter: LogFilter, limit: u64) -> Vec<LoggedCall>;
    call_groups(scope: CallScope<'_>, parts: &[RangePart], group: CallGroup, by_day: bool) -> Vec<GroupTotal>;
    call_durations(scope: CallScope<'_>, parts: &[RangePart], group: CallGroup, by_day: bool) -> CallDurations;
    quotas() -> Vec<AppQuota>;
    max_people_of_owner(library: LibraryId) -> Option<u64>;
    people_of_owner(library: LibraryId, at_most: u64) -> u64;
    people_of_app(app_id: &str) -> u64;
    apps(filter: AppFilter<'_>, after: Option<(UnixMillis, &str)>, limit: u64) -> Vec<StoredApp>;
    outbox_counts() -> Vec<OutboxCount>;
    accounts_named(app_id: &str, user_ids: &[String]) -> Vec<(AccountId, String)>;
    accounts_losing_friends(deleted: &[(AccountId, String)]) -> Vec<LostFriends>;
    account_graph(app_id: &str, user_id: &str, around: RelatedFilter) -> Option<AccountGraph>;
    friend_groups(app_id: &str, user_id: &str, names: Option<&[String]>, members: Members) -> Option<FriendGroups>;
}

writes! {
    write append_act(act: Act) -> ();
    write create_operator(new: Operator) -> Operator;
    remove delete_operator(id: OperatorId) -> ();
    write create_operator_token(new: NewOperatorToken) -> OperatorToken;
    remove delete_operator_token(id: OperatorTokenId) -> ();
    write forget_idempotency_keys(before: UnixMillis, limit: u64) -> ();
    write create_grant(grant: Grant, created_at: UnixMillis) -> ();
    write add_app_usage(usage: Vec<(String, KeyUsage)>) -> Vec<(String, KeyUsage)>;
    write create_key(key: NewKey) -> Key;
    write revoke_key(id: KeyId, at: UnixMillis) -> ();
    write add_key_usage(usage: Vec<(KeyId, KeyUsage)>, used: Vec<UsedSignature>, now: UnixMillis) -> Vec<(KeyId, KeyUsage)>;
    write insert_job(job: NewJob) -> JobRow;
    write insert_job_items(id: JobId, items: Vec<JobItem>) -> ();
    write delete_job_items(id: JobId) -> ();
    remove delete_job(id: JobId) -> ();
    write insert_library(library: NewLibrary) -> Library;
    write insert_person(library: LibraryId, person: NewPerson) -> Person;
    write set_recognisability(face: FaceId, recognisability: f32) -> ();
    remove delete_group(kind: GroupKind, group: GroupId) -> ();
    write add_to_user_group(group: GroupId, person: PersonId) -> ();
    remove remove_from_user_group(group: GroupId, person: PersonId) -> ();
    remove remove_from_device_group(group: GroupId, device: DeviceId) -> ();
    remove delete_sync_relation(id: SyncRelationId) -> ();
    write open_session(token_hash: [u8; 32], user: ConsoleUserId, expires_at: UnixMillis, now: UnixMillis) -> ();
    write insert_outbox(row: OutboxRow) -> ();
    write list_interrupted_outbox(before: UnixMillis) -> ();
    remove delete_calls_before(time: UnixMillis, at_most: u64) -> u64;
}

impl Handle {
    /// Returns the people of a library with these public ids.
    pub async fn directory_entries(&self, library: LibraryId, public_ids: &[PublicId]) -> Result<Vec<DirectoryEntry>> {
        let entries = self.0.rows().await?.directory_entries(library, public_ids).await?;
        Ok(entries.into_iter().map(|(_, entry)| entry).collect())
    }

    /// Creates an app, unless it exists.
    pub async fn ensure_app(&self, app_id: &str, created_at: UnixMillis) -> Result<()> {
        let app_id = app_id.to_owned();
        self.0.write(move |tx| Box::pin(async move { tx.ensure_app(&app_id, created_at).await })).await
    }

    /// Extends the grant of an app.
    pub async fn extend_grant(&self, app_id: &str, due_at: UnixMillis, capabilities: Vec<String>) -> Result<Grant> {
        let app_id = app_id.to_owned();
        self.0.write(move |tx| Box::pin(async move { tx.extend_grant(&app_id, due_at, capabilities).await })).await
    }

    /// Sets the grant of an app.
    pub async fn set_grant(
        &self,
        app_id: &str,
        due_at: Option<UnixMillis>,
        capabilities: Option<Vec<String>>,
    ) -> Result<Grant> {
        let app_id = app_id.to_owned();
        self.0.write(move |tx| Box::pin(async move { tx.set_grant(&app_id, due_at, capabilities).await })).await
    }

    /// Replaces the token of an app.
    pub async fn replace_token(&self, app_id: &str, hash: [u8; 32], sealed: Vec<u8>) -> Result<()> {
        let app_id = app_id.to_owned();
        self.0.write(move |tx| Box::pin(async move { tx.replace_token(&app_id, hash, sealed).await })).await
    }

    /// Sets the limits of an app.
    pub async fn set_quota(&self, app_id: &str, quota: Quota) -> Result<()> {
        let app_id = app_id.to_owned();
        self.0.write(move |tx| Box::pin(async move { tx.set_quota(&app_id, quota).await })).await
    }

    /// Adds numbers of calls by their durations.
    pub async fn add_call_durations(&self, unit: SumUnit, counts: BTreeMap<(i64, i64, i64), i64>) -> Result<()> {
        self.0.write(move |tx| Box::pin(async move { tx.add_call_durations(unit, &counts).await })).await
    }

    /// Revokes the grant of an app.
    pub async fn delete_grant(&self, app_id: &str) -> Result<()> {
        let app_id = app_id.to_owned();
        self.0.remove(move |tx| Box::pin(async move { tx.delete_grant(&app_id).await })).await
    }

    /// Writes a person as a whole.
    pub async fn write_person(&self, person: Person, at: UnixMillis) -> Result<()> {
        self.0.write(move |tx| Box::pin(async move { tx.write_person(&person, at).await })).await
    }

    /// Takes a library out of sight.
    pub async fn withdraw_library(&self, library: LibraryId, external_id: &str) -> Result<()> {
        let external_id = external_id.to_owned();
        let at = UnixMillis::new(1);
        self.0.write(move |tx| Box::pin(async move { tx.withdraw_library(library, &external_id, at).await })).await
    }

    /// Claims an idempotency key.
    pub async fn claim_key(&self, app: &str, key: &str, request: &[u8], at: i64) -> Result<Option<KeyedRequest>> {
        let (app, key, request) = (app.to_owned(), key.to_owned(), request.to_vec());
        let claim = self.0.write(move |tx| {
            Box::pin(async move { tx.claim_idempotency_key(&app, &key, &request, UnixMillis::new(at)).await })
        });
        claim.await
    }

    /// Records an answer under an idempotency key.
    pub async fn finish_key(&self, app: &str, key: &str, answer: Option<Vec<u8>>) -> Result<()> {
        let (app, key) = (app.to_owned(), key.to_owned());
        self.0.write(move |tx| Box::pin(async move { tx.finish_idempotency_key(&app, &key, answer).await })).await
    }

    /// Changes the names of a library.
    pub async fn rename_library(&self, library: LibraryId, external_id: &str, name: &str) -> Result<()> {
        let (external_id, name) = (external_id.to_owned(), name.to_owned());
        self.0
            .write(move |tx| Box::pin(async move { tx.update_library(library, &external_id, &name, None).await }))
            .await
    }

    /// Removes a library, now.
    pub async fn delete_library(&self, library: LibraryId) -> Result<()> {
        let now = SystemClock.now();
        self.0.remove(move |tx| Box::pin(async move { tx.delete_library(library, now).await })).await
    }

    /// Inserts a person with a face.
    pub async fn enrol(
        &self,
        library: LibraryId,
        person: NewPerson,
        face: NewFace,
        picture: Bytes,
    ) -> Result<(Person, Face)> {
        let enrol = self.0.write_with_picture(picture, move |tx, picture| {
            Box::pin(async move {
                let person = tx.insert_person(library, person).await?;
                let face = tx.insert_face(person.id, face, picture, false).await?;
                Ok((person, face))
            })
        });
        enrol.await
    }

    /// Inserts a face of a person.
    pub async fn add_face(&self, person: PersonId, face: NewFace, picture: Bytes) -> Result<Face> {
        let add = self.0.write_with_picture(picture, move |tx, picture| {
            Box::pin(async move { tx.insert_face(person, face, picture, false).await })
        });
        add.await
    }

    /// Replaces the faces of a person, now.
    pub async fn replace_faces(&self, person: PersonId, face: NewFace, picture: Bytes) -> Result<Face> {
        let now = SystemClock.now();
        let replace = self.0.write_with_picture(picture, move |tx, picture| {
            Box::pin(async move {
                tx.remove_faces(person, None, now).await?;
                tx.insert_face(person, face, picture, false).await
            })
        });
        replace.await
    }

    /// Copies a person, with some faces, to a library.
    pub async fn copy_person(
        &self,
        from: PersonId,
        to: LibraryId,
        person: NewPerson,
        faces: Vec<CopiedFace>,
    ) -> Result<Person> {
        let copy = self.0.write(move |tx| {
            Box::pin(async move {
                let person = tx.insert_person(to, person).await?;
                tx.copy_faces(from, person.id, faces).await?;
                Ok(person)
            })
        });
        copy.await
    }

    /// Updates a person, now.
    pub async fn update_person(&self, person: PersonId, changes: PersonChanges) -> Result<()> {
        let now = SystemClock.now();
        self.0.write(move |tx| Box::pin(async move { tx.update_person(person, changes, now).await })).await
    }

    /// Removes a person, now.
    pub async fn remove_person(&self, person: PersonId) -> Result<()> {
        let now = SystemClock.now();
        self.0.remove(move |tx| Box::pin(async move { tx.remove_person(person, now).await })).await
    }

    /// Removes a face, now.
    pub async fn remove_face(&self, face: FaceId) -> Result<()> {
        let now = SystemClock.now();
        self.0.remove(move |tx| Box::pin(async move { tx.remove_face(face, now).await })).await
    }

    /// Creates a group.
    pub async fn insert_group(&self, kind: GroupKind, library: LibraryId, name: &str, at: UnixMillis) -> Result<Group> {
        let name = name.to_owned();
        self.0.write(move |tx| Box::pin(async move { tx.insert_group(kind, library, &name, at).await })).await
    }

    /// Adds a device, which may be new, to a group.
    pub async fn add_to_device_group(&self, library: LibraryId, group: GroupId, device: DeviceName) -> Result<()> {
        let add = self.0.write(move |tx| {
            Box::pin(async move {
                let device = tx.ensure_device(library, &device).await?;
                tx.add_to_device_group(group, device).await
            })
        });
        add.await
    }

    /// Relates two groups.
    pub async fn put_sync_relation(
        &self,
        library: LibraryId,
        users: GroupId,
        devices: GroupId,
        kind: &str,
        at: UnixMillis,
    ) -> Result<SyncRelation> {
        let kind = kind.to_owned();
        let put = self
            .0
            .write(move |tx| Box::pin(async move { tx.put_sync_relation(library, users, devices, &kind, at).await }));
        put.await
    }

    /// Updates a relation.
    pub async fn update_sync_relation(&self, id: SyncRelationId, kind: &str, at: UnixMillis) -> Result<()> {
        let kind = kind.to_owned();
        self.0.write(move |tx| Box::pin(async move { tx.update_sync_relation(id, &kind, at).await })).await
    }

    /// Inserts a person with a face, and their user of the console.
    pub async fn register_user(
        &self,
        user: NewConsoleUser,
        library: LibraryId,
        person: NewPerson,
        face: NewFace,
        picture: Bytes,
    ) -> Result<(ConsoleUser, Person, Face)> {
        let register = self.0.write_with_picture(picture, move |tx, picture| {
            Box::pin(async move {
                let person = tx.insert_person(library, person).await?;
                let face = tx.insert_face(person.id, face, picture, false).await?;
                let user = tx.insert_user(user, person.id).await?;
                Ok((user, person, face))
            })
        });
        register.await
    }

    /// Ends a session.
    pub async fn close_session(&self, token_hash: &[u8; 32]) -> Result<()> {
        let token_hash = *token_hash;
        self.0.remove(move |tx| Box::pin(async move { tx.close_session(&token_hash).await })).await
    }

    /// Applies an engine's answer to a face.
    pub async fn confirm_face(&self, face: FaceId, solution: Solution) -> Result<()> {
        self.0.write(move |tx| Box::pin(async move { tx.confirm_face(face, &solution).await })).await
    }

    /// Updates an outbox row.
    pub async fn update_outbox(&self, row: OutboxRow) -> Result<()> {
        self.0.write(move |tx| Box::pin(async move { tx.update_outbox(&row).await })).await
    }

    /// Updates an outbox row that no longer needs its picture.
    pub async fn update_outbox_and_release_picture(&self, row: OutboxRow) -> Result<()> {
        let now = SystemClock.now();
        self.0.remove(move |tx| Box::pin(async move { tx.update_outbox_and_release_picture(&row, now).await })).await
    }

    /// Deletes an outbox row, now.
    pub async fn delete_outbox(&self, id: OutboxId) -> Result<()> {
        let now = SystemClock.now();
        self.0.remove(move |tx| Box::pin(async move { tx.delete_outbox(id, now).await })).await
    }

    /// Returns the id of a kind of calls.
    pub async fn call_kind(&self, kind: CallKind) -> Result<i64> {
        self.0.write(move |tx| Box::pin(async move { tx.call_kind(&kind).await })).await
    }

    /// Recomputes the sums of days.
    pub async fn rebuild_call_days(&self, periods: Vec<OffsetPeriod>, zone: &str) -> Result<()> {
        let zone = zone.to_owned();
        self.0.write(move |tx| Box::pin(async move { tx.rebuild_call_days(periods, &zone).await })).await
    }

    /// Creates accounts.
    pub async fn import_accounts(&self, app_id: &str, accounts: Vec<NewAccount>, at: UnixMillis) -> Result<()> {
        let app_id = app_id.to_owned();
        self.0.write(move |tx| Box::pin(async move { tx.import_accounts(&app_id, accounts, at).await })).await
    }

    /// Deletes those of some accounts that exist, and returns them.
    pub async fn delete_accounts(&self, app_id: &str, user_ids: Vec<String>) -> Result<Vec<String>> {
        let app_id = app_id.to_owned();
        let delete = self.0.remove(move |tx| {
            Box::pin(async move {
                let deleted = tx.accounts_named(&app_id, &user_ids).await?;
                tx.delete_accounts(&app_id, &deleted).await?;
                Ok(deleted.into_iter().map(|(_, user_id)| user_id).collect())
            })
        });
        delete.await
    }

    /// Sets sequences and number of friends of accounts.
    pub async fn set_account_counters(&self, app_id: &str, accounts: Vec<Account>) -> Result<()> {
        let app_id = app_id.to_owned();
        self.0.write(move |tx| Box::pin(async move { tx.set_account_counters(&app_id, &accounts).await })).await
    }

    /// Changes an account and related ones; `None` if there is no such account.
    pub async fn update_account_graph(
        &self,
        app_id: &str,
        user_id: &str,
        around: RelatedFilter,
        change: impl FnOnce(&mut AccountGraph) + Send + 'static,
    ) -> Result<Option<()>> {
        let (app_id, user_id) = (app_id.to_owned(), user_id.to_owned());
        let update = self.0.write(move |tx| {
            Box::pin(async move {
                let Some(before) = tx.account_graph(&app_id, &user_id, around).await? else { return Ok(None) };
                let mut after = before.clone();
                change(&mut after);
                tx.write_account_graph(&app_id, &before, &after).await?;
                Ok(Some(()))
            })
        });
        update.await
    }
}
