//! Comparison and examination of pictures, without a search.

use aicp_backends::{Assessment, BUILTIN, DescribedFace, Examination, Grade, Rect};
use bytes::Bytes;

use crate::backend::FaceCheck;
use crate::thresholds::Searched;
use crate::user_ids::people_known_as;
use crate::{Caller, ExaminedFace, Face, Library, Match, Missing, Platform, Result, SeenFace, Similarity, Threshold};

impl Platform {
    /// Returns the similarity of the largest faces of two pictures (1:1), 0..1.
    ///
    /// # Errors
    /// [`crate::BadInput::Picture`], [`crate::Refusal::NoFace`], [`crate::Error::Busy`],
    /// [`crate::Error::Unavailable`].
    pub async fn compare(&self, caller: &Caller, a: Bytes, b: Bytes) -> Result<Similarity> {
        self.default_backend(caller).compare(self.photo(caller, a), self.photo(caller, b)).await
    }

    /// As [`Platform::compare`], and returns the examinations of both faces. Does not compare them if `check` rejects
    /// one.
    ///
    /// # Errors
    /// As [`Platform::compare`].
    pub async fn compare_checked(
        &self,
        caller: &Caller,
        a: Bytes,
        b: Bytes,
        check: FaceCheck,
    ) -> Result<([ExaminedFace; 2], Option<Similarity>)> {
        self.default_backend(caller).compare_checked(self.photo(caller, a), self.photo(caller, b), check).await
    }

    /// Compares the largest face of a picture with one user of some libraries (1:1). Returns the user's most similar
    /// face in each library; leaves out libraries without the user.
    ///
    /// # Errors
    /// [`Missing::Person`] if none of the libraries has the user; as [`Platform::compare`].
    pub async fn compare_with_user(
        &self,
        caller: &Caller,
        libraries: &[Library],
        user_id: &str,
        picture: Bytes,
    ) -> Result<Vec<Match>> {
        let photo = self.photo(caller, picture);
        let mut found = Vec::new();
        let (mut places, searched) = (0, Searched::of(libraries));
        for (backend, libraries) in self.group_by_backend(caller, libraries)? {
            let mut people = Vec::new();
            for library in &libraries {
                people.append(&mut people_known_as(&mut self.inner.store.rows().await?, library.row, user_id).await?);
            }
            if !people.is_empty() {
                places += people.len();
                found.append(&mut backend.compare_with_people(&people, photo.clone()).await?);
            }
        }
        let found = found.into_iter().map(|candidate| (candidate, None)).collect();
        let matches = self.matches(&photo, vec![found], places, Threshold::AtLeast(0.0), &searched).await?.pop();
        let mut matches = matches.unwrap_or_default();
        matches.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.person.id.cmp(&b.person.id)));
        if matches.is_empty() { Err(Missing::Person.into()) } else { Ok(matches) }
    }

    /// Detects the faces of a picture, the largest first. No face is not an error.
    ///
    /// # Errors
    /// [`crate::BadInput::Picture`], [`crate::Error::Busy`], [`crate::Error::Unavailable`].
    pub async fn detect(&self, caller: &Caller, picture: Bytes) -> Result<Vec<SeenFace>> {
        self.default_backend(caller).detect(self.photo(caller, picture)).await
    }

    /// Assesses the quality of the largest face of a picture. If the default engine gives no grades, those of the
    /// built-in engine are returned.
    ///
    /// # Errors
    /// [`crate::BadInput::Picture`], [`crate::Refusal::NoFace`], [`crate::Error::Busy`],
    /// [`crate::Error::Unavailable`].
    pub async fn assess(&self, caller: &Caller, picture: Bytes) -> Result<Assessment> {
        self.default_backend(caller).assess(self.photo(caller, picture)).await
    }

    /// Examines the faces of a picture with the built-in engine: at most `most`, the largest first. No face is not an
    /// error.
    ///
    /// # Errors
    /// [`crate::BadInput::Picture`], [`crate::Error::Busy`].
    pub async fn examine(
        &self,
        caller: &Caller,
        picture: Bytes,
        most: usize,
        wanted: Examination,
    ) -> Result<Vec<ExaminedFace>> {
        caller.note_engine(BUILTIN);
        Ok(self.inner.builtin.examine(self.photo(caller, picture), most, wanted).await?)
    }

    /// Returns a JPEG of an enrolled face and its surroundings, at most `side` pixels wide and high.
    ///
    /// # Errors
    /// [`Missing::Face`], [`crate::BadInput::Picture`], [`crate::Error::Busy`].
    pub async fn face_thumbnail(&self, caller: &Caller, face: &Face, side: u32) -> Result<Bytes> {
        let picture = self.photo(caller, self.picture_of_face(face).await?);
        let [x, y, width, height] = face.bounding_box;
        Ok(self.inner.builtin.thumbnail(picture, Rect { x, y, width, height }, side).await?)
    }

    /// Returns the faces of a picture, the largest first, each with the built-in engine's feature. No face is not an
    /// error.
    ///
    /// # Errors
    /// [`crate::BadInput::Picture`], [`crate::Error::Busy`].
    pub async fn describe(&self, caller: &Caller, picture: Bytes) -> Result<Vec<DescribedFace>> {
        caller.note_engine(BUILTIN);
        Ok(self.inner.builtin.describe(self.photo(caller, picture)).await?)
    }

    /// Whether a face is good enough: its score reaches the threshold, no grade is the worst one, and it is
    /// recognisable.
    pub fn is_good(&self, score: f32, grades: Option<[Grade; 5]>, is_recognisable: bool) -> bool {
        let is_poor = grades.is_some_and(|grades| grades.contains(&Grade::Poor));
        score >= self.inner.settings.load().quality.threshold && !is_poor && is_recognisable
    }
}
