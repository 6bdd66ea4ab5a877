//! Pictures to import: many different portraits of a few dozen real people, and files that are refused.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use aicp_measure::{Random, photo};
use aicp_vision::{Biometrics, DetectedFace, Effort, Photo, Picture, Request, Terms, Vision};
use futures_util::future::join_all;
use image::RgbImage;
use image::imageops::{FilterType, crop_imm, flip_horizontal_in_place, resize};

use crate::Outcome;

/// Height of a face as a share of the height of its portrait, as on an identity photograph.
const FACE_SHARE: f32 = 0.45;
/// Part of a portrait by which its frame moves from one picture to the next.
const MARGIN: f32 = 0.08;
/// Largest change of brightness, as a share.
const BRIGHTNESS: f32 = 0.12;
/// Amplitude of the simulated sensor grain, in levels of 255. Without it an enlarged picture would be easy to decode.
const GRAIN: f32 = 3.0;
/// Lowest JPEG quality, and the number of qualities from there on.
const QUALITY: u8 = 84;
const QUALITIES: u64 = 10;
/// Pictures of a person that are tried before the person is used.
const TRIALS: u64 = 4;
/// Bytes that are left of a damaged picture: its format shows, but the rest of its header is missing.
const DAMAGED_BYTES: usize = 120;

/// Code of a face that is not recognisable.
pub const NOT_RECOGNISABLE: &str = "notRecognisable";

/// Reasons for which a file can't be enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reject {
    /// A picture of nobody.
    NoFace,
    /// A picture that is cut off.
    CutOff,
    /// A text.
    Text,
    /// An entry that was damaged in the archive: its checksum is wrong.
    BadChecksum,
}

impl Reject {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::NoFace, Self::CutOff, Self::Text, Self::BadChecksum];

    /// Returns the code of the report.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoFace => "noFace",
            Self::CutOff | Self::Text => "pictureNotReadable",
            Self::BadChecksum => "damaged",
        }
    }
}

/// Portraits of real people, a little larger than the pictures that are made of them.
pub struct Portraits {
    people: Vec<RgbImage>,
    width: u32,
    height: u32,
}

impl Portraits {
    /// Cuts a portrait out of each sample picture of a single person. Leaves out those of whom a picture can't be
    /// enrolled. Pictures get this size in pixels.
    pub async fn cut(vision: &Vision, samples: &Path, width: u16, height: u16) -> Outcome<Self> {
        let mut files = vec![samples.join("people/obama/obama.jpg"), samples.join("people/biden/biden.jpg")];
        for folder in ["strangers/female", "strangers/male"] {
            let folder = samples.join(folder);
            let entries = std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
            files.extend(entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<PathBuf>>>()?);
        }
        files.sort();
        let (width, height) = (u32::from(width), u32::from(height));
        let portraits = files.into_iter().map(|file| async move {
            let bytes = std::fs::read(&file).map_err(|e| format!("{}: {e}", file.display()))?;
            let cut = vision.run(move |models| {
                let picture = Picture::decode(&bytes)?;
                let face = models.detect_largest(&picture, Effort::Full)?;
                Ok(face.map(|face| portrait(picture.rgb(), &face, width, height)))
            });
            let cut = cut.await.map_err(|e| format!("{}: {e}", file.display()))?;
            Outcome::Ok(cut.map(|portrait| Self { people: vec![portrait], width, height }))
        });
        let mut people = Vec::new();
        for one in join_all(portraits).await {
            if let Some(mut one) = one?
                && one.can_be_enrolled(vision).await?
            {
                people.append(&mut one.people);
            }
        }
        if people.is_empty() {
            Err("no sample picture can be enrolled".into())
        } else {
            Ok(Self { people, width, height })
        }
    }

    /// Tries some pictures of the first person.
    async fn can_be_enrolled(&self, vision: &Vision) -> Outcome<bool> {
        let terms = Terms::default();
        for number in 0..TRIALS {
            let photo = Photo { bytes: self.picture(0, number)?.into(), terms };
            let look = vision.look(photo, Request::ENROLMENT).await?;
            if look.faces.first().is_none_or(|face| face.check_enrolment(terms).is_err()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns the number of people.
    pub fn people(&self) -> usize {
        self.people.len()
    }

    /// Makes a picture of a person. Each number gives another picture: frame, side, brightness, grain and quality differ.
    pub fn picture(&self, person: usize, number: u64) -> Outcome<Vec<u8>> {
        let portrait = &self.people[person % self.people.len()];
        let mut random = Random(number);
        let mut offset = |room: u32| (random.bits() % u64::from(room + 1)) as u32;
        let (x, y) = (offset(portrait.width() - self.width), offset(portrait.height() - self.height));
        let mut picture = crop_imm(portrait, x, y, self.width, self.height).to_image();
        if random.bits().is_multiple_of(2) {
            flip_horizontal_in_place(&mut picture);
        }
        finish(picture, &mut random)
    }

    /// Makes a picture of nobody.
    pub fn landscape(&self, number: u64) -> Outcome<Vec<u8>> {
        let mut random = Random(number);
        let specks = RgbImage::from_fn(5, 6, |_, _| {
            let bits = random.bits().to_le_bytes();
            image::Rgb([bits[0], bits[1], bits[2]])
        });
        finish(resize(&specks, self.width, self.height, FilterType::CatmullRom), &mut random)
    }

    /// Makes a file that is refused.
    pub fn reject(&self, kind: Reject, number: u64) -> Outcome<Vec<u8>> {
        Ok(match kind {
            Reject::NoFace => self.landscape(number)?,
            Reject::CutOff => {
                let mut bytes = self.picture(0, number)?;
                bytes.truncate(DAMAGED_BYTES);
                bytes
            }
            Reject::Text => format!("note {number}: the picture is missing\n").into_bytes(),
            // The archive makes it one.
            Reject::BadChecksum => self.picture(0, number)?,
        })
    }
}

/// Cuts out a face with its surroundings, a margin larger than `width` x `height`.
fn portrait(picture: &RgbImage, face: &DetectedFace, width: u32, height: u32) -> RgbImage {
    let (whole_width, whole_height) = (picture.width() as f32, picture.height() as f32);
    let ratio = width as f32 / height as f32;
    let cut_height = (face.area.height / FACE_SHARE).min(whole_height).min(whole_width / ratio);
    let cut_width = cut_height * ratio;
    let centre = face.area.centre();
    let x = (centre.x - cut_width / 2.0).clamp(0.0, whole_width - cut_width);
    let y = (centre.y - cut_height / 2.0).clamp(0.0, whole_height - cut_height);
    let cut = crop_imm(picture, x as u32, y as u32, cut_width as u32, cut_height as u32).to_image();
    let larger = |side: u32| (side as f32 * (1.0 + MARGIN)) as u32;
    resize(&cut, larger(width), larger(height), FilterType::CatmullRom)
}

fn finish(mut picture: RgbImage, random: &mut Random) -> Outcome<Vec<u8>> {
    let factor = 1.0 + random.number() * BRIGHTNESS;
    for pixel in picture.pixels_mut() {
        let grain = random.number() * GRAIN;
        pixel.0 = pixel.0.map(|sample| (f32::from(sample) * factor + grain).round() as u8);
    }
    let quality = QUALITY + (random.bits() % QUALITIES) as u8;
    Ok(photo::encode(&picture, quality)?)
}

/// Runs `make` for each number on all cores; the results have the order of the numbers.
pub fn in_parallel<T: Send>(
    numbers: &[u64],
    workers: NonZeroUsize,
    make: impl Fn(u64) -> Outcome<T> + Sync,
) -> Outcome<Vec<T>> {
    let share = numbers.len().div_ceil(workers.get()).max(1);
    std::thread::scope(|scope| {
        let make = &make;
        let shares: Vec<_> = numbers
            .chunks(share)
            .map(|share| scope.spawn(move || share.iter().map(|number| make(*number)).collect::<Outcome<Vec<T>>>()))
            .collect();
        let made = shares.into_iter().map(|share| share.join().map_err(|_| "a thread panicked")?);
        Ok(made.collect::<Outcome<Vec<_>>>()?.into_iter().flatten().collect())
    })
}
