//! Strangers in altered pictures: spoilt faces do not match each other, and faces on their side are found.

mod common;

use std::num::NonZeroUsize;
use std::sync::LazyLock;

use aicp_measure::Random;
use aicp_measure::alterations::Alteration;
use aicp_vision::{
    Cover, DetectedFace, Effort, Error, FaceModels, ModelPaths, Picture, Point, PoolSize, Purpose, RECOGNISABLE,
    Recognised, Turn, Vision,
};
use image::RgbImage;

use common::{SAME, on, read, root};

/// Portraits of different people in which the whole face is visible.
const STRANGERS: [&str; 30] = [
    "female/1",
    "female/2",
    "female/3",
    "female/5",
    "female/6",
    "female/8",
    "female/9",
    "female/10",
    "female/12",
    "female/14",
    "female/15",
    "female/17",
    "female/19",
    "female/22",
    "female/26",
    "female/29",
    "female/32",
    "male/1",
    "male/2",
    "male/4",
    "male/5",
    "male/6",
    "male/8",
    "male/9",
    "male/11",
    "male/13",
    "male/16",
    "male/31",
    "male/40",
    "male/41",
];
const WHITE: [u8; 3] = [235, 235, 235];
const BLUE: [u8; 3] = [120, 170, 200];

static VISION: LazyLock<Vision> = LazyLock::new(|| {
    let paths = ModelPaths { folder: root().join("models"), runtime: None };
    let two = NonZeroUsize::MIN.saturating_add(1);
    let size = PoolSize { workers: two, queue: NonZeroUsize::MIN.saturating_add(255) };
    Vision::start(&paths, size).expect("models are fetched: run `make setup`")
});

fn on_pool<T: Send + 'static>(job: impl FnOnce(&mut FaceModels) -> Result<T, Error> + Send + 'static) -> T {
    on(&VISION, job)
}

fn recognise(picture: Picture) -> Option<Recognised> {
    on_pool(move |models| models.recognise_largest(&picture, Purpose::Probe, Effort::Full))
}

/// The sample after an alteration around its face, which is detected before.
fn altered(sample: &str, alteration: Alteration) -> Picture {
    let picture = read(sample);
    let upright = picture.clone();
    let face = on_pool(move |models| models.detect_largest(&upright, Effort::Full)).expect("a face");
    Picture::from_rgb(alteration.apply(picture.rgb(), &face, &mut Random(1)))
}

/// The probe and the enrolment of each stranger's altered picture, if a face is found in it.
fn strangers(alteration: Alteration) -> Vec<Option<(Recognised, Recognised)>> {
    let recognise = move |sample: &'static str| {
        on_pool(move |models| {
            let picture = read(&format!("strangers/{sample}.jpg"));
            let face = models.detect_largest(&picture, Effort::Full)?.expect("a face");
            let altered = Picture::from_rgb(alteration.apply(picture.rgb(), &face, &mut Random(1)));
            let Some(probe) = models.recognise_largest(&altered, Purpose::Probe, Effort::Full)? else {
                return Ok(None);
            };
            let enrolled = models.recognise_largest(&altered, Purpose::Enrolment, Effort::Full)?.expect("found before");
            Ok(Some((probe, enrolled)))
        })
    };
    std::thread::scope(|scope| {
        let halves = STRANGERS.chunks(STRANGERS.len() / 2);
        let threads: Vec<_> =
            halves.map(|half| scope.spawn(move || half.iter().map(|s| recognise(s)).collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("recognised")).collect()
    })
}

fn accepts(recognised: &Recognised) -> bool {
    recognised.recognisability >= RECOGNISABLE
}

/// Numbers of matching and of all ordered pairs of strangers with a face in the picture.
fn false_matches(seen: &[Option<(Recognised, Recognised)>]) -> (usize, usize) {
    let seen: Vec<&(Recognised, Recognised)> = seen.iter().flatten().collect();
    let (mut matches, mut pairs) = (0, 0);
    for (i, (probe, _)) in seen.iter().enumerate() {
        for (_, enrolled) in seen.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, seen)| seen) {
            pairs += 1;
            let is_match = accepts(probe) && accepts(enrolled) && probe.embedding.cosine(&enrolled.embedding) > SAME;
            matches += usize::from(is_match);
        }
    }
    (matches, pairs)
}

#[test]
fn strangers_do_not_match_for_being_spoilt_alike() {
    use Alteration as A;
    let kinds = [
        A::Dark(0.1),
        A::Dark(0.06),
        A::Dark(0.04),
        A::Bright(220),
        A::Bright(240),
        A::Noise(0.3),
        A::Blur(0.035),
        A::Blur(0.06),
        A::Motion(0.17),
        A::Motion(0.25),
        A::Tiny(20.0),
        A::Tiny(14.0),
        A::CutChin(0.45),
        A::CutSide(0.45),
        A::Mask([30, 30, 120]),
        A::Mask(WHITE),
        A::CoverMouth(BLUE),
        A::RoundOverMouth,
        A::CoverEyes([90, 60, 40]),
        A::CoverHalf([60, 100, 60]),
    ];
    let (mut matches, mut pairs) = (0, 0);
    for kind in kinds {
        let (found, of) = false_matches(&strangers(kind));
        // A pair counts in both directions. One near the threshold may match, by the rounding of the processor.
        assert!(found <= 2.max(of / 500), "{kind}: {found} of {of}");
        (matches, pairs) = (matches + found, pairs + of);
    }
    assert!(pairs > 8_000, "there are faces to be mixed up: {pairs}");
    assert!(matches * 1_000 <= pairs, "{matches} of {pairs}");
}

#[test]
fn good_pictures_stay_recognisable() {
    use Alteration as A;
    let original = strangers(A::None);
    for kind in [A::None, A::Jpeg(60), A::Grey, A::Dark(0.4), A::Blur(0.01), A::Tiny(40.0), A::CutChin(0.1)] {
        let seen = strangers(kind);
        let good = seen.iter().zip(&original).filter(|(seen, original)| {
            let (Some((probe, _)), Some((_, enrolled))) = (seen, original) else { return false };
            accepts(probe) && probe.embedding.cosine(&enrolled.embedding) > SAME
        });
        let good = good.count();
        assert!(good >= STRANGERS.len() - 1, "{kind}: {good} of {} match", STRANGERS.len());
    }
}

#[test]
fn faces_are_recognised_in_every_orientation() {
    let original = strangers(Alteration::None);
    for turn in Turn::OTHERS {
        let seen = strangers(Alteration::Turned(turn));
        let good = seen.iter().zip(&original).filter(|(seen, original)| {
            let (Some((probe, _)), Some((_, enrolled))) = (seen, original) else { return false };
            accepts(probe) && probe.embedding.cosine(&enrolled.embedding) > SAME
        });
        let good = good.count();
        assert!(good >= STRANGERS.len() - 1, "{turn:?}: {good}");
    }
}

fn assert_turned(upright: &DetectedFace, turned: &DetectedFace, turn: Turn, (width, height): (u32, u32)) {
    let place = |p: Point| turn.apply(p, width as f32, height as f32);
    let expected = upright.area.mapped(place);
    assert!(turned.area.overlap(&expected) > 0.7, "{turn:?}: {:?} {expected:?}", turned.area);
    for (there, here) in turned.landmarks.iter().zip(upright.landmarks.map(place)) {
        assert!(there.distance(here) < 0.12 * expected.width, "{turn:?}: {there:?} {here:?}");
    }
    let mut rotation = (turned.rotation() - upright.rotation() - turn.degrees()).abs();
    rotation = rotation.min((rotation - 360.0).abs());
    assert!(rotation < 8.0, "{turn:?}: {rotation}");
}

#[test]
fn box_landmarks_and_rotation_are_told_in_the_picture_as_it_came() {
    for sample in ["people/obama/obama.jpg", "people/biden/biden.jpg", "people/obama/obama2.jpg"] {
        let upright = recognise(read(sample)).expect("a face").face;
        let size = (read(sample).width(), read(sample).height());
        for turn in Turn::OTHERS {
            let picture = read(sample).turned(turn);
            let all = picture.clone();
            let faces = on_pool(move |models| models.detect(&all, Effort::Full));
            let found = recognise(picture).expect("a face");
            assert!(accepts(&found), "{sample} {turn:?}: {}", found.recognisability);
            assert_turned(&upright, &found.face, turn, size);
            assert_turned(&upright, faces.first().expect("a face"), turn, size);
        }
    }
}

#[test]
fn a_tilted_face_is_embedded_as_the_upright_one() {
    for sample in ["people/obama/obama.jpg", "people/biden/biden.jpg", "people/obama/obama3.jpg"] {
        let upright = recognise(read(sample)).expect("a face").embedding;
        for degrees in [-60.0, -40.0, -20.0, 20.0, 40.0, 60.0] {
            let tilted = recognise(altered(sample, Alteration::Tilted(degrees))).expect("a face");
            let cosine = upright.cosine(&tilted.embedding);
            assert!(cosine > 0.9, "{sample} tilted by {degrees}: {cosine}");
        }
    }
}

#[test]
fn a_face_of_a_turned_group_photo_is_found_beside_upright_ones() {
    // Two portraits side by side, one of them on its side.
    let (one, other) = (read("people/obama/obama.jpg"), read("people/biden/biden.jpg").turned(Turn::Clockwise));
    let mut both = RgbImage::new(one.width() + other.width(), one.height().max(other.height()));
    image::imageops::replace(&mut both, one.rgb(), 0, 0);
    image::imageops::replace(&mut both, other.rgb(), i64::from(one.width()), 0);
    let faces = on_pool(move |models| models.recognise_all(&Picture::from_rgb(both), 10, Purpose::Probe, Effort::Full));
    assert_eq!(faces.len(), 2, "{faces:?}");
    for sample in ["people/obama/obama2.jpg", "people/biden/biden.jpg"] {
        let known = recognise(read(sample)).expect("a face").embedding;
        assert_eq!(faces.iter().filter(|face| known.cosine(&face.embedding) > SAME).count(), 1, "{sample}");
    }
}

#[test]
fn a_chin_that_is_cut_off_costs_little() {
    let mut accepted = 0;
    for sample in STRANGERS {
        let sample = format!("strangers/{sample}.jpg");
        let whole = recognise(read(&sample)).expect("a face");
        let cut = recognise(altered(&sample, Alteration::CutChin(0.2)));
        accepted += usize::from(cut.is_some_and(|cut| accepts(&cut) && cut.embedding.cosine(&whole.embedding) > SAME));
    }
    assert!(accepted >= 27, "{accepted} of {}", STRANGERS.len());
}

/// Numbers of strangers whose altered picture is reported as covered in this way, and of those with a detected face.
fn named(alteration: Alteration, cover: Cover) -> (usize, usize) {
    let mut counts = (0, 0);
    for sample in STRANGERS {
        let picture = altered(&format!("strangers/{sample}.jpg"), alteration);
        let quality = on_pool(move |models| {
            let face = models.recognise_largest(&picture, Purpose::Probe, Effort::Full)?;
            face.map(|face| models.quality(&picture, &face)).transpose()
        });
        let Some(quality) = quality else { continue };
        counts.0 += usize::from(quality.cover == Some(cover));
        counts.1 += 1;
        assert_eq!(quality.cover.is_some(), quality.components.uncovered < 30, "{sample} {alteration}");
        assert!(quality.cover.is_none() || quality.grades()[0] as u8 == 2, "{sample} {alteration}");
    }
    counts
}

#[test]
fn covers_are_named() {
    use Alteration as A;
    let covers = [
        (Cover::Mouth, A::Mask([40, 90, 60]), 8),
        (Cover::Mouth, A::CoverMouth(BLUE), 6),
        (Cover::Eyes, A::CoverEyes([60, 60, 70]), 5),
        (Cover::Half, A::CoverHalf([60, 100, 60]), 5),
    ];
    for (cover, alteration, of_ten) in covers {
        let (named, found) = named(alteration, cover);
        assert!(found >= 20 && named * 10 >= found * of_ten, "{alteration}: {named} of {found}");
        let (by_mistake, found) = self::named(A::None, cover);
        assert!(by_mistake <= 1, "{cover:?}: {by_mistake} of {found} uncovered faces");
    }
}

#[test]
fn quality_falls_along_each_degradation() {
    use Alteration as A;
    let series = [
        vec![A::None, A::Blur(0.01), A::Blur(0.02), A::Blur(0.03), A::Blur(0.045), A::Blur(0.07)],
        vec![A::None, A::Dark(0.5), A::Dark(0.25), A::Dark(0.1), A::Dark(0.06), A::Dark(0.04)],
        vec![A::None, A::Bright(120), A::Bright(180), A::Bright(220), A::Bright(238)],
        vec![A::None, A::Motion(0.05), A::Motion(0.12), A::Motion(0.2), A::Motion(0.3)],
        vec![A::None, A::Tiny(100.0), A::Tiny(50.0), A::Tiny(30.0), A::Tiny(20.0), A::Tiny(14.0)],
        vec![A::None, A::CutChin(0.15), A::CutChin(0.3), A::CutChin(0.45)],
    ];
    for sample in ["people/obama/obama.jpg", "people/biden/biden.jpg"] {
        for series in &series {
            let mut last = f32::INFINITY;
            for alteration in series {
                let picture = altered(sample, *alteration);
                let score = on_pool(move |models| {
                    let face = models.recognise_largest(&picture, Purpose::Probe, Effort::Full)?;
                    face.map(|face| Ok(models.quality(&picture, &face)?.score)).transpose()
                });
                // Beyond some strength no face is found.
                let Some(score) = score else { break };
                assert!(score <= last + 0.005, "{sample} {alteration}: {score} after {last}");
                last = score;
            }
            assert!(last < 0.6, "{sample} {series:?} ends at {last}");
        }
    }
}

#[test]
fn a_large_face_hides_no_small_ones() {
    let large = read("people/obama/obama.jpg");
    let portraits: Vec<Picture> =
        STRANGERS[..12].iter().map(|sample| read(&format!("strangers/{sample}.jpg"))).collect();
    for (width, height) in [(2400, 1600), (4000, 3000)] {
        let mut picture = RgbImage::from_pixel(width, height, image::Rgb([112, 121, 130]));
        image::imageops::replace(&mut picture, large.rgb(), 40, 60);
        for (i, portrait) in (0..).zip(&portraits) {
            let (x, y) = (1100 + i % 4 * 300, 100 + i / 4 * 450);
            image::imageops::replace(&mut picture, portrait.rgb(), x, y);
        }
        let faces = on_pool(move |models| models.detect(&Picture::from_rgb(picture), Effort::Full));
        assert_eq!(faces.len(), 13, "{width}x{height}");
        let apart = faces.iter().enumerate().all(|(i, a)| faces[..i].iter().all(|b| a.area.overlap(&b.area) < 0.1));
        assert!(apart, "no face is told of twice");
    }
}

#[test]
fn liveness_wants_something_around_the_face() {
    let picture = read("people/obama/obama.jpg");
    let face = recognise(picture.clone()).expect("a face").face;
    for (scale, is_too_tight) in [(2.7, false), (1.8, false), (1.3, true), (1.0, true)] {
        let part = face.area.grown(scale).clamped(picture.width(), picture.height());
        let (x, y) = (part.x as u32, part.y as u32);
        let cut = image::imageops::crop_imm(picture.rgb(), x, y, part.width as u32, part.height as u32).to_image();
        let moved = |p: Point| Point::new(p.x - x as f32, p.y - y as f32);
        let area = face.area.mapped(moved).clamped(cut.width(), cut.height());
        let there = DetectedFace { area, frame: area, landmarks: face.landmarks.map(moved), ..face.clone() };
        let live = on_pool(move |models| models.liveness(&Picture::from_rgb(cut), &there));
        assert_eq!(live.is_too_tight, is_too_tight, "{scale}: {live:?}");
    }
}

#[test]
fn a_picture_without_a_face_is_looked_at_within_bounds() {
    for (width, height) in [(640, 480), (3000, 2000)] {
        for (effort, most) in [(Effort::Full, 16), (Effort::Limited, 16)] {
            let picture = Picture::from_rgb(RgbImage::from_pixel(width, height, image::Rgb([90, 110, 130])));
            let (found, looks) = on_pool(move |models| {
                models.take_pass_sizes();
                let found = models.recognise_largest(&picture, Purpose::Probe, effort)?;
                Ok((found, models.take_pass_sizes()))
            });
            assert!(found.is_none());
            assert!(looks.len() <= most, "{width}x{height} {effort:?}: {looks:?}");
            if effort == Effort::Limited {
                let pixels: u32 = looks.iter().map(|(width, height)| width * height).sum();
                assert!(pixels < 12 * 640 * 384, "{width}x{height}: {looks:?}");
            }
        }
    }
}
