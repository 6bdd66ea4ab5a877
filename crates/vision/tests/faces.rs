//! Real networks on real pictures, through the worker pool that the server uses.

mod common;

use std::num::NonZeroUsize;
use std::sync::LazyLock;
use std::time::Duration;

use aicp_vision::{
    DetectedFace, Effort, Embedding, Error, FaceModels, ModelPaths, Picture, PoolSize, Priority, Purpose, Quality,
    TimeLimits, Vision,
};
use image::{DynamicImage, RgbImage, imageops};

use common::{SAME, on, read, root};

/// Minimum cosine between a face found by a coarse pass and the same face found by a full one. The worst sample has a
/// hand over half the face.
const LEAST_COARSE: f32 = 0.9;

static VISION: LazyLock<Vision> = LazyLock::new(|| start(2, 8));

fn start(workers: usize, queue: usize) -> Vision {
    let paths = ModelPaths { folder: root().join("models"), runtime: None };
    let at_least_one = |n| NonZeroUsize::new(n).expect("not zero");
    let size = PoolSize { workers: at_least_one(workers), queue: at_least_one(queue) };
    Vision::start(&paths, size).expect("models are fetched: run `make setup`")
}

/// Runs a job on the pool and waits for it.
fn on_pool<T: Send + 'static>(job: impl FnOnce(&mut FaceModels) -> Result<T, Error> + Send + 'static) -> T {
    on(&VISION, job)
}

fn detect(picture: Picture) -> Vec<DetectedFace> {
    on_pool(move |models| models.detect(&picture, Effort::Full))
}

fn embed(picture: Picture, purpose: Purpose) -> Embedding {
    on_pool(move |models| {
        let faces = models.detect(&picture, Effort::Full)?;
        Ok(models.embed(&picture, faces.first().expect("a face"), purpose)?.embedding)
    })
}

fn quality(picture: Picture) -> Quality {
    on_pool(move |models| {
        let face = models.recognise_largest(&picture, Purpose::Probe, Effort::Full)?.expect("a face");
        models.quality(&picture, &face)
    })
}

fn altered(sample: &str, change: impl FnOnce(DynamicImage) -> DynamicImage) -> Picture {
    let picture = read(sample);
    Picture::from_rgb(change(DynamicImage::ImageRgb8(picture.rgb().clone())).into_rgb8())
}

const PORTRAIT: &str = "people/obama/obama.jpg";

#[test]
fn every_visible_face_of_the_group_photos_is_found_and_nothing_else() {
    for (sample, faces) in [(1, 3), (2, 3), (3, 3), (4, 4), (5, 5), (6, 4)] {
        let found = detect(read(&format!("groups/sample{sample}.jpg")));
        assert_eq!(found.len(), faces, "sample{sample}");
        assert!(found.is_sorted_by(|a, b| a.area.area() >= b.area.area()), "sample{sample}: largest first");
    }
}

#[test]
fn landmarks_lie_where_a_face_has_them() {
    let faces = detect(read(PORTRAIT));
    let [face] = faces.as_slice() else { panic!("one face") };
    let [right_eye, left_eye, nose, right_mouth, left_mouth] = face.landmarks;
    assert!(right_eye.x < nose.x && nose.x < left_eye.x && right_mouth.x < left_mouth.x);
    assert!(right_eye.y < nose.y && nose.y < right_mouth.y && left_eye.y < left_mouth.y);
    let area = face.area;
    for point in face.landmarks {
        assert!((area.x..area.x + area.width).contains(&point.x) && (area.y..area.y + area.height).contains(&point.y));
    }
}

#[test]
fn one_person_matches_in_every_picture_and_another_does_not() {
    let one = [
        PORTRAIT,
        "people/obama/obama2.jpg",
        "people/obama/obama3.jpg",
        "probes/obama_partial_face.jpg",
        "probes/obama_partial_face2.jpg",
        "probes/obama_32bit.png",
    ];
    let other = embed(read("people/biden/biden.jpg"), Purpose::Enrolment);
    for a in one {
        let enrolled = embed(read(a), Purpose::Enrolment);
        for b in one {
            let cosine = enrolled.cosine(&embed(read(b), Purpose::Probe));
            assert!(cosine > SAME, "{a} and {b}: {cosine}");
        }
        let cosine = enrolled.cosine(&other);
        assert!(cosine < SAME, "{a} and the other person: {cosine}");
    }
}

#[test]
fn strangers_on_group_photos_do_not_match_each_other() {
    let embeddings: Vec<Embedding> = (1..=6)
        .flat_map(|sample| {
            let picture = read(&format!("groups/sample{sample}.jpg"));
            on_pool(move |models| {
                let faces = models.recognise_all(&picture, 100, Purpose::Probe, Effort::Full)?;
                Ok(faces.into_iter().map(|face| face.embedding).collect::<Vec<_>>())
            })
        })
        .collect();
    let portrait = embed(read(PORTRAIT), Purpose::Enrolment);
    assert_eq!(embeddings.len(), 22);
    for (i, embedding) in embeddings.iter().enumerate() {
        assert!(portrait.cosine(embedding) < SAME, "face {i}");
    }
}

#[test]
fn blur_darkness_size_and_covering_each_lower_their_own_component() {
    let good = quality(read(PORTRAIT));
    assert!(good.score > 0.85, "{good:?}");
    assert!(good.grades().iter().all(|&grade| grade as u8 == 0), "{good:?}");

    let blurred = quality(altered(PORTRAIT, |p| p.blur(6.0)));
    assert!(blurred.components.sharpness < 30 && good.components.sharpness > 90);
    assert_eq!(blurred.grades().map(|g| g as u8), [0, 0, 2, 0, 0]);

    let dark = quality(altered(PORTRAIT, |p| scale_light(p, 0.12)));
    assert!(dark.components.luminance < 30 && dark.components.under_exposure_prevention < 30);
    assert_eq!(dark.grades()[1] as u8, 2);

    let burnt = quality(altered(PORTRAIT, |p| scale_light(p, 2.2)));
    assert!(burnt.components.over_exposure_prevention < 30);

    let small = quality(altered(PORTRAIT, |p| p.thumbnail(200, 200)));
    assert!(small.components.inter_eye_distance < 20 && good.components.inter_eye_distance > 70);

    let covered = quality(altered(PORTRAIT, |p| {
        let mut p = p.into_rgb8();
        paint(&mut p, 381..495, 98..420);
        DynamicImage::ImageRgb8(p)
    }));
    assert!(covered.components.landmark_agreement < 30 && good.components.landmark_agreement > 80);
    assert_eq!(covered.grades()[0] as u8, 2);

    let cropped = quality(altered(PORTRAIT, |p| p.crop_imm(381, 98, 229, 321)));
    assert!(cropped.components.crop < 30 && good.components.crop > 90);
    assert_eq!(cropped.grades()[3] as u8, 2);

    for worse in [blurred, dark, burnt, small, covered, cropped] {
        assert!(worse.score < good.score - 0.1, "{worse:?}");
    }
}

#[test]
fn the_largest_face_is_the_same_at_a_coarse_look_at_every_size_and_shape() {
    let mut cosines = Vec::new();
    for sample in [
        PORTRAIT,
        "people/obama/obama2.jpg",
        "people/biden/biden.jpg",
        "probes/obama_partial_face.jpg",
        "groups/sample1.jpg",
        "groups/sample2.jpg",
        "groups/sample3.jpg",
        "groups/sample4.jpg",
        "groups/sample5.jpg",
        "groups/sample6.jpg",
    ] {
        for longest in [320, 900, 4000] {
            let plain = altered(sample, |p| p.resize(longest, longest, imageops::FilterType::Triangle));
            let (width, height) = (plain.width(), plain.height());
            let mut wide =
                RgbImage::from_pixel(width.max(height) * 16 / 9, width.max(height), image::Rgb([40, 60, 70]));
            let left = i64::from((wide.width() - width) / 2);
            imageops::overlay(&mut wide, plain.rgb(), left, 0);
            for picture in [plain, Picture::from_rgb(wide)] {
                let size = format!("{sample} in {picture:?}");
                let (expected, found, cosine) = on_pool(move |models| {
                    let expected = models.recognise_all(&picture, 1, Purpose::Probe, Effort::Full)?.remove(0).face;
                    let found = models.recognise_largest(&picture, Purpose::Probe, Effort::Full)?.expect("a face").face;
                    let fine = models.embed(&picture, &expected, Purpose::Probe)?.embedding;
                    let cosine = fine.cosine(&models.embed(&picture, &found, Purpose::Probe)?.embedding);
                    Ok((expected, found, cosine))
                });
                assert!(expected.area.overlap(&found.area) > 0.7, "{size}: {expected:?} {found:?}");
                assert!(cosine > LEAST_COARSE, "{size}: {cosine}");
                cosines.push(cosine);
            }
        }
    }
    let mean = cosines.iter().sum::<f32>() / cosines.len() as f32;
    assert!(mean >= 0.99, "{mean}");
    assert!(cosines.iter().any(|&cosine| cosine < 1.0), "no coarse look settled it");
}

#[test]
fn head_pose_turns_with_the_picture() {
    let straight = quality(read("people/obama/obama2.jpg")).pose;
    let mirrored = quality(altered("people/obama/obama2.jpg", |p| p.fliph())).pose;
    assert!((straight.yaw + mirrored.yaw).abs() < 12.0 && straight.yaw.abs() > 6.0, "{straight:?} {mirrored:?}");
    // Profile towards the left edge of the picture: a large positive yaw.
    let profile = on_pool({
        let picture = read("groups/sample2.jpg");
        move |models| {
            let faces = models.detect(&picture, Effort::Full)?;
            let leftmost = faces.iter().min_by(|a, b| a.area.x.total_cmp(&b.area.x)).expect("faces");
            let leftmost = models.embed(&picture, leftmost, Purpose::Probe)?;
            models.quality(&picture, &leftmost)
        }
    });
    assert!(profile.pose.yaw > 50.0 && profile.components.head_pose < 30, "{profile:?}");
}

#[test]
fn portraits_are_live() {
    for sample in [PORTRAIT, "people/obama/obama2.jpg", "people/obama/obama3.jpg", "people/biden/biden.jpg"] {
        let picture = read(sample);
        let live = on_pool(move |models| {
            let faces = models.detect(&picture, Effort::Full)?;
            models.liveness(&picture, faces.first().expect("a face"))
        });
        assert!((0.9..=1.0).contains(&live.probability) && !live.is_too_tight, "{sample}: {live:?}");
    }
}

#[test]
fn pictures_of_any_shape_are_looked_at() {
    let portrait = read(PORTRAIT);
    let small =
        DynamicImage::ImageRgb8(portrait.rgb().clone()).resize(240, 300, imageops::FilterType::Triangle).into_rgb8();
    for (width, height) in [(6000, 320), (320, 6000)] {
        let mut canvas = RgbImage::from_pixel(width, height, image::Rgb([90, 110, 130]));
        imageops::overlay(&mut canvas, &small, i64::from(width) / 2 - 120, i64::from(height) / 2 - 150);
        assert_eq!(detect(Picture::from_rgb(canvas)).len(), 1, "{width}x{height}");
    }
    let face_only =
        altered(PORTRAIT, |p| p.crop_imm(381, 98, 229, 321).resize_exact(112, 112, imageops::FilterType::Triangle));
    assert_eq!(detect(face_only).len(), 1, "a face that fills its picture");
    for (width, height) in [(1, 1), (1, 5000), (65_000, 1), (1, 65_000), (31, 33)] {
        assert!(detect(Picture::from_rgb(RgbImage::new(width, height))).is_empty(), "{width}x{height}");
    }
}

#[test]
fn embeddings_do_not_depend_on_the_worker() {
    let first = embed(read(PORTRAIT), Purpose::Probe);
    for _ in 0..6 {
        assert_eq!(embed(read(PORTRAIT), Purpose::Probe), first);
    }
}

#[test]
fn a_full_queue_is_busy_and_a_panic_is_contained() {
    let vision = start(1, 1);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    runtime.block_on(async {
        let (release, released) = std::sync::mpsc::channel::<()>();
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let running = tokio::spawn({
            let vision = vision.clone();
            async move {
                vision
                    .run(move |_| {
                        let _ = begun.send(());
                        let _ = released.recv();
                        Ok(1)
                    })
                    .await
            }
        });
        has_begun.await.expect("the job begins");
        let waiting = tokio::spawn({
            let vision = vision.clone();
            async move { vision.run(|_| Ok(2)).await }
        });
        while vision.load().waiting < 1 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(vision.run(|_| Ok(3)).await, Err(Error::Busy)));
        release.send(()).expect("the job waits");
        assert_eq!(running.await.expect("joined").expect("ran"), 1);
        assert_eq!(waiting.await.expect("joined").expect("ran"), 2);

        let panicked = vision.run(|_| -> Result<(), Error> { panic!("on purpose") }).await;
        assert!(matches!(panicked, Err(Error::Worker(text)) if text == "on purpose"));
        assert_eq!(vision.run(|_| Ok(4)).await.expect("the worker lives on"), 4);
    });
}

/// Occupies the only worker of a pool until the returned sender is used.
async fn occupied(vision: &Vision) -> std::sync::mpsc::Sender<()> {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let vision = vision.clone();
    tokio::spawn(async move {
        vision
            .run(move |_| {
                let _ = begun.send(());
                let _ = released.recv();
                Ok(())
            })
            .await
    });
    has_begun.await.expect("the job begins");
    release
}

#[test]
fn a_caller_waits_so_long_and_a_job_takes_so_long() {
    const LONG: Duration = Duration::from_secs(3600);
    const SHORT: Duration = Duration::from_millis(20);
    let vision = start(1, 4);
    let limited = |wait, job| vision.clone().with_limits(TimeLimits { wait, job });
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let release = occupied(&vision).await;
        let refused = limited(SHORT, LONG).run_for(Priority::Known, |_| Ok(())).await;
        assert!(matches!(refused, Err(Error::Busy)), "{refused:?}");
        assert_eq!(vision.load().waiting, 0, "it is taken back");

        // A caller that hangs up leaves the queue; the program's own jobs have no time limit.
        let own = tokio::spawn({
            let vision = limited(SHORT, SHORT);
            async move { vision.run_for(Priority::Own, |_| Ok(7)).await }
        });
        let leaves = tokio::spawn({
            let vision = limited(LONG, LONG);
            async move { vision.run_for(Priority::Unknown, |_| Ok(())).await }
        });
        while vision.load().waiting < 2 {
            tokio::task::yield_now().await;
        }
        leaves.abort();
        assert!(leaves.await.expect_err("aborted").is_cancelled());
        assert_eq!(vision.load().waiting, 1);
        assert_eq!(limited(SHORT, LONG).stuck_for(), None);
        release.send(()).expect("the job waits");
        assert_eq!(own.await.expect("joined").expect("ran"), 7);

        let picture = read(PORTRAIT);
        let late = limited(LONG, Duration::ZERO);
        let overdue = late.run_for(Priority::Known, move |models| models.detect(&picture, Effort::Full)).await;
        assert!(matches!(overdue, Err(Error::Overdue)), "{overdue:?}");
        let picture = read(PORTRAIT);
        let found = vision.run(move |models| models.detect(&picture, Effort::Full)).await.expect("no limit is left");
        assert_eq!(found.len(), 1);
    });
}

#[test]
fn a_broken_model_folder_is_named() {
    let folder = tempfile::tempdir().expect("temp dir");
    let paths = ModelPaths { folder: folder.path().to_owned(), runtime: None };
    let size = PoolSize::for_this_machine();
    assert!(matches!(Vision::start(&paths, size), Err(Error::MissingFile { .. })));
}

fn scale_light(picture: DynamicImage, factor: f32) -> DynamicImage {
    let mut pixels = picture.into_rgb8();
    for value in pixels.iter_mut() {
        *value = (f32::from(*value) * factor).min(255.0) as u8;
    }
    DynamicImage::ImageRgb8(pixels)
}

fn paint(picture: &mut RgbImage, columns: std::ops::Range<u32>, rows: std::ops::Range<u32>) {
    for y in rows {
        for x in columns.clone() {
            picture.put_pixel(x, y, image::Rgb([120, 150, 190]));
        }
    }
}

#[test]
fn a_large_photo_is_decoded_smaller_and_tells_the_same() {
    let portrait = DynamicImage::ImageRgb8(read(PORTRAIT).rgb().clone());
    let (width, height) = (portrait.width(), portrait.height());
    // The enlarged portrait fills the whole picture, or a part of it.
    for (times, canvas) in [(3, (3 * width, 3 * height)), (2, (4000, 3000)), (1, (4000, 3000))] {
        let face = portrait.resize(times * width, times * height, imageops::FilterType::Triangle).into_rgb8();
        let mut photo = RgbImage::from_pixel(canvas.0, canvas.1, image::Rgb([90, 110, 130]));
        imageops::overlay(&mut photo, &face, i64::from(canvas.0 - face.width()) / 2, i64::from(canvas.1) / 9);
        let mut bytes = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 90).encode_image(&photo).expect("encodes");
        let (small, whole) = on_pool(move |models| {
            let (picture, small) = models.recognise_file(&bytes, Effort::Full)?;
            let small = small.expect("a face");
            assert!(models.detect_in_file(&bytes, Effort::Full)?.1.is_some());
            let quality = models.quality(&picture, &small)?;
            let stored = small.face.as_stored(&picture);
            let picture = Picture::decode(&bytes)?;
            let whole = models.recognise_largest(&picture, Purpose::Probe, Effort::Full)?.expect("a face");
            let of_whole = models.quality(&picture, &whole)?;
            Ok(((small.embedding, stored, quality), (whole.embedding, whole.face, of_whole)))
        });
        let cosine = small.0.cosine(&whole.0);
        assert!(cosine > 0.97, "{times}: {cosine}");
        let overlap = small.1.area.overlap(&whole.1.area);
        assert!(overlap > 0.9, "{times}: {overlap}");
        let apart = small.2.components.inter_eye_distance.abs_diff(whole.2.components.inter_eye_distance);
        assert!(apart <= 2 && (small.2.score - whole.2.score).abs() < 0.1, "{times}: {:?} {:?}", small.2, whole.2);
    }
}
