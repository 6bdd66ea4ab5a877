//! Comparison of what a search finds with what brute force finds.

use std::time::Duration;

use aicp_gallery::Hit;

use super::TOP_N;
use super::report::{Exactness, Recalls};
use super::subject::Subject;
use crate::Result;
use crate::exact::{self, Scored};
use crate::templates::{Origin, Templates};

/// Probes that are searched together to check exactness.
const BATCH: usize = 64;
/// Scores closer than this are equal in single precision: the order of summation may change them.
const ROUNDING: f64 = 3e-7;
/// The row that a face stands for.
fn row_of(hit: &Hit) -> usize {
    usize::try_from(hit.entry.face.get()).unwrap_or(usize::MAX)
}

/// Compares the results of the search with the exact ones.
pub(super) fn check_exactness(
    subject: &Subject,
    templates: &Templates,
    probes: &[Vec<f32>],
    nearest: &[Vec<Scored>],
    verifying: Duration,
) -> Result<Exactness> {
    let mut seen = Exactness { probes: probes.len(), verify_s: verifying.as_secs_f64(), ..Exactness::default() };
    let mut recalls = [Recall::default(); 2];
    let read_before = subject.templates_read();
    for (block, (probes, nearest)) in probes.chunks(BATCH).zip(nearest.chunks(BATCH)).enumerate() {
        let together: Vec<&[f32]> = probes.iter().map(Vec::as_slice).collect();
        let found = subject.search_many(&together, TOP_N)?;
        for (offset, ((probe, nearest), found)) in probes.iter().zip(nearest).zip(found).enumerate() {
            let recall = &mut recalls[usize::from(templates.origin(block * BATCH + offset) == Origin::Stranger)];
            let truth = &nearest[..nearest.len().min(TOP_N)];
            let rows = found.iter().map(row_of);
            let scored = exact::in_double_precision(templates, probe, rows);
            for hit in &found {
                let score = scored.iter().find(|scored| scored.row == row_of(hit)).map_or(0.0, |s| s.score);
                seen.largest_score_error = seen.largest_score_error.max((score - f64::from(hit.cosine)).abs());
            }
            let mut right = |truth: &[Scored], first: usize| {
                let Some(last) = truth.last() else { return 0 };
                let first: Vec<usize> = found.iter().take(first).map(row_of).collect();
                let ours = scored.iter().filter(|scored| first.contains(&scored.row));
                ours.filter(|ours| {
                    let is_named = truth.iter().any(|truth| truth.row == ours.row);
                    let is_equal = ours.score >= last.score - ROUNDING;
                    seen.equal_within_rounding += usize::from(!is_named && is_equal);
                    is_named || is_equal
                })
                .count()
            };
            recall.right_at_1 += right(&truth[..truth.len().min(1)], 1);
            recall.right_at_5 += right(truth, TOP_N);
            recall.wanted_at_1 += truth.len().min(1);
            recall.wanted_at_5 += truth.len();
        }
    }
    [seen.mates, seen.strangers] = recalls.map(Recall::shares);
    let [mates, strangers] = recalls;
    seen.all = mates.with(strangers).shares();
    seen.templates_read_per_probe = (subject.templates_read() - read_before) as f64 / probes.len().max(1) as f64;
    Ok(seen)
}

/// People found of those that brute force finds.
#[derive(Debug, Clone, Copy, Default)]
struct Recall {
    right_at_1: usize,
    wanted_at_1: usize,
    right_at_5: usize,
    wanted_at_5: usize,
}

impl Recall {
    fn with(self, other: Self) -> Self {
        Self {
            right_at_1: self.right_at_1 + other.right_at_1,
            wanted_at_1: self.wanted_at_1 + other.wanted_at_1,
            right_at_5: self.right_at_5 + other.right_at_5,
            wanted_at_5: self.wanted_at_5 + other.wanted_at_5,
        }
    }

    fn shares(self) -> Recalls {
        let share = |right: usize, wanted: usize| right as f64 / wanted.max(1) as f64;
        Recalls {
            recall_at_1: share(self.right_at_1, self.wanted_at_1),
            recall_at_5: share(self.right_at_5, self.wanted_at_5),
        }
    }
}
