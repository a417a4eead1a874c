"""What the experiments on drawn vessels share; no experiment by itself.

Data: 40 drawn pictures of 64x64 of branching vessels, of which 12 have masks with
mistakes; 20 more to choose by and 60 to test on, with exact ones
(``data.sources.tubes``; nothing is read).
"""

from functools import partial

from experiments.configs.drawn import drawn

tubes = partial(
    drawn, 'tubes:cases=40,size=64x64,validation=20,test=60,label_noise=0.3', 12
)
"""``(method, **args) -> ConfigDict``."""
