"""The festival voices of the corpus: how each is selected, which language it reads and what its labels mean.

Debian has them all, under free licences: X11-like or BSD-like (kal, ked, HTS slt, nsh), GPL (Italian, Czech, Hindi,
Telugu), LGPL (Finnish, Catalan).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# What is missing is IPA already.
_SAMPA = {"E": "ɛ", "O": "ɔ", "A": "ɑ", "S": "ʃ", "tS": "tʃ", "dZ": "dʒ", "N": "ŋ", "L": "ʎ", "J": "ɲ", "{": "æ"}
_SAMPA |= {"2": "ø", "#": "", "a1": "a", "e1": "e", "E1": "ɛ", "i1": "i", "o1": "o", "O1": "ɔ", "u1": "u"}
_CATALAN = _SAMPA | {"pau": "", "_": "", "ax": "ə", "Z": "ʒ", "rr": "r"}
_CZECH = {"#": "", "_": "", "ch": "x", "c": "ts", "c~": "tʃ", "d~": "ɟ", "dz~": "dʒ", "e": "ɛ", "e:": "ɛ", "i": "ɪ"}
_CZECH |= {"n*": "ŋ", "n~": "ɲ", "r~": "ʒ", "r~*": "ʃ", "s~": "ʃ", "t~": "c", "z~": "ʒ", "h": "ɦ"}
# Doubled consonants are palatalised, doubled vowels stressed.
_RUSSIAN = {f"{consonant * 2}": consonant for consonant in "pbtdkgfvszhmnlr"}
_RUSSIAN |= {"pau": "", "aa": "a", "ee": "ɛ", "ii": "i", "oo": "ɔ", "uu": "u", "yy": "ɨ", "a": "ɐ", "e": "ɪ", "i": "ɪ"}
_RUSSIAN |= {"y": "ɨ", "u": "ʊ", "ae": "ɪ", "ay": "ə", "ur": "ʊ", "c": "ts", "ch": "tʃ", "sch": "ʃ", "sh": "ʃ"}
_RUSSIAN |= {"zh": "ʒ", "h": "x", "hh": "x"}
_INDIAN = {"pau": "", "a": "ə", "aa": "ɑ", "ih": "ɪ", "iy": "i", "uh": "ʊ", "uw": "u", "eh": "e", "ee": "e", "ay": "ɛ"}
_INDIAN |= {"oh": "o", "oo": "o", "aw": "ɔ", "ch": "tʃ", "T": "ʈ", "D": "ɖ", "N": "ɳ", "th": "t", "dh": "d", "y": "j"}
_INDIAN |= {"v": "ʋ", "L": "ɭ", "R": "ɽ", "sh": "ʃ", "j": "dʒ", "kh": "k", "gh": "ɡ", "td": "ʈ", "tth": "ʈ"}
_INDIAN |= {"ddh": "ɖ", "bh": "b", "zh": "ʒ", "@": "ə"}


@dataclass(frozen=True, slots=True)
class FestivalVoice:
    """One voice.

    Attributes:
        selector: Scheme function that selects it.
        language: Of `models.lip_sync.texts`; None is English with ARPAbet labels.
        symbols: Label → IPA; labels that it lacks are IPA. Length marks are dropped first.
        encoding: Of its texts.
        lead_s: Seconds by which its labels run ahead of its audio.
    """

    selector: str
    language: str | None = None
    symbols: Mapping[str, str] = field(default_factory=dict)
    encoding: str = "latin-1"
    lead_s: float = 0.010


FESTIVAL_VOICES = {
    "festival_kal": FestivalVoice("voice_kal_diphone"),
    "festival_italian_lp": FestivalVoice("voice_lp_diphone", "it", _SAMPA),
    "festival_italian_pc": FestivalVoice("voice_pc_diphone", "it", _SAMPA),
    "festival_finnish_lj": FestivalVoice("voice_suo_fi_lj_diphone", "fi", _SAMPA),
    "festival_finnish_mv": FestivalVoice("voice_hy_fi_mv_diphone", "fi", _SAMPA),
    "festival_czech_dita": FestivalVoice("voice_czech_dita", "cs", _CZECH, "iso-8859-2", 0.005),
    "festival_czech_krb": FestivalVoice("voice_czech_krb", "cs", _CZECH, "iso-8859-2", 0.005),
    "festival_czech_machac": FestivalVoice("voice_czech_machac", "cs", _CZECH, "iso-8859-2", 0.005),
    "festival_czech_ph": FestivalVoice("voice_czech_ph", "cs", _CZECH, "iso-8859-2", 0.005),
    "festival_russian_nsh": FestivalVoice("voice_msu_ru_nsh_clunits", "ru", _RUSSIAN, "utf-8", 0.0),
    "festival_hindi_nsk": FestivalVoice("voice_hindi_NSK_diphone", "hi", _INDIAN, "utf-8", 0.0),
    "festival_telugu_nsk": FestivalVoice("voice_telugu_NSK_diphone", "te", _INDIAN, "utf-8", 0.005),
    "held_out_hts": FestivalVoice("voice_cmu_us_slt_arctic_hts", lead_s=0.015),
    "held_out_ked": FestivalVoice("voice_ked_diphone"),
    "held_out_catalan": FestivalVoice("voice_upc_ca_ona_hts", "ca", _CATALAN, lead_s=0.015),
}
