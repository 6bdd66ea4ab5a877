use aicp_index::LocalIndex;
use aicp_vision::{FakeBiometrics, FakeFace, FakePicture, Unrecognisable};
use async_trait::async_trait;

use aicp_types::FaceId;

use super::*;

const ONE: LibraryId = LibraryId::new(1);
const TWO: LibraryId = LibraryId::new(2);

struct Fixture {
    biometrics: FakeBiometrics,
    builtin: Builtin,
}

fn fixture() -> Fixture {
    let biometrics = FakeBiometrics::default();
    let index = LocalIndex::start(biometrics.dimensions(), None).expect("threads start");
    Fixture { builtin: Builtin::new(Arc::new(biometrics.clone()), Arc::new(index)), biometrics }
}

fn photo(identity: &str, number: u32) -> Photo {
    FakePicture::of(identity, number).bytes().into()
}

/// A picture of a face that is hardly recognisable.
fn spoilt(identity: &str) -> Photo {
    FakePicture::new(1, vec![FakeFace { recognisability: 0.2, ..FakeFace::of(identity) }]).bytes().into()
}

fn nobody() -> Photo {
    FakePicture::new(1, Vec::new()).bytes().into()
}

fn indexed(id: i64, template: Vec<f32>) -> IndexedFace {
    IndexedFace { person: PersonId::new(id), face: FaceId::new(id), template }
}

impl Fixture {
    /// Enrols a person with the face of the same id.
    async fn enrol(&self, library: LibraryId, id: i64, identity: &str) {
        let enrolled = self.builtin.enrol(photo(identity, 0)).await.expect("it is enrolled");
        let faces = vec![indexed(id, enrolled.template.expect("a template"))];
        let added = IndexChange::FacesAdded { library, faces };
        assert!(self.builtin.apply(Sequence::new(id.unsigned_abs()), &[added]).await.expect("it fits").is_empty());
    }
}

/// Returns the row ids of candidates.
fn faces(candidates: &[Candidate]) -> Vec<i64> {
    let row = |candidate: &Candidate| match &candidate.face {
        CandidateKey::Row(face) => face.get(),
        CandidateKey::Ref { .. } => panic!("a face stored elsewhere"),
    };
    candidates.iter().map(row).collect()
}

#[tokio::test]
async fn the_enrolled_are_found_until_they_are_removed() {
    let fixture = fixture();
    fixture.enrol(ONE, 1, "alice").await;
    fixture.enrol(TWO, 2, "bob").await;
    let builtin = &fixture.builtin;
    let found = builtin.identify(&[ONE, TWO], photo("alice", 1), 9).await.expect("an answer");
    assert_eq!(faces(&found), [1, 2]);
    assert!(found[0].similarity > 0.9 && found[1].similarity < 0.6);
    assert_eq!(faces(&builtin.identify(&[TWO], photo("alice", 1), 9).await.expect("an answer")), [2]);
    assert_eq!(builtin.faces(&[ONE, TWO]), 2);

    let removed = [
        IndexChange::FacesRemoved { library: ONE, faces: vec![FaceId::new(1)] },
        IndexChange::LibraryRemoved { library: TWO },
    ];
    builtin.apply(Sequence::new(9), &removed).await.expect("an answer");
    assert!(builtin.identify(&[ONE, TWO], photo("alice", 1), 9).await.expect("an answer").is_empty());
}

#[tokio::test]
async fn each_call_is_one_job() {
    let fixture = fixture();
    fixture.enrol(ONE, 1, "alice").await;
    let builtin = &fixture.builtin;
    let wanted = Examination { quality: true, liveness: true };
    let people = HashSet::from([PersonId::new(1)]);
    let before = fixture.biometrics.calls();
    builtin.identify(&[ONE], photo("alice", 1), 1).await.expect("an answer");
    builtin.identify_many(&[ONE], None, photo("alice", 1), 1).await.expect("an answer");
    builtin.identify_examined(ONE, photo("alice", 1), 1, wanted, |_| true).await.expect("an answer");
    builtin.identify_among(&[ONE], people, photo("alice", 1), 1).await.expect("an answer");
    builtin.enrol_examined(photo("alice", 1), wanted, |_| true).await.expect("an answer");
    builtin.compare(photo("alice", 1), photo("alice", 2)).await.expect("an answer");
    builtin.compare_examined(photo("alice", 1), photo("bob", 2), wanted, |_| true).await.expect("an answer");
    builtin.examine(photo("alice", 1), 9, wanted).await.expect("an answer");
    builtin.describe(photo("alice", 1)).await.expect("an answer");
    builtin.assess(photo("alice", 1)).await.expect("an answer");
    builtin.detect(photo("alice", 1)).await.expect("an answer");
    builtin.require_face(photo("alice", 1)).await.expect("an answer");
    assert_eq!(fixture.biometrics.calls() - before, 12);
}

#[tokio::test]
async fn what_is_not_recognisable_is_not_enrolled_and_matches_nobody() {
    let fixture = fixture();
    fixture.enrol(ONE, 1, "alice").await;
    let builtin = &fixture.builtin;
    let refused = builtin.enrol(spoilt("alice")).await;
    assert!(matches!(refused, Err(Error::NotRecognisable(Unrecognisable::Recognisability(0.2)))));
    assert!(builtin.identify(&[ONE], spoilt("alice"), 1).await.expect("an answer").is_empty());
    let all = builtin.identify_many(&[ONE], None, spoilt("alice"), 1).await.expect("an answer");
    assert!(all.len() == 1 && all[0].candidates.is_empty());
    let wanted = Examination::default();
    let (face, found) = builtin.identify_examined(ONE, spoilt("alice"), 1, wanted, |_| true).await.expect("an answer");
    assert!(!face.is_recognisable && found.is_empty());
    let people = HashSet::from([PersonId::new(1)]);
    let among = builtin.identify_among(&[ONE], people, spoilt("alice"), 1).await.expect("an answer");
    assert_eq!((faces(&among), among[0].similarity), (vec![1], 0.0));
    assert_eq!(builtin.compare(spoilt("alice"), photo("alice", 1)).await.expect("an answer"), 0.0);
}

#[tokio::test]
async fn a_rejected_face_is_examined_alone() {
    let fixture = fixture();
    fixture.enrol(ONE, 1, "alice").await;
    let builtin = &fixture.builtin;
    let wanted = Examination { quality: false, liveness: true };
    let (face, enrolled) = builtin.enrol_examined(photo("bob", 1), wanted, |_| false).await.expect("an answer");
    assert!(enrolled.is_none() && face.quality.is_none() && face.liveness.is_some());
    let (_, enrolled) = builtin.enrol_examined(photo("bob", 1), wanted, |_| true).await.expect("an answer");
    assert_eq!(enrolled.expect("it is enrolled").quality, Some(0.9), "stored in any case");
    let found = builtin.identify_examined(ONE, photo("alice", 1), 1, wanted, |_| false).await.expect("an answer");
    assert!(found.1.is_empty());
    let compared = builtin.compare_examined(photo("alice", 1), photo("alice", 2), wanted, |_| false).await;
    assert!(compared.expect("an answer").1.is_none());
}

#[tokio::test]
async fn a_picture_without_a_face_is_told_from_a_bad_one() {
    let Fixture { builtin, .. } = fixture();
    let bad = || Photo::from(Bytes::from_static(b"no picture"));
    assert!(builtin.detect(nobody()).await.expect("an answer").is_empty());
    assert!(builtin.describe(nobody()).await.expect("an answer").is_empty());
    assert!(matches!(builtin.require_face(nobody()).await, Err(Error::NoFace)));
    assert!(matches!(builtin.identify(&[ONE], nobody(), 1).await, Err(Error::NoFace)));
    assert!(matches!(builtin.identify_many(&[ONE], None, nobody(), 1).await, Err(Error::NoFace)));
    assert!(matches!(builtin.compare(photo("alice", 1), nobody()).await, Err(Error::NoFace)));
    assert!(matches!(builtin.compare(nobody(), bad()).await, Err(Error::BadPicture(_))));
    assert!(matches!(builtin.enrol(bad()).await, Err(Error::BadPicture(_))));
}

#[tokio::test]
async fn loading_leaves_out_what_no_search_may_find() {
    let Fixture { builtin, .. } = fixture();
    let mut rows = Vec::new();
    let recognisabilities = [Some(0.9), Some(0.3), None, None, Some(0.9)];
    for ((id, identity), recognisability) in (1..).zip(["a", "b", "c", "spoilt", "e"]).zip(recognisabilities) {
        let template = builtin.enrol(photo(identity, 0)).await.expect("it is enrolled").template;
        rows.push(TemplateRow { library: ONE, face: indexed(id, template.expect("a template")), recognisability });
    }
    rows[4].face.template.truncate(100);
    let skipped = builtin.load(rows.clone(), 0.5).await.expect("an answer");
    assert_eq!((skipped.not_recognisable, builtin.faces(&[ONE])), (2, 2));
    assert_eq!(skipped.damaged, [DamagedFace { library: ONE, face: FaceId::new(5) }]);
    let skipped = builtin.load(rows, 0.0).await.expect("an answer");
    assert_eq!((skipped.not_recognisable, builtin.faces(&[ONE])), (0, 4));
}

/// An index that refuses every search.
struct Overloaded;

#[async_trait]
impl Index for Overloaded {
    async fn load(&self, _: LibraryId, _: Vec<IndexedFace>) -> aicp_index::Result<Vec<DamagedFace>> {
        Ok(Vec::new())
    }

    async fn apply(&self, _: Sequence, _: &[IndexChange]) -> aicp_index::Result<Vec<DamagedFace>> {
        Ok(Vec::new())
    }

    fn applied(&self) -> Sequence {
        Sequence::default()
    }

    async fn search(&self, _: &[LibraryId], _: Vec<Vec<f32>>, _: Query) -> aicp_index::Result<Vec<Vec<Hit>>> {
        Err(aicp_index::Error::Busy)
    }

    fn all_faces(&self) -> usize {
        0
    }

    fn faces(&self, _: &[LibraryId]) -> usize {
        0
    }
}

#[tokio::test]
async fn either_part_may_be_busy() {
    let biometrics = FakeBiometrics::default();
    let builtin = Builtin::new(Arc::new(biometrics.clone()), Arc::new(Overloaded));
    assert!(matches!(builtin.identify(&[ONE], photo("alice", 1), 1).await, Err(Error::Busy)));
    biometrics.set_busy(true);
    assert!(matches!(builtin.enrol(photo("alice", 1)).await, Err(Error::Busy)));
}
