//! What another node has changed, read anew.

use std::collections::HashMap;
use std::sync::Arc;

use aicp_types::{
    AccountId, FaceId, KeyId, LibraryId, OperatorId, OperatorTokenId, PersonId, PublicId, SettingChangeId,
};

use super::apps::{fold_grants, select_grants};
use super::convert::{numbers, vector_from_blob};
use crate::sql::{self, DatabaseError, Row};
use crate::{
    AddedFace, Algorithm, AppQuota, Change, ChangeKind, Key, NewTemplate, Operator, OperatorToken, RecordedChange,
    Result, Rows, SettingChange, StoredSetting,
};

/// Templates of faces that were added; the key is the face, and the library that it is in now.
type Templates = HashMap<(FaceId, LibraryId), Vec<AddedFace>>;

impl Rows<'_> {
    /// Turns recorded changes into those that an [`Observer`](crate::Observer) takes, one for one; `None` if what was changed is gone since.
    /// They carry the present state, which may be that of a later change: who applies all changes in order arrives at the same.
    pub async fn changes_now(&mut self, recorded: &[RecordedChange]) -> Result<Vec<Option<Change>>> {
        let templates = self.templates_added(recorded).await?;
        let mut changes = Vec::with_capacity(recorded.len());
        for change in recorded {
            changes.push(self.change_now(change, &templates).await?);
        }
        Ok(changes)
    }

    async fn change_now(&mut self, recorded: &RecordedChange, templates: &Templates) -> Result<Option<Change>> {
        let id = |place: usize| recorded.ids.get(place).copied().unwrap_or_default();
        let app_id = || recorded.app_id.clone().unwrap_or_default();
        let library_id = LibraryId::new(id(0));
        Ok(match recorded.kind {
            ChangeKind::FacesAdded => {
                let added = recorded.ids.iter().skip(1);
                let added = added.filter_map(|face| templates.get(&(FaceId::new(*face), library_id)));
                let faces: Vec<AddedFace> = added.flatten().cloned().collect();
                Some(Change::FacesAdded { library_id, faces })
            }
            ChangeKind::FacesRemoved => {
                let face_ids = recorded.ids.iter().skip(1).map(|face| FaceId::new(*face)).collect();
                Some(Change::FacesRemoved { library_id, face_ids })
            }
            ChangeKind::FaceJudged => self.face_judged_now(library_id, FaceId::new(id(1))).await?,
            ChangeKind::Person => Some(Change::PersonChanged { library_id, public_id: PublicId::new(id(1)) }),
            ChangeKind::Library => Some(Change::LibraryChanged { app_id: app_id(), library_id }),
            ChangeKind::LibraryRemoved => Some(Change::LibraryRemoved { library_id }),
            ChangeKind::Grant => {
                let query = sql::query(select_grants("AND app.app_id = $1")).bind(app_id());
                let grant = fold_grants(query.fetch_all(&mut *self.db).await?)?.pop();
                Some(Change::GrantChanged { app_id: app_id(), grant: grant.map(Arc::new) })
            }
            ChangeKind::Quota => {
                let query = sql::query_as("SELECT * FROM app_quota WHERE app_id = $1").bind(app_id());
                let quota: Option<AppQuota> = query.fetch_optional(&mut *self.db).await?;
                quota.map(|quota| Change::QuotaChanged { quota: Arc::new(quota) })
            }
            ChangeKind::Key => {
                let query = sql::query_as("SELECT * FROM access_key WHERE id = $1").bind(KeyId::new(id(0)));
                let key: Option<Key> = query.fetch_optional(&mut *self.db).await?;
                key.map(|key| Change::KeyChanged { key: Arc::new(key) })
            }
            ChangeKind::Operator => {
                let operator_id = OperatorId::new(id(0));
                let operator: Option<Operator> = self.operator(operator_id).await?;
                Some(Change::OperatorChanged { operator_id, operator: operator.map(Arc::new) })
            }
            ChangeKind::OperatorToken => {
                let token_id = OperatorTokenId::new(id(0));
                let query = sql::query_as("SELECT * FROM operator_token WHERE id = $1").bind(token_id);
                let token: Option<OperatorToken> = query.fetch_optional(&mut *self.db).await?;
                Some(Change::OperatorTokenChanged { token_id, token: token.map(Arc::new) })
            }
            ChangeKind::Setting => self.setting_now(SettingChangeId::new(id(0))).await?,
            ChangeKind::FriendGroups => {
                let account_id = AccountId::new(id(0));
                let query = sql::query_scalar("SELECT user_id FROM social_account WHERE id = $1").bind(account_id);
                let user_id: Option<String> = query.fetch_optional(&mut *self.db).await?;
                Some(Change::FriendGroupsChanged { app_id: app_id(), account_id, user_id })
            }
        })
    }

    async fn face_judged_now(&mut self, library_id: LibraryId, face_id: FaceId) -> Result<Option<Change>> {
        let query = sql::query_scalar("SELECT MIN(recognisability) FROM template WHERE face_id = $1").bind(face_id);
        let judged: Option<f32> = query.fetch_one(&mut *self.db).await?;
        Ok(judged.map(|recognisability| Change::FaceJudged { library_id, face_id, recognisability }))
    }

    async fn setting_now(&mut self, change_id: SettingChangeId) -> Result<Option<Change>> {
        let change: Option<SettingChange> = self.setting_change(change_id).await?;
        let Some(name) = change.map(|change| change.made.name) else { return Ok(None) };
        let query = sql::query_as("SELECT * FROM setting WHERE name = $1").bind(&name);
        let setting: Option<StoredSetting> = query.fetch_optional(&mut *self.db).await?;
        Ok(Some(Change::SettingChanged { change_id, name, setting: setting.map(Arc::new) }))
    }

    /// Reads the templates of all algorithms of the faces that changes have added.
    async fn templates_added(&mut self, recorded: &[RecordedChange]) -> Result<Templates> {
        let added = recorded.iter().filter(|change| change.kind == ChangeKind::FacesAdded);
        let face_ids: Vec<FaceId> =
            added.flat_map(|change| change.ids.iter().skip(1).copied().map(FaceId::new)).collect();
        let mut templates = Templates::new();
        if face_ids.is_empty() {
            return Ok(templates);
        }
        let query = sql::query(
            "SELECT template.*, face.person_id, person.library_id
             FROM template JOIN face ON face.id = template.face_id JOIN person ON person.id = face.person_id
             WHERE template.face_id IN (SELECT value FROM json_each($1))",
        );
        for row in query.bind(numbers(&face_ids)).fetch_all(&mut *self.db).await? {
            let face = added_face(&row)?;
            templates.entry((face.face_id, row.try_get("library_id")?)).or_default().push(face);
        }
        Ok(templates)
    }
}

fn added_face(row: &Row) -> Result<AddedFace, DatabaseError> {
    let template = NewTemplate {
        algorithm: Algorithm {
            name: row.try_get("algorithm")?,
            provider: row.try_get("provider")?,
            version: row.try_get("version")?,
        },
        // A damaged vector becomes empty, which the index detects.
        vector: vector_from_blob(row.try_get("vector")?).unwrap_or_default(),
        recognisability: row.try_get("recognisability")?,
    };
    let person_id: PersonId = row.try_get("person_id")?;
    Ok(AddedFace { person_id, face_id: row.try_get("face_id")?, template: Some(Arc::new(template)) })
}
