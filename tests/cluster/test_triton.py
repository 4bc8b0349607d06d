"""Triton's configuration of our server: every setting is in it, or in the losses. Lab 07."""

import json
import re

import pytest

from scaletoolkit import service
from scaletoolkit.cluster import triton

MODEL = {"name": "m", "input": "pixels", "output": "scores", "shape": [3, 8, 8]}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model.json").write_text(json.dumps(MODEL))
    return str(tmp_path)


def field(text, name):
    """What stands after a field's name, once."""
    (value,) = re.findall(rf"\b{name}: ([^\s,}}]+)", text)
    return value


def test_every_setting_has_its_field(folder):
    settings = service.Settings(
        folder,
        replicas=3,
        max_batch_size=8,
        max_queue_delay_microseconds=500,
        max_queue_size=64,
        timeout_s=0.25,
    )
    text, losses = triton.config(settings)
    assert field(text, "max_batch_size") == "8"
    assert field(text, "count") == "3"
    assert field(text, "max_queue_delay_microseconds") == "500"
    assert field(text, "max_queue_size") == "64"
    assert field(text, "default_timeout_microseconds") == "250000"
    assert losses == list(triton.LOSSES)


def test_the_models_tensors_are_named_without_the_batch(folder):
    text, _ = triton.config(service.Settings(folder))
    assert text.startswith('name: "m"\n')
    assert '{ name: "pixels", data_type: TYPE_FP32, dims: [ 3, 8, 8 ] }' in text
    assert '{ name: "scores", data_type: TYPE_FP32, dims: [ -1 ] }' in text


def test_what_triton_does_not_know_is_said(folder):
    settings = service.Settings(folder, cpu_milli=100, accelerator_ms=(10, 1), start_up_s=2)
    losses = triton.config(settings)[1][len(triton.LOSSES) :]
    assert [sentence.split()[0] for sentence in losses] == list(triton.DROPPED)


def test_braces_and_brackets_match(folder):
    text, _ = triton.config(service.Settings(folder))
    for opening, closing in ("{}", "[]"):
        assert text.count(opening) == text.count(closing) > 0
