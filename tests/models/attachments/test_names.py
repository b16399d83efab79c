"""File names come from strangers."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.attachments.names import BYTES, LENGTH, file_name

NAMES = {
    "report.pdf": "report.pdf",
    "../../etc/passwd": "passwd",
    "..\\..\\windows\\system32\\x.dll": "x.dll",
    "C:\\Users\\me\\a.png": "a.png",
    "/": "file",
    "..": "file",
    "": "file",
    "a\r\nSet-Cookie: x=1.png": "aSet-Cookie_ x=1.png",
    "photo\u202egpj.exe": "photogpj.exe",
    "a\u2066b\u200bc\ufeff.txt": "abc.txt",
    "a\u2028b\u2029.txt": "ab.txt",
    "nul\x00.txt": "_nul.txt",
    "CON.txt": "_CON.txt",
    'a"b<c>d|e?f*g:h': "a_b_c_d_e_f_g_h",
    "  spaced \t out .txt . . ": "spaced out.txt",
    "Grüße 世界 🎉.png": "Grüße 世界 🎉.png",
    "u\u0308.txt": "ü.txt",
    "\ud800.txt": "txt",
    ".htaccess": "htaccess",
}


@pytest.mark.parametrize(("given", "wanted"), NAMES.items(), ids=map(repr, NAMES))
def test_names_are_made_harmless(given: str, wanted: str) -> None:
    assert file_name(given) == wanted


def test_long_names_keep_their_extension() -> None:
    assert file_name("a" * 1_000 + ".pdf") == "a" * (LENGTH - 4) + ".pdf"
    assert file_name("世" * 1_000 + ".pdf") == "世" * ((BYTES - 4) // 3) + ".pdf"
    assert len(file_name("a." + "b" * 1_000)) <= LENGTH


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400))
def test_no_name_is_dangerous(given: str) -> None:
    name = file_name(given)
    assert 0 < len(name) <= LENGTH
    assert len(name.encode()) <= 255
    assert not set(name) & set('/\\<>:"|?*\r\n\0')
    assert not any(unicodedata.category(char).startswith("C") for char in name)
    assert name == name.strip(" .")
    assert file_name(name) == name
