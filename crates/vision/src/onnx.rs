//! Corrections to ONNX files, applied when a model is loaded.
//!
//! Three properties of the published files slow down a run or prevent it:
//! - Weights so small that arithmetic on them is denormal, which is ten times as slow: set to zero.
//! - Weights listed as graph inputs, which prevents constant folding: removed from the list of inputs.
//! - A fixed picture size although the network takes any: made symbolic.
//!
//! The file is a protocol-buffers message. It is rewritten field by field at the wire level, so that all other fields
//! pass through unchanged. Field numbers are those of `onnx.proto` (ONNX IR specification).

mod last_layer;

use std::collections::HashSet;

pub use last_layer::last_layer;

/// Weights with a smaller absolute value become zero.
const TINY: f32 = 1e-20;

const MODEL_GRAPH: u32 = 7;
const GRAPH_INITIALIZER: u32 = 5;
const GRAPH_INPUT: u32 = 11;
const GRAPH_OUTPUT: u32 = 12;
const TENSOR_DATA_TYPE: u32 = 2;
const TENSOR_FLOAT_DATA: u32 = 4;
const TENSOR_NAME: u32 = 8;
const TENSOR_RAW_DATA: u32 = 9;
const FLOAT: u64 = 1;
const VALUE_NAME: u32 = 1;
const VALUE_TYPE: u32 = 2;
const TYPE_TENSOR: u32 = 1;
const TENSOR_SHAPE: u32 = 2;
const SHAPE_DIM: u32 = 1;
const DIM_VALUE: u32 = 1;
const DIM_PARAM: u32 = 2;

/// Error: the file is not a well-formed protocol-buffers message.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// Treatment of the input and output shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shapes {
    /// Shapes stay unchanged.
    Fixed,
    /// Batch, height and width become symbolic.
    AnySize,
    /// The input is one picture of this size; the outputs' sizes become symbolic.
    OneSize {
        /// Width of the input.
        width: u32,
        /// Height of the input.
        height: u32,
    },
}

/// Applies the corrections to a serialised ONNX model.
///
/// # Errors
/// [`Malformed`] if the bytes are not an ONNX model.
pub fn prepare(model: &[u8], shapes: Shapes) -> Result<Vec<u8>, Malformed> {
    rewrite(model, |field, out| match (field.number, field.value) {
        (MODEL_GRAPH, Value::Bytes(graph)) => {
            field.replace(&prepare_graph(graph, shapes)?, out);
            Ok(())
        }
        _ => field.keep(out),
    })
}

fn prepare_graph(graph: &[u8], shapes: Shapes) -> Result<Vec<u8>, Malformed> {
    let mut weights = HashSet::new();
    for field in Fields(graph) {
        let field = field?;
        if let (GRAPH_INITIALIZER, Value::Bytes(tensor)) = (field.number, field.value)
            && let Some(name) = find_bytes(tensor, TENSOR_NAME)?
        {
            weights.insert(name);
        }
    }
    rewrite(graph, |field, out| match (field.number, field.value) {
        (GRAPH_INITIALIZER, Value::Bytes(tensor)) => {
            field.replace(&flush_tensor(tensor)?, out);
            Ok(())
        }
        (GRAPH_INPUT | GRAPH_OUTPUT, Value::Bytes(value)) => {
            let name = find_bytes(value, VALUE_NAME)?.unwrap_or_default();
            if field.number == GRAPH_INPUT && weights.contains(name) {
                return Ok(());
            }
            let is_input = field.number == GRAPH_INPUT;
            let resized = match shapes {
                Shapes::Fixed => return field.keep(out),
                Shapes::OneSize { width, height } if is_input => with_size(value, width, height)?,
                Shapes::AnySize | Shapes::OneSize { .. } => free_value(value, if is_input { "in" } else { "out" })?,
            };
            field.replace(&resized, out);
            Ok(())
        }
        _ => field.keep(out),
    })
}

fn flush_tensor(tensor: &[u8]) -> Result<Vec<u8>, Malformed> {
    let is_float = is_float(tensor)?;
    rewrite(tensor, |field, out| match (field.number, field.value) {
        (TENSOR_FLOAT_DATA | TENSOR_RAW_DATA, Value::Bytes(data)) if is_float && data.len() % 4 == 0 => {
            let mut flushed = data.to_vec();
            for chunk in flushed.chunks_exact_mut(4) {
                let weight = f32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
                if weight.abs() < TINY {
                    chunk.fill(0);
                }
            }
            field.replace(&flushed, out);
            Ok(())
        }
        _ => field.keep(out),
    })
}

/// Returns whether a tensor has single-precision numbers.
fn is_float(tensor: &[u8]) -> Result<bool, Malformed> {
    for field in Fields(tensor) {
        let field = field?;
        if (TENSOR_DATA_TYPE, true) == (field.number, matches!(field.value, Value::Varint(FLOAT))) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes every dimension of a graph value symbolic except the channels.
fn free_value(value: &[u8], prefix: &str) -> Result<Vec<u8>, Malformed> {
    with_dimensions(value, &|axis| {
        let name = format!("{prefix}{axis}");
        let mut dim = Vec::new();
        put_varint(u64::from(DIM_PARAM) << 3 | 2, &mut dim);
        put_varint(name.len() as u64, &mut dim);
        dim.extend_from_slice(name.as_bytes());
        dim
    })
}

/// Sets the shape of a graph value (batch, channels, height, width) to a batch of one and this size.
fn with_size(value: &[u8], width: u32, height: u32) -> Result<Vec<u8>, Malformed> {
    with_dimensions(value, &|axis| {
        let mut dim = Vec::new();
        put_varint(u64::from(DIM_VALUE) << 3, &mut dim);
        put_varint(u64::from([1, 1, height, width][axis.min(3)]), &mut dim);
        dim
    })
}

/// Replaces every dimension of a graph value except the channels.
fn with_dimensions(value: &[u8], dimension: &dyn Fn(usize) -> Vec<u8>) -> Result<Vec<u8>, Malformed> {
    descend(value, &[VALUE_TYPE, TYPE_TENSOR, TENSOR_SHAPE], &mut |shape| {
        let mut axis = 0;
        rewrite(shape, |field, out| match (field.number, field.value) {
            (SHAPE_DIM, Value::Bytes(_)) => {
                let current = axis;
                axis += 1;
                if current == 1 {
                    return field.keep(out);
                }
                field.replace(&dimension(current), out);
                Ok(())
            }
            _ => field.keep(out),
        })
    })
}

/// Rewrites the bytes of one message.
type Rewriter<'a> = &'a mut dyn FnMut(&[u8]) -> Result<Vec<u8>, Malformed>;

/// Rewrites the message at the end of `path`, a sequence of length-delimited fields.
fn descend(message: &[u8], path: &[u32], leaf: Rewriter<'_>) -> Result<Vec<u8>, Malformed> {
    let Some((&step, rest)) = path.split_first() else {
        return leaf(message);
    };
    rewrite(message, |field, out| match field.value {
        Value::Bytes(inner) if field.number == step => {
            field.replace(&descend(inner, rest, leaf)?, out);
            Ok(())
        }
        _ => field.keep(out),
    })
}

fn find_bytes(message: &[u8], number: u32) -> Result<Option<&[u8]>, Malformed> {
    for field in Fields(message) {
        let field = field?;
        if let (true, Value::Bytes(bytes)) = (field.number == number, field.value) {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

fn rewrite<'a>(
    message: &'a [u8],
    mut each: impl FnMut(&Field<'a>, &mut Vec<u8>) -> Result<(), Malformed>,
) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::with_capacity(message.len());
    for field in Fields(message) {
        each(&field?, &mut out)?;
    }
    Ok(out)
}

#[derive(Clone, Copy)]
enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed,
}

struct Field<'a> {
    number: u32,
    value: Value<'a>,
    /// The encoded field, including its key.
    raw: &'a [u8],
}

impl Field<'_> {
    /// Copies the field unchanged. Returns a `Result` so that it can end a match arm.
    fn keep(&self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        out.extend_from_slice(self.raw);
        Ok(())
    }

    fn replace(&self, bytes: &[u8], out: &mut Vec<u8>) {
        put_varint(u64::from(self.number) << 3 | 2, out);
        put_varint(bytes.len() as u64, out);
        out.extend_from_slice(bytes);
    }
}

/// The fields of a message, in order.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn read(&mut self) -> Result<Field<'a>, Malformed> {
        let start = self.0;
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).map_err(|_| Malformed)?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            _ => return Err(Malformed),
        };
        Ok(Field { number, value, raw: &start[..start.len() - self.0.len()] })
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (head, tail) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = tail;
        Ok(head)
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(u64::from(number) << 3 | 2, &mut out);
        put_varint(bytes.len() as u64, &mut out);
        out.extend_from_slice(bytes);
        out
    }

    pub fn varint_field(number: u32, value: u64) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(u64::from(number) << 3, &mut out);
        put_varint(value, &mut out);
        out
    }

    fn value_info(name: &str, dims: &[u64]) -> Vec<u8> {
        let shape: Vec<u8> = dims.iter().flat_map(|&d| field(SHAPE_DIM, &varint_field(1, d))).collect();
        let tensor = [varint_field(1, FLOAT), field(TENSOR_SHAPE, &shape)].concat();
        [field(VALUE_NAME, name.as_bytes()), field(VALUE_TYPE, &field(TYPE_TENSOR, &tensor))].concat()
    }

    fn model() -> Vec<u8> {
        let data: Vec<u8> = [1.0f32, 1e-30, -1e-39, 0.5].iter().flat_map(|v| v.to_le_bytes()).collect();
        let weight =
            [varint_field(TENSOR_DATA_TYPE, FLOAT), field(TENSOR_NAME, b"w"), field(TENSOR_RAW_DATA, &data)].concat();
        let graph = [
            field(GRAPH_INITIALIZER, &weight),
            field(GRAPH_INPUT, &value_info("w", &[4])),
            field(GRAPH_INPUT, &value_info("picture", &[10, 3, 32, 32])),
            field(GRAPH_OUTPUT, &value_info("heat", &[10, 1, 8, 8])),
        ]
        .concat();
        [varint_field(1, 7), field(MODEL_GRAPH, &graph)].concat()
    }

    #[test]
    fn tiny_weights_become_zero_and_weights_stop_being_inputs() {
        let out = prepare(&model(), Shapes::Fixed).expect("well-formed");
        let graph = find_bytes(&out, MODEL_GRAPH).expect("ok").expect("graph");
        let tensor = find_bytes(graph, GRAPH_INITIALIZER).expect("ok").expect("weight");
        let data = find_bytes(tensor, TENSOR_RAW_DATA).expect("ok").expect("data");
        let values: Vec<f32> = data.chunks_exact(4).map(|c| f32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect();
        assert_eq!(values, [1.0, 0.0, 0.0, 0.5]);
        let inputs: Vec<&[u8]> = Fields(graph)
            .filter_map(Result::ok)
            .filter(|f| f.number == GRAPH_INPUT)
            .filter_map(|f| match f.value {
                Value::Bytes(b) => find_bytes(b, VALUE_NAME).expect("ok"),
                _ => None,
            })
            .collect();
        assert_eq!(inputs, [b"picture".as_slice()]);
    }

    #[test]
    fn any_size_frees_all_but_the_channels() {
        let out = prepare(&model(), Shapes::AnySize).expect("well-formed");
        let text = String::from_utf8_lossy(&out);
        for name in ["in0", "in2", "in3", "out0", "out2", "out3"] {
            assert!(text.contains(name), "{name}");
        }
        assert!(!text.contains("in1") && !text.contains("out1"));
    }

    #[test]
    fn one_size_fixes_the_input_and_frees_the_outputs() {
        let out = prepare(&model(), Shapes::OneSize { width: 320, height: 192 }).expect("well-formed");
        let graph = find_bytes(&out, MODEL_GRAPH).expect("ok").expect("graph");
        let input = find_bytes(graph, GRAPH_INPUT).expect("ok").expect("the picture");
        assert_eq!(input, value_info("picture", &[1, 3, 192, 320]));
        let text = String::from_utf8_lossy(&out);
        assert!(["out0", "out2", "out3"].iter().all(|name| text.contains(name)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = prepare(&bytes, Shapes::AnySize);
        }

        #[test]
        fn a_cut_model_is_refused_or_shorter(cut in 0usize..300) {
            let model = model();
            let cut = cut.min(model.len());
            if let Ok(out) = prepare(&model[..cut], Shapes::Fixed) {
                prop_assert!(out.len() <= model.len());
            }
        }
    }
}
