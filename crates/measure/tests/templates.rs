//! Properties of generated templates.

use aicp_measure::exact::{MAX_RANKED, in_double_precision, nearest};
use aicp_measure::templates::{COSINE_TO_ROW, COSINE_TO_SEED, DIMENSIONS, Origin, Templates};
use aicp_measure::{Random, Threads};

const TWO: Threads = Threads::new(2).unwrap();

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

fn real(count: usize) -> Vec<Vec<f32>> {
    let mut random = Random(7);
    let unit = |mut vector: Vec<f32>| {
        let length = cosine(&vector, &vector).sqrt() as f32;
        vector.iter_mut().for_each(|number| *number /= length);
        vector
    };
    (0..count).map(|_| unit((0..DIMENSIONS).map(|_| random.number()).collect())).collect()
}

fn row(templates: &Templates, row: usize) -> Vec<f32> {
    let mut out = vec![0.0; DIMENSIONS];
    templates.row(row, &mut out);
    out
}

#[test]
fn rows_are_unit_vectors_half_of_them_around_real_ones() {
    let templates = Templates::new(1, 4000, real(5)).expect("512 numbers");
    let mut cosines = Vec::new();
    for number in 0..4000 {
        let row = row(&templates, number);
        assert!((cosine(&row, &row) - 1.0).abs() < 1e-5);
        if let Some((seed, wanted)) = templates.seed_of(number) {
            let found = cosine(&row, seed);
            assert!((found - f64::from(wanted)).abs() < 1e-4, "{found} instead of {wanted}");
            cosines.push(found);
        }
    }
    assert_eq!(cosines.len(), 2000);
    let [low, high] = COSINE_TO_SEED.map(f64::from);
    assert!(cosines.iter().all(|cosine| (low - 1e-4..=high + 1e-4).contains(cosine)));
    // Uniform: each third of the range has about a third of them (667 with a standard deviation of 21).
    for third in 0..3 {
        let from = low + (high - low) * f64::from(third) / 3.0;
        let count = cosines.iter().filter(|c| (from..from + (high - low) / 3.0).contains(*c)).count();
        assert!((560..=780).contains(&count), "{count} in third {third}");
    }
}

#[test]
fn rows_that_point_anywhere_have_nothing_in_common() {
    let templates = Templates::new(2, 300, Vec::new()).expect("512 numbers");
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
    let (one, other) = (
        Templates::new(3, 1000, real(3)).expect("512 numbers"),
        Templates::new(4, 1000, real(3)).expect("512 numbers"),
    );
    let again = Templates::new(3, 1000, real(3)).expect("512 numbers");
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
    let templates = Templates::new(5, 1000, real(3)).expect("512 numbers");
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
    let templates = Templates::new(6, 1337, real(4)).expect("512 numbers");
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
    let templates = Templates::new(8, 3, real(1)).expect("512 numbers");
    let found = nearest(&templates, &[templates.probe(0)], TWO).expect("512 numbers");
    assert_eq!(found[0].len(), 3);
    assert!(nearest(&templates, &[vec![1.0; 3]], TWO).is_err());
}
