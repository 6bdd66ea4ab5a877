use super::*;
use crate::pool::Priority;

fn photo(picture: &FakePicture) -> Photo {
    picture.bytes().into()
}

async fn embedding(fake: &FakeBiometrics, picture: FakePicture, request: Request) -> Embedding {
    fake.look(photo(&picture), request).await.expect("an answer").faces.remove(0).embedding
}

#[test]
fn a_picture_is_read_as_it_is_written() {
    let good = FakeFace::of("alice");
    let odd = FakeFace { area: [0.5, -3.0, 17.25, 400.0], confidence: 0.1, yaw: -45.0, live: 0.0, ..good.clone() };
    let picture = FakePicture::new(7, vec![good, odd]);
    assert_eq!(FakePicture::decode(&picture.bytes(), Terms::default()).expect("it is read"), picture);
    let short = FakePicture::decode(b"fake 640x480 7\nalice quality=0.3", Terms::default()).expect("it is read");
    assert_eq!(short.faces, [FakeFace { quality: 0.3, ..FakeFace::of("alice") }]);
}

#[tokio::test]
async fn cosines_tell_identities_apart() {
    let fake = FakeBiometrics::default();
    let mut all = Vec::new();
    for person in 0..30 {
        for number in 0..3 {
            let request = if number == 0 { Request::ENROLMENT } else { Request::PROBE };
            all.push((person, embedding(&fake, FakePicture::of(&format!("p{person}"), number), request).await));
        }
    }
    for (i, (person, a)) in all.iter().enumerate() {
        for (other, b) in &all[..i] {
            let cosine = a.cosine(b);
            let is_right = if person == other { (0.95..0.9999).contains(&cosine) } else { cosine.abs() < 0.25 };
            assert!(is_right, "{person} {other} {cosine}");
        }
    }
    let again = embedding(&fake, FakePicture::of("p0", 1), Request::PROBE).await;
    assert_eq!(again, all[1].1, "the same picture has the same embedding");
    assert!(fake.accepts_template(again.as_slice()));
    assert!(!fake.accepts_template(embedding(&fake, FakePicture::of(SPOILT, 1), Request::ENROLMENT).await.as_slice()));
}

#[tokio::test]
async fn the_largest_faces_come_first() {
    let fake = FakeBiometrics::default();
    let small = FakeFace { area: [0.0, 0.0, 50.0, 50.0], ..FakeFace::of("small") };
    let picture = FakePicture::new(1, vec![small, FakeFace::of("large")]);
    let all = fake.detect(photo(&picture), Scope::AtMost(9)).await.expect("an answer");
    assert_eq!(all.iter().map(|face| face.area.width).collect::<Vec<_>>(), [200.0, 50.0]);
    assert_eq!(fake.detect(photo(&picture), Scope::Largest).await.expect("an answer"), all[..1]);
    let look = fake.look(photo(&picture), Request::probes(9)).await.expect("an answer");
    assert_eq!(look.faces.iter().map(|face| face.face).collect::<Vec<_>>(), all);
    assert_eq!((look.width, look.height), (640.0, 480.0));
}

#[tokio::test]
async fn a_face_is_examined_on_request() {
    let fake = FakeBiometrics::default();
    let face = FakeFace { quality: 0.25, yaw: 30.0, live: 0.4, recognisability: 0.3, ..FakeFace::of("alice") };
    let picture = FakePicture::new(1, vec![face]);
    let wanted = Examination { quality: true, liveness: true };
    let look = fake.look(photo(&picture), Request::PROBE.examined(wanted)).await.expect("an answer");
    let examined = look.faces[0].examined.clone().expect("it was requested");
    let quality = examined.quality.expect("it was requested");
    assert_eq!((quality.score, quality.components.sharpness, examined.pose.yaw), (0.25, 25, 30.0));
    assert_eq!(examined.liveness.expect("it was requested").probability, 0.4);
    assert!(!examined.is_recognisable && look.faces[0].check_enrolment(Terms::default()).is_err());
    let plain = fake.look(photo(&picture), Request::PROBE.examined(Examination::default())).await.expect("an answer");
    let plain = plain.faces[0].examined.clone().expect("it was requested");
    assert!(plain.quality.is_none() && plain.liveness.is_none());
}

#[tokio::test]
async fn what_is_not_recognisable_compares_with_nothing() {
    let fake = FakeBiometrics::default();
    let spoilt = FakePicture::new(2, vec![FakeFace { recognisability: 0.1, ..FakeFace::of("alice") }]);
    let similarity = async |terms: Terms, b: &FakePicture| {
        let a = Photo { terms, ..photo(&FakePicture::of("alice", 1)) };
        fake.compare(a, photo(b), None).await.expect("an answer").expect("two faces").similarity
    };
    assert!(similarity(Terms::default(), &FakePicture::of("alice", 2)).await > 0.95);
    assert!(similarity(Terms::default(), &FakePicture::of("bob", 2)).await < 0.6);
    assert_eq!(similarity(Terms::default(), &spoilt).await, 0.0);
    assert!(similarity(Terms { least_recognisability: 0.0, ..Terms::default() }, &spoilt).await > 0.95);
    let nobody = photo(&FakePicture::new(1, Vec::new()));
    assert!(fake.compare(photo(&spoilt), nobody, None).await.expect("an answer").is_none());
}

#[tokio::test]
async fn a_bad_picture_is_refused() {
    let fake = FakeBiometrics::default();
    for bytes in ["", "no picture", "fake 640", "fake 640x480 1\nalice quality", "fake 640x480 1\nalice quality=good"] {
        let refused = fake.look(Bytes::from_static(bytes.as_bytes()).into(), Request::PROBE).await;
        assert!(refused.is_err_and(|e| e.is_bad_picture()), "{bytes}");
    }
    let huge = FakePicture { width: 6000, height: 5000, ..FakePicture::of("alice", 1) };
    let unknown = Terms { priority: Priority::Unknown, ..Terms::default() };
    assert!(fake.detect(photo(&huge), Scope::Largest).await.is_ok());
    let refused = fake.detect(Photo { terms: unknown, ..photo(&huge) }, Scope::Largest).await;
    assert!(matches!(refused, Err(Error::TooManyPixels { .. })));
}

#[tokio::test]
async fn calls_wait_or_are_refused_as_told() {
    let fake = FakeBiometrics::default();
    let hold = fake.hold();
    let call = tokio::spawn({
        let fake = fake.clone();
        async move { fake.detect(photo(&FakePicture::of("alice", 1)), Scope::Largest).await }
    });
    fake.wait_for_calls(1).await;
    tokio::task::yield_now().await;
    assert!(!call.is_finished());
    drop(hold);
    assert_eq!(call.await.expect("no panic").expect("an answer").len(), 1);
    fake.set_busy(true);
    assert!(matches!(fake.look(photo(&FakePicture::of("alice", 1)), Request::PROBE).await, Err(Error::Busy)));
    fake.set_busy(false);
    assert!(fake.look(photo(&FakePicture::of("alice", 1)), Request::PROBE).await.is_ok());
    assert_eq!(fake.calls(), 3);
}
