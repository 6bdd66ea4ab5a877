//! Benchmark of recognition on degraded pictures: false matches of strangers and lost faces.
//!
//! Every face of the sample pictures is altered in many ways. For each alteration it counts the faces found, refused
//! and still matching the original, and the pairs of strangers that match if both are altered.

mod fit;

use std::collections::BTreeMap;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use aicp_measure::Random;
use aicp_measure::alterations::Alteration;
use aicp_vision::{
    DetectedFace, Effort, Embedding, Evidence, FaceModels, Judge, ModelPaths, Picture, Point, PoolSize, Purpose,
    RECOGNISABLE, Rect, Turn, Vision,
};
use clap::Args;

use crate::{Cli, Outcome};
use fit::{cover_detectors, fit, means};

/// Cosine of the default threshold.
const DEFAULT_THRESHOLD_COSINE: f32 = 0.435;
/// Minimum recognisability of the loose gate.
const LOOSE_GATE_RECOGNISABILITY: f32 = 0.1;
/// Number of given means, which are not computed here: the first of the file.
const GIVEN_MEANS: usize = 9;

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Request {
    /// Make the means of spoilt faces anew, write them to this file, and print the weights that go with them
    #[arg(long, value_name = "FILE")]
    fit: Option<PathBuf>,
    /// With `--fit`: write the detectors of covers to this file
    #[arg(long, value_name = "FILE", requires = "fit")]
    covers: Option<PathBuf>,
    /// Judge each half of the people by means and weights that are made of the other half
    #[arg(long)]
    halves: bool,
    /// Write what is known of each altered face to this file, a JSON object a line
    #[arg(long, value_name = "FILE")]
    faces: Option<PathBuf>,
}

const WHITE: [u8; 3] = [235, 235, 235];
const BLACK: [u8; 3] = [15, 15, 15];
const BLUE: [u8; 3] = [120, 170, 200];
const SKIN: [u8; 3] = [200, 160, 130];

/// Returns the alterations. The flag says whether an alteration destroys so much of the identity that a mean is
/// computed from it.
fn alterations() -> Vec<(Alteration, bool)> {
    use Alteration as A;
    let kept = |alterations: &[A]| alterations.iter().map(|a| (*a, false)).collect::<Vec<_>>();
    let spoilt = |alterations: &[A]| alterations.iter().map(|a| (*a, true)).collect::<Vec<_>>();
    let covers = [WHITE, BLACK, BLUE, SKIN];
    [
        kept(&[A::None, A::Jpeg(60), A::Grey]),
        kept(&Turn::OTHERS.map(A::Turned)),
        kept(&[15.0, 30.0, 45.0, 60.0, -30.0, -60.0].map(A::Tilted)),
        kept(&[0.5, 0.2].map(A::Dark)),
        spoilt(&[0.1, 0.08].map(A::Dark)),
        kept(&[A::Dark(0.06)]),
        spoilt(&[0.05, 0.03].map(A::Dark)),
        kept(&[A::Bright(180)]),
        spoilt(&[220, 240].map(A::Bright)),
        kept(&[A::Bright(248)]),
        spoilt(&[0.2, 0.5].map(A::Noise)),
        kept(&[0.7, 0.85].map(A::Noise)),
        kept(&[0.01, 0.02].map(A::Blur)),
        spoilt(&[0.03, 0.05, 0.08].map(A::Blur)),
        kept(&[0.05, 0.1].map(A::Motion)),
        spoilt(&[0.15, 0.2].map(A::Motion)),
        kept(&[48.0, 32.0, 24.0].map(A::Tiny)),
        spoilt(&[18.0, 12.0].map(A::Tiny)),
        kept(&[0.1, 0.2, 0.3].map(A::CutChin)),
        spoilt(&[0.4, 0.5].map(A::CutChin)),
        kept(&[0.2, 0.3].map(A::CutTop)),
        spoilt(&[A::CutTop(0.4)]),
        kept(&[A::CutSide(0.3)]),
        spoilt(&[A::CutSide(0.5)]),
        spoilt(&covers.map(A::CoverMouth)),
        spoilt(&covers.map(A::Mask)),
        spoilt(&[WHITE, BLACK, SKIN].map(A::CoverEyes)),
        spoilt(&[WHITE, BLACK, SKIN].map(A::CoverHalf)),
        kept(&[WHITE, BLACK, SKIN].map(A::CoverOtherHalf)),
        kept(&[A::RoundOverMouth, A::Sunglasses]),
    ]
    .concat()
}

/// An altered face as seen by the networks. The probe's embedding is the raw output of the network.
struct AlteredFace {
    probe: Vec<f32>,
    enrolled: Vec<f32>,
    evidence: Evidence,
    /// Quality score, by the manifest.
    score: f32,
}

/// A face of a sample picture with its altered versions, by alteration.
struct Subject {
    person: String,
    seen: BTreeMap<String, AlteredFace>,
}

impl Subject {
    /// Assigns the person to one of two halves.
    fn half(&self) -> u64 {
        let mut random = Random(self.person.bytes().fold(7, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte)));
        random.bits() % 2
    }

    fn quarter(&self) -> u64 {
        let mut random = Random(self.person.bytes().fold(7, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte)));
        random.bits();
        random.bits() % 2
    }

    fn original(&self) -> Option<&AlteredFace> {
        self.seen.get(&Alteration::None.to_string())
    }
}

pub(crate) fn run(cli: &Cli, request: &Request) -> Outcome<()> {
    let subjects = subjects(cli)?;
    if let Some(file) = &request.faces {
        write_faces(&subjects, file)?;
    }
    let everybody: Vec<&Subject> = subjects.iter().collect();
    let mut out = std::io::stdout().lock();
    if let Some(file) = &request.fit {
        let means = means(&everybody)?;
        let weights = fit(&everybody, &means)?;
        write_floats(file, means.iter().flat_map(|mean| mean.as_slice()))?;
        if let Some(file) = &request.covers {
            let detectors = cover_detectors(&everybody);
            write_floats(file, detectors.iter().flat_map(|detector| detector.weights.iter().chain([&detector.bias])))?;
        }
        let names: Vec<String> = spoilt().map(|alteration| alteration.to_string()).collect();
        writeln!(out, "means: {GIVEN_MEANS} given, then {names:?}")?;
        writeln!(out, "weights: {}", serde_json::to_string(&weights)?)?;
    }
    let (mut rows, judged): (BTreeMap<String, Row>, _) = if request.halves {
        let halves: [Vec<&Subject>; 2] =
            [0, 1].map(|half| everybody.iter().copied().filter(|s| s.half() == half).collect());
        let mut rows = BTreeMap::new();
        for (made_of, judged) in [(&halves[0], &halves[1]), (&halves[1], &halves[0])] {
            let means = means(made_of)?;
            let weights = fit(made_of, &means)?;
            measure(&Judge::new(means, weights, Some(cover_detectors(made_of))), judged, &mut rows);
        }
        (rows, "each half of the people by what is made of the other")
    } else {
        let judge = Judge::embedded()?.ok_or("the manifest has no judge for its embedder")?;
        let mut rows = BTreeMap::new();
        measure(&judge, &everybody, &mut rows);
        (rows, "by the manifest")
    };
    writeln!(out, "{} faces, judged {judged}\n", subjects.len())?;
    writeln!(
        out,
        "| altered | found | refused | still match | pairs of strangers | match, no gate | loose gate | gate (95 % at most) | mouth, eyes, half said to be covered |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|")?;
    for alteration in alterations().into_iter().map(|(alteration, _)| alteration) {
        let name = alteration.to_string();
        if let Some(row) = rows.remove(&name) {
            writeln!(out, "{}", row.line(&name))?;
        }
    }
    write_error_versus_discard(&everybody, &mut out)
}

/// Counts of one alteration.
#[derive(Default)]
struct Row {
    found: usize,
    refused: usize,
    matched: usize,
    pairs: usize,
    alike: usize,
    loosely_gated_alike: usize,
    gated_alike: usize,
    /// Number of faces reported as covered, for each of `Cover::ALL`.
    covered: [usize; 3],
}

impl Row {
    fn line(&self, name: &str) -> String {
        format!(
            "| {name} | {} | {} | {} | {} | {} | {} | {} ({:.4}) | {} |",
            self.found,
            self.refused,
            self.matched,
            self.pairs,
            self.alike,
            self.loosely_gated_alike,
            self.gated_alike,
            upper_bound(self.gated_alike, self.pairs),
            self.covered.map(|count| count.to_string()).join(" "),
        )
    }
}

/// Returns the upper end of the 95 % interval of a share (Wilson, 1927).
fn upper_bound(part: usize, of: usize) -> f64 {
    if of == 0 {
        return 1.0;
    }
    let (n, p, z) = (of as f64, part as f64 / of as f64, 1.96f64);
    let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    (p + z * z / (2.0 * n) + spread) / (1.0 + z * z / n)
}

fn measure(judge: &Judge, subjects: &[&Subject], rows: &mut BTreeMap<String, Row>) {
    for alteration in alterations().into_iter().map(|(alteration, _)| alteration) {
        let name = alteration.to_string();
        let row = rows.entry(name.clone()).or_default();
        let faces: Vec<(&str, &AlteredFace, &AlteredFace, Embedding, f32)> = subjects
            .iter()
            .filter_map(|subject| {
                let (seen, original) = (subject.seen.get(&name)?, subject.original()?);
                let evidence = Evidence {
                    spoilt_likeness: judge.spoilt_likeness(&seen.probe),
                    covers: judge.cover_evidence(&seen.probe),
                    ..seen.evidence
                };
                for (count, evidence) in row.covered.iter_mut().zip(evidence.covers) {
                    *count += usize::from(evidence > 0.0);
                }
                let recognisability = judge.recognisability(&evidence);
                let probe = judge.cleaned(Embedding::new(seen.probe.clone())?, recognisability);
                Some((subject.person.as_str(), seen, original, probe, recognisability))
            })
            .collect();
        for (person, seen, original, probe, recognisability) in &faces {
            let is_accepted = *recognisability >= RECOGNISABLE;
            row.found += 1;
            row.refused += usize::from(!is_accepted);
            row.matched +=
                usize::from(is_accepted && dot(&original.enrolled, probe.as_slice()) > DEFAULT_THRESHOLD_COSINE);
            for (_, other, .., of_other) in faces.iter().filter(|(other, ..)| other != person) {
                let least = recognisability.min(*of_other);
                let is_alike = dot(&other.enrolled, probe.as_slice()) > DEFAULT_THRESHOLD_COSINE;
                row.pairs += 1;
                row.alike += usize::from(dot(&other.enrolled, &seen.probe) > DEFAULT_THRESHOLD_COSINE);
                row.loosely_gated_alike += usize::from(is_alike && least >= LOOSE_GATE_RECOGNISABILITY);
                row.gated_alike += usize::from(is_alike && least >= RECOGNISABLE);
            }
        }
    }
}

/// Shares of the faces to discard, the worst first.
const DISCARDED_SHARES: [f64; 7] = [0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5];

/// Writes the share of altered faces that no longer match their originals after the worst are discarded (error versus
/// discard; Grother and Tabassi, "Performance of biometric quality measures", 2007): by the score, by two of its parts,
/// and by an ideal measure.
fn write_error_versus_discard(subjects: &[&Subject], out: &mut impl Write) -> Outcome<()> {
    let none = Alteration::None.to_string();
    let faces: Vec<(&AlteredFace, bool)> = subjects
        .iter()
        .filter_map(|subject| Some((subject, subject.original()?)))
        .flat_map(|(subject, original)| {
            let altered = subject.seen.iter().filter(|(name, _)| **name != none);
            altered.map(|(_, seen)| (seen, dot(&original.enrolled, &seen.probe) > DEFAULT_THRESHOLD_COSINE))
        })
        .collect();
    /// Measure of a face and whether it matches; faces with the lowest values are discarded first.
    type Measure = fn(&(&AlteredFace, bool)) -> f32;
    let measures: [(&str, Measure); 4] = [
        ("quality score", |(seen, _)| seen.score),
        ("length of the embedding", |(seen, _)| seen.evidence.length),
        ("unlike spoilt faces", |(seen, _)| -seen.evidence.spoilt_likeness),
        ("as well as can be", |(_, is_match)| f32::from(u8::from(*is_match))),
    ];
    writeln!(out, "\n{} altered faces. Share that does not match its original, of those left:\n", faces.len())?;
    let shares = DISCARDED_SHARES.map(|share| format!("{:.0} %", share * 100.0));
    writeln!(out, "| set aside by | {} |", shares.join(" | "))?;
    writeln!(out, "|---{}|", "|---".repeat(DISCARDED_SHARES.len()))?;
    for (name, measure) in measures {
        let mut faces = faces.clone();
        faces.sort_by(|a, b| measure(a).total_cmp(&measure(b)));
        let errors = DISCARDED_SHARES.map(|share| {
            let left = &faces[(faces.len() as f64 * share) as usize..];
            let missed = left.iter().filter(|(_, is_match)| !is_match).count();
            format!("{:.3}", missed as f64 / left.len().max(1) as f64)
        });
        writeln!(out, "| {name} | {} |", errors.join(" | "))?;
    }
    Ok(())
}

fn spoilt() -> impl Iterator<Item = Alteration> {
    alterations().into_iter().filter(|(_, is_spoilt)| *is_spoilt).map(|(alteration, _)| alteration)
}

fn write_floats<'a>(file: &Path, numbers: impl Iterator<Item = &'a f32>) -> Outcome<()> {
    let bytes: Vec<u8> = numbers.flat_map(|number| number.to_le_bytes()).collect();
    Ok(std::fs::write(file, bytes).map_err(|e| format!("{}: {e}", file.display()))?)
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Returns every face of the sample pictures, altered in every way.
fn subjects(cli: &Cli) -> Outcome<Vec<Subject>> {
    let paths = ModelPaths { folder: cli.models.clone(), runtime: None };
    let workers = std::thread::available_parallelism()?;
    let size = PoolSize { workers, queue: NonZeroUsize::MIN.saturating_add(10_000) };
    let vision = Vision::start(&paths, size)?;
    let mut files = Vec::new();
    for folder in ["strangers", "groups", "people"] {
        list(&cli.samples.join(folder), &mut files)?;
    }
    files.sort();
    let jobs = files.into_iter().map(|file| {
        let vision = vision.clone();
        async move {
            let bytes = std::fs::read(&file)?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(
                vision.run(move |models| altered_faces(models, &file, &Picture::decode(&bytes)?)).await?,
            )
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let found = runtime.block_on(futures_util::future::join_all(jobs));
    Ok(found.into_iter().collect::<Outcome<Vec<_>>>()?.into_iter().flatten().collect())
}

fn altered_faces(models: &mut FaceModels, file: &Path, picture: &Picture) -> aicp_vision::Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    for (i, face) in models.detect(picture, Effort::Limited)?.into_iter().enumerate() {
        let (cut, face) = crop_face(picture, &face);
        let mut seen = BTreeMap::new();
        let mut random = Random(i as u64 + 1);
        for alteration in alterations().into_iter().map(|(alteration, _)| alteration) {
            let altered = Picture::from_rgb(alteration.apply(cut.rgb(), &face, &mut random));
            let Some(found) = models.recognise_largest(&altered, Purpose::Probe, Effort::Full)? else { continue };
            let raw = models.embed_raw(&altered, &found.face)?;
            let enrolled = models.embed(&altered, &found.face, Purpose::Enrolment)?;
            let score = models.quality(&altered, &found)?.score;
            let (probe, enrolled) = (raw.into_vec(), enrolled.embedding.into_vec());
            seen.insert(alteration.to_string(), AlteredFace { probe, enrolled, evidence: found.evidence, score });
        }
        subjects.push(Subject { person: person(file, i), seen });
    }
    Ok(subjects)
}

/// Returns who a face belongs to. Each person's pictures have a folder of their own; two of the group photos show the
/// same woman.
fn person(file: &Path, face: usize) -> String {
    let name = |path: Option<&Path>| path.and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    let (folder, file) = (name(file.parent()), name(Some(file)));
    match (folder.as_str(), file.as_str(), face) {
        ("groups", "sample1.jpg", 1) | ("groups", "sample3.jpg", 0) => "the woman of two group photos".to_owned(),
        ("groups", ..) | ("female" | "male", ..) => format!("{folder}/{file}/{face}"),
        _ => folder,
    }
}

/// Crops a face with its surroundings, so that other faces of a group are excluded.
fn crop_face(picture: &Picture, face: &DetectedFace) -> (Picture, DetectedFace) {
    let part = face.frame.grown(2.2).clamped(picture.width(), picture.height());
    let (left, top) = (part.x as u32, part.y as u32);
    let cut =
        image::imageops::crop_imm(picture.rgb(), left, top, part.width.max(1.0) as u32, part.height.max(1.0) as u32);
    let moved = |r: Rect| Rect { x: r.x - left as f32, y: r.y - top as f32, ..r };
    let face = DetectedFace {
        area: moved(face.area),
        frame: moved(face.frame),
        landmarks: face.landmarks.map(|p| Point::new(p.x - left as f32, p.y - top as f32)),
        ..face.clone()
    };
    (Picture::from_rgb(cut.to_image()), face)
}

fn write_faces(subjects: &[Subject], file: &Path) -> Outcome<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
    for subject in subjects {
        for (altered, seen) in &subject.seen {
            let line = serde_json::json!({"person": subject.person, "altered": altered, "evidence": seen.evidence, "probe": seen.probe, "enrolled": seen.enrolled});
            writeln!(out, "{line}")?;
        }
    }
    Ok(out.flush()?)
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Outcome<()> {
    for entry in std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
