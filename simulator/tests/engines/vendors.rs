//! Tests of both vendors' calls, with and without faults.

use aicp_backends::{CandidateKey, Examination, IndexChange, IndexedFace};
use aicp_engine_simulator::{Faults, Vendor, cloudwalk_settings, codes};
use aicp_engines::{Candidate, Cloudwalk, CloudwalkSettings, Error, Koala, RemoteEngine, RemoteFace};
use aicp_types::{FaceId, LibraryId, PersonId};
use aicp_vision::Similarity;
use bytes::Bytes;

use crate::support::*;

fn of(added: RemoteFace) -> String {
    added.engine_ref
}

/// Checks that two similarities are nearly equal. A compared face is detected in fewer pixels than an added one, so it
/// is located less exactly.
fn assert_near(a: Similarity, b: Similarity) {
    assert!((a - b).abs() < 0.03, "{a} and {b}");
}

fn refs(candidates: &[Candidate]) -> Vec<&str> {
    candidates.iter().map(|c| c.engine_ref.as_str()).collect()
}

/// Lets the first call of a path do its work and drops its answer.
fn drop_first_answer(path: String) -> Faults {
    Faults { drop_after: 1.0, limit: Some(1), paths: vec![path], ..Faults::default() }
}

fn in_doubt<T>(result: Result<T, Error>) -> bool {
    match result {
        Err(Error::Unavailable { in_doubt, .. }) => in_doubt,
        Err(Error::Refused { .. }) => false,
        Err(e) => panic!("{e}"),
        Ok(_) => panic!("an answer"),
    }
}

#[tokio::test]
async fn a_life_of_faces() {
    let home = builtin();
    let probe = picture("people/obama/obama2.jpg");
    let alike = home.compare(obama().into(), probe.clone().into()).await.expect("an answer");
    for rig in Fixture::all().await {
        let engine = &rig.engine;
        engine.health().await.expect("an answer");
        let (one, two) = (library(1), library(2));
        for library in [&one, &two, &one] {
            engine.create_library(library).await.expect("an answer");
        }
        let obama_ = of(engine.add_face(&one, &tag(1), obama()).await.expect("an answer"));
        let biden_ = of(engine.add_face(&two, &tag(2), biden()).await.expect("an answer"));
        assert_ne!(obama_, biden_);

        let found = engine.identify(&[two.clone(), one.clone()], probe.clone(), 10).await.expect("an answer");
        assert_eq!(refs(&found), [&obama_, &biden_]);
        assert_eq!(found[0].library, LibraryId::new(1));
        assert_near(found[0].similarity, alike);
        assert_near(found[1].similarity, home.compare(biden().into(), probe.clone().into()).await.expect("an answer"));
        assert_eq!(engine.identify(&[two.clone(), one.clone()], probe.clone(), 1).await.expect("an answer").len(), 1);
        assert_near(engine.compare(obama(), probe.clone()).await.expect("an answer"), alike);

        engine.remove_face(&one, &obama_).await.expect("an answer");
        engine.remove_face(&one, &obama_).await.expect("an answer");
        assert!(engine.identify(std::slice::from_ref(&one), probe.clone(), 10).await.expect("an answer").is_empty());
        engine.delete_library(&two).await.expect("an answer");
        engine.delete_library(&two).await.expect("an answer");
        assert!(rig.faces(&one).await.is_empty() && rig.faces(&two).await.is_empty());

        assert!(matches!(
            engine.identify(std::slice::from_ref(&two), probe.clone(), 1).await,
            Err(Error::LibraryMissing)
        ));
        assert!(matches!(engine.add_face(&two, &tag(1), obama()).await, Err(Error::LibraryMissing)));
        engine.remove_face(&two, &obama_).await.expect("an answer");
        rig.running.stop().await;
    }
}

#[tokio::test]
async fn faces_are_seen_as_by_the_builtin_engine() {
    let home = builtin();
    let group = picture("groups/sample1.jpg");
    let seen = home.detect(group.clone().into()).await.expect("an answer");
    assert!(seen.len() > 1, "a group");
    let assessed = home.assess(obama().into()).await.expect("an answer");
    for rig in Fixture::all().await {
        let engine = &rig.engine;
        let boxes = engine.detect(group.clone()).await.expect("an answer");
        assert_eq!(boxes.len(), seen.len());
        for (theirs, ours) in boxes.iter().zip(&seen) {
            assert!((theirs.area.x - ours.area.x).abs() <= 0.5 && (theirs.area.width - ours.area.width).abs() <= 0.5);
            assert_eq!((theirs.confidence, theirs.rotation), (0.0, 0.0));
        }
        let grey = engine.assess(obama()).await.expect("an answer");
        assert!((grey.score - assessed.score).abs() < 1e-4 && grey.feature == assessed.feature);
        if engine.name() == "koala" {
            assert_eq!(grey.grades, assessed.grades);
        }
        engine.require_face(group.clone()).await.expect("an answer");
    }
    // The built-in engine reports more about the face.
    let turned = home.detect(obama().into()).await.expect("an answer");
    assert!(turned[0].confidence > 0.5 && turned[0].rotation.abs() < 20.0);
}

#[tokio::test]
async fn everybody_in_a_group_is_found() {
    let home = builtin();
    let group = picture("groups/sample1.jpg");
    let count = home.detect(group.clone().into()).await.expect("an answer").len();
    for rig in Fixture::all().await {
        let engine = &rig.engine;
        let (one, two) = (library(1), library(2));
        engine.create_library(&one).await.expect("an answer");
        engine.create_library(&two).await.expect("an answer");
        // The largest face of the group, and two people who are not in it.
        let member = of(engine.add_face(&two, &tag(1), group.clone()).await.expect("an answer"));
        of(engine.add_face(&one, &tag(2), obama()).await.expect("an answer"));
        of(engine.add_face(&one, &tag(3), biden()).await.expect("an answer"));
        let faces = engine.identify_many(&[one, two], group.clone(), 2).await.expect("an answer");
        assert_eq!(faces.len(), count);
        assert!(faces.windows(2).all(|pair| pair[0].face.area.area() >= pair[1].face.area.area()));
        assert!(faces[0].face.area.width > 0.0);
        let first = &faces[0].candidates[0];
        assert_eq!((first.library, first.engine_ref.as_str()), (LibraryId::new(2), member.as_str()));
        assert_near(faces[0].candidates[0].similarity, 1.0);
        for face in &faces {
            assert_eq!(face.candidates.len(), 2);
            assert!(face.candidates[0].similarity >= face.candidates[1].similarity);
        }
        for face in &faces[1..] {
            assert!(face.candidates[0].similarity < 0.9);
        }
        // An empty library: all faces are detected, none is identified.
        let empty = library(3);
        engine.create_library(&empty).await.expect("an answer");
        let faces = engine.identify_many(&[empty], group.clone(), 2).await.expect("an answer");
        assert!(faces.len() == count && faces.iter().all(|f| f.candidates.is_empty() && f.face.area.width > 0.0));
    }
}

#[tokio::test]
async fn pictures_that_show_nobody_are_refused() {
    for rig in Fixture::all().await {
        let engine = &rig.engine;
        engine.create_library(&library(1)).await.expect("an answer");
        for bad in [Bytes::from_static(b"no picture"), faceless()] {
            assert!(matches!(engine.add_face(&library(1), &tag(1), bad.clone()).await, Err(Error::BadPicture(_))));
            assert!(matches!(engine.identify(&[library(1)], bad.clone(), 1).await, Err(Error::BadPicture(_))));
            assert!(matches!(engine.identify_many(&[library(1)], bad.clone(), 1).await, Err(Error::BadPicture(_))));
            assert!(matches!(engine.compare(obama(), bad.clone()).await, Err(Error::BadPicture(_))));
            assert!(matches!(engine.assess(bad.clone()).await, Err(Error::BadPicture(_))));
            let found = engine.find_added(&library(1), &tag(1), bad, &KnownRefs(Vec::new())).await.expect("an answer");
            assert!(found.is_none());
        }
        assert!(matches!(engine.detect(Bytes::from_static(b"x")).await, Err(Error::BadPicture(_))));
        assert!(engine.detect(faceless()).await.expect("an answer").is_empty());
        assert!(matches!(engine.require_face(faceless()).await, Err(Error::NoFace)));
        assert!(rig.faces(&library(1)).await.is_empty());
    }
}

#[tokio::test]
async fn a_lost_answer_is_made_up_for() {
    for rig in Fixture::all().await {
        let engine = &rig.engine;
        let home = library(1);
        engine.create_library(&home).await.expect("an answer");
        assert!(engine.find_added(&home, &tag(1), obama(), &KnownRefs(Vec::new())).await.expect("an answer").is_none());
        // Another person has the same picture.
        let other = of(engine.add_face(&home, &tag(9), obama()).await.expect("an answer"));
        rig.faults(drop_first_answer(rig.add_path())).await;
        let before = rig.calls(&rig.add_path()).await;
        assert!(in_doubt(engine.add_face(&home, &tag(1), obama()).await));
        assert_eq!(rig.calls(&rig.add_path()).await, before + 1, "not repeated");
        assert_eq!(rig.faces(&home).await.len(), 2);
        let known = KnownRefs(vec![other.clone()]);
        let found =
            of(engine.find_added(&home, &tag(1), obama(), &known).await.expect("an answer").expect("something"));
        assert_ne!(found, other);
        let known = KnownRefs(vec![other.clone(), found.clone()]);
        assert!(engine.find_added(&home, &tag(1), obama(), &known).await.expect("an answer").is_none());
        // An addition that was not executed leaves nothing to find.
        rig.faults(Faults { drop_before: 1.0, limit: Some(1), ..Faults::default() }).await;
        assert!(in_doubt(engine.add_face(&home, &tag(2), biden()).await));
        assert!(engine.find_added(&home, &tag(2), biden(), &known).await.expect("an answer").is_none());
        engine.remove_face(&home, &found).await.expect("an answer");
        assert_eq!(rig.faces(&home).await[0]["faceId"], other);
    }
}

#[tokio::test]
async fn what_may_be_repeated_is() {
    for rig in Fixture::all().await {
        let engine = &rig.engine;
        let home = library(1);
        let twice = |faults: Faults| Faults { limit: Some(2), ..faults };
        rig.faults(twice(Faults { drop_after: 1.0, ..Faults::default() })).await;
        engine.create_library(&home).await.expect("an answer");
        let face = of(engine.add_face(&home, &tag(1), obama()).await.expect("an answer"));
        rig.faults(twice(Faults { drop_before: 1.0, ..Faults::default() })).await;
        assert_eq!(engine.identify(std::slice::from_ref(&home), obama(), 1).await.expect("an answer").len(), 1);
        rig.faults(twice(Faults { status500: 1.0, ..Faults::default() })).await;
        assert_near(engine.compare(obama(), obama()).await.expect("an answer"), 1.0);
        rig.faults(twice(Faults { drop_after: 1.0, ..Faults::default() })).await;
        engine.remove_face(&home, &face).await.expect("an answer");
        rig.faults(twice(Faults { drop_after: 1.0, ..Faults::default() })).await;
        engine.delete_library(&home).await.expect("an answer");
        rig.faults(Faults { status500: 1.0, ..Faults::default() }).await;
        assert!(in_doubt(engine.detect(obama()).await));
    }
}

#[tokio::test]
async fn an_answer_too_late_may_have_been_work() {
    let rig = Fixture::start(Vendor::Cloudwalk, true).await;
    rig.engine.create_library(&library(1)).await.expect("an answer");
    rig.faults(Faults { delay_ms: 3_600_000, paths: vec![rig.add_path()], ..Faults::default() }).await;
    let mut settings = cloudwalk_settings(rig.running.url());
    (settings.app_id, settings.app_secret) = (Some(ID.to_owned()), Some(SECRET.to_owned().into()));
    settings.remote.timeout_ms = 1_000.into();
    let hasty = Cloudwalk::new(settings).expect("sound settings");
    assert!(in_doubt(hasty.add_face(&library(1), &tag(1), obama()).await));
    // The simulator completes its work after the client has gone.
    while rig.faces(&library(1)).await.is_empty() {
        tokio::task::yield_now().await;
    }
    let found = rig.engine.find_added(&library(1), &tag(1), obama(), &KnownRefs(Vec::new())).await.expect("an answer");
    assert!(found.is_some());
}

#[tokio::test]
async fn a_stranger_is_refused_without_a_word_of_the_secret() {
    let rig = Fixture::start(Vendor::Cloudwalk, true).await;
    let settings = CloudwalkSettings {
        app_id: Some(ID.to_owned()),
        app_secret: Some("wrong-secret".to_owned().into()),
        ..cloudwalk_settings(rig.running.url())
    };
    let stranger = Cloudwalk::new(settings).expect("sound settings");
    match stranger.health().await {
        Err(e @ Error::Rejected { .. }) => {
            assert_eq!(
                e.to_string(),
                format!("the engine refused: {},app_id or app_secret is wrong", codes::FORBIDDEN)
            );
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn codes_need_not_be_known_to_tell_what_is_gone() {
    let rig = Fixture::start(Vendor::Cloudwalk, true).await;
    let settings = CloudwalkSettings {
        app_id: Some(ID.to_owned()),
        app_secret: Some(SECRET.to_owned().into()),
        ..CloudwalkSettings::new(rig.running.url())
    };
    let engine = Cloudwalk::new(settings).expect("sound settings");
    engine.create_library(&library(1)).await.expect("an answer");
    engine.create_library(&library(1)).await.expect("an answer");
    engine.remove_face(&library(1), "gone").await.expect("an answer");
    engine.delete_library(&library(1)).await.expect("an answer");
    engine.delete_library(&library(1)).await.expect("an answer");
    assert!(matches!(
        engine.add_face(&library(1), &tag(1), obama()).await,
        Err(Error::Rejected { code, .. }) if code == codes::LIBRARY_MISSING.to_string()
    ));
}

#[tokio::test]
async fn a_search_that_does_not_find_the_call_is_no_answer() {
    let rig = Fixture::start(Vendor::Koala, false).await;
    let mut settings = aicp_engine_simulator::koala_settings(rig.running.url());
    settings.paths.search = "business/api/v1/nowhere".to_owned();
    let engine = Koala::new(settings).expect("sound settings");
    assert!(!in_doubt(engine.identify(&[library(1)], obama(), 1).await));
}

#[tokio::test]
async fn the_builtin_engine_examines_every_face() {
    let home = builtin();
    let group = picture("groups/sample1.jpg");
    let seen = home.detect(group.clone().into()).await.expect("an answer");
    let plain = home.examine(group.clone().into(), usize::MAX, Examination::default()).await.expect("an answer");
    assert_eq!(plain.iter().map(|f| f.face).collect::<Vec<_>>(), seen);
    assert!(plain.iter().all(|f| f.quality.is_none() && f.liveness.is_none()));
    let wanted = Examination { quality: true, liveness: true };
    let full = home.examine(group.clone().into(), 2, wanted).await.expect("an answer");
    assert_eq!(full.len(), 2);
    for (full, plain) in full.iter().zip(&plain) {
        assert_eq!((full.face, full.landmarks, full.pose), (plain.face, plain.landmarks, plain.pose));
        assert_eq!(full.quality.expect("there").pose, full.pose);
        assert!((0.0..=1.0).contains(&full.liveness.expect("there").probability));
    }
    assert!(home.examine(faceless().into(), 9, wanted).await.expect("an answer").is_empty());
    assert!(matches!(
        home.examine(Bytes::from_static(b"x").into(), 9, wanted).await,
        Err(aicp_backends::Error::BadPicture(_))
    ));
    let enrolled = home.enrol(obama().into()).await.expect("an answer");
    assert!(enrolled.quality.expect("there") > 0.0 && enrolled.face.is_some());
    let face =
        IndexedFace { person: PersonId::new(7), face: FaceId::new(8), template: enrolled.template.expect("there") };
    let added = IndexChange::FacesAdded { library: LibraryId::new(1), faces: vec![face] };
    assert!(home.apply(aicp_types::Sequence::new(1), &[added]).await.expect("it fits").is_empty());
    let found = home.identify(&[LibraryId::new(1)], obama().into(), 1).await.expect("an answer");
    assert_eq!(found[0].face, CandidateKey::Row(FaceId::new(8)));
    let nobody = home.identify(&[LibraryId::new(1)], faceless().into(), 1).await;
    assert!(matches!(nobody, Err(aicp_backends::Error::NoFace)));
}
