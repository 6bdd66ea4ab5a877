//! A look at the settings of a data folder that is not opened: nothing is migrated, locked or created.

use std::path::Path;

use aicp_store::{Error, Result, StoredSetting};
use aicp_types::SettingChangeId;

use crate::DATABASE;
use crate::connection::{self, Local};

/// Reads the values that the database in `data_dir` has for settings. There are none if there is no database, or if an
/// older program wrote it.
///
/// # Errors
/// [`Error::Database`].
pub fn peek_at_settings(data_dir: &Path) -> Result<Vec<StoredSetting>> {
    let path = data_dir.join(DATABASE);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let connection = Local::open(&path, true).map_err(Error::from)?;
    read(connection.raw()).map_err(connection::error)
}

fn read(database: &rusqlite::Connection) -> rusqlite::Result<Vec<StoredSetting>> {
    let has_table = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'setting')";
    if !database.query_row(has_table, [], |row| row.get::<_, bool>(0))? {
        return Ok(Vec::new());
    }
    let mut query = database.prepare("SELECT name, value, change_id FROM setting ORDER BY name")?;
    let rows = query.query_map([], |row| {
        let change_id = SettingChangeId::new(row.get(2)?);
        Ok(StoredSetting { name: row.get(0)?, value: row.get(1)?, change_id })
    })?;
    rows.collect()
}
