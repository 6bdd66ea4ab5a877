//! Weights of the linear layer that ends a network.

use super::{
    Fields, GRAPH_INITIALIZER, MODEL_GRAPH, Malformed, TENSOR_FLOAT_DATA, TENSOR_NAME, TENSOR_RAW_DATA, Value,
    find_bytes, is_float,
};

const GRAPH_NODE: u32 = 1;
const NODE_INPUT: u32 = 1;
const NODE_OPERATOR: u32 = 4;
const NODE_ATTRIBUTE: u32 = 5;
const ATTRIBUTE_NAME: u32 = 1;
const ATTRIBUTE_INTEGER: u32 = 3;
const TENSOR_DIMENSIONS: u32 = 1;
/// Operators that leave the numbers as they are.
const SHAPE_ONLY: [&[u8]; 5] = [b"Reshape", b"Flatten", b"Squeeze", b"Unsqueeze", b"Identity"];

/// Returns the weights of the layer that makes the output of a network, if it is linear with as many inputs as outputs: one
/// row of `dimensions` numbers per output. The layer is a fully connected one, or a convolution of 1x1.
///
/// # Errors
/// [`Malformed`] if the bytes are not an ONNX model.
pub fn last_layer(model: &[u8], dimensions: usize) -> Result<Option<Vec<f32>>, Malformed> {
    let Some(graph) = find_bytes(model, MODEL_GRAPH)? else { return Err(Malformed) };
    let mut last = None;
    for field in Fields(graph) {
        let field = field?;
        // Nodes are in the order in which they run.
        if let (GRAPH_NODE, Value::Bytes(node)) = (field.number, field.value)
            && !SHAPE_ONLY.contains(&find_bytes(node, NODE_OPERATOR)?.unwrap_or_default())
        {
            last = Some(node);
        }
    }
    let Some(node) = last else { return Ok(None) };
    let rows_are_outputs = match find_bytes(node, NODE_OPERATOR)? {
        Some(b"Conv") => true,
        Some(b"Gemm") => has_transposed_weights(node)?,
        _ => false,
    };
    let Some(name) = second_input(node)?.filter(|_| rows_are_outputs) else { return Ok(None) };
    for field in Fields(graph) {
        let field = field?;
        if let (GRAPH_INITIALIZER, Value::Bytes(tensor)) = (field.number, field.value)
            && find_bytes(tensor, TENSOR_NAME)? == Some(name)
        {
            return square(tensor, dimensions);
        }
    }
    Ok(None)
}

fn second_input(node: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    let mut inputs = 0;
    for field in Fields(node) {
        let field = field?;
        if let (NODE_INPUT, Value::Bytes(name)) = (field.number, field.value) {
            inputs += 1;
            if inputs == 2 {
                return Ok(Some(name));
            }
        }
    }
    Ok(None)
}

/// Returns whether the attribute `transB` of a `Gemm` is set.
fn has_transposed_weights(node: &[u8]) -> Result<bool, Malformed> {
    for field in Fields(node) {
        let field = field?;
        if let (NODE_ATTRIBUTE, Value::Bytes(attribute)) = (field.number, field.value)
            && find_bytes(attribute, ATTRIBUTE_NAME)? == Some(b"transB")
        {
            return Ok(find_varint(attribute, ATTRIBUTE_INTEGER)? == Some(1));
        }
    }
    Ok(false)
}

fn find_varint(message: &[u8], number: u32) -> Result<Option<u64>, Malformed> {
    for field in Fields(message) {
        let field = field?;
        if let (true, Value::Varint(value)) = (field.number == number, field.value) {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// Returns the numbers of a tensor of `dimensions` rows and columns, and of no other extent.
fn square(tensor: &[u8], dimensions: usize) -> Result<Option<Vec<f32>>, Malformed> {
    let mut shape = Vec::new();
    for field in Fields(tensor) {
        let field = field?;
        match (field.number, field.value) {
            (TENSOR_DIMENSIONS, Value::Varint(extent)) => shape.push(extent),
            (TENSOR_DIMENSIONS, Value::Bytes(packed)) => {
                let mut packed = Fields(packed);
                while !packed.0.is_empty() {
                    shape.push(packed.varint()?);
                }
            }
            _ => {}
        }
    }
    let side = dimensions as u64;
    if !shape.starts_with(&[side, side]) || shape[2..].iter().any(|&extent| extent != 1) || !is_float(tensor)? {
        return Ok(None);
    }
    let bytes = match find_bytes(tensor, TENSOR_RAW_DATA)? {
        Some(bytes) => Some(bytes),
        None => find_bytes(tensor, TENSOR_FLOAT_DATA)?,
    };
    let numbers = bytes.map(|bytes| bytes.as_chunks().0.iter().map(|&number| f32::from_le_bytes(number)).collect());
    Ok(numbers.filter(|numbers: &Vec<f32>| numbers.len() == dimensions * dimensions))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::tests::{field, varint_field};
    use crate::onnx::{FLOAT, TENSOR_DATA_TYPE};
    use proptest::prelude::*;

    fn node(operator: &str, inputs: &[&str], attributes: &[(&str, u64)]) -> Vec<u8> {
        let mut node: Vec<u8> = inputs.iter().flat_map(|name| field(NODE_INPUT, name.as_bytes())).collect();
        node.extend(field(NODE_OPERATOR, operator.as_bytes()));
        for (name, value) in attributes {
            let attribute = [field(ATTRIBUTE_NAME, name.as_bytes()), varint_field(ATTRIBUTE_INTEGER, *value)].concat();
            node.extend(field(NODE_ATTRIBUTE, &attribute));
        }
        field(GRAPH_NODE, &node)
    }

    fn tensor(name: &str, shape: &[u64], numbers: &[f32]) -> Vec<u8> {
        let mut tensor: Vec<u8> = shape.iter().flat_map(|&extent| varint_field(TENSOR_DIMENSIONS, extent)).collect();
        tensor.extend(varint_field(TENSOR_DATA_TYPE, FLOAT));
        tensor.extend(field(TENSOR_NAME, name.as_bytes()));
        tensor.extend(field(TENSOR_RAW_DATA, &numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>()));
        field(GRAPH_INITIALIZER, &tensor)
    }

    fn model(parts: &[Vec<u8>]) -> Vec<u8> {
        [varint_field(1, 7), field(MODEL_GRAPH, &parts.concat())].concat()
    }

    #[test]
    fn the_last_linear_layer_is_found() {
        let numbers = [1.0, 2.0, 3.0, 4.0];
        let first = node("Conv", &["in", "v"], &[]);
        let weights = [tensor("v", &[2, 2, 3, 3], &[0.0; 36]), tensor("w", &[2, 2, 1, 1], &numbers)].concat();
        let end = node("Reshape", &["y", "shape"], &[]);
        for (last, found) in [
            (node("Conv", &["x", "w", "b"], &[]), true),
            (node("Gemm", &["x", "w"], &[("alpha", 0), ("transB", 1)]), true),
            (node("Gemm", &["x", "w"], &[]), false),
            (node("Relu", &["x"], &[]), false),
            (node("Conv", &["x", "v"], &[]), false),
            (node("Conv", &["x", "unknown"], &[]), false),
            (node("Conv", &["x"], &[]), false),
        ] {
            let model = model(&[first.clone(), last, end.clone(), weights.clone()]);
            assert_eq!(last_layer(&model, 2), Ok(found.then(|| numbers.to_vec())));
            assert_eq!(last_layer(&model, 3), Ok(None));
        }
        assert_eq!(last_layer(&model(&[]), 2), Ok(None));
        assert_eq!(last_layer(b"", 2), Err(Malformed));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = last_layer(&bytes, 2);
            let _ = last_layer(&field(MODEL_GRAPH, &bytes), 2);
            let _ = square(&bytes, 2);
        }
    }
}
