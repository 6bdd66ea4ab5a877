//! Properties of generated templates.

use aicp_gallery::Axes;
use aicp_measure::Threads;
use aicp_measure::exact::{MAX_RANKED, in_double_precision, nearest};
use aicp_measure::templates::{COSINE_TO_ROW, DIMENSIONS, Kind, Origin, Templates};

const TWO: Threads = Threads::new(2).unwrap();

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

fn row(templates: &Templates, row: usize) -> Vec<f32> {
    let mut out = vec![0.0; DIMENSIONS];
    templates.row(row, &mut out);
    out
}

/// Returns the share of the energy of rows that is along their strongest axes.
fn share_along(axes: usize, templates: &Templates) -> f64 {
    let rows: Vec<f32> = (0..4000).flat_map(|number| row(templates, number)).collect();
    let strongest = Axes::of_vectors(DIMENSIONS, &rows[..2000 * DIMENSIONS]).expect("axes").rows();
    // Of other rows than those that the axes were computed of.
    let others = rows[2000 * DIMENSIONS..].chunks_exact(DIMENSIONS);
    let energy = |row: &[f32]| -> f64 {
        strongest.chunks_exact(DIMENSIONS).take(axes).map(|axis| cosine(axis, row).powi(2)).sum()
    };
    others.map(energy).sum::<f64>() / 2000.0
}

#[test]
fn rows_are_unit_vectors_with_the_spectrum_of_faces() {
    let templates = Templates::new(1, 4000, Kind::Faces);
    for number in 0..100 {
        let row = row(&templates, number);
        assert!((cosine(&row, &row) - 1.0).abs() < 1e-5);
        // No number stands out: an axis is none of them.
        assert!(row.iter().all(|number| number.abs() < 0.3));
    }
    // As was measured: 72 % along 64 axes, 97.3 % along 128, all along 192. Axes of a sample have a little less.
    for (axes, share) in [(64, 0.72), (128, 0.97), (192, 0.9999)] {
        let found = share_along(axes, &templates);
        assert!((share - 0.03..=share + 0.01).contains(&found), "{found} along {axes} axes");
    }
    assert!(share_along(128, &Templates::new(1, 4000, Kind::Random)) < 0.4);
}

#[test]
fn rows_that_point_anywhere_have_nothing_in_common() {
    let templates = Templates::new(2, 300, Kind::Random);
    let rows: Vec<_> = (0..300).map(|number| row(&templates, number)).collect();
    let (mut sum, mut squares, mut pairs) = (0.0, 0.0, 0.0);
    for a in 0..rows.len() {
        for b in 0..a {
            let cosine = cosine(&rows[a], &rows[b]);
            assert!(cosine.abs() < 0.3, "rows {a} and {b}: {cosine}");
            (sum, squares, pairs) = (sum + cosine, squares + cosine * cosine, pairs + 1.0);
        }
    }
    assert!((sum / pairs).abs() < 0.002);
    // On the unit sphere the variance of a cosine is one over the number of dimensions.
    assert!((squares / pairs * DIMENSIONS as f64 - 1.0).abs() < 0.05);
    let numbers: Vec<f64> = rows.iter().flatten().map(|n| f64::from(*n) * (DIMENSIONS as f64).sqrt()).collect();
    let fourth = numbers.iter().map(|n| n.powi(4)).sum::<f64>() / numbers.len() as f64;
    assert!((fourth - 3.0).abs() < 0.1, "a normal distribution has a fourth moment of 3, not {fourth}");
}

#[test]
fn the_same_seed_makes_the_same_rows_by_any_number_of_threads() {
    let (one, other) = (Templates::new(3, 1000, Kind::Faces), Templates::new(4, 1000, Kind::Faces));
    let again = Templates::new(3, 1000, Kind::Faces);
    let mut block = vec![0.0; 101 * DIMENSIONS];
    again.rows(17, &mut block, TWO);
    for (offset, from_block) in block.chunks_exact(DIMENSIONS).enumerate() {
        assert_eq!(row(&one, 17 + offset), from_block);
        assert_ne!(row(&other, 17 + offset), from_block);
    }
    assert_eq!(one.probe(5), again.probe(5));
    assert_ne!(one.probe(5), one.probe(7));
}

#[test]
fn every_other_probe_is_of_a_row() {
    let templates = Templates::new(5, 1000, Kind::Faces);
    let [low, high] = COSINE_TO_ROW.map(f64::from);
    let (mut known, mut strangers) = (0, 0);
    for number in 0..200 {
        let probe = templates.probe(number);
        assert!((cosine(&probe, &probe) - 1.0).abs() < 1e-5);
        match templates.origin(number) {
            Origin::Row(of) => {
                let cosine = cosine(&probe, &row(&templates, of));
                assert!((low - 1e-4..=high + 1e-4).contains(&cosine), "{cosine}");
                known += 1;
            }
            Origin::Stranger => strangers += 1,
        }
    }
    assert_eq!((known, strangers), (100, 100));
}

#[test]
fn the_nearest_are_those_of_a_plain_comparison() {
    // Neither the rows nor the probes fill the last block.
    let templates = Templates::new(6, 1337, Kind::Faces);
    let probes: Vec<_> = (0..43).map(|number| templates.probe(number)).collect();
    let found = nearest(&templates, &probes, TWO).expect("512 numbers");
    assert_eq!(found.len(), probes.len());
    for (probe, found) in probes.iter().zip(&found) {
        let plain = in_double_precision(&templates, probe, 0..1337);
        assert_eq!(found.as_slice(), &plain[..MAX_RANKED]);
    }
}

#[test]
fn a_library_of_fewer_than_are_kept_is_found_whole() {
    let templates = Templates::new(8, 3, Kind::Faces);
    let found = nearest(&templates, &[templates.probe(0)], TWO).expect("512 numbers");
    assert_eq!(found[0].len(), 3);
    assert!(nearest(&templates, &[vec![1.0; 3]], TWO).is_err());
}
