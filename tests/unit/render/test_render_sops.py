"""Files that the real `sops` encrypted for an age key, opened again.

The key is for these files only.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from towline.errors import DeniedError, InputError, NotFoundError, SettingsError
from towline.render.cache import RenderCache
from towline.render.inputs import Inputs
from towline.render.sops.age import age_unwrapper
from towline.render.sops.decrypt import decrypt_file
from towline.render.sops.tree import DecryptingTree
from towline.render.source import RenderRequest

FILES = Path(__file__).parent / "sops_files"
OPEN = age_unwrapper([(FILES / "key.txt").read_text().strip()])

SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "db", "labels": {"tier": "1"}},
    "stringData": {
        "password": "s3cr3t",
        "empty": "",
        "multi": "line one\nline two\n",
        "list": ["one", 2, 3.5, True, None],
        "nested": {"deep": {"n": 1e21, "f": 0.1, "neg": -12}},
        "date": "2024-01-02T00:00:00Z",
        "yes": "yes",
        "plain_unencrypted": "open",
    },
}
CONFIG = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "two"},
    "data": {"k": "v"},
}


def plain(name: str, content: bytes | None = None) -> bytes:
    return decrypt_file(content or (FILES / name).read_bytes(), OPEN, file=name)


@pytest.mark.parametrize("name", ["a.enc.yaml", "rx.enc.yaml", "mac.enc.yaml"])
def test_yaml_is_decrypted_with_the_types_that_it_had(name: str) -> None:
    documents = [json.loads(part) for part in plain(name).split(b"\n---\n")]
    assert documents == [SECRET, CONFIG]
    assert [type(item) for item in documents[0]["stringData"]["list"]] == [
        str,
        int,
        float,
        bool,
        type(None),
    ]


def test_json_dotenv_and_other_files_are_decrypted() -> None:
    assert json.loads(plain("b.enc.json")) == {"a": "x", "n": 3, "l": [1, "two", {"three": False}]}
    assert plain("c.enc.env") == b"USER=admin\nPASSWORD=a=b c\nMULTI=one\\ntwo\n"
    assert plain("d.enc.bin") == b"raw \x00 bytes\n"


def _changed(name: str, old: bytes, new: bytes) -> bytes:
    content = (FILES / name).read_bytes()
    assert old in content
    return content.replace(old, new, 1)


def test_a_changed_open_value_is_noticed_by_the_checksum() -> None:
    content = _changed("rx.enc.yaml", b"name: db", b"name: dx")
    with pytest.raises(InputError, match="checksum is wrong"):
        plain("rx.enc.yaml", content)


def test_a_changed_encrypted_value_is_noticed_and_named() -> None:
    content = (FILES / "b.enc.json").read_bytes()
    value = json.loads(content)
    head, _, tail = value["a"].partition("data:")
    data, _, rest = tail.partition(",")
    flipped = base64.b64encode(bytes([base64.b64decode(data)[0] ^ 1])).decode()
    value["a"] = f"{head}data:{flipped},{rest}"
    with pytest.raises(InputError, match=r"b\.enc\.json: a: .*cannot be decrypted") as caught:
        plain("b.enc.json", json.dumps(value).encode())
    assert "s3cr3t" not in str(caught.value)


def test_two_swapped_values_are_noticed() -> None:
    value = json.loads((FILES / "b.enc.json").read_bytes())
    value["a"], value["l"][1] = value["l"][1], value["a"]
    with pytest.raises(InputError, match="cannot be decrypted"):
        plain("b.enc.json", json.dumps(value).encode())


def test_a_value_that_lost_its_encryption_is_refused() -> None:
    value = json.loads((FILES / "b.enc.json").read_bytes())
    value["a"] = "put here by somebody"
    with pytest.raises(InputError, match="is not encrypted, but should be"):
        plain("b.enc.json", json.dumps(value).encode())


def test_without_the_key_the_recipients_are_named() -> None:
    with pytest.raises(DeniedError, match=r"recipients: age10w6aptdz9"):
        decrypt_file((FILES / "a.enc.yaml").read_bytes(), age_unwrapper([]), file="a.enc.yaml")


def test_a_malformed_key_is_refused_without_being_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        age_unwrapper(["AGE-SECRET-KEY-1WRONG"])
    assert "WRONG" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"a: 1\n", b"text: 'ENC[AES256_GCM,... is how sops marks values'\n"]
)
def test_other_files_are_left_as_they_are(content: bytes) -> None:
    assert decrypt_file(content, OPEN, file="a.yaml") == content


class One:
    """A tree of one file."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def listdir(self, path: str) -> list[tuple[str, bool, str]]:
        return [("a.yaml", False, "1")]

    def read(self, path: str) -> bytes:
        if path != "a.yaml":
            raise NotFoundError(path)
        return self._content

    def oid(self, path: str) -> str:
        return "1"


def test_a_tree_reads_encrypted_files_as_plain_ones() -> None:
    tree = DecryptingTree(One((FILES / "a.enc.yaml").read_bytes()), OPEN)
    assert b"s3cr3t" in tree.read("a.yaml")
    assert tree.used
    assert tree.oid("a.yaml") == "1"


def test_a_tree_leaves_other_files_alone() -> None:
    tree = DecryptingTree(One(b"a: 1\n"), OPEN)
    assert tree.read("a.yaml") == b"a: 1\n"
    assert not tree.used


class Folder:
    """A folder `app` of one file, and a store that remembers what it was given."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.kept: dict[str, bytes] = {}

    def listdir(self, path: str) -> list[tuple[str, bool, str]]:
        return [("a.yaml", False, "1")] if path == "app" else [("app", True, "2")]

    def read(self, path: str) -> bytes:
        return self._content

    def oid(self, path: str) -> str:
        return "1"

    def get(self, key: str) -> bytes | None:
        return self.kept.get(key)

    def put(self, key: str, value: bytes) -> None:
        self.kept[key] = value


def test_applications_get_decrypted_secrets_which_are_never_stored() -> None:
    folder = Folder((FILES / "a.enc.yaml").read_bytes())
    cache = RenderCache(store=folder)
    request = RenderRequest(
        source={"repoURL": "u", "path": "app"}, app_name="x", namespace="n", revision="1" * 40
    )
    locked = cache.render(Inputs(tree=folder), request)
    assert "ENC[AES256_GCM" in str(locked.manifests[0].object)
    key = (FILES / "key.txt").read_text().strip()
    opened = cache.render(Inputs(tree=folder, age_keys=(key,)), request)
    assert [manifest.object for manifest in opened.manifests] == [SECRET, CONFIG]
    assert opened.decrypted
    assert not any(b"s3cr3t" in value for value in folder.kept.values())
    assert cache.render(Inputs(tree=folder, age_keys=(key,)), request) is opened
    assert cache.render(Inputs(tree=folder), request) is locked
    assert key not in repr(Inputs(tree=folder, age_keys=(key,)))
    assert key not in str(opened.read)
