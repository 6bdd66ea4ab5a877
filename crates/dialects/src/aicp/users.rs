//! Section 10: console users. They register with a face and log in by face or password. A cookie holds the session.

use aicp_platform::{BadInput, Error, Existing, Limit, MAX_PASSWORD_BYTES, Refusal, Registration, Session};
use axum::http::HeaderValue;

use super::answers::EnrolledFace;
use super::call::{Call, our_failure, picture};
use super::envelope::Answer;
use super::failure::Failure;
use super::fields::{Fields, PictureError};
use super::literals;
use super::pages;
use super::routes::UserCall;

/// Maximum number of characters in names and other short texts.
const MAX_CHARACTERS: usize = 64;

impl Call<'_> {
    pub async fn users(&self, call: UserCall, fields: Fields<'_>) -> Result<Answer, Failure> {
        match call {
            UserCall::Register => self.register(&fields).await,
            UserCall::FaceLogin => self.face_login(&fields).await,
            UserCall::PasswordLogin => self.password_login(&fields).await,
            UserCall::LogOut => self.log_out().await,
        }
    }

    /// Handles 10.1.
    async fn register(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let short = |name: &'static str| {
            let text = fields.required_text(&[name])?;
            if text.chars().count() > MAX_CHARACTERS || text.chars().any(char::is_control) {
                return Err(Failure::message(literals::wrong_format(name)));
            }
            Ok(text)
        };
        let registration = Registration {
            username: short("username")?,
            password: password(fields)?,
            telephone: short("telephone")?,
            mail: short("mail")?,
            department: short("deptId")?,
        };
        let picture = picture(fields, "image", literals::NO_FEATURE)?;
        let registered = self.platform.register(self.caller, registration, picture, self.client).await;
        let registered = registered.map_err(registration_failure)?;
        let url = self.links.by_moment(&registered.face);
        Answer::ok(&EnrolledFace { person_no: registered.person.number, url })
    }

    /// Handles 10.2. Every rejected login gets the same message, whatever the reason. Only an oversized picture keeps
    /// its usual message.
    async fn face_login(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let not_recognised = || Failure::spring_by_day(literals::NOT_RECOGNISED, self.path);
        let picture = fields.picture("image").map_err(|e| match e {
            PictureError::TooLarge => Failure::message(literals::PICTURE_TOO_LARGE),
            PictureError::Unusable => not_recognised(),
        })?;
        let session = self.platform.login_with_face(picture, self.client).await.map_err(|e| match e {
            Error::Refused(Refusal::TooManyAttempts) => Failure::too_many_attempts(),
            Error::Refused(Refusal::Login | Refusal::NotLive | Refusal::TooTight)
            | Error::BadInput(BadInput::Picture(_))
            | Error::Refused(Refusal::NoFace) => not_recognised(),
            other => our_failure(&other),
        })?;
        self.logged_in(&session)
    }

    /// Handles the password login, our extension.
    async fn password_login(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let username = fields.required_text(&["username"])?;
        let password = password(fields)?;
        let session = self.platform.login_with_password(&username, password, self.client).await;
        let session = session.map_err(|e| match e {
            Error::Refused(Refusal::TooManyAttempts) => Failure::too_many_attempts(),
            Error::Refused(Refusal::Login) => Failure::message(literals::WRONG_PASSWORD),
            other => our_failure(&other),
        })?;
        self.logged_in(&session)
    }

    async fn log_out(&self) -> Result<Answer, Failure> {
        if let Some(token) = pages::session_token(self.headers) {
            self.platform.log_out(&token).await.map_err(|e| our_failure(&e))?;
        }
        let cookie = self.cookie("", 0);
        Ok(Answer::ok(&pages::LOGIN)?.with_cookie(cookie))
    }

    fn logged_in(&self, session: &Session) -> Result<Answer, Failure> {
        let cookie = self.cookie(&session.token, session.life.as_secs());
        Ok(Answer::ok(&pages::INDEX)?.with_cookie(cookie))
    }

    /// Builds the session cookie: hidden from scripts, not sent cross-site, and over HTTPS (known from `public_url`
    /// alone) limited to it.
    fn cookie(&self, token: &str, seconds: u64) -> Option<HeaderValue> {
        let secure = if self.links.is_https() { "; Secure" } else { "" };
        let cookie = format!("{}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}", pages::COOKIE);
        HeaderValue::from_str(&cookie).ok()
    }
}

/// Converts a platform error of a registration (10.1).
pub(super) fn registration_failure(e: Error) -> Failure {
    match e {
        Error::Refused(Refusal::NoRegistration) => Failure::message(literals::NO_REGISTRATION),
        Error::Refused(Refusal::Forbidden) => Failure::message(literals::REGISTRATION_OF_ADMIN),
        Error::Exists(Existing::User) => Failure::message(literals::USER_EXISTS),
        Error::Full(Limit::Users) => Failure::message(literals::TOO_MANY_USERS),
        Error::BadInput(BadInput::Picture(_)) | Error::Refused(Refusal::NoFace | Refusal::NotRecognisable(_)) => {
            Failure::message(literals::NO_FEATURE)
        }
        Error::Refused(Refusal::TooManyAttempts) => Failure::too_many_attempts(),
        other => our_failure(&other),
    }
}

fn password(fields: &Fields<'_>) -> Result<String, Failure> {
    let password = fields.required_text(&["password"])?;
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(Failure::message(literals::wrong_format("password")));
    }
    Ok(password)
}
