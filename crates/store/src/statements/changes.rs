//! The sequence of committed changes.

use aicp_types::Sequence;

use super::convert::{ROWS_PER_STATEMENT, json_array, saturating_i64};
use crate::sql::{self, DatabaseError, FromRow, QueryBuilder, Row};
use crate::{ChangeKind, RecordedChange, Result, Rows, Tx};

/// Number of changes that are kept. Who has fallen further behind reads everything anew.
const KEPT: i64 = 1_000_000;
/// Changes between two deletions of older ones.
const DELETION_INTERVAL: i64 = 10_000;

impl Rows<'_> {
    /// Returns the sequence of the last change; 0 before the first. For other processes on the database: this one is told
    /// by its [`Observer`](crate::Observer).
    pub async fn last_sequence(&mut self) -> Result<Sequence> {
        let query = sql::query_scalar("SELECT COALESCE(MAX(sequence), 0) FROM change");
        Ok(Sequence::new(query.fetch_one(&mut *self.db).await?))
    }

    /// Returns the changes after a sequence, in order, at most `limit`. The last million is kept. For other processes, as
    /// [`last_sequence`](Self::last_sequence).
    pub async fn changes_after(&mut self, sequence: Sequence, limit: u64) -> Result<Vec<RecordedChange>> {
        let query = sql::query_as("SELECT * FROM change WHERE sequence > $1 ORDER BY sequence LIMIT $2");
        let query = query.bind(saturating_i64(sequence.get())).bind(saturating_i64(limit));
        Ok(query.fetch_all(&mut *self.db).await?)
    }
}

impl Tx {
    /// Records the changes of the write.
    pub(crate) async fn record_changes(&mut self) -> Result<(), DatabaseError> {
        let changes = std::mem::take(&mut self.effects.changes);
        for changes in changes.chunks(ROWS_PER_STATEMENT) {
            let mut insert = QueryBuilder::new("INSERT INTO change (kind, app_id, ids) ");
            insert.push_values(changes, |mut row, change| {
                row.push_bind(kind_name(change.kind())).push_bind(change.app_id()).push_bind(json_array(change.ids()));
            });
            insert.push(" RETURNING sequence");
            let sequences: Vec<i64> = insert.build_query_scalar().fetch_all(&mut *self.db).await?;
            let (Some(first), Some(last)) = (sequences.iter().min(), sequences.iter().max()) else { continue };
            if (first - 1) / DELETION_INTERVAL < last / DELETION_INTERVAL {
                let query = sql::query("DELETE FROM change WHERE sequence <= $1");
                query.bind(last - KEPT).execute(&mut *self.db).await?;
            }
            self.effects.sequence = Some(Sequence::new(last.unsigned_abs()));
        }
        self.effects.changes = changes;
        Ok(())
    }
}

const KINDS: [(ChangeKind, &str); 13] = [
    (ChangeKind::FacesAdded, "faces_added"),
    (ChangeKind::FacesRemoved, "faces_removed"),
    (ChangeKind::FaceJudged, "face_judged"),
    (ChangeKind::Person, "person"),
    (ChangeKind::Library, "library"),
    (ChangeKind::LibraryRemoved, "library_removed"),
    (ChangeKind::Grant, "grant"),
    (ChangeKind::Quota, "quota"),
    (ChangeKind::Key, "key"),
    (ChangeKind::Operator, "operator"),
    (ChangeKind::OperatorToken, "operator_token"),
    (ChangeKind::Setting, "setting"),
    (ChangeKind::FriendGroups, "friend_groups"),
];

/// Returns the name of a kind in the table.
fn kind_name(kind: ChangeKind) -> &'static str {
    KINDS.iter().find(|(known, _)| *known == kind).map_or("", |(_, name)| name)
}

impl FromRow for RecordedChange {
    fn from_row(row: &Row) -> sql::Result<Self> {
        let kind: &str = row.try_get("kind")?;
        let known = KINDS.iter().find(|(_, name)| *name == kind);
        let (kind, _) = known.ok_or_else(|| DatabaseError::decode(format!("{kind} is no kind of change")))?;
        Ok(Self {
            sequence: Sequence::new(row.try_get("sequence")?),
            kind: *kind,
            app_id: row.try_get("app_id")?,
            ids: serde_json::from_str(row.try_get("ids")?).map_err(DatabaseError::decode)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aicp_types::AccountId;
    use futures_util::FutureExt;
    use futures_util::future::{BoxFuture, ready};

    use crate::sql::{self, Connection, QueryResult, Statement};
    use crate::{Account, Sequences, Tx};

    /// Counts statements.
    struct Counting(Arc<AtomicUsize>);

    impl Connection for Counting {
        fn run(&mut self, _: Statement) -> BoxFuture<'_, sql::Result<QueryResult>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            ready(Ok(QueryResult::default())).boxed()
        }
    }

    #[test]
    fn changes_of_many_accounts_take_few_statements() {
        let statements = Arc::<AtomicUsize>::default();
        let mut tx = Tx::new(Box::new(Counting(Arc::clone(&statements))));
        let account = |id| Account {
            id: AccountId::new(id),
            user_id: id.to_string(),
            nick: None,
            face_url: None,
            sequences: Sequences::default(),
            friends: 1,
        };
        let accounts: Vec<Account> = (0..1000).map(account).collect();
        tx.set_account_counters("app", &accounts).now_or_never().expect("at once").expect("write");
        tx.finish().now_or_never().expect("at once").expect("write");
        assert_eq!((tx.take_effects().changes.len(), statements.load(Ordering::Relaxed)), (1000, 16));
    }
}
