"""NVIDIA Riva's speech synthesis, answered with our voices: messages translated, the verbs are SpeechService's."""
