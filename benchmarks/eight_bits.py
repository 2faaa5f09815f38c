"""Would eight bits do? The bundled model quantized after training, compared with bfloat16 and float32.

`python -m benchmarks.eight_bits --calls FILE` quantizes the activations and weights of the model's matrix products in
OpenVINO, from the calls at even places, and prints for the others: speed, cosine to float32, and how far the topics of
firms agree with those of float32. Activations get an asymmetric range per product, the one of least squared error;
weights one per output. Before the queries, keys, values and first products of the feed-forward layers, outliers of the
activations are moved into the weights (SmoothQuant: Xiao et al. 2023, arXiv:2211.10438). The second product of the
first feed-forward layer, the most sensitive, stays in bfloat16.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import calls as corpus
from benchmarks.measure import markdown
from ftm_resources.models import batches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from benchmarks.calls import Call

    Floats = NDArray[np.float32]

KINDS = ("query", "key", "value", "attention.output", "intermediate", "output")
SMOOTHED = ("query", "intermediate")
"""Of the products that share an input, the first."""
ALPHA = 0.5
KEPT = ((0, "output"),)
"""Layers and products that stay in bfloat16."""
N_CALIBRATION = 256
_SHARES = (1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
_THREADS = {"NUM_STREAMS": "1", "INFERENCE_NUM_THREADS": "1"}


def graph(module: Any) -> Any:
    """Return a torch module from token ids to vectors as an OpenVINO model."""
    import openvino
    import torch

    return openvino.convert_model(
        module, example_input=(torch.ones((2, 8), dtype=torch.long),), input=[[-1, -1]]
    )


def products(model: Any) -> list[tuple[Any, Floats]]:
    """Return the products with constant weights, in order, and the weights (outputs, inputs)."""
    found = []
    for node in model.get_ordered_ops():
        if node.get_type_name() != "MatMul":
            continue
        weights = node.input_value(1).get_node()
        while weights.get_type_name() == "Convert":
            weights = weights.input_value(0).get_node()
        if weights.get_type_name() == "Constant" and len(weights.get_output_shape(0)) == 2:
            table = weights.data.astype(np.float32)
            found.append((node, table if node.get_attributes()["transpose_b"] else table.T))
    return found


def inputs_of(model: Any, token_ids: Sequence[Sequence[int]]) -> list[Floats]:
    """Return what each product of `products` gets as its input for some texts, (tokens, inputs)."""
    import openvino

    probe = model.clone()
    sources = {_name(node): node.input_value(0) for node, _ in products(probe)}
    probe.add_outputs(list(sources.values()))
    compiled = openvino.Core().compile_model(probe, "CPU", _THREADS | {"INFERENCE_PRECISION_HINT": "f32"})
    rows: dict[str, list[Floats]] = {name: [] for name in sources}
    for ids in token_ids:
        results = list(compiled([np.array([ids])]).values())[-len(sources) :]
        for own, value in zip(rows.values(), results, strict=True):
            own.append(value.reshape(-1, value.shape[-1]))
    whole = {name: np.concatenate(own) for name, own in rows.items()}
    return [whole[_name(node)] for node, _ in products(probe)]


def _name(node: Any) -> str:
    """Return the name of what a product gets as its input; queries, keys and values share it."""
    source = node.input_value(0)
    return f"{source.get_node().get_friendly_name()}:{source.get_index()}"


def quantize(model: Any, seen: Sequence[Floats]) -> None:
    """Quantize the products of a model in place, from the inputs that they get."""
    import openvino.opset13 as op

    before: dict[str, tuple[Any, Floats]] = {}
    found = products(model)
    for k, (node, weights) in enumerate(found):
        layer, kind = k // len(KINDS), KINDS[k % len(KINDS)]
        source = node.input_value(0)
        if (layer, kind) in KEPT:
            continue
        if kind in {"key", "value"}:
            rounded, scale = before[f"{layer}"]
        else:
            scale = np.ones(weights.shape[1], np.float32)
            if kind in SMOOTHED:
                group = [w for _, w in found[k : k + 3]] if kind == "query" else [weights]
                scale = _smoothing(seen[k], np.concatenate(group))
                source = op.multiply(source, op.constant((1 / scale)[None, None])).output(0)
            low, high = _range(seen[k] / scale)
            bounds = [op.constant(np.full((1, 1, 1), x, np.float32)) for x in (low, high)]
            rounded = op.fake_quantize(source, *bounds, *bounds, 256)
            before[f"{layer}"] = rounded, scale
        scaled = np.ascontiguousarray(weights * scale)
        most = np.abs(scaled).max(axis=1, keepdims=True)
        ends = [op.constant(x) for x in (-most, most)]
        product = op.matmul(rounded, op.fake_quantize(op.constant(scaled), *ends, *ends, 255), False, True)
        product.set_friendly_name(f"{node.get_friendly_name()} in eight bits")
        for target in list(node.output(0).get_target_inputs()):
            target.replace_source_output(product.output(0))
    model.validate_nodes_and_infer_types()


def _smoothing(activations: Floats, weights: Floats) -> Floats:
    largest = np.maximum(np.abs(activations).max(axis=0), 1e-3)
    scale = largest**ALPHA / np.maximum(np.abs(weights).max(axis=0), 1e-3) ** (1 - ALPHA)
    return np.clip(scale / np.exp(np.log(scale).mean()), 0.01, 100).astype(np.float32)  # type: ignore[no-any-return]


def _range(values: Floats) -> tuple[float, float]:
    """Return the range of 256 steps with the least squared error."""
    some = values[np.linspace(0, len(values) - 1, min(len(values), 1200)).astype(int)]
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)

    def error(bounds: tuple[float, float]) -> float:
        step = (bounds[1] - bounds[0]) / 255
        rounded = np.clip(np.rint((some - bounds[0]) / step), 0, 255) * step + bounds[0]
        return float(((rounded - some) ** 2).mean())

    return min(((low * a, high * b) for a in _SHARES for b in _SHARES if a * low < b * high), key=error)


def _vectors(
    model: Any, precision: str, texts: Sequence[str], tokenize: Any
) -> tuple[NDArray[np.float64], float]:
    """Return unit vectors (n, d), and the milliseconds of CPU that a text takes on one thread."""
    import openvino

    compiled = openvino.Core().compile_model(model, "CPU", _THREADS | {"INFERENCE_PRECISION_HINT": precision})
    request = compiled.create_infer_request()
    made = list(batches.batches(texts, tokenize, 2048, row_step=1))
    rows: NDArray[np.float64] = np.empty((len(texts), compiled.output(0).partial_shape[1].get_length()))
    started = time.process_time()
    for batch in made:
        rows[batch.rows] = request.infer([batch.ids])[0]
    seconds = time.process_time() - started
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), 1000 * seconds / len(texts)


def compare(calls: Sequence[Call]) -> list[dict[str, Any]]:
    """Return a row per precision: time, cosine to float32, and agreement of the topics with those of float32."""
    from sklearn.metrics import adjusted_rand_score

    from ftm_assets.methods.topics.firm_model import FirmParams, cluster  # noqa: PLC0415
    from ftm_resources.models.embedder import Embedder  # noqa: PLC0415
    from ftm_resources.models.loading import LoadedModel  # noqa: PLC0415

    loaded: LoadedModel = Embedder(backend="openvino", precision="float32")._load()
    module, tokenize = loaded.encoder._module, loaded.tokenize  # type: ignore[attr-defined]
    if tokenize is None:
        raise ValueError("the model has no tokenizer")
    tuned, tested = calls[::2], calls[1::2]
    said = [t for c in tuned for t in c.texts]
    chosen = np.random.default_rng(0).choice(len(said), min(N_CALIBRATION, len(said)), replace=False)
    eight = graph(module)
    quantize(eight, inputs_of(eight, tokenize([said[i] for i in chosen.tolist()])))
    texts = [t for c in tested for t in c.texts]
    cuts = np.cumsum([len(c.texts) for c in tested])[:-1]

    def topics(vectors: NDArray[np.float64]) -> Iterator[Any]:
        for call, own in zip(tested, np.split(vectors, cuts), strict=True):
            yield cluster(own, call.turns, range(len(call.turns)), FirmParams())

    rows: list[dict[str, Any]] = []
    exact: NDArray[np.float64] | None = None
    for name, model, hint in (
        ("float32", graph(module), "f32"), ("bfloat16", graph(module), "bf16"), ("eight bits", eight, "bf16"),
    ):  # fmt: skip
        vectors, ms = _vectors(model, hint, texts, tokenize)
        exact = vectors if exact is None else exact
        cosine = (vectors * exact).sum(axis=1)
        agreed = [adjusted_rand_score(a, b) for a, b in zip(topics(exact), topics(vectors), strict=True)]
        rows.append(
            {
                "precision": name,
                "CPU ms a sentence": ms,
                "cosine to float32, mean": f"{cosine.mean():.5f}",
                "least": f"{cosine.min():.5f}",
                "ARI of topics with float32's": float(np.mean(agreed)),
            }
        )
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.eight_bits", description=__doc__)
    parser.add_argument(
        "--calls", type=Path, required=True, help="the calls of Earnings-21, as one file for FTM_SOURCE=files"
    )
    parser.add_argument("--every", type=int, default=1, help="take every n-th call only")
    options = parser.parse_args()
    print(markdown(compare(corpus.load(options.calls)[:: options.every])))


if __name__ == "__main__":
    main()
