//! A platform in a temporary folder, with fake biometrics and a clock that stands still.

use std::sync::Arc;

use aicp_backends::{Biometrics, Builtin, LocalIndex};
use aicp_platform::{
    Caller, EnrolOptions, Enrolled, Enrolment, Face, KnownPerson, Library, LibraryKey, MasterKey, MissingLibrary,
    MissingPerson, Person, PersonData, PersonKey, Platform, Result, SamePicture, Settings,
};
use aicp_types::{ManualClock, UnixMillis};
use aicp_vision::{FakeBiometrics, FakeFace, FakePicture};
use bytes::Bytes;
use tempfile::TempDir;

/// The time at the start of each test.
pub const START: UnixMillis = UnixMillis::new(1_795_000_000_000);
/// The token of the administrator.
pub const ADMIN_TOKEN: &str = "the admin's token";
/// Id of the library of the tests.
pub const LIBRARY: &str = "staff";

pub struct Fixture {
    pub platform: Platform,
    pub biometrics: FakeBiometrics,
    pub clock: Arc<ManualClock>,
    /// An app with all permissions.
    pub app: Caller,
    folder: TempDir,
}

impl Fixture {
    pub async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub async fn with(settings: Settings) -> Self {
        let (folder, biometrics) = (tempfile::tempdir().expect("a folder"), FakeBiometrics::default());
        let clock = Arc::new(ManualClock::at(START));
        let platform = open(&folder, &biometrics, &clock, settings).await;
        let app = platform.local_caller_for("shop").await.expect("an app");
        Self { platform, biometrics, clock, app, folder }
    }

    /// Closes the platform and opens it again on the same folder.
    pub async fn reopened(self) -> Self {
        let settings = self.platform.settings().as_ref().clone();
        self.reopened_with(settings).await
    }

    /// Closes the platform and opens it again on the same folder, with other settings.
    pub async fn reopened_with(self, settings: Settings) -> Self {
        self.platform.close().await.expect("it closes");
        drop(self.platform);
        let platform = open(&self.folder, &self.biometrics, &self.clock, settings).await;
        Self { platform, ..self }
    }

    /// Returns the library of the tests, created if there is none.
    pub async fn library(&self) -> Library {
        self.platform.open_library(&self.app, LIBRARY).await.expect("a library")
    }

    /// Enrols the largest face of a picture as a new person of the library of the tests.
    pub async fn enrol(&self, picture: Bytes) -> Enrolled {
        self.try_enrol(picture).await.expect("it is enrolled")
    }

    pub async fn try_enrol(&self, picture: Bytes) -> Result<Enrolled> {
        let options = EnrolOptions { missing_library: MissingLibrary::Create, ..EnrolOptions::default() };
        let enrolment = Enrolment { library: key(LIBRARY), person: PersonData::default(), picture, options };
        self.platform.enrol(&self.app, enrolment).await
    }

    /// Enrols a picture of the person with a user id, unless it is enrolled.
    pub async fn import(&self, library: &Library, user_id: &str, picture: Bytes) -> Result<Enrolled> {
        let options = EnrolOptions {
            known_person: KnownPerson::AddFace,
            same_picture: SamePicture::KeepOfPerson,
            ..EnrolOptions::default()
        };
        let enrolment = Enrolment { library: library.into(), person: person(user_id), picture, options };
        self.platform.enrol(&self.app, enrolment).await
    }

    /// Adds a face to a user of the library of the tests.
    pub async fn add_face(&self, user_id: &str, picture: Bytes, options: EnrolOptions) -> Result<Enrolled> {
        let enrolment = Enrolment { library: key(LIBRARY), person: person(user_id), picture, options };
        self.platform.enrol(&self.app, enrolment).await
    }

    /// Returns a person of the library of the tests.
    pub async fn find(&self, id: &str) -> Result<Person> {
        let library = self.platform.library(&self.app, LIBRARY).await?;
        self.platform.find(&self.app, &library, PersonKey::Any(id)).await
    }

    /// Removes a person of the library of the tests.
    pub async fn remove(&self, id: &str) -> Result<()> {
        let library = self.platform.library(&self.app, LIBRARY).await?;
        let person = self.platform.find(&self.app, &library, PersonKey::Any(id)).await?;
        self.platform.remove_person(&self.app, &library, &person).await
    }

    /// Returns the faces of a user of the library of the tests.
    pub async fn faces(&self, user_id: &str) -> Vec<Face> {
        let person = self.find(user_id).await.expect("a person");
        self.platform.faces(&person).await.expect("faces")
    }

    /// Returns the public ids of the people that the largest face of a picture matches.
    pub async fn matches(&self, picture: Bytes) -> Vec<String> {
        let found = self.platform.identify(&self.app, LIBRARY, picture, Some(10)).await.expect("an answer");
        found.matches.iter().map(|found| found.person.public_id.to_string()).collect()
    }
}

async fn open(folder: &TempDir, biometrics: &FakeBiometrics, clock: &Arc<ManualClock>, settings: Settings) -> Platform {
    let index = LocalIndex::start(biometrics.dimensions(), None).expect("threads start");
    let builtin = Builtin::new(Arc::new(biometrics.clone()), Arc::new(index));
    let key = MasterKey::from_hex(&"ab".repeat(32)).expect("64 digits");
    let clock = Arc::<ManualClock>::clone(clock);
    let store = aicp_store_sqlite::open(folder.path(), clock.clone()).await.expect("it opens");
    Platform::open(store, builtin, &key, ADMIN_TOKEN, settings, clock).await.expect("it starts")
}

/// A picture of one good face.
pub fn picture(identity: &str, number: u32) -> Bytes {
    FakePicture::of(identity, number).bytes()
}

/// A picture of one face.
pub fn picture_of(face: FakeFace) -> Bytes {
    FakePicture::new(1, vec![face]).bytes()
}

/// A picture of several people, each smaller than the one before.
pub fn group(identities: &[&str]) -> Bytes {
    let faces = (0u8..).zip(identities).map(|(place, identity)| {
        let side = 100.0 - 10.0 * f32::from(place);
        FakeFace { area: [120.0 * f32::from(place), 100.0, side, side], ..FakeFace::of(identity) }
    });
    FakePicture::new(1, faces.collect()).bytes()
}

/// A picture without faces.
pub fn nobody() -> Bytes {
    FakePicture::new(1, Vec::new()).bytes()
}

/// Bytes that are no picture.
pub fn no_picture() -> Bytes {
    Bytes::from_static(b"no picture")
}

/// A library by the app's own id.
pub fn key(library: &str) -> LibraryKey {
    LibraryKey::Id(library.to_owned())
}

/// A person with a user id.
pub fn person(user_id: &str) -> PersonData {
    PersonData { user_id: Some(user_id.to_owned()), ..PersonData::default() }
}

/// The rules of face libraries that know a picture once.
pub fn once(known_person: KnownPerson, missing_person: MissingPerson) -> EnrolOptions {
    EnrolOptions {
        missing_library: MissingLibrary::Create,
        missing_person,
        known_person,
        same_picture: SamePicture::RefuseInLibrary,
        ..EnrolOptions::default()
    }
}
