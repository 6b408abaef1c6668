"""MIME bundles: from what IPython's formatters return to the `bundle` frame's payload.

Every value becomes a string: bytes as base64, JSON types as encoded JSON. Sizes are kept
within what a frame may carry.
"""

import binascii
import json
import math

from . import frames

BUNDLE_BYTES_MAX = 24 * 1024 * 1024
PLAIN_CHARS_KEPT = 64 * 1024


def is_json_type(mime):
    """Whether values of this MIME type are JSON documents."""
    return mime == "application/json" or mime.endswith("+json")


def _finite(value):
    """Return a copy of a JSON value in which NaN and infinities are null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def _json_text(value):
    try:
        return json.dumps(value, allow_nan=False, default=str, ensure_ascii=False)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, default=str, ensure_ascii=False)


def value_text(mime, value):
    """Return one value of a bundle as the string that the frame carries."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return binascii.b2a_base64(bytes(value), newline=False).decode("ascii")
    if is_json_type(mime) and not isinstance(value, str):
        return _json_text(value)
    if isinstance(value, (list, tuple)):
        return "".join(str(part) for part in value)
    return value if type(value) is str else str(value)


def _size_text(size_bytes):
    return f"{size_bytes / (1 << 20):.1f} MiB"


def _too_large(texts, size_bytes):
    plain = texts.get("text/plain", "")
    notice = (
        f"[left out: this result has {_size_text(size_bytes)}, "
        f"more than the {BUNDLE_BYTES_MAX >> 20} MiB a result may have]"
    )
    if plain and len(plain) <= PLAIN_CHARS_KEPT:
        notice = f"{plain}\n{notice}"
    return frames.encode_json({"text/plain": notice})


def encode(bundle):
    """Return the payload for a dict MIME type → value, or None when nothing is left of it."""
    texts = {}
    for mime, value in bundle.items():
        if value is None:
            continue
        try:
            texts[str(mime)] = value_text(str(mime), value)
        except (Exception, RecursionError) as error:
            texts[str(mime)] = f"[cannot encode this result: {type(error).__name__}]"
    if not texts:
        return None
    size_bytes = sum(map(len, texts.values()))
    if size_bytes > BUNDLE_BYTES_MAX:
        return _too_large(texts, size_bytes)
    payload = frames.encode_json(texts)
    return payload if len(payload) <= BUNDLE_BYTES_MAX else _too_large(texts, len(payload))
