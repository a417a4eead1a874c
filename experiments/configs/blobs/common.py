"""What the experiments on drawn hearts share; no experiment by itself.

Data: 200 drawn pictures of 48x48 of a dented ring around a cavity, among blobs of the
same greys, of which 6 have masks; 40 more to choose by and 100 to test on
(``data.sources.blobs``; nothing is read).
"""

from functools import partial

from experiments.configs.drawn import drawn

blobs = partial(drawn, 'blobs:cases=200,size=48x48,validation=40,test=100', 6)
"""``(method, **args) -> ConfigDict``."""
