"""The keys of the encryption at rest: their forms, and that nothing shows them."""

from __future__ import annotations

import base64
import secrets

import pytest

from httpsession import ConfigError, SessionConfig

KEY = bytes(range(200, 232))
FORMS = {
    "bytes": KEY,
    "bytearray": bytearray(KEY),
    "hexadecimal": KEY.hex(),
    "upper case": KEY.hex().upper(),
    "base64": base64.b64encode(KEY).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(KEY).decode(),
    "without padding": base64.urlsafe_b64encode(KEY).decode().rstrip("="),
    "with a line end": base64.b64encode(KEY).decode() + "\n",
}
WRONG = {
    "short": KEY[:31],
    "long": KEY + b"a",
    "empty": b"",
    "empty text": "",
    "password": "s3cret-s3cret-s3cret-s3cret-s3cr",
    "short hexadecimal": KEY.hex()[:-2],
    "no hexadecimal": "s3cret" + KEY.hex()[6:],
    "short base64": base64.b64encode(KEY[:30]).decode(),
    "not ASCII": "é" * 44,
    "None": None,
    "number": 7,
}


@pytest.mark.parametrize("key", FORMS.values(), ids=FORMS)
def test_forms(key):
    """A key is 32 bytes, or those in hexadecimal or base64; the configuration has its bytes."""
    assert SessionConfig(encryption_keys=[key]).encryption_keys == (KEY,)
    assert SessionConfig(encryption_keys=iter([KEY[::-1], key])).encryption_keys == (KEY[::-1], KEY)


@pytest.mark.parametrize("key", WRONG.values(), ids=WRONG)
def test_wrong(key):
    """Anything else is refused by its number, kind and length, and not shown."""
    with pytest.raises(ConfigError) as caught:
        SessionConfig(encryption_keys=[KEY, key])
    message = str(caught.value)
    assert message.startswith("SessionConfig.encryption_keys[1] is ")
    assert "but must be 32 bytes, or as many in hexadecimal or base64" in message
    assert "s3cret" not in message
    assert caught.value.__cause__ is None
    if isinstance(key, bytes | str) and key:
        assert repr(key)[2:-1] not in message


@pytest.mark.parametrize("given", [KEY, KEY.hex(), bytearray(KEY), None, 5], ids=lambda given: type(given).__name__)
def test_no_sequence(given):
    """A key in place of a sequence of keys is refused, and not shown."""
    with pytest.raises(
        ConfigError, match=r"^SessionConfig\.encryption_keys is an? .*, but must be a sequence"
    ) as caught:
        SessionConfig(encryption_keys=given)
    assert KEY.hex() not in str(caught.value)


def test_texts():
    """Keys can come from the environment or a file, with commas in between; a wrong one is not shown there either."""
    two = f"{KEY.hex()}, {base64.b64encode(KEY[::-1]).decode()}"
    assert SessionConfig.from_environ({"HTTPSESSION_ENCRYPTION_KEYS": two}).encryption_keys == (KEY, KEY[::-1])
    assert SessionConfig.from_mapping({"encryption-keys": two}).encryption_keys == (KEY, KEY[::-1])
    assert SessionConfig.from_environ({"HTTPSESSION_ENCRYPTION_KEYS": ""}).encryption_keys == ()
    for read in (SessionConfig.from_mapping, SessionConfig.from_environ):
        name = "encryption_keys" if read == SessionConfig.from_mapping else "HTTPSESSION_ENCRYPTION_KEYS"
        with pytest.raises(ConfigError) as caught:
            read({name: "s3cret"})
        assert "encryption_keys" in str(caught.value).lower()
        assert "s3cret" not in str(caught.value)


def test_not_shown():
    """Neither the representation of a configuration nor the error of another setting shows a key."""
    key = secrets.token_bytes(32)
    config = SessionConfig(encryption_keys=[key])
    with pytest.raises(ConfigError) as caught:
        SessionConfig(encryption_keys=[key], id_bytes=1)
    for text in (repr(config), str(config), str(caught.value)):
        assert "encryption_keys" not in text
        assert key.hex() not in text
        assert repr(key)[2:-1] not in text
