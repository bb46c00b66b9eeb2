"""Sentences for the voices to read: real English words in random order, and invented words for other languages.

Meaning does not matter to a mouth, variety of sounds does. English words come with their frequencies from the
dictionary and language model inside the `pocketsphinx` wheel (BSD); invented words are drawn syllable by syllable.
Sentences that evaluation uses are drawn from another seed and no human recording's text is among them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

WORD_COUNT = 12000
# Flattens the frequencies: a corpus of "the" and "of" teaches little.
FREQUENCY_POWER = 0.5
LOG_BASE = 1e-4
_RAREST_LOG_PROBABILITY = -400_000_000

# Letters of each language's syllables, separated by spaces; "-" stands for none.
_LETTERS = {
    "latin onset": "b bl br d dr f fl fr g gl gr h j k kl kr l m n p pl pr r s sk sl sp st t tr v w z sch tsch",
    "latin nucleus": "a e i o u a e i o u ai au ei eu ou ö ü ä y",
    "latin coda": "- - - - n l r s t m k p ng nt rt st f sch",
    "it onset": "b c d f g l m n p r s t v z ch gh gn gli sc st tr pr br gr fr pp bb mm tt ll",
    "it nucleus": "a e i o u e a o",
    "it coda": "- - - n r l",
    "fi onset": "h j k l m n p r s t v k l m n p pp tt kk",
    "fi nucleus": "a e i o u y aa ii uu ai au ei uo ie oi",
    "fi coda": "- - n s l",
    "cmn-latn-pinyin onset": "b p m f d t n l g k h j q x zh ch sh r z c s w y",
    "cmn-latn-pinyin nucleus": "a o e i u ai ei ao ou an en ang eng ong ia ie iao iu ian in iang ing ua uo ui uan un",
    "cmn-latn-pinyin coda": "1 2 3 4",
    "ru onset": "б в г д ж з к л м н п р с т ф х ц ч ш",
    "ru nucleus": "а е и о у ы я ю",
    "ru coda": "- - - н р л м т с к",
    "cs onset": "b c č d f h ch j k l m n p r ř s š t v z ž br dr hr kl kr mn pl pr sk sl sp st tr vl zd",
    "cs nucleus": "a e i o u a e i o u á é í ó ů ou au",
    "cs coda": "- - - n l r s t m k š ch p v",
    "ca onset": "b c d f g l m n p r s t v ll ny x j br cl dr pl pr tr qu",
    "ca nucleus": "a e i o u a e o ai ei ou",
    "ca coda": "- - - n l r s t m",
    "hi onset": "क ख ग घ च ज ट ड त थ द ध न प फ ब भ म य र ल व श स ह",
    "hi nucleus": "- ा ि ी ु ू े ै ो ौ ा े",
    "hi coda": "- - न र ल म स",
    "te onset": "క గ చ జ ట డ త ద న ప బ మ య ర ల వ శ స హ",
    "te nucleus": "- ా ి ీ ు ూ ె ే ొ ో ా ి ు",
    "te coda": "-",
}
_CHOICES = {name: ["" if letters == "-" else letters for letters in text.split()] for name, text in _LETTERS.items()}
_KANA = [chr(code) for code in range(0x304B, 0x3094) if chr(code) not in "っゎゐゑゃゅょぢづ"] + list("あいうえお")
# Final consonants of a Hangul syllable by their number in Unicode: mostly none, n, l, m, ng.
_HANGUL_FINALS = [0, 0, 0, 4, 8, 16, 21]


class Texts:
    """A seeded source of sentences."""

    def __init__(self, seed: int) -> None:
        """Read the word list."""
        import pocketsphinx

        self._random = np.random.default_rng(seed)
        folder = Path(pocketsphinx.get_model_path()) / "en-us"
        model = pocketsphinx.NGramModel.readfile(str(folder / "en-us.lm.bin"))
        ranked: list[tuple[int, str]] = []
        with (folder / "cmudict-en-us.dict").open(encoding="utf-8") as dictionary:
            for line in dictionary:
                word = line.split()[0]
                if word.isascii() and word.replace("'", "").isalpha():
                    log_probability = model.prob([word])
                    if log_probability > _RAREST_LOG_PROBABILITY:
                        ranked.append((log_probability, word))
        ranked = sorted(ranked, reverse=True)[:WORD_COUNT]
        self._words = [word for _, word in ranked]
        weights = np.exp(np.array([log_probability for log_probability, _ in ranked]) * LOG_BASE * FREQUENCY_POWER)
        self._probabilities = weights / weights.sum()

    def english(self) -> str:
        """Five to thirteen words, sometimes with a comma, with closing punctuation."""
        count = int(self._random.integers(5, 14))
        # Every fifth sentence ignores frequency, so that rare sounds in rare words are heard too.
        probabilities = self._probabilities if self._random.random() < 0.8 else None
        return self._punctuate([str(word) for word in self._random.choice(self._words, count, p=probabilities)])

    def invented(self, language: str) -> str:
        """Four to nine words that do not exist, in the spelling of a language code."""
        separator = "" if language == "ja" else " "
        words = []
        for _ in range(int(self._random.integers(4, 10))):
            count = int(self._random.integers(1, 4))
            words.append("".join(self._syllable(language) for _ in range(count)))
        return self._punctuate(words, separator)

    def _syllable(self, language: str) -> str:
        choice = self._random.choice
        if language == "ja":
            return str(choice(_KANA))
        if language == "ko":
            open_syllable = int(self._random.integers(0, 399)) * 28
            return chr(0xAC00 + open_syllable + int(choice(_HANGUL_FINALS)))
        spelling = language if f"{language} onset" in _CHOICES else "latin"
        return "".join(str(choice(_CHOICES[f"{spelling} {part}"])) for part in ("onset", "nucleus", "coda"))

    def _punctuate(self, words: list[str], separator: str = " ") -> str:
        if len(words) > 6 and self._random.random() < 0.25:
            words[len(words) // 2] += ","
        return separator.join(words).capitalize() + str(self._random.choice(list("..!?.")))
