//! Every runtime and precision of this machine compared with ONNX Runtime in f32, and the fallback without a plugin.

mod common;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use aicp_vision::{
    DetectedFace, Effort, Embedding, Error, Inference, ModelPaths, Picture, PoolSize, Precision, PrecisionChoice,
    Purpose, RuntimeChoice, Vision,
};

use common::{SAME, on, read, root};

const PLAIN: Inference = Inference { runtime: RuntimeChoice::OnnxRuntime, precision: PrecisionChoice::F32 };

const PICTURES: [&str; 13] = [
    "people/obama/obama.jpg",
    "people/obama/obama2.jpg",
    "people/obama/obama3.jpg",
    "people/biden/biden.jpg",
    "probes/obama_partial_face.jpg",
    "probes/obama_partial_face2.jpg",
    "probes/obama_32bit.png",
    "groups/sample1.jpg",
    "groups/sample2.jpg",
    "groups/sample3.jpg",
    "groups/sample4.jpg",
    "groups/sample5.jpg",
    "groups/sample6.jpg",
];

fn start_in(folder: PathBuf, inference: Inference) -> Result<Vision, Error> {
    let size = PoolSize { workers: NonZeroUsize::MIN, queue: NonZeroUsize::MIN };
    Vision::start_with(&ModelPaths { folder, runtime: None }, size, inference)
}

fn start(inference: Inference) -> Vision {
    start_in(root().join("models"), inference).expect("models are fetched: run `make setup`")
}

/// Results of a runtime for a picture: the faces it detects, and its output for given faces.
struct Seen {
    faces: Vec<DetectedFace>,
    embeddings: Vec<Embedding>,
    scores: Vec<[f32; 2]>,
}

fn see(vision: &Vision, picture: &Picture, given: Option<Vec<DetectedFace>>) -> Seen {
    let picture = picture.clone();
    on(vision, move |models| {
        let faces = models.detect(&picture, Effort::Full)?;
        let of = given.as_ref().unwrap_or(&faces);
        let mut embeddings = Vec::new();
        let mut scores = Vec::new();
        for face in of {
            let recognised = models.embed(&picture, face, Purpose::Probe)?;
            let liveness = models.liveness(&picture, face)?.probability;
            scores.push([liveness, models.quality(&picture, &recognised)?.score]);
            embeddings.push(recognised.embedding);
        }
        Ok(Seen { faces, embeddings, scores })
    })
}

/// Returns the lowest cosine to the plain runtime's embeddings; asserts equal boxes, counts, scores and decisions.
fn lowest_cosine(inference: Inference) -> f32 {
    let (plain, other) = (start(PLAIN), start(inference));
    assert_eq!(other.runtime().name, "OpenVINO", "{:?}", other.runtime());
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for sample in PICTURES {
        let picture = read(sample);
        let expected = see(&plain, &picture, None);
        let found = see(&other, &picture, Some(expected.faces.clone()));
        assert_eq!(found.faces.len(), expected.faces.len(), "{sample}");
        for face in &expected.faces {
            let overlap = found.faces.iter().map(|f| f.area.overlap(&face.area)).fold(0.0, f32::max);
            assert!(overlap > 0.9, "{sample}: {face:?} overlaps by {overlap}");
        }
        for ([live, quality], [live_expected, quality_expected]) in found.scores.iter().zip(&expected.scores) {
            assert!((live - live_expected).abs() < 0.05, "{sample}: {live} {live_expected}");
            assert!((quality - quality_expected).abs() < 0.02, "{sample}: {quality} {quality_expected}");
        }
        ours.extend(expected.embeddings);
        theirs.extend(found.embeddings);
    }
    for i in 0..ours.len() {
        for j in 0..i {
            let (a, b) = (ours[i].cosine(&ours[j]), theirs[i].cosine(&theirs[j]));
            assert_eq!(a > SAME, b > SAME, "faces {i} and {j}: {a} {b}");
        }
    }
    ours.iter().zip(&theirs).map(|(a, b)| a.cosine(b)).fold(1.0, f32::min)
}

/// Whether OpenVINO runs here: the plugin offers the processors of Intel alone, and none of other architectures is fetched.
fn has_openvino() -> bool {
    cfg!(target_arch = "x86_64")
        && std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| text.contains("GenuineIntel"))
}

/// Compares OpenVINO with the plain runtime where it runs. Elsewhere, asking for it must be an error.
fn assert_openvino(precision: PrecisionChoice, least_cosine: f32) {
    let wanted = Inference { runtime: RuntimeChoice::OpenVino, precision };
    if has_openvino() {
        let lowest = lowest_cosine(wanted);
        assert!(lowest >= least_cosine, "{lowest}");
        return;
    }
    let Err(error) = start_in(root().join("models"), wanted) else { panic!("OpenVINO is not there") };
    assert!(matches!(error, Error::Runtime { .. }) && error.to_string().contains("OpenVINO"), "{error}");
}

#[test]
fn openvino_in_f32_sees_what_onnx_runtime_sees() {
    assert_openvino(PrecisionChoice::F32, 0.999);
}

#[test]
fn openvino_in_bf16_decides_as_onnx_runtime_does() {
    assert_openvino(PrecisionChoice::Bf16, 0.998);
}

/// A models folder in which only the plugin's folder is changed, by `spoil`.
fn models_with(spoil: impl FnOnce(&Path)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("temp dir");
    let models = root().join("models").canonicalize().expect("models");
    for entry in std::fs::read_dir(models).expect("models are fetched") {
        let from = entry.expect("an entry").path();
        if from.is_file() {
            let name = from.file_name().expect("a name").to_owned();
            std::os::unix::fs::symlink(from, folder.path().join(name)).expect("linked");
        }
    }
    spoil(&folder.path().join("openvino"));
    folder
}

#[test]
fn without_a_whole_plugin_onnx_runtime_runs_and_openvino_by_name_is_an_error() {
    let missing = models_with(|_| ());
    let broken = models_with(|plugin| {
        std::fs::create_dir(plugin).expect("made");
        std::fs::write(plugin.join("libonnxruntime_providers_openvino_plugin.so"), b"no library").expect("written");
    });
    for folder in [missing, broken] {
        let folder = folder.path().to_owned();
        for precision in [PrecisionChoice::Auto, PrecisionChoice::Bf16] {
            let vision =
                start_in(folder.clone(), Inference { runtime: RuntimeChoice::Auto, precision }).expect("starts");
            let info = vision.runtime();
            assert_eq!((info.name, info.precision), ("ONNX Runtime", Precision::F32));
            assert!(info.not_openvino.is_some(), "{info:?}");
            assert_eq!(see(&vision, &read(PICTURES[0]), None).faces.len(), 1);
        }
        let named = Inference { runtime: RuntimeChoice::OpenVino, precision: PrecisionChoice::Auto };
        let Err(error) = start_in(folder, named) else { panic!("OpenVINO is not there") };
        assert!(matches!(error, Error::Runtime { .. }) && error.to_string().contains("OpenVINO"), "{error}");
    }
}

/// The runtime would resolve a relative path against the folder of its own library.
#[test]
fn the_models_folder_may_be_named_from_where_the_process_is() {
    let here = PathBuf::from("../../models");
    assert!(here.is_dir(), "tests run in the folder of their crate");
    let vision = start_in(here, Inference::default()).expect("it starts");
    assert_eq!(vision.runtime().name == "OpenVINO", has_openvino(), "{:?}", vision.runtime());
}

#[test]
fn onnx_runtime_by_name_has_no_bf16_and_says_so() {
    let wanted = Inference { runtime: RuntimeChoice::OnnxRuntime, precision: PrecisionChoice::Bf16 };
    assert!(matches!(start_in(root().join("models"), wanted), Err(Error::NoBf16)));
    assert!(start(PLAIN).runtime().not_openvino.is_none());
}
