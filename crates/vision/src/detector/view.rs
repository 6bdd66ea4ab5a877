//! Placement of a picture in the detector's input.

use super::{COARSE, INPUT_AREA};

/// Input sides must be multiples of this many pixels.
pub(super) const SIDE_STEP: u32 = 32;
/// Maximum extra shrinking of one side relative to the other, as a share, to save empty margins.
const MAX_SQUEEZE: f32 = 0.06;
/// Maximum side of the network's input, so that an extremely long picture costs no more than others.
const MAX_SIDE: f32 = 4096.0;
/// Maximum empty share of the input of a coarse pass; otherwise the pass is omitted.
const MAX_EMPTY: f32 = 0.4;

/// The scale of a picture in the first pass for all faces.
pub(super) fn first_scale(width: u32, height: u32) -> f32 {
    (INPUT_AREA / (width as f32 * height as f32)).sqrt().min(1.0)
}

/// Size and position of a picture in the network's input.
pub(super) struct View {
    /// Size of the scaled picture.
    pub width: u32,
    pub height: u32,
    /// Offset of the scaled picture in the input.
    pub left: u32,
    pub top: u32,
    /// Size of the whole input, multiples of [`SIDE_STEP`].
    pub input_width: u32,
    pub input_height: u32,
    /// The factor by which the picture was scaled.
    pub scale: f32,
}

impl View {
    /// The view of the first pass for all faces.
    pub fn of_all_faces(width: u32, height: u32) -> Self {
        Self::new(width, height, first_scale(width, height), 0.0)
    }

    /// The view of a coarse pass, which shows large faces only; `None` for a picture so long that the input would be
    /// mostly empty.
    pub fn of_large_faces(width: u32, height: u32) -> Option<Self> {
        let view = Self::within(width, height, &COARSE);
        let is_whole = (view.width, view.height) == (width, height);
        (is_whole || view.empty() <= MAX_EMPTY).then_some(view)
    }

    /// The view in the input that shows the picture largest, without enlarging it.
    fn within(width: u32, height: u32, inputs: &[(u32, u32); 5]) -> Self {
        let scale_in = |&(w, h): &(u32, u32)| (w as f32 / width as f32).min(h as f32 / height as f32).min(1.0);
        let [first, others @ ..] = inputs;
        let best = others.iter().fold(first, |best, input| if scale_in(input) > scale_in(best) { input } else { best });
        let scale = scale_in(best);
        let scaled_side = |side: u32, input: u32| {
            let scaled = ((side as f32 * scale).round() as u32).clamp(1, input);
            let stretches_little = (input - scaled) as f32 <= MAX_SQUEEZE * input as f32;
            if scale < 1.0 && stretches_little { input } else { scaled }
        };
        Self {
            width: scaled_side(width, best.0),
            height: scaled_side(height, best.1),
            left: 0,
            top: 0,
            input_width: best.0,
            input_height: best.1,
            scale,
        }
    }

    /// The empty share of the input, 0..1.
    fn empty(&self) -> f32 {
        1.0 - (self.width * self.height) as f32 / (self.input_width * self.input_height) as f32
    }

    /// The view at (about) the given scale, with an empty margin on every side, as a share of that side.
    pub fn new(width: u32, height: u32, scale: f32, margin: f32) -> Self {
        let longest = width.max(height) as f32 * (1.0 + 2.0 * margin);
        let scale = scale.min(MAX_SIDE / longest);
        let scaled_side = |side: u32| {
            let scaled = ((side as f32 * scale).round() as u32).max(1);
            let whole_steps = scaled / SIDE_STEP * SIDE_STEP;
            let squeezes_little = (scaled - whole_steps) as f32 <= MAX_SQUEEZE * scaled as f32;
            if margin == 0.0 && squeezes_little { whole_steps } else { scaled }
        };
        let (width, height) = (scaled_side(width), scaled_side(height));
        let (left, top) = ((width as f32 * margin) as u32, (height as f32 * margin) as u32);
        Self {
            width,
            height,
            left,
            top,
            input_width: (width + 2 * left).next_multiple_of(SIDE_STEP),
            input_height: (height + 2 * top).next_multiple_of(SIDE_STEP),
            scale,
        }
    }
}
