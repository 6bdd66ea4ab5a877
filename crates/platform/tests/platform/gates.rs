//! Quality and liveness.

use aicp_platform::{
    Control, EnrolOptions, Error, Examination, Gates, KnownPerson, MissingPerson, QualityFault, Refusal,
};
use aicp_vision::FakeFace;

use crate::fixture::{Fixture, group, nobody, once, picture, picture_of};

fn of_quality(quality: f32) -> FakeFace {
    FakeFace { quality, ..FakeFace::of("alice") }
}

fn live(live: f32) -> FakeFace {
    FakeFace { live, ..FakeFace::of("alice") }
}

#[tokio::test]
async fn each_control_has_its_threshold_of_quality() {
    let fixture = Fixture::start().await;
    let cases = [
        (Control::None, 0.0, true),
        (Control::Low, 0.09, false),
        (Control::Low, 0.1, true),
        (Control::Normal, 0.29, false),
        (Control::Normal, 0.3, true),
        (Control::High, 0.59, false),
        (Control::High, 0.6, true),
    ];
    for (quality, of_face, passes) in cases {
        let gates = Gates { quality, ..Gates::default() };
        let checked = fixture.platform.pass_gates(&fixture.app, gates, &picture_of(of_quality(of_face))).await;
        assert_eq!(checked.is_ok(), passes, "{quality:?} {of_face}");
        assert!(passes || matches!(checked, Err(Error::Refused(Refusal::Quality(QualityFault::Incomplete)))));
    }
}

#[tokio::test]
async fn each_control_has_its_threshold_of_liveness() {
    let fixture = Fixture::start().await;
    let cases = [
        (Control::None, 0.0, true),
        (Control::Low, 0.04, false),
        (Control::Low, 0.06, true),
        (Control::Normal, 0.29, false),
        (Control::Normal, 0.31, true),
        (Control::High, 0.89, false),
        (Control::High, 0.91, true),
    ];
    for (liveness, of_face, passes) in cases {
        let gates = Gates { liveness, ..Gates::default() };
        let checked = fixture.platform.pass_gates(&fixture.app, gates, &picture_of(live(of_face))).await;
        assert_eq!(checked.is_ok(), passes, "{liveness:?} {of_face}");
        assert!(passes || matches!(checked, Err(Error::Refused(Refusal::NotLive))));
    }
}

#[tokio::test]
async fn a_face_turned_away_fails_the_quality() {
    let fixture = Fixture::start().await;
    let gates = Gates { quality: Control::High, ..Gates::default() };
    let turned = picture_of(FakeFace { yaw: 60.0, ..FakeFace::of("alice") });
    let checked = fixture.platform.pass_gates(&fixture.app, gates, &turned).await;
    assert!(matches!(checked, Err(Error::Refused(Refusal::Quality(QualityFault::Other)))));
    let checked = fixture.platform.pass_gates(&fixture.app, gates, &nobody()).await;
    assert!(matches!(checked, Err(Error::Refused(Refusal::NoFace))));
}

#[tokio::test]
async fn a_picture_that_fails_enrols_nobody() {
    let fixture = Fixture::start().await;
    let gates = Gates { liveness: Control::Normal, ..Gates::default() };
    let options = EnrolOptions { gates, ..once(KnownPerson::AddFace, MissingPerson::Create) };
    let refused = fixture.add_face("alice", picture_of(live(0.1)), options).await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::NotLive))));
    assert_eq!(fixture.platform.library_count(&fixture.app, fixture.app.app_id()).await.expect("an answer"), 0);
}

#[tokio::test]
async fn no_control_costs_nothing() {
    let fixture = Fixture::start().await;
    fixture.platform.pass_gates(&fixture.app, Gates::default(), &nobody()).await.expect("no control");
    assert_eq!(fixture.biometrics.calls(), 0);
}

#[tokio::test]
async fn faces_are_examined_as_requested() {
    let fixture = Fixture::start().await;
    let wanted = Examination::QUALITY;
    let photo = group(&["a", "b", "c"]);
    let faces = fixture.platform.examine(&fixture.app, photo.clone(), 2, wanted).await.expect("an answer");
    assert_eq!(faces.len(), 2);
    assert!(faces.iter().all(|face| face.quality.is_some() && face.liveness.is_none() && face.is_recognisable));
    assert_eq!(fixture.platform.detect(&fixture.app, photo.clone()).await.expect("an answer").len(), 3);
    let described = fixture.platform.describe(&fixture.app, photo).await.expect("an answer");
    assert!(described.len() == 3 && described[0].area[2] > described[2].area[2]);
    assert_eq!(described[0].feature.len(), 512);
}

#[tokio::test]
async fn the_quality_of_a_picture_is_assessed() {
    let fixture = Fixture::start().await;
    let good = fixture.platform.assess(&fixture.app, picture("alice", 1)).await.expect("an answer");
    assert!(fixture.platform.is_good(good.score, good.grades, good.is_recognisable.expect("it is judged")));
    let poor = fixture.platform.assess(&fixture.app, picture_of(of_quality(0.2))).await.expect("an answer");
    assert!(!fixture.platform.is_good(poor.score, poor.grades, true));
    assert!(!fixture.platform.is_good(good.score, good.grades, false));
    assert!(matches!(fixture.platform.assess(&fixture.app, nobody()).await, Err(Error::Refused(Refusal::NoFace))));
}
