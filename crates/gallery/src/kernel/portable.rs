//! Kernel for every processor, and the reference for the others.

use super::{BIAS, Group, Line, Pack, QUAD, TILE, Test, Tiles, report};

pub(super) fn scan(tiles: Tiles<'_>, probes: &Pack, tests: &[Test], found: &mut impl FnMut(usize, usize)) {
    for group in &probes.groups {
        let lines_a_tile = (group.quads.len() / group.width).max(1);
        for (tile, (lines, scales)) in tiles.lines.chunks_exact(lines_a_tile).zip(tiles.scales).enumerate() {
            for member in 0..group.width {
                let test = &tests[group.first + member];
                let dots = dots(lines, group, member);
                let mut mask = 0;
                for row in 0..TILE {
                    let reaches = scales[row] * (dots[row] as f32 + test.plus) >= test.needed;
                    mask |= u32::from(reaches) << row;
                }
                report(mask, group.first + member, tile, found);
            }
        }
    }
}

/// Returns the dot products of a tile's rows with a probe, in codes.
fn dots(lines: &[Line], group: &Group, member: usize) -> [i32; TILE] {
    // Two sums per row, of pairs of 16-bit products: most processors have one instruction for this.
    let mut sums = [0i32; TILE * 2];
    for (line, quads) in lines.iter().zip(group.quads.chunks_exact(group.width)) {
        let quad = quads[member].to_le_bytes().map(|code| i16::from(code.cast_signed()));
        let codes = line.0.map(|code| i16::from(code) - BIAS as i16);
        let probe: [i16; TILE * QUAD] = std::array::from_fn(|i| quad[i % QUAD]);
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum += i32::from(codes[2 * i]) * i32::from(probe[2 * i])
                + i32::from(codes[2 * i + 1]) * i32::from(probe[2 * i + 1]);
        }
    }
    std::array::from_fn(|row| sums[2 * row] + sums[2 * row + 1])
}
