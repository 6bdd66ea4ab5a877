//! Console users: registered with a face, logged in by password or by face.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use aicp_store::{ConsoleUser, NewConsoleUser, NewLibrary};
use arc_swap::ArcSwapOption;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use bytes::Bytes;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::backend::AddedFace;
use crate::engines::BUILTIN;
use crate::libraries::insert_library;
use crate::nodes::weight;
use crate::people::{Enrolled, PersonData, transactions};
use crate::random::random_hex32;
use crate::secrets::{TokenHash, new_token};
use crate::settings::RegistrationPolicy;
use crate::throttle_key::throttle_key;
use crate::{
    Caller, Error, Existing, Gates, Internal, Library, Limit, Missing, Platform, Profile, Refusal, Result, Threshold,
};

/// Library of the console users' faces. It is hidden: callers can neither list it nor open it by name.
const LOGIN_LIBRARY: &str = "\u{1}console";
/// Lifetime of a session.
const SESSION_LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// Maximum number of passwords hashed concurrently: argon2id takes 19 MiB and 2 passes each (OWASP's first choice).
const MAX_CONCURRENT_HASHES: usize = 2;
/// Maximum number of pictures of operators who sign in by a face alone that are looked at concurrently.
const MAX_CONCURRENT_LOOKS: usize = 2;
/// Number of keys of a throttle above which idle ones are evicted.
const MAX_IDLE_KEYS: usize = 10_000;
/// Maximum length of a password in bytes.
pub const MAX_PASSWORD_BYTES: usize = 512;

/// A request to register a console user.
#[derive(Clone)]
pub struct Registration {
    /// Login name.
    pub username: String,
    /// Password; only its hash is stored.
    pub password: String,
    /// Telephone number.
    pub telephone: String,
    /// Mail address.
    pub mail: String,
    /// Department.
    pub department: String,
}

/// A login session of a console user.
#[derive(Clone)]
pub struct Session {
    /// Token to send with every call; only its hash is stored.
    pub token: String,
    /// Name of the user.
    pub username: String,
    /// Lifetime.
    pub life: Duration,
}

/// Limits login attempts by address and by user name, and the numbers of concurrent password hashes and looks at faces.
pub(crate) struct LoginThrottle {
    counts: ArcSwapOption<Attempts>,
    hashing: Arc<Semaphore>,
    looking: Semaphore,
}

/// Attempts of a minute, under one limit.
struct Attempts {
    per_minute: NonZeroU32,
    by_address: Throttle,
    by_name: Throttle,
}

impl Default for LoginThrottle {
    fn default() -> Self {
        Self {
            counts: ArcSwapOption::empty(),
            hashing: Arc::new(Semaphore::new(MAX_CONCURRENT_HASHES)),
            looking: Semaphore::new(MAX_CONCURRENT_LOOKS),
        }
    }
}

impl LoginThrottle {
    /// Admits a look at the face of an operator who signs in by it alone.
    ///
    /// # Errors
    /// [`Error::Busy`].
    pub(crate) fn admit_look(&self) -> Result<SemaphorePermit<'_>> {
        self.looking.try_acquire().map_err(|_| Error::Busy)
    }

    /// Returns the attempts under this limit. They are counted anew when it changes.
    fn attempts(&self, per_minute: NonZeroU32) -> Arc<Attempts> {
        if let Some(known) = self.counts.load_full().filter(|known| known.per_minute == per_minute) {
            return known;
        }
        let (by_address, by_name) = (Throttle::new(per_minute), Throttle::new(per_minute));
        let fresh = Arc::new(Attempts { per_minute, by_address, by_name });
        self.counts.store(Some(Arc::clone(&fresh)));
        fresh
    }
}

/// Limits the attempts per minute for each key.
struct Throttle {
    limiter: DefaultKeyedRateLimiter<String>,
    per_minute: u32,
}

impl Throttle {
    fn new(attempts_a_minute: NonZeroU32) -> Self {
        let limiter = RateLimiter::keyed(Quota::per_minute(attempts_a_minute));
        Self { limiter, per_minute: attempts_a_minute.get() }
    }

    fn admit(&self, key: String, nodes: u32) -> Result<()> {
        if self.limiter.len() > MAX_IDLE_KEYS {
            self.limiter.retain_recent();
        }
        match self.limiter.check_key_n(&key, weight(nodes, self.per_minute)) {
            Ok(Ok(())) => Ok(()),
            _ => Err(Error::Refused(Refusal::TooManyAttempts)),
        }
    }
}

impl Platform {
    /// Checks that a caller may register console users, as the settings say.
    ///
    /// # Errors
    /// [`Refusal::NoRegistration`] if nobody may, [`Refusal::Forbidden`] if only the administrator may.
    pub fn may_register(&self, caller: &Caller) -> Result<()> {
        match self.inner.settings.load().console.registration.unwrap_or(RegistrationPolicy::Admin) {
            RegistrationPolicy::Open => Ok(()),
            RegistrationPolicy::Admin if caller.is_administrator() => Ok(()),
            RegistrationPolicy::Admin => Err(Refusal::Forbidden.into()),
            RegistrationPolicy::Off => Err(Refusal::NoRegistration.into()),
        }
    }

    /// Registers a console user with the largest face of a picture.
    ///
    /// # Errors
    /// As [`Platform::may_register`]; [`Refusal::TooManyAttempts`], [`Existing::User`], [`Limit::Users`],
    /// [`crate::BadInput::Picture`], [`Refusal::NoFace`], [`Error::Busy`].
    pub async fn register(
        &self,
        caller: &Caller,
        registration: Registration,
        picture: Bytes,
        client: Option<IpAddr>,
    ) -> Result<Enrolled> {
        self.may_register(caller)?;
        self.admit_address(client)?;
        let store = &self.inner.store;
        if store.rows().await?.user_by_name(&registration.username).await?.is_some() {
            return Err(Error::Exists(Existing::User));
        }
        if store.rows().await?.user_count().await? >= self.inner.settings.load().console.max_users {
            return Err(Error::Full(Limit::Users));
        }
        // Whoever registers a user, the user belongs to the app of the console.
        let console = self.console_caller();
        let library = self.login_library().await?;
        self.backend_of(&console, &library)?;
        let new = PersonData {
            profile: Profile { name: Some(registration.username.clone()), ..Profile::default() },
            ..PersonData::default()
        };
        let person = self.inner.shared.new_person(new)?;
        // The library of the console users is the built-in engine's.
        let added = self.inner.builtin.enrol(self.photo(&console, picture.clone())).await?;
        let rotation = added.face.map_or(0.0, |seen| seen.rotation);
        let user = NewConsoleUser {
            username: registration.username,
            password_hash: self.hash(registration.password).await?,
            telephone: registration.telephone,
            mail: registration.mail,
            department: registration.department,
            created_at: self.now(),
        };
        let (library_id, face) = (library.id, self.inner.shared.new_face(added));
        let registered = store.write_with_picture(picture, move |tx, picture| {
            Box::pin(async move {
                let (person, face) = transactions::enrol(tx, library_id, person, None, face, picture).await?;
                tx.insert_user(user, person.id).await.map_err(|e| match e {
                    aicp_store::Error::Exists => Error::Exists(Existing::User),
                    other => other.into(),
                })?;
                Ok::<_, Error>((person, face))
            })
        });
        let (person, face) = registered.await?;
        Ok(Enrolled::of_new(person, AddedFace { face, rotation }))
    }

    /// Logs in the user whose face a picture shows, if the face passes the liveness control.
    ///
    /// # Errors
    /// [`Refusal::TooManyAttempts`], [`Refusal::Login`], [`Refusal::NotLive`], [`crate::BadInput::Picture`],
    /// [`Refusal::NoFace`], [`Error::Busy`].
    pub async fn login_with_face(&self, picture: Bytes, client: Option<IpAddr>) -> Result<Session> {
        self.admit_address(client)?;
        let gates = Gates { liveness: self.inner.settings.load().console.login_liveness, ..Gates::default() };
        let caller = self.console_caller();
        self.pass_gates(&caller, gates, &picture).await?;
        let library = self.login_library().await?;
        let found = self.identify_in(&caller, &[library], picture, 1, Threshold::Default).await?;
        let person = found.matches.first().ok_or(Refusal::Login)?.person.id;
        let user = self.inner.store.rows().await?.user_by_person(person).await?.ok_or(Refusal::Login)?;
        self.open_session(user).await
    }

    /// Logs in a user by name and password. An unknown name takes as long as a wrong password.
    ///
    /// # Errors
    /// [`Refusal::TooManyAttempts`], [`Refusal::Login`].
    pub async fn login_with_password(
        &self,
        username: &str,
        password: String,
        client: Option<IpAddr>,
    ) -> Result<Session> {
        self.admit_address(client)?;
        self.admit_name(username.to_owned())?;
        let user = self.inner.store.rows().await?.user_by_name(username).await?;
        let hash = user.as_ref().map(|user| user.password_hash.clone());
        match (self.check_password(password, hash).await?, user) {
            (true, Some(user)) => self.open_session(user).await,
            _ => Err(Error::Refused(Refusal::Login)),
        }
    }

    /// Returns the name of the user whose session a token belongs to, if any.
    ///
    /// # Errors
    /// [`Internal::Store`].
    pub async fn session(&self, token: &str) -> Result<Option<String>> {
        let user = self.inner.store.rows().await?.session_user(&TokenHash::of(token).bytes(), self.now()).await?;
        Ok(user.map(|user| user.username))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`Internal::Store`].
    pub async fn log_out(&self, token: &str) -> Result<()> {
        let hash = TokenHash::of(token).bytes();
        self.inner.store.remove(move |tx| Box::pin(async move { Ok(tx.close_session(&hash).await?) })).await
    }

    async fn open_session(&self, user: ConsoleUser) -> Result<Session> {
        let token = new_token()?;
        let now = self.now();
        let (hash, user_id, expires_at) =
            (TokenHash::of(&token).bytes(), user.id, now.saturating_add(SESSION_LIFETIME));
        let opened = self.inner.store.write(move |tx| {
            Box::pin(async move { Ok::<_, Error>(tx.open_session(hash, user_id, expires_at, now).await?) })
        });
        opened.await?;
        Ok(Session { token, username: user.username, life: SESSION_LIFETIME })
    }

    fn attempts(&self) -> Arc<Attempts> {
        self.inner.login_throttle.attempts(self.settings().console.attempts_per_minute)
    }

    /// Counts an attempt to log in under a name.
    pub(crate) fn admit_name(&self, name: String) -> Result<()> {
        self.attempts().by_name.admit(name, self.answering_nodes())
    }

    /// Counts an attempt to log in from an address.
    pub(crate) fn admit_address(&self, client: Option<IpAddr>) -> Result<()> {
        let address = client.map_or_else(String::new, |client| throttle_key(client).to_string());
        self.attempts().by_address.admit(address, self.answering_nodes())
    }

    async fn login_library(&self) -> Result<Library> {
        let store = &self.inner.store;
        let caller = self.console_caller();
        let known = store.rows().await?.hidden_library(caller.app_id(), LOGIN_LIBRARY).await?;
        if let Some(library) = known {
            return Ok(library);
        }
        let new = NewLibrary {
            app_id: caller.app_id().to_owned(),
            external_id: LOGIN_LIBRARY.to_owned(),
            name: LOGIN_LIBRARY.to_owned(),
            description: None,
            engine_key: random_hex32()?,
            // Operators must be able to log in while other engines are down.
            engine: BUILTIN.to_owned(),
            created_at: self.now(),
            slot: None,
            hidden: true,
        };
        match store.write(move |tx| Box::pin(insert_library(tx, new, None))).await {
            Err(Error::Exists(Existing::Library)) => {
                let made = store.rows().await?.hidden_library(caller.app_id(), LOGIN_LIBRARY).await?;
                made.ok_or(Missing::Library.into())
            }
            made => made,
        }
    }

    /// Hashes a password.
    pub(crate) async fn hash(&self, password: String) -> Result<String> {
        self.run_blocking(move || {
            let hash = argon2().hash_password(password.as_bytes()).map_err(hash_error)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Verifies a password. Without a stored hash it does the same work and returns false, so that timing does not
    /// reveal whether the user exists.
    pub(crate) async fn check_password(&self, password: String, hash: Option<String>) -> Result<bool> {
        if password.len() > MAX_PASSWORD_BYTES {
            return Ok(false);
        }
        self.run_blocking(move || match hash {
            Some(hash) => {
                let hash = PasswordHash::new(&hash).map_err(hash_error)?;
                Ok(argon2().verify_password(password.as_bytes(), &hash).is_ok())
            }
            None => argon2().hash_password(password.as_bytes()).map(|_| false).map_err(hash_error),
        })
        .await
    }

    async fn run_blocking<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let _permit = self.inner.login_throttle.hashing.acquire().await.map_err(|_| Error::Busy)?;
        tokio::task::spawn_blocking(work).await.map_err(|e| Error::Internal(Internal::PasswordHash(e.to_string())))?
    }
}

fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

fn hash_error(e: impl std::fmt::Display) -> Error {
    Error::Internal(Internal::PasswordHash(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_client_count_together() {
        let network = |text: &str| throttle_key(text.parse().expect("an address")).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
