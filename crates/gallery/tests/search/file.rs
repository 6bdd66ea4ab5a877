//! Files of galleries.

use std::fs::{self, File};
use std::io::Write;
use std::sync::Arc;

use aicp_gallery::{Entry, Error, FileDigest, FileLabel, Gallery, Kernel, Query, Rotation};
use aicp_types::FaceId;
use proptest::prelude::*;
use tempfile::NamedTempFile;

use crate::rotated::{DECAY, DIMENSIONS, Source, all, axes_of, filled, numbered, rotation, vectors};
use crate::{assert_like, entry, naive};

fn label() -> FileLabel {
    FileLabel { library: 3, sequence: 1234, algorithm: "a model".to_owned(), least_recognisability: 0.1 }
}

fn written(gallery: &Arc<Gallery>) -> (NamedTempFile, FileDigest) {
    let mut file = NamedTempFile::new().expect("a file");
    let digest = gallery.snapshot().expect("a rotated gallery").write(label(), &mut file).expect("written");
    file.flush().expect("written");
    (file, digest)
}

/// Returns what a gallery needs whose templates a source has.
fn needs(source: &Arc<Source>) -> Rotation {
    let (rotation, _) = rotation(axes_of(&vectors(DIMENSIONS, DECAY, 100, 1)), 1);
    Rotation { source: Arc::clone(source) as _, ..rotation }
}

fn read(file: &File, digest: &FileDigest, source: &Arc<Source>) -> Result<Gallery, Error> {
    let (read, gallery) = Gallery::from_file(file, digest, &needs(source))?;
    assert_eq!(read, label());
    Ok(gallery)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]
    /// A snapshot has the moment at which it was taken, whatever changes while it is written; a gallery that was read can be
    /// changed like any other.
    #[test]
    fn a_gallery_read_from_a_file_answers_as_the_one_written(
        count in 1usize..9000,
        removed in proptest::collection::vec(0usize..9000, 0..40),
        later in proptest::collection::vec(0usize..9000, 0..40),
        after in proptest::collection::vec(0usize..9000, 0..40),
    ) {
        let pool = vectors(DIMENSIONS, DECAY, 64, 7);
        let vector = |face: usize| &pool[face * 31 % pool.len()];
        let mut templates: Vec<(Entry, Vec<f32>)> =
            (0..count).map(|face| (entry(face as i64 / 2, face as i64), vector(face).clone())).collect();
        let (gallery, source) = filled(DIMENSIONS, Kernel::best(), &templates);
        let gallery = Arc::new(gallery);
        let faces = |of: &[usize]| of.iter().map(|&face| FaceId::new(face as i64)).collect::<Vec<_>>();
        gallery.remove(&faces(&removed));
        templates.retain(|(entry, _)| !removed.contains(&(entry.face.get() as usize)));

        let snapshot = gallery.snapshot().expect("a rotated gallery");
        gallery.remove(&faces(&later));
        for &face in &later {
            gallery.insert(entry(1, 20_000 + face as i64), vector(face)).expect("fits");
        }
        let mut file = NamedTempFile::new().expect("a file");
        let digest = snapshot.write(label(), &mut file).expect("written");
        let again = read(file.as_file(), &digest, &source).expect("read");
        prop_assert_eq!(again.len(), templates.len());
        let check = |again: &Gallery, templates: &[(Entry, Vec<f32>)]| {
            for (probe, top_n) in pool.iter().take(6).zip([1, 2, 5, 9, 30, 400]) {
                let found = again.search(probe, &all(top_n)).expect("fits");
                assert_like(&found, &naive(templates, probe, top_n, f32::NEG_INFINITY, false), f32::NEG_INFINITY);
            }
        };
        check(&again, &templates);

        again.remove(&faces(&after));
        templates.retain(|(entry, _)| !after.contains(&(entry.face.get() as usize)));
        for &face in &after {
            let new = entry(7, 30_000 + face as i64);
            templates.retain(|(entry, _)| *entry != new);
            templates.push((new, vector(face + 1).clone()));
            source.put(new.face, vector(face + 1));
            again.insert(new, vector(face + 1)).expect("fits");
        }
        prop_assert_eq!(again.len(), templates.len());
        check(&again, &templates);
    }
}

#[test]
fn a_damaged_file_is_refused_wherever_the_damage_is() {
    let (gallery, source) = filled(DIMENSIONS, Kernel::best(), &numbered(vectors(DIMENSIONS, DECAY, 100, 2)));
    let (file, digest) = written(&Arc::new(gallery));
    let sound = fs::read(file.path()).expect("read");
    assert_eq!(read(file.as_file(), &digest, &source).expect("read").len(), 100);
    let damaged = |bytes: &[u8]| {
        let mut file = NamedTempFile::new().expect("a file");
        file.write_all(bytes).expect("written");
        matches!(read(file.as_file(), &digest, &source), Err(Error::File(_)))
    };
    // The first bytes name the format for people; the trailer tells it to readers.
    for at in (8..sound.len()).step_by(11).chain(sound.len() - 24..sound.len()) {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x10;
        assert!(damaged(&bytes), "at {at} of {}", sound.len());
    }
    for length in [0, 7, 8, 24, sound.len() / 2, sound.len() - 1] {
        assert!(damaged(&sound[..length]), "{length} bytes");
    }
    let mut huge = sound.clone();
    let at = sound.len() - 16;
    huge[at..at + 8].fill(0xff);
    assert!(damaged(&huge), "a footer without end");
    let other = [7; 32];
    assert!(matches!(read(file.as_file(), &other, &source), Err(Error::File(_))), "another digest");
}

/// Whoever erases a person need not fear that the next file still has the face.
#[test]
fn nothing_of_a_removed_template_is_in_a_file() {
    let mut all = vectors(DIMENSIONS, DECAY, 100, 2);
    let secret = all.remove(50);
    let kept = numbered(all);
    let file_of = |with_secret: bool| {
        let mut templates = kept.clone();
        templates.insert(50, (entry(9999, 9999), secret.clone()));
        let (gallery, _) = filled(DIMENSIONS, Kernel::best(), &templates);
        if !with_secret {
            gallery.remove(&[FaceId::new(9999)]);
        }
        let (file, _) = written(&Arc::new(gallery));
        fs::read(file.path()).expect("read")
    };
    let (with, without) = (file_of(true), file_of(false));
    let id = 9999i64.to_le_bytes();
    let has_id = |bytes: &[u8]| bytes.windows(id.len()).any(|window| window == id);
    assert!(has_id(&with) && !has_id(&without));
    // Head and middle of row 50: what differs between the files, before their footers, is empty in the second.
    let length = without.len() - 16;
    let footer = u64::from_le_bytes(without[length..length + 8].try_into().expect("eight bytes")) as usize;
    let rows = with.iter().zip(&without).take(length - footer);
    let left: Vec<u8> = rows.filter(|(with, without)| with != without).map(|(_, without)| *without).collect();
    assert!(left.len() > 20 && left.iter().all(|byte| [0, 128].contains(byte)), "{left:?}");
}

#[test]
fn a_gallery_read_from_a_file_grows_whatever_its_size() {
    let pool = vectors(DIMENSIONS, DECAY, 64, 7);
    for rows in [15, 16, 511, 1023, 2047, 4081, 4090, 4095, 4096, 4097] {
        let templates: Vec<(Entry, Vec<f32>)> =
            (0..rows).map(|face| (entry(face, face), pool[face as usize % pool.len()].clone())).collect();
        let (gallery, source) = filled(DIMENSIONS, Kernel::best(), &templates);
        let (file, digest) = written(&Arc::new(gallery));
        let again = read(file.as_file(), &digest, &source).expect("read");
        for more in 0..rows.min(1200) + 20 {
            again.insert(entry(10_000 + more, 10_000 + more), &pool[3]).expect("fits");
        }
        assert_eq!(again.len() as i64, rows + rows.min(1200) + 20);
    }
}

#[test]
fn small_galleries_have_no_file() {
    let gallery = Arc::new(Gallery::new(DIMENSIONS));
    gallery.insert(entry(1, 1), &vectors(DIMENSIONS, DECAY, 1, 1)[0]).expect("fits");
    assert!(gallery.snapshot().is_none());
    let found = gallery.search(&vectors(DIMENSIONS, DECAY, 1, 1)[0], &Query { top_n: 1, above: 0.5, filter: None });
    assert_eq!(found.expect("fits").len(), 1);
}
