"""Speech to mouth: raw audio to lower-face curves and phone posteriors, trained on synthesised speech alone.

The recipe, each step one command (from the repository's root, with the `train` extra and OMP_NUM_THREADS=1), just under
three hours on two cores:

1. `python -m models.lip_sync.corpus build/lip_sync` makes the corpus from the voices of `models.lip_sync.voices`.
2. `python -m models.lip_sync.train build/lip_sync --minutes 50` trains and keeps `build/lip_sync/lip_sync.pt`; a second
   stage with `--minutes 14 --start-from build/lip_sync/lip_sync.pt` refines it, a third with `--minutes 46` and a
   fourth with `--minutes 24` once more.
3. `python -m models.lip_sync.export build/lip_sync` writes `model_repository/lip_sync/1/model.onnx`.
4. `python -m models.lip_sync.evaluate build/lip_sync` measures it on held-out voices and on human speech.

To go on from a released file instead of from nothing, `python -m models.lip_sync.warm_start` makes it a checkpoint; so
the present file was made (docs/experiments.md). On a machine with more cores or a GPU: `--channels 256`, longer stages.
"""
