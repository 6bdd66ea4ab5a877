//! Users of the console.

use std::fmt;

use aicp_types::{ConsoleUserId, PersonId, UnixMillis};

use super::Redacted;

/// A stored user of the console. `Debug` omits the password hash.
#[derive(Clone, PartialEq, Eq)]
pub struct ConsoleUser {
    /// Row id; never reused.
    pub id: ConsoleUserId,
    /// User name, unique over all users.
    pub username: String,
    /// Password hash, as the caller computed it; opaque here.
    pub password_hash: String,
    /// Telephone number.
    pub telephone: String,
    /// E-mail address.
    pub mail: String,
    /// Department.
    pub department: String,
    /// Person whose face opens the console; `None` once that person is removed.
    pub person_id: Option<PersonId>,
    /// When the user was created.
    pub created_at: UnixMillis,
}

impl fmt::Debug for ConsoleUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, username, password_hash: _, telephone, mail, department, person_id, created_at } = self;
        f.debug_struct("ConsoleUser")
            .field("id", id)
            .field("username", username)
            .field("password_hash", &Redacted)
            .field("telephone", telephone)
            .field("mail", mail)
            .field("department", department)
            .field("person_id", person_id)
            .field("created_at", created_at)
            .finish()
    }
}

/// A user of the console to register. `Debug` omits the password hash.
#[derive(Clone, PartialEq, Eq)]
pub struct NewConsoleUser {
    /// User name, unique over all users.
    pub username: String,
    /// Password hash; opaque here.
    pub password_hash: String,
    /// Telephone number.
    pub telephone: String,
    /// E-mail address.
    pub mail: String,
    /// Department.
    pub department: String,
    /// When the user is created.
    pub created_at: UnixMillis,
}

impl fmt::Debug for NewConsoleUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { username, password_hash: _, telephone, mail, department, created_at } = self;
        f.debug_struct("NewConsoleUser")
            .field("username", username)
            .field("password_hash", &Redacted)
            .field("telephone", telephone)
            .field("mail", mail)
            .field("department", department)
            .field("created_at", created_at)
            .finish()
    }
}
